"""Patroni's own file: where etcd and the member's REST interface are, and where the data lies."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from follower.access import Tls, context
from follower.etcd import Login


@dataclass(frozen=True)
class Config:
    scope: str
    name: str
    etcd: tuple[str, ...]
    login: Login
    #: None: without TLS, as tests ask.
    context: Callable[[], ssl.SSLContext] | None
    #: ADDRESS:PORT
    rest: str
    rest_login: Login
    data: Path
    programs: Path


def read(path: Path) -> Config:
    """Raises `OSError`, and `ValueError` with the file and what it lacks."""
    try:
        given: dict[str, Any] = yaml.safe_load(path.read_text())
        etcd, rest, server = given["etcd3"], given["restapi"], given["postgresql"]
        return Config(
            scope=given["scope"],
            name=given["name"],
            etcd=tuple(f"{etcd['protocol']}://{host}" for host in etcd["hosts"]),
            login=Login(etcd["username"], etcd["password"]),
            context=partial(context, Tls(etcd["cacert"], etcd["cert"], etcd["key"])),
            rest=rest["connect_address"],
            rest_login=Login(rest["authentication"]["username"], rest["authentication"]["password"]),
            data=Path(server["data_dir"]),
            programs=Path(server["bin_dir"]),
        )
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {type(error).__name__} {error}; run the role patroni") from error
