"""What a daemon reaches etcd and members with: files of TLS, passwords that systemd passes in a folder."""

from __future__ import annotations

import os
import ssl
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


def secret(folder: Path, name: str) -> str:
    return (folder / name).read_text().strip()
