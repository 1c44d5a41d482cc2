"""Every setting, once. Read where a process begins and handed down; nothing else reads the environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

BROKER: Final = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s:\[\]]+):[0-9]{1,5}")


class Settings(BaseSettings):
    """What a process of TerraFusion is told from outside, as ``TERRAFUSION_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="TERRAFUSION_", frozen=True, extra="forbid")

    database_url: SecretStr | None = Field(None, description="Postgres, `postgresql+asyncpg://user:password@host/db`")
    kafka_bootstrap: str | None = Field(None, description="brokers, `host:port,host:port`")
    results_url: str | None = Field(
        None,
        description="where snapshots and results are kept: a folder, `file://` or `s3://`; default DATA_DIR/results",
    )
    data_dir: Path = Field(Path(".terrafusion"), description="what this machine keeps: caches, embedded services")
    http_host: str = Field("127.0.0.1", description="the address the view listens on")
    http_port: int = Field(6066, ge=0, le=65535, description="its port; `dev` takes a free one for 0")
    pool_size: int = Field(2, ge=1, le=256, description="child processes, so analyses at a time")
    lease_seconds: float = Field(15.0, ge=3, le=3600, description="how long a silent worker keeps its jobs")
    max_attempts: int = Field(3, ge=1, le=100, description="deaths of workers or children that a job may cause")
    max_pending: int = Field(1_000_000, ge=1, description="waiting jobs above which intake pauses")
    drain_seconds: float = Field(5.0, ge=0, le=3600, description="how long running jobs may go on after SIGTERM")
    job_timeout_seconds: float = Field(600.0, gt=0, description="time limit of one analysis")
    session_timeout_seconds: float = Field(10.0, ge=1, description="Kafka's patience with a silent worker")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="`auto`: JSON unless on a terminal")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least that is logged")
    analysis_modules: str = Field("", description="import names of further analyses, separated by commas")

    @field_validator("database_url")
    @classmethod
    def _is_asyncpg(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and make_url(value.get_secret_value()).drivername != "postgresql+asyncpg":
            msg = "must begin with postgresql+asyncpg://"
            raise ValueError(msg)
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _is_brokers(cls, value: str | None) -> str | None:
        if value and not all(BROKER.fullmatch(broker.strip()) for broker in value.split(",")):
            msg = "must be host:port, several separated by commas"
            raise ValueError(msg)
        return value

    @property
    def database(self) -> URL:
        """The database's address; raises where none is set."""
        if self.database_url is None:
            msg = "TERRAFUSION_DATABASE_URL is not set"
            raise ValueError(msg)
        return make_url(self.database_url.get_secret_value())

    @property
    def results(self) -> str:
        """The URL under which snapshots and result files lie."""
        return self.results_url or (self.data_dir.absolute() / "results").as_uri()

    @property
    def modules(self) -> tuple[str, ...]:
        """The import names in ``ANALYSIS_MODULES``."""
        return tuple(name.strip() for name in self.analysis_modules.split(",") if name.strip())
