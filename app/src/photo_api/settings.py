"""Configuration: settings from the environment, secrets from files only.

Every setting is `PHOTO_API_<NAME>` in the environment. Secrets never are: systemd hands them over as files
(`LoadCredential=`), in the directory that `CREDENTIALS_DIRECTORY` names.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, FilePath, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

MIB = 1024 * 1024
#: Room in a request for the form fields and multipart boundaries around the photo, in bytes. nginx allows the same.
FORM_OVERHEAD_BYTES = 64 * 1024


#: Files of the credentials that S3 wants where it takes keys.
S3_KEYS = ("s3_access_key", "s3_secret_key")


class ConfigurationError(Exception):
    """A setting or credential is missing or wrong: one line a fault."""


class DatabaseSettings(BaseSettings):
    """Where PostgreSQL is, or the pgBouncer in front of it.

    Over the network the connection is always TLS, certificate and host name verified (verify-full).
    """

    model_config = SettingsConfigDict(env_prefix="PHOTO_API_", frozen=True, extra="ignore")

    #: One name, or several with commas: of several, a connection goes to the one that takes writes. A path is the
    #: folder of a unix socket, whose name has the port.
    database_host: str = Field(pattern=r"^[^\s,]+(,[^\s,]+)*$")
    database_port: int = Field(default=5432, ge=1, le=65535)
    database_name: str = "photos"
    #: As whom `photo-api migrate` connects; its tables are this role's.
    database_owner: str = "photos_owner"
    database_ca_file: FilePath
    #: Seconds to open one connection, TLS and login included.
    database_connect_timeout: float = Field(default=3.0, gt=0)

    @property
    def database_asks_for_password(self) -> bool:
        """Not behind a unix socket, where the account of this process is who it is."""
        return not self.database_host.startswith("/")

    @property
    def database_server(self) -> dict[str, Any]:
        """Which server a connection goes to, as `asyncpg.connect` takes it: of several, the one that leads."""
        hosts = self.database_host.split(",")
        if len(hosts) == 1:
            return {"host": hosts[0], "port": self.database_port}
        return {"host": hosts, "port": self.database_port, "target_session_attrs": "primary"}


class Settings(DatabaseSettings):
    """What `photo-api serve` needs. Times are in seconds."""

    database_user: str = "photos_app"
    #: The name by which pgBouncer leads to a standby at most `read_lag` behind, or to the leader. None: all reads go to
    #: the leader.
    database_read_name: str | None = None
    read_lag: float = Field(default=2.0, gt=0)
    #: The waits for a standby, after which a read goes to the leader: for a connection, and for its answer.
    standby_acquire_timeout: float = Field(default=1.0, gt=0)
    standby_command_timeout: float = Field(default=3.0, gt=0)
    #: Connections of this process, at most: to read, and to write. Requests beyond wait `pool_acquire_timeout`, then
    #: get a 503; at once where all that write wait for a commit that is past its deadline.
    pool_size: int = Field(ge=1, le=200)
    write_pool_size: int = Field(ge=1, le=200)
    pool_acquire_timeout: float = Field(default=5.0, gt=0)
    #: The server's own statement_timeout of the role is shorter (5 s): the server gives up first, and says so. It does
    #: not hold for a commit that waits for a standby; that one is answered 503 after this time, and goes on.
    database_command_timeout: float = Field(default=8.0, gt=0)

    s3_endpoint: str = Field(pattern=r"^https://")
    s3_region: str = "us-east-1"
    s3_bucket: str = "photos"
    #: Authorities that S3's certificate may come from; the system's own list for AWS.
    s3_ca_file: FilePath
    #: "keys": the two files in `$CREDENTIALS_DIRECTORY`. "instance-profile": the role of the EC2 instance.
    s3_credentials: Literal["keys", "instance-profile"] = "keys"
    #: Whether the bucket is in the path or in the host name. A gateway's certificate holds no buckets' names; AWS wants
    #: them there.
    s3_addressing: Literal["path", "virtual"] = "path"
    #: Where clients read the bucket's objects, by key; none where this API sends them.
    cdn_url: str | None = Field(default=None, pattern=r"^https://[^/]+$")
    s3_connect_timeout: float = Field(default=1.5, gt=0)
    s3_read_timeout: float = Field(default=5.0, gt=0)

    max_upload_mib: int = Field(ge=1, le=100)
    #: Photos in memory at once, from before they are read until they are stored; each is there twice with "strip".
    #: Others stay on disk and wait `decode_wait_timeout`.
    photos_in_memory: int = Field(default=8, ge=1)
    #: Largest picture, in pixels. A progressive JPEG needs about 6 bytes a pixel to decode: 240 MB at 40 million.
    max_pixels: int = Field(default=40_000_000, ge=1)
    #: Pictures decoded at once; each takes a core and the memory above. Others wait `decode_wait_timeout`.
    decode_workers: int = Field(default=1, ge=1)
    decode_wait_timeout: float = Field(default=3.0, gt=0)
    #: What is done with the place that a camera recorded. "strip": neither answers nor stored files hold it.
    #: "keep": whoever reaches the API can read it.
    exif_location: Literal["strip", "keep"] = "strip"

    #: A request that has not begun to answer by then gets a 503. Shorter than nginx's and the edge's patience.
    request_timeout: float = Field(default=20.0, gt=0)
    #: A connection without a request is closed after that. nginx closes it long before: a request that is on its way
    #: to a connection as it is closed here would be lost.
    keep_alive_timeout: int = Field(default=75, ge=5)
    #: After SIGTERM, requests in flight may take this long. Longer than any request may.
    shutdown_timeout: float = Field(default=25.0, gt=0)
    #: What /readyz grants the database and S3 together; shorter than any checker's own patience.
    ready_timeout: float = Field(default=4.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        order = (
            "database_connect_timeout",
            "pool_acquire_timeout",
            "database_command_timeout",
            "request_timeout",
            "shutdown_timeout",
        )
        for inner, outer in itertools.pairwise(order):
            if not getattr(self, inner) < getattr(self, outer):
                raise ValueError(
                    f"PHOTO_API_{inner.upper()} = {getattr(self, inner):g} s must be shorter than "
                    f"PHOTO_API_{outer.upper()} = {getattr(self, outer):g} s: "
                    "the inner wait has to end before the outer one gives up"
                )
        waits = ("standby_acquire_timeout", "standby_command_timeout", *order[1:3])
        together = sum(getattr(self, name) for name in waits)
        if self.database_read_name is not None and together >= self.request_timeout:
            raise ValueError(
                f"{', '.join(f'PHOTO_API_{name.upper()}' for name in waits)}: {together:g} s together, must be less "
                f"than PHOTO_API_REQUEST_TIMEOUT = {self.request_timeout:g} s: what fails on a standby is repeated"
            )
        return self

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mib * MIB

    @property
    def max_body_bytes(self) -> int:
        return self.max_upload_bytes + FORM_OVERHEAD_BYTES


class Credentials(BaseSettings):
    """Secrets, each the content of a file of that name in `$CREDENTIALS_DIRECTORY`; the environment is not read.

    Without the keys of S3 where the instance's role stands for them, and without the password of the database behind a
    unix socket.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_password: SecretStr | None = Field(default=None, min_length=1)
    s3_access_key: SecretStr | None = Field(default=None, min_length=1)
    s3_secret_key: SecretStr | None = Field(default=None, min_length=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, file_secret_settings)


