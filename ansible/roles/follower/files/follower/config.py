"""What the role wrote: one JSON file, and the passwords that systemd passes in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from follower.access import ConfigError, Tls, not_empty, reading, secret
from follower.etcd import Login
from follower.ini import Pool

#: Of a pool for reads that may be stale: by how many milliseconds.
LAG = "max_lag_ms"


@dataclass(frozen=True)
class Config:
    stack: str
    host: str
    #: Address of each member by its name; the first is where pools lead before anything is known.
    members: dict[str, str]
    database_port: int
    etcd: tuple[str, ...]
    login: Login
    tls: Tls
    console: str
    console_user: str
    #: Those that lead to the leader, and are held.
    pools: tuple[Pool, ...]
    databases_file: Path
    state_file: Path
    #: Login on a member for the question whether it is writable.
    probe_user: str
    probe_password: str
    #: Whether a leader counts as writable only with a standby that confirms its writes.
    quorum: bool
    #: Seconds that statements are held at most.
    hold: float
    #: Those for reads that may be stale, and by how many seconds.
    read_pools: tuple[Pool, ...] = ()
    max_lag: float = 0.0


def read(path: Path, credentials: Path) -> Config:
    """Raises `ConfigError`."""
    with reading(path, "follower"):
        given: dict[str, Any] = json.loads(path.read_text())
        config = Config(
            stack=given["stack"],
            host=given["host"],
            members={str(name): str(address) for name, address in given["members"].items()},
            database_port=int(given["database_port"]),
            etcd=tuple(given["etcd"]),
            login=Login(given["etcd_user"], secret(credentials, "etcd_password")),
            tls=Tls(**given["tls"]),
            console=given["console"],
            console_user=given["console_user"],
            pools=tuple(_pool(pool) for pool in given["pools"] if LAG not in pool),
            read_pools=tuple(_pool(pool) for pool in given["pools"] if LAG in pool),
            max_lag=min((pool[LAG] / 1000 for pool in given["pools"] if LAG in pool), default=0.0),
            databases_file=Path(given["databases_file"]),
            state_file=Path(given["state_file"]),
            probe_user=given["probe_user"],
            probe_password=secret(credentials, "database_password"),
            quorum=bool(given["quorum"]),
            hold=float(given["hold"]),
        )
    not_empty(path, "follower", members=config.members, etcd=config.etcd, pools=config.pools)
    if not 0 < config.hold < 60:
        raise ConfigError(
            f"{path}: hold = {config.hold}: must be seconds above 0 and below 60; run the role follower"
        )
    return config


def _pool(given: Mapping[str, Any]) -> Pool:
    parameters = {key: value for key, value in given.items() if key not in ("name", "dbname", LAG)}
    return Pool(str(given["name"]), str(given["dbname"]), parameters)
