"""What a daemon reaches etcd and members with: files of TLS, passwords that systemd passes in a folder."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class ConfigError(Exception):
    """One line: file, key and fix."""


@dataclass(frozen=True)
class Tls:
    ca: str
    certificate: str
    key: str


def context(tls: Tls) -> ssl.SSLContext:
    """Read at each connection, so that a renewed certificate is used from then on."""
    made = ssl.create_default_context(cafile=tls.ca)
    made.load_cert_chain(tls.certificate, tls.key)
    return made


def credentials(unit: str) -> Path:
    """The folder of LoadCredential."""
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", f"/run/credentials/{unit}.service"))


@contextmanager
def reading(path: Path, role: str) -> Iterator[None]:
    """What the block cannot read of the settings in `path` is a `ConfigError` that names the role."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; run the role {role}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: {type(error).__name__} {error}; run the role {role}") from error


def not_empty(path: Path, role: str, **settings: Sized) -> None:
    """Raises `ConfigError` for the first that is."""
    for name, value in settings.items():
        if not value:
            raise ConfigError(f"{path}: {name} is empty; run the role {role}")


def secret(folder: Path, name: str) -> str:
    return (folder / name).read_text().strip()
