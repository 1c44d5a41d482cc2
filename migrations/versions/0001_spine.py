"""The spine: jobs, outbox, dead letters, sales."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "county_profiles",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("county_id", name=op.f("pk_county_profiles")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=True),
        sa.Column("offset", sa.BigInteger(), nullable=True),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "uq_dead_letters_coordinates", "dead_letters", ["topic", "partition", "offset", "stage"], unique=True
    )
    op.create_table(
        "market_analysis_jobs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("analysis_type", sa.Text(), nullable=False),
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("parameters_json", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_summary_json", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result_data_location", sa.Text(), nullable=True),
        sa.Column("result_sha256", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Integer(), server_default="1", nullable=False),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("data_version", sa.Text(), nullable=True),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.Column("origin_topic", sa.Text(), nullable=True),
        sa.Column("origin_partition", sa.Integer(), nullable=True),
        sa.Column("origin_offset", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(completed_at IS NOT NULL) = (status IN ('CANCELLED', 'COMPLETED', 'FAILED'))",
            name=op.f("ck_market_analysis_jobs_terminal_has_end"),
        ),
        sa.CheckConstraint(
            "(failure_reason IS NOT NULL) = (status = 'FAILED')", name=op.f("ck_market_analysis_jobs_failed_has_reason")
        ),
        sa.CheckConstraint(
            "(lease_until IS NOT NULL) = (status = 'RUNNING')", name=op.f("ck_market_analysis_jobs_running_has_lease")
        ),
        sa.CheckConstraint(
            "(owner IS NOT NULL) = (status = 'RUNNING')", name=op.f("ck_market_analysis_jobs_running_has_owner")
        ),
        sa.CheckConstraint(
            "failure_reason IN ('attempts_exhausted', 'deadline_passed', 'invalid_parameters', 'out_of_memory', 'processing_exception', 'simulated_failure', 'timeout', 'unknown_analysis_type', 'unknown_county')",
            name=op.f("ck_market_analysis_jobs_failure_reason"),
        ),
        sa.CheckConstraint(
            "status IN ('CANCELLED', 'COMPLETED', 'FAILED', 'PENDING', 'RUNNING')",
            name=op.f("ck_market_analysis_jobs_status"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_market_analysis_jobs")),
    )
    op.create_index(
        "ix_jobs_leases",
        "market_analysis_jobs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("status = 'RUNNING'"),
    )
    op.create_index(
        "ix_jobs_newest",
        "market_analysis_jobs",
        [sa.literal_column("created_at DESC"), sa.literal_column("job_id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_jobs_waiting",
        "market_analysis_jobs",
        [sa.literal_column("priority DESC"), "created_at", "job_id"],
        unique=False,
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.create_index(
        op.f("ix_market_analysis_jobs_analysis_type"), "market_analysis_jobs", ["analysis_type"], unique=False
    )
    op.create_index(op.f("ix_market_analysis_jobs_county_id"), "market_analysis_jobs", ["county_id"], unique=False)
    op.create_index(op.f("ix_market_analysis_jobs_status"), "market_analysis_jobs", ["status"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("moves", sa.Text(), nullable=True),
        sa.Column("letters", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "property_sales",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("sale_id", sa.Text(), nullable=False),
        sa.Column("parcel_number", sa.Text(), nullable=False),
        sa.Column("sale_date", sa.Date(), nullable=False),
        sa.Column("sale_price", sa.Double(), nullable=False),
        sa.Column("assessed_value", sa.Double(), nullable=True),
        sa.Column("property_type", sa.Text(), nullable=True),
        sa.Column("property_class", sa.Text(), nullable=True),
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
        sa.Column("deed_type", sa.Text(), nullable=True),
        sa.Column("validity_code", sa.Text(), nullable=True),
        sa.Column("parcels_in_deed", sa.Integer(), nullable=True),
        sa.Column("buyer", sa.Text(), nullable=True),
        sa.Column("seller", sa.Text(), nullable=True),
        sa.Column("year_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("county_id", "sale_id", name=op.f("pk_property_sales")),
    )
    op.create_table(
        "data_versions",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("data_version", sa.Text(), nullable=False),
        sa.Column("snapshot_uri", sa.Text(), nullable=False),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.Column("first_sale", sa.Date(), nullable=True),
        sa.Column("last_sale", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county_profiles.county_id"], name=op.f("fk_data_versions_county_id_county_profiles")
        ),
        sa.PrimaryKeyConstraint("county_id", "data_version", name=op.f("pk_data_versions")),
    )
    op.create_index(
        "uq_data_versions_current", "data_versions", ["county_id"], unique=True, postgresql_where=sa.text("current")
    )


def downgrade() -> None:
    op.drop_index("uq_data_versions_current", table_name="data_versions", postgresql_where=sa.text("current"))
    op.drop_table("data_versions")
    op.drop_table("property_sales")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_market_analysis_jobs_status"), table_name="market_analysis_jobs")
    op.drop_index(op.f("ix_market_analysis_jobs_county_id"), table_name="market_analysis_jobs")
    op.drop_index(op.f("ix_market_analysis_jobs_analysis_type"), table_name="market_analysis_jobs")
    op.drop_index("ix_jobs_waiting", table_name="market_analysis_jobs", postgresql_where=sa.text("status = 'PENDING'"))
    op.drop_index("ix_jobs_newest", table_name="market_analysis_jobs")
    op.drop_index("ix_jobs_leases", table_name="market_analysis_jobs", postgresql_where=sa.text("status = 'RUNNING'"))
    op.drop_table("market_analysis_jobs")
    op.drop_index("uq_dead_letters_coordinates", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("county_profiles")