def load_settings() -> Settings:
    """Read the environment. Raises `ConfigurationError`."""
    try:
        return Settings()  # filled from the environment
    except ValidationError as error:
        raise ConfigurationError(_lines(error, "PHOTO_API_")) from error


def load_database_settings() -> DatabaseSettings:
    """Read what a migration needs from the environment. Raises `ConfigurationError`."""
    try:
        return DatabaseSettings()  # filled from the environment
    except ValidationError as error:
        raise ConfigurationError(_lines(error, "PHOTO_API_")) from error


def load_credentials(settings: Settings) -> Credentials:
    """Read the credential files that `settings` ask for. Raises `ConfigurationError`."""
    wanted = {
        "database_password": (
            settings.database_asks_for_password,
            f"PHOTO_API_DATABASE_HOST = {settings.database_host}",
        ),
        **dict.fromkeys(
            S3_KEYS, (settings.s3_credentials == "keys", f"PHOTO_API_S3_CREDENTIALS = {settings.s3_credentials}")
        ),
    }
    needed = {name: because for name, (is_wanted, because) in wanted.items() if is_wanted}
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not needed and not directory:
        return Credentials()
    if not directory or not Path(directory).is_dir():
        raise ConfigurationError(
            f"CREDENTIALS_DIRECTORY = {directory!r}: must name a directory that holds the files "
            f"{', '.join(needed)}; systemd sets it for a unit with LoadCredential="
        )
    try:
        read = Credentials(_secrets_dir=directory)  # filled from the files
    except ValidationError as error:
        raise ConfigurationError(_lines(error, f"{directory}/")) from error
    if missing := [name for name in needed if getattr(read, name) is None]:
        raise ConfigurationError(
            "\n".join(f"{directory}/{name}: Field required where {needed[name]}" for name in missing)
        )
    return read


def _lines(error: ValidationError, prefix: str) -> str:
    """One line a fault. The input is left out: it may be a secret."""
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in fault["loc"])
        shown = prefix + (name.upper() if prefix.endswith("_") else name) if name else prefix.rstrip("_/")
        lines.append(f"{shown}: {fault['msg']}")
    return "\n".join(lines)
