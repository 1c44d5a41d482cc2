"""Properties, listings, the history of profiles, and data versions that cover all of a county.

A worker and a load of the version before go on beside it: what they write has defaults here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

VERSIONS = "data_versions"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _create_properties()
    _create_listings()
    _create_history()
    for kind in ("properties", "listings"):
        op.add_column(VERSIONS, sa.Column(f"{kind}_uri", sa.Text(), nullable=True))
        op.add_column(VERSIONS, sa.Column(kind, sa.BigInteger(), server_default="0", nullable=False))


def _create_properties() -> None:
    op.create_table(
        "property_operational",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("parcel_number", sa.Text(), nullable=False),
        sa.Column("property_type", sa.Text(), nullable=True),
        sa.Column("property_class", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("zip_code", sa.Text(), nullable=True),
        sa.Column("neighborhood", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("building_size_sqft", sa.Double(), nullable=True),
        sa.Column("lot_size_sqft", sa.Double(), nullable=True),
        sa.Column("year_built", sa.Integer(), nullable=True),
        sa.Column("bedrooms", sa.Double(), nullable=True),
        sa.Column("bathrooms", sa.Double(), nullable=True),
        sa.Column("stories", sa.Double(), nullable=True),
        sa.Column("condition", sa.Double(), nullable=True),
        sa.Column("grade", sa.Double(), nullable=True),
        sa.Column("waterfront", sa.Boolean(), nullable=True),
        sa.Column("assessed_value", sa.Double(), nullable=True),
        sa.Column("market_value", sa.Double(), nullable=True),
        sa.Column("land_value", sa.Double(), nullable=True),
        sa.Column("improvement_value", sa.Double(), nullable=True),
        sa.Column("assessment_year", sa.Integer(), nullable=True),
        sa.Column("last_sale_date", sa.Date(), nullable=True),
        sa.Column("last_sale_price", sa.Double(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("county_id", "parcel_number", name=op.f("pk_property_operational")),
    )


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.Text(), nullable=False),
        sa.Column("parcel_number", sa.Text(), nullable=False),
        sa.Column("list_date", sa.Date(), nullable=False),
        sa.Column("list_price", sa.Double(), nullable=False),
        sa.Column("off_market_date", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("zip_code", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("county_id", "listing_id", name=op.f("pk_listings")),
    )


def _create_history() -> None:
    op.create_table(
        "profile_history",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("county_id", "revision", name=op.f("pk_profile_history")),
    )
    op.execute(
        "INSERT INTO profile_history (county_id, revision, profile, set_at) "
        "SELECT county_id, 1, profile, updated_at FROM county_profiles"
    )


def downgrade() -> None:
    for column in ("listings", "listings_uri", "properties", "properties_uri"):
        op.drop_column(VERSIONS, column)
    for table in ("profile_history", "listings", "property_operational"):
        op.drop_table(table)
