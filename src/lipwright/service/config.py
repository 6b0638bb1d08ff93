"""How an installation is set up: by environment, by a file, or not at all.

Every setting has a default that makes `lipwright serve` work on one machine with nothing else installed: SQLite and a
folder. Set in this order, the first wins: the command line, `LIPWRIGHT_...` in the environment, `lipwright.toml` in the
data folder (or the file that LIPWRIGHT_CONFIG names). `lipwright config` shows what is in force, secrets hidden.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from lipwright.errors import RequestError

FILE = "lipwright.toml"
FILE_VARIABLE = "LIPWRIGHT_CONFIG"
PREFIX = "LIPWRIGHT_"
SHORTEST_SECRET = 16
_SECRET = ("signing_secret", "objects_options", "database_url")
"""Settings whose values are not repeated, in part or whole."""

ALIASES = {
    "sync-3": "exemplar",
    "lipsync-2-pro": "exemplar",
    "lipsync-2": "exemplar",
    "lipsync-1.9.0-beta": "exemplar",
    "react-1": "exemplar",
}
"""Which engine answers to which name that clients of sync.so send."""

Names = Annotated[tuple[str, ...], NoDecode]


class ServiceConfig(BaseSettings):
    """All settings of the service. Sizes are bytes, times are seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("lipwright"))
    """Where everything lies that has no place of its own: databases, objects, working files, secrets."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on."""
    root_path: str = ""
    """A path under which a proxy serves this API, such as /lipsync."""
    public_url: str = ""
    """The address clients use, for links in answers; made of host and port when empty."""
    database_url: str = ""
    """postgresql://... or sqlite:///...; a SQLite file in the data folder when empty."""
    objects_url: str = ""
    """Where objects go: s3://bucket/prefix, gs://..., az://... or file:///folder; a folder in data_dir if empty."""
    objects_options: dict[str, str] = Field(default_factory=dict)
    """Options of the object store: endpoint, region, access_key_id, secret_access_key and so on."""
    signing_secret: SecretStr = SecretStr("")
    """What links to local objects are signed with; kept in the data folder when empty."""

    models: dict[str, str] = Field(default_factory=lambda: dict(ALIASES))
    """Names of models and the engines that stand behind them; engines answer to their own names as well."""
    quality: Literal["draft", "balanced", "visually-lossless", "archive"] = "visually-lossless"
    """Encoding preset of outputs: draft, balanced, visually-lossless or archive."""
    price_per_frame: float = Field(default=0.0, ge=0)
    """What the cost estimate charges for a frame of output, in dollars."""

    worker_slots: int = Field(default_factory=lambda: max(1, cores() // 2), ge=1)
    """How many generations a worker process runs at once."""
    piece_seconds: float = Field(default=120.0, ge=1)
    """What has more than twice this to be encoded is rendered in pieces of this length, by any worker that is free."""
    child_memory: int = Field(default=4 << 30, ge=256 << 20)
    """Memory a render process may use before it is ended."""
    child_threads: int = Field(default_factory=lambda: max(1, cores()), ge=1)
    """Cores a render process may use."""
    child_nice: int = Field(default=10, ge=0, le=19)
    """How far render processes stand back for the API."""
    job_timeout: float = Field(default=6 * 3600.0, gt=0)
    """The longest that one step of a job may run."""
    heartbeat_seconds: float = Field(default=5.0, gt=0)
    """How often a worker says that it is alive."""
    dead_after_seconds: float = Field(default=30.0, gt=0)
    """When a worker that said nothing is taken for dead and its jobs are given to others."""
    poll_seconds: float = Field(default=0.5, gt=0)
    """How often a worker looks for work."""

    concurrency_per_key: int = Field(default=100, ge=1)
    """How many generations of one API key may be pending or processing."""
    batch_concurrency: int = Field(default=4, ge=1)
    """How many batches of one organisation may be in work."""
    batch_rows_at_once: int = Field(default=4, ge=1)
    """How many generations of one batch are in the queue at a time."""
    rate_generate: str = "60/minute"
    """How often a key may create generations."""
    rate_other: str = "600/minute"
    """How often a key may call anything else."""
    rate_store: Literal["memory", "database"] = "memory"
    """Where calls are counted: memory, by each API process for itself, or database, by all of them together."""

    max_json: int = Field(default=8 << 20, ge=1 << 10)
    """The largest JSON body."""
    max_upload: int = Field(default=5 << 30, ge=1 << 10)
    """The largest file, uploaded or fetched."""
    max_text_part: int = Field(default=1 << 20, ge=1 << 10)
    """The largest text part of a multipart body."""
    body_idle_seconds: float = Field(default=20.0, gt=0)
    """How long a client may send nothing in the middle of a body."""
    max_duration: float = Field(default=4 * 3600.0, gt=0)
    """The longest video or audio."""
    max_pixels: int = Field(default=4096 * 2304, ge=1 << 14)
    """The largest picture, width times height."""

    fetch_allow: Names = ()
    """Hosts, networks and host:port that may be fetched from and called although they are not public; without a port,
    on every port."""
    fetch_ports: Annotated[tuple[int, ...], NoDecode] = (80, 443, 8080, 8443)
    """Ports that may be fetched from and called."""
    fetch_seconds: float = Field(default=600.0, gt=0)
    """The longest that fetching one input may take."""

    retention_days: float = Field(default=0.0, ge=0)
    """After how many days generations, batches and unused assets are deleted; 0 keeps them. An organisation can have
    its own."""
    upload_hours: float = Field(default=24.0, gt=0)
    """When an upload that was never made an asset is deleted."""
    link_seconds: int = Field(default=7 * 24 * 3600, ge=60)
    """How long a link to an object is good."""
    webhook_hours: float = Field(default=24.0, gt=0)
    """How long a webhook that is not taken is tried again."""
    webhook_first_retry: float = Field(default=5.0, gt=0)
    """How long after the first failed try a webhook is sent again; it doubles from there, up to an hour."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""
    log_json: bool = False
    """Logs as one JSON object a line."""
    metrics_open: bool = False
    """Answer /metrics without an API key."""
    cors_origins: Names = ()
    """Web pages that may call the API from a browser."""

    @field_validator("fetch_allow", "cors_origins", "fetch_ports", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """A comma-separated list, as an environment variable holds it."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _small(cls, value: object) -> object:
        """INFO is info."""
        return value.lower() if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        """Nothing, or what links can begin with."""
        if value and not re.fullmatch(r"https?://[^\s/?#@\\]+(/[^\s?#\\]*)?", value, re.ASCII):
            raise ValueError("it must be http(s)://host[:port][/path] and nothing else")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        """Nothing, or one of the two kinds."""
        if value and not value.startswith(("postgresql://", "postgres://", "sqlite:///")):
            raise ValueError("it must begin with postgresql:// or sqlite:///")
        return value

    @field_validator("signing_secret")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        """Nothing, or what cannot be guessed."""
        if 0 < len(value.get_secret_value().encode()) < SHORTEST_SECRET:
            raise ValueError(f"it must have at least {SHORTEST_SECRET} bytes")
        return value

    @field_validator("rate_generate", "rate_other")
    @classmethod
    def _rate(cls, value: str) -> str:
        """A number of calls in a period."""
        from limits import parse

        try:
            parse(value)
        except ValueError:
            raise ValueError("it must be a number of calls and a period, such as 60/minute") from None
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line, the environment, then the file."""
        given = init_settings()
        named = given.get("data_dir") or os.environ.get(f"{PREFIX}DATA_DIR")
        folder = named or platformdirs.user_data_path("lipwright")
        file = Path(os.environ.get(FILE_VARIABLE) or Path(folder) / FILE)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

    @property
    def base_url(self) -> str:
        """The address clients use, without a slash at the end."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        host = f"[{host}]" if ":" in host else host
        return (self.public_url or f"http://{host}:{self.port}{self.root_path}").rstrip("/")

    @property
    def database(self) -> str:
        """The URL of the database with our tables, for SQLAlchemy."""
        return driver_url(self.database_url or f"sqlite:///{self.data_dir / 'lipwright.sqlite'}")

    @property
    def queue_database(self) -> str:
        """The URL of the database with the job queue; on SQLite a file of its own, which spares both waiting."""
        return self.database_url or f"sqlite:///{self.data_dir / 'jobs.sqlite'}"

    @property
    def objects(self) -> str:
        """The URL of the object store."""
        return self.objects_url or (self.data_dir / "objects").absolute().as_uri()

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.database.startswith("sqlite")

    @property
    def work_dir(self) -> Path:
        """Where workers put working files."""
        return self.data_dir / "work"


_OTHERS = ("CONFIG", "MODEL_DIR", "CACHE_DIR", "DEBUG", "ELEVENLABS_BASE_URL")
"""Variables with our prefix that are no settings of the service."""


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none."""
    known = {f"{PREFIX}{name.upper()}" for name in (*ServiceConfig.model_fields, *_OTHERS)}
    return sorted(
        name
        for name in environment
        if name.startswith(PREFIX) and name not in known and not name.startswith(f"{PREFIX}TEST_")
    )


def _refuse_unknown(file: Path) -> None:
    """Raise `RequestError` if the settings file has a name that is no setting: most likely one is misspelt."""
    if not file.is_file():
        return
    known = list(ServiceConfig.model_fields)
    for name in tomllib.loads(file.read_text("utf-8")):
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else "; `lipwright config` lists them"
            raise RequestError(f"{file.name} sets {name}, which is no setting{hint}", field=name)


def driver_url(url: str) -> str:
    """`url` with the driver we use for PostgreSQL."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return f"postgresql+psycopg://{url[len(scheme) :]}"
    return url


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_config(**given: Any) -> ServiceConfig:
    """The configuration in force; `given` is what the command line said, None for what it did not.

    Raises:
        RequestError: a value that is not allowed, with the name it was set under.
    """
    named = os.environ.get(FILE_VARIABLE)
    if named and not Path(named).is_file():
        raise RequestError(f"{FILE_VARIABLE} is {named!r}; there is no such file.", field=FILE_VARIABLE)
    try:
        config = ServiceConfig(**{name: value for name, value in given.items() if value is not None})
        _refuse_unknown(Path(named or config.data_dir.expanduser() / FILE))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        value = "" if name.startswith(_SECRET) else f" is {first.get('input')!r}"
        said = f"The setting {name} ({PREFIX}{name.upper()}){value}: {first['msg'].removeprefix('Value error, ')}."
        raise RequestError(said, field=name) from None
    except SettingsError as error:
        raise RequestError(f"A setting in the environment cannot be read: {error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"The settings file ({FILE}, or what {FILE_VARIABLE} names) is no TOML: {error}.") from None
    return config.model_copy(update={"data_dir": config.data_dir.expanduser().absolute()})
