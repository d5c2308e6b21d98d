"""What the role wrote: one JSON file, and the password of etcd that systemd passes in a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from follower.access import Tls, not_empty, reading, secret
from follower.etcd import Login


@dataclass(frozen=True)
class Config:
    stack: str
    host: str
    #: Address of each member by its name.
    members: dict[str, str]
    #: Hosts that seal a leader off: the members, and those with etcd.
    agents: tuple[str, ...]
    #: Whether the environment declares it.
    enabled: bool
    rest_port: int
    etcd: tuple[str, ...]
    login: Login
    tls: Tls


def read(path: Path, credentials: Path, account: str) -> Config:
    """`account`: of etcd. Raises `ConfigError`."""
    with reading(path, "takeover"):
        given: dict[str, Any] = json.loads(path.read_text())
        config = Config(
            stack=given["stack"],
            host=given["host"],
            members={str(name): str(address) for name, address in given["members"].items()},
            agents=tuple(given["agents"]),
            enabled=bool(given["enabled"]),
            rest_port=int(given["rest_port"]),
            etcd=tuple(given["etcd"]),
            login=Login(account, secret(credentials, "etcd_password")),
            tls=Tls(**given["tls"]),
        )
    not_empty(path, "takeover", members=config.members, etcd=config.etcd)
    return config
