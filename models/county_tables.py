"""The tables of a county's records, profiles and data versions; beside those of `models.tables`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.tables import Timestamp, metadata

property_sales: Final = Table(
    "property_sales",
    metadata,
    Column("county_id", Text, nullable=False),
    Column("sale_id", Text, nullable=False),
    Column("parcel_number", Text, nullable=False),
    Column("sale_date", Date, nullable=False),
    Column("sale_price", Double, nullable=False),
    Column("assessed_value", Double),
    Column("property_type", Text),
    Column("property_class", Text),
    Column("zip_code", Text),
    Column("neighborhood", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("building_size_sqft", Double),
    Column("lot_size_sqft", Double),
    Column("year_built", Integer),
    Column("bedrooms", Double),
    Column("bathrooms", Double),
    Column("stories", Double),
    Column("condition", Double),
    Column("grade", Double),
    Column("waterfront", Boolean),
    Column("deed_type", Text),
    Column("validity_code", Text),
    Column("parcels_in_deed", Integer),
    Column("buyer", Text),
    Column("seller", Text),
    Column("year_only", Boolean, nullable=False, server_default=text("false")),
    Column("attributes", JSONB),
    PrimaryKeyConstraint("county_id", "sale_id"),
)
"""One row a recorded sale, with the characteristics at the time of sale."""

property_operational: Final = Table(
    "property_operational",
    metadata,
    Column("county_id", Text, nullable=False),
    Column("parcel_number", Text, nullable=False),
    Column("property_type", Text),
    Column("property_class", Text),
    Column("address", Text),
    Column("zip_code", Text),
    Column("neighborhood", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("building_size_sqft", Double),
    Column("lot_size_sqft", Double),
    Column("year_built", Integer),
    Column("bedrooms", Double),
    Column("bathrooms", Double),
    Column("stories", Double),
    Column("condition", Double),
    Column("grade", Double),
    Column("waterfront", Boolean),
    Column("assessed_value", Double),
    Column("market_value", Double),
    Column("land_value", Double),
    Column("improvement_value", Double),
    Column("assessment_year", Integer),
    Column("last_sale_date", Date),
    Column("last_sale_price", Double),
    Column("attributes", JSONB),
    PrimaryKeyConstraint("county_id", "parcel_number"),
)
"""One row a parcel of the roll, as it is now."""

listings: Final = Table(
    "listings",
    metadata,
    Column("county_id", Text, nullable=False),
    Column("listing_id", Text, nullable=False),
    Column("parcel_number", Text, nullable=False),
    Column("list_date", Date, nullable=False),
    Column("list_price", Double, nullable=False),
    Column("off_market_date", Date),
    Column("status", Text),
    Column("zip_code", Text),
    Column("attributes", JSONB),
    PrimaryKeyConstraint("county_id", "listing_id"),
)
"""One row a time that a parcel was on the market."""

county_profiles: Final = Table(
    "county_profiles",
    metadata,
    Column("county_id", Text, primary_key=True),
    Column("profile", JSONB, nullable=False),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
)
"""How a county writes its records, as it is in force now."""

profile_history: Final = Table(
    "profile_history",
    metadata,
    Column("county_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("profile", JSONB, nullable=False),
    Column("set_at", Timestamp, nullable=False, server_default=func.now()),
    Column("set_by", Text),
    PrimaryKeyConstraint("county_id", "revision"),
)
"""Every profile that was ever in force, counted from 1 in each county; ``set_by`` is null where a load made the first."""

data_versions: Final = Table(
    "data_versions",
    metadata,
    Column("county_id", Text, ForeignKey(county_profiles.c.county_id), nullable=False),
    Column("data_version", Text, nullable=False),
    Column("snapshot_uri", Text, nullable=False),
    Column("properties_uri", Text),
    Column("listings_uri", Text),
    Column("profile", JSONB, nullable=False),
    Column("sales", BigInteger, nullable=False),
    Column("properties", BigInteger, nullable=False, server_default="0"),
    Column("listings", BigInteger, nullable=False, server_default="0"),
    Column("first_sale", Date),
    Column("last_sale", Date),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("current", Boolean, nullable=False),
    PrimaryKeyConstraint("county_id", "data_version"),
)
"""Every state of a county's records that a job may have been answered from. ``snapshot_uri`` is that of its sales."""

Index("uq_data_versions_current", data_versions.c.county_id, unique=True, postgresql_where=text("current"))
