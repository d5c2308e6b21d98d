"""pgBouncer's settings as its files say them, against those that its console shows."""

from __future__ import annotations

import pytest

from infra.environment import Environment
from tests.hosts.pooler import declared_settings, differences
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import render

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
#: As pgBouncer 1.24.1 showed them for the rendered files, 2026-11-30.
SHOWN = {
    "unix_socket_mode": "504",
    "server_login_retry": "0.1",
    "server_check_query": "",
    "listen_addr": None,
    "listen_port": "6432",
    "tcp_user_timeout": "3000",
    "unix_socket_dir": "/run/pgbouncer",
}


@pytest.fixture
def files() -> str:
    return "\n".join(
        render(CONTRACT, "web1", "pgbouncer", name) for name in ("pgbouncer.ini.j2", "fixed.ini.j2")
    )


def test_what_pgbouncer_shows_is_what_the_files_say(files: str) -> None:
    settings = declared_settings(files)
    assert set(SHOWN) <= set(settings)
    assert differences({name: settings[name] for name in SHOWN}, SHOWN) == {}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("unix_socket_mode", "511"),
        ("server_login_retry", "15"),
        ("server_check_query", "select 1"),
        ("unix_socket_dir", "/tmp"),  # noqa: S108
        ("unix_socket_dir", None),
    ],
)
def test_a_setting_that_is_not_in_effect_is_found(name: str, shown: str | None, files: str) -> None:
    settings = declared_settings(files)
    assert list(differences({name: settings[name]}, {name: shown})) == [name]


def test_comments_and_sections_are_no_settings() -> None:
    assert declared_settings("# a = 1\n; b = 2\n[pgbouncer]\n%include /x\n c=3 \nd =") == {"c": "3", "d": ""}
