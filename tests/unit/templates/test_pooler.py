"""pgBouncer and the follower, as rendered: who gets in, what waits for how long, and what the unit may do."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from infra.environment import Environment
from tests.hosts.pooler import declared_settings
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import SHARED, render, templar

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
TABLE: dict[str, Any] = yaml.safe_load((SHARED / "web_path.yml").read_text())["web_path"]
POOLS: list[dict[str, str]] = templar(CONTRACT, "web1", "pgbouncer").template(
    trust_as_template("{{ pgbouncer_pools }}")
)
TWO = [
    {"name": "photos", "dbname": "photos", "user": "photos_app", "account": "photo-api", "secret": "x"},
    {"name": "reads", "dbname": "photos", "user": "photos_app", "account": "photo-api", "secret": "x"},
    {"name": "other", "dbname": "other", "user": "other_app", "account": "other-api", "secret": "y"},
]


def of(template: str, role: str = "pgbouncer", **more: Any) -> str:
    return render(CONTRACT, "web1", role, template, **more)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", ";"))]


@pytest.fixture
def settings() -> dict[str, str]:
    return declared_settings(of("pgbouncer.ini.j2") + "\n" + of("fixed.ini.j2"))


def test_a_login_that_hangs_leaves_time_for_the_next_within_a_hold() -> None:
    assert TABLE["pooler"]["connect"] + TABLE["pooler"]["retry"] < TABLE["hold"]
    assert 0 < TABLE["pooler"]["retry"] <= 0.1


def test_what_a_reload_leaves_as_it_is_restarts_pgbouncer() -> None:
    """src/main.c of pgBouncer 1.24.1 marks them CF_NO_RELOAD."""
    fixed = {
        "disable_pqexec", "job_name", "listen_addr", "listen_backlog", "listen_port", "pidfile", "pkt_buf",
        "resolv_conf", "service_name", "so_reuseport", "track_extra_parameters", "unix_socket_dir",
        "unix_socket_group", "unix_socket_mode", "user",
    }  # fmt: skip
    assert set(declared_settings(of("fixed.ini.j2"))) <= fixed
    assert set(declared_settings(of("pgbouncer.ini.j2"))) & fixed == set()


def test_the_first_section_is_entered_once() -> None:
    """A second [pgbouncer] would set everything before it back to its default."""
    whole = of("pgbouncer.ini.j2") + of("fixed.ini.j2")
    assert re.findall(r"(?m)^\[.*\]$", whole) == ["[pgbouncer]"]


def test_the_list_of_pools_comes_last() -> None:
    assert lines(of("pgbouncer.ini.j2"))[-1] == "%include /var/lib/flashtier-follower/databases.ini"


def test_pgbouncer_does_not_listen_on_the_network(settings: dict[str, str]) -> None:
    assert settings["listen_addr"] == ""
    assert settings["unix_socket_mode"] == "0770"
    assert settings["unix_socket_group"] == "pgbouncer"


def test_the_server_must_be_who_it_says(settings: dict[str, str]) -> None:
    assert settings["server_tls_sslmode"] == "verify-full"


def test_nothing_but_statements_keeps_a_pause_waiting(settings: dict[str, str]) -> None:
    assert settings["server_check_query"] == ""


def test_the_apps_prepared_statements_fit(settings: dict[str, str]) -> None:
    """asyncpg keeps 100 on a connection, its statement_cache_size."""
    assert int(settings["max_prepared_statements"]) > 100


def test_each_account_gets_into_its_own_pools_and_one_to_the_console() -> None:
    assert lines(of("hba.conf.j2", pgbouncer_pools=TWO)) == [
        "local pgbouncer flashtier-follower peer",
        "local photos photos_app peer map=photos_app",
        "local reads photos_app peer map=photos_app",
        "local other other_app peer map=other_app",
    ]
    assert lines(of("ident.conf.j2", pgbouncer_pools=TWO)) == [
        "photos_app photo-api photos_app",
        "other_app other-api other_app",
    ]


def test_each_login_has_its_password_once_and_the_console_none() -> None:
    secrets = "{{ lookup('pulumi_secret', login.value) }}"
    text = (SHARED.parents[2] / "templates/pgbouncer/userlist.txt.j2").read_text()
    assert text.count(secrets) == 1
    logins = of("userlist.txt.j2", pgbouncer_pools=[])
    assert lines(logins) == ['"flashtier-follower" ""']


def test_the_declared_pools_name_accounts_and_secrets() -> None:
    assert [(pool["dbname"], pool["user"]) for pool in POOLS] == [("photos", "photos_app")]
    assert all(set(pool) == {"name", "dbname", "user", "account", "secret", "size"} for pool in POOLS)


def test_a_stop_of_pgbouncer_outlasts_a_statement_under_way() -> None:
    unit = of("unit.conf.j2")
    seconds = int(re.findall(r"(?m)^TimeoutStopSec=(\d+)$", unit)[0])
    assert seconds > TABLE["answer"]["database_statement"]
    assert "KillSignal=SIGINT" in lines(unit)


def test_the_follower_needs_no_capability_and_is_replaced_when_it_is_stuck() -> None:
    unit = of("flashtier-follower.service.j2", role="follower")
    for line in (
        "CapabilityBoundingSet=", "AmbientCapabilities=", "NoNewPrivileges=true", "Restart=always",
        "RestartSec=100ms", "WatchdogSec=10", "Type=notify", "RuntimeDirectoryPreserve=yes",
        "SupplementaryGroups=ssl-cert pgbouncer",
    ):  # fmt: skip
        assert line in lines(unit), line


def test_pgbouncer_starts_after_the_follower_has_made_its_list() -> None:
    assert {"Wants=flashtier-follower.service", "After=flashtier-follower.service"} <= set(
        lines(of("unit.conf.j2"))
    )
