"""Every setting, once. Read where a process begins and handed down; nothing else reads the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from terrafusion.settings_checks import complaints, is_loopback

PREFIX: Final = "TERRAFUSION_"
BROKER: Final = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s:\[\]]+):[0-9]{1,5}")
TOKEN: Final = re.compile(r"tfm_[A-Za-z0-9_-]{43}")
INSECURE: Final = ("database", "kafka", "http")


class Settings(BaseSettings):
    """What a process of TerraFusion is told from outside, as ``TERRAFUSION_<NAME>``; an empty one is not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    database_url: SecretStr | None = Field(None, description="Postgres, `postgresql+asyncpg://user:password@host/db`")
    database_tls: Literal["disable", "require", "verify-full"] = Field(
        "disable", description="libpq's `sslmode`: `require` encrypts, `verify-full` also proves who answers"
    )
    database_ca_file: Path | None = Field(None, description="PEM file of the authorities `verify-full` trusts")
    database_cert_file: Path | None = Field(None, description="PEM file of our certificate for Postgres")
    database_key_file: Path | None = Field(None, description="PEM file of its key, which nobody else may read")
    kafka_bootstrap: str | None = Field(None, description="brokers, `host:port,host:port`")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how the brokers are spoken to; with `SSL` they always prove who they are"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how the password is proved to them"
    )
    kafka_username: str | None = Field(None, description="who we are to them, with SASL")
    kafka_password: SecretStr | None = Field(None, description="the password of that user")
    kafka_ca_file: Path | None = Field(None, description="PEM file of the authorities trusted; default the system's")
    kafka_cert_file: Path | None = Field(None, description="PEM file of our certificate for the brokers")
    kafka_key_file: Path | None = Field(None, description="PEM file of its key")
    results_url: str | None = Field(
        None,
        description="where snapshots and results are kept: a folder, `file://` or `s3://`; default DATA_DIR/results",
    )
    data_dir: Path = Field(Path(".terrafusion"), description="what this machine keeps: caches, embedded services")
    cache_gib: float = Field(
        20.0, gt=0, description="GiB of copies from an object store in DATA_DIR/cache; beyond it the longest unused go"
    )
    secrets_dir: Path | None = Field(
        None, description="folder of files named as these variables; what the environment says goes first"
    )
    allow_insecure: str = Field(
        "", description="what may be open to a trusted network, of `database`, `kafka`, `http`, separated by commas"
    )
    http_host: str = Field("127.0.0.1", description="the address the view listens on")
    http_port: int = Field(6066, ge=0, le=65535, description="its port; `dev` takes a free one for 0")
    http_names: str = Field(
        "",
        description="names by which the view may be asked, beside addresses and `localhost`, separated by commas; "
        "none is any name where others can reach it",
    )
    access: Literal["off", "tokens"] = Field(
        "off", description="who may use the view: `tokens` asks everybody for one, `off` nobody for anything"
    )
    topic_access: Literal["off", "tokens"] = Field(
        "off", description="whether requests and commands on the topics must carry a token, in the header `tf-token`"
    )
    view_url: str | None = Field(
        None, description="where commands ask the view, as `https://` behind TLS; default HTTP_HOST and HTTP_PORT"
    )
    token: SecretStr | None = Field(None, description="the token that commands show to a worker, and on the topics")
    behind_tls: bool = Field(
        False,  # noqa: FBT003 - pydantic takes a default so
        description="whether browsers reach the view by https, through what ends TLS before it; cookies ask for it then",
    )
    pool_size: int = Field(2, ge=1, le=256, description="child processes, so analyses at a time")
    child_memory_gib: float | None = Field(
        None,
        gt=0,
        description="GiB that each of them may have in memory; a job that takes more fails with `out_of_memory`, where else the "
        "machine decides who dies",
    )
    lease_seconds: float = Field(
        15.0, ge=3, le=3600, description="how long a silent worker keeps its jobs; each second it renews that"
    )
    max_attempts: int = Field(3, ge=1, le=100, description="deaths of workers or children that a job may cause")
    max_pending: int = Field(
        1_000_000, ge=1, description="waiting jobs above which requests wait on their topic, and over HTTP are told 503"
    )
    max_running_per_county: int | None = Field(None, ge=1, description="jobs of one county at a time, over all workers")
    ageing_seconds: float = Field(300.0, gt=0, description="the waiting that a step of priority is worth")
    drain_seconds: float = Field(5.0, ge=0, le=3600, description="how long running jobs may go on after SIGTERM")
    job_timeout_seconds: float = Field(600.0, gt=0, description="time limit of one analysis")
    job_retention_days: float = Field(
        365.0, ge=0, le=100_000, description="how long a job and its result are kept after its end; 0 is for ever"
    )
    dead_letter_retention_days: float = Field(
        90.0, ge=0, le=100_000, description="how long a dead letter is kept, open or not; 0 is for ever"
    )
    data_version_retention_days: float = Field(
        365.0,
        ge=0,
        le=100_000,
        description="how long a county's data version, with its snapshots, is kept once another took its place and no job "
        "names it; 0 is for ever",
    )
    audit_retention_days: float = Field(
        730.0, ge=0, le=100_000, description="how long an entry of the audit log is kept; 0 is for ever"
    )
    session_timeout_seconds: float = Field(10.0, ge=1, description="Kafka's patience with a silent worker")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="`auto`: JSON unless on a terminal")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least that is logged")
    tracing: Literal["off", "otlp"] = Field(
        "off", description="`otlp` sends spans where `OTEL_EXPORTER_OTLP_ENDPOINT` says; it needs the extra `otel`"
    )
    analysis_modules: str = Field("", description="import names of further analyses, separated by commas")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line's, then the environment, then the files of ``SECRETS_DIR``."""
        folder = Path(os.environ.get(f"{PREFIX}SECRETS_DIR") or os.devnull)
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folder),) if folder.is_dir() else ()
        return (init_settings, env_settings, *files)

    @field_validator("database_url")
    @classmethod
    def _is_asyncpg(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError("is no URL of a database") from None
        if url.drivername != "postgresql+asyncpg":
            raise ValueError("must begin with postgresql+asyncpg://")
        if set(url.query) - {"host"}:
            raise ValueError("may ask for nothing but host=; the password goes before the @, TLS into DATABASE_TLS")
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _is_brokers(cls, value: str | None) -> str | None:
        if value and not all(BROKER.fullmatch(broker.strip()) for broker in value.split(",")):
            raise ValueError("must be host:port, several separated by commas")
        return value

    @field_validator("results_url")
    @classmethod
    def _holds_no_secret(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        has_user = "@" in parts.netloc and not parts.scheme.startswith("abfs")  # a container there
        if has_user or parts.password or parts.query:
            raise ValueError("may hold no user, password or query; the store's own variables say them (AWS_…)")
        return value

    @field_validator("view_url")
    @classmethod
    def _is_view(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://localhost")
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError("must be http:// or https:// and a host, without user, password or query")
        return value

    @field_validator("token")
    @classmethod
    def _is_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("must be a token as `terrafusion tokens create` prints it: tfm_ and 43 characters")
        return value

    @field_validator("secrets_dir")
    @classmethod
    def _is_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"is {value}, which is no folder")
        return value

    @field_validator("allow_insecure")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if unknown := {name.strip() for name in value.split(",")} - {*INSECURE, ""}:
            raise ValueError(f"is {', '.join(sorted(unknown))}; allowed are {', '.join(INSECURE)}")
        return value

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        for complaint in complaints(self):
            raise ValueError(complaint)
        return self

    @property
    def database(self) -> URL:
        """The database's address with its TLS, in words that libpq and asyncpg share; raises where none is set."""
        if self.database_url is None:
            msg = "TERRAFUSION_DATABASE_URL is not set"
            raise ValueError(msg)
        files = {
            "sslrootcert": self.database_ca_file,
            "sslcert": self.database_cert_file,
            "sslkey": self.database_key_file,
        }
        tls = {"sslmode": self.database_tls, **{name: str(path) for name, path in files.items() if path}}
        return make_url(self.database_url.get_secret_value()).update_query_dict(tls)

    @property
    def shown(self) -> dict[str, object]:
        """Every setting by its name, as JSON, and no password."""
        plain = self.model_dump(mode="json")
        url = None if self.database_url is None else make_url(self.database_url.get_secret_value())
        return {**plain, "database_url": url and url.render_as_string(hide_password=True)}

    @property
    def results(self) -> str:
        """The URL under which snapshots and result files lie."""
        return self.results_url or (self.data_dir.absolute() / "results").as_uri()

    @property
    def modules(self) -> tuple[str, ...]:
        """The import names in ``ANALYSIS_MODULES``."""
        return _listed(self.analysis_modules)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names by which the view may be asked; None is any."""
        return _listed(self.http_names) or (() if is_loopback(self.http_host) else None)

    @property
    def insecure(self) -> tuple[str, ...]:
        """The names in ``ALLOW_INSECURE``."""
        return _listed(self.allow_insecure)


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
