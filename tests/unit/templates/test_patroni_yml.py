"""Patroni's own settings, as every member gets them."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import yaml
from ansible.template import Templar, trust_as_template

from tests.support.filters import CONTRACT
from tests.support.patroni_host import MEMBERS
from tests.support.rendered import ROOT, templar

#: No `lookup` here reads a stack: a secret is its own name.
TEXT = (
    (ROOT / "templates/patroni/patroni.yml.j2").read_text().replace("lookup('pulumi_secret', ", "secret_of(")
)
SECRETS = {
    ("restapi", "authentication", "password"): "patroni_rest_password",
    ("etcd3", "password"): "etcd_patroni_password",
    ("postgresql", "authentication", "replication", "password"): "replication_database_password",
    ("postgresql", "authentication", "rewind", "password"): "rewind_database_password",
}
PYTHON = "/opt/patroni/releases/unit/bin/python"


def written(member: str, **more: Any) -> Any:
    given = {"secret_of": lambda name: f"secret {name}", "patroni_python": PYTHON} | more
    known: Templar = templar(CONTRACT, member, "patroni", **given)
    return yaml.safe_load(str(known.template(trust_as_template(TEXT))))


@functools.cache
def settings(member: str) -> Any:
    return written(member)


def at(tree: Any, path: tuple[str, ...]) -> Any:
    return functools.reduce(lambda found, key: found[key], path, tree)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_never_makes_a_cluster_or_a_copy_by_itself(member: str) -> None:
    found = settings(member)
    assert "bootstrap" not in found
    (method,) = found["postgresql"]["create_replica_methods"]
    # Patroni wipes what is there before a method, unless the method keeps it.
    assert found["postgresql"][method] == {"command": "/bin/false", "keep_data": True, "no_params": True}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_listens_where_the_contract_says(member: str) -> None:
    found, address = settings(member), CONTRACT.host(member).address
    assert (found["name"], found["scope"], found["namespace"]) == (member, CONTRACT.stack, "/service/")
    for section, port in (("restapi", "patroni"), ("postgresql", "postgresql")):
        where = f"{address}:{CONTRACT.ports[port]}"
        assert (found[section]["listen"], found[section]["connect_address"]) == (where, where)
    control = [host.address for host in CONTRACT.hosts if "etcd" in host.components]
    assert found["etcd3"]["hosts"] == [f"{address}:{CONTRACT.ports['etcd_client']}" for address in control]


@pytest.mark.parametrize("member", MEMBERS)
def test_everything_is_asked_and_answered_with_certificates(member: str) -> None:
    found, tls = settings(member), "/etc/flashtier/tls"
    files = {f"{tls}/host.crt", f"{tls}/host.key", f"{tls}/ca.crt"}
    assert found["restapi"]["verify_client"] == "required"
    assert {found["restapi"][key] for key in ("certfile", "keyfile", "cafile")} == files
    # Members ask each other by this section: without it none has a certificate, and none is answered.
    assert {found["ctl"][key] for key in ("certfile", "keyfile", "cacert")} == files
    assert found["etcd3"]["protocol"] == "https"
    assert {found["etcd3"][key] for key in ("cert", "key", "cacert")} == files
    for role in ("replication", "rewind"):
        assert found["postgresql"]["authentication"][role]["sslmode"] == "verify-full"
        assert found["postgresql"]["authentication"][role]["sslrootcert"] == f"{tls}/ca.crt"


def test_secrets_are_those_of_the_stack_and_no_other_value_is() -> None:
    found = settings(MEMBERS[0])
    assert {path: at(found, path) for path in SECRETS} == {
        path: f"secret {name}" for path, name in SECRETS.items()
    }
    assert str(found).count("secret ") == len(SECRETS)


def test_the_kits_own_files_are_included_and_named_where_patroni_would_win() -> None:
    """custom_conf is included before Patroni's parameters, which would give the two files' places back."""
    found = settings(MEMBERS[0])["postgresql"]
    folder = "/etc/flashtier/postgresql"
    assert found["custom_conf"] == f"{folder}/postgresql.conf"
    assert found["parameters"] == {
        "unix_socket_directories": "/run/postgresql",
        "hba_file": f"{folder}/pg_hba.conf",
        "ident_file": f"{folder}/pg_ident.conf",
    }
    # What members share is in etcd: here it would be the second home of a value.
    assert {"pg_hba", "pg_ident", "use_pg_rewind", "use_slots"} & set(found) == set()


@pytest.mark.parametrize(
    ("can", "expected"),
    [("unsupported", {"mode": "off"}), ("required", {"mode": "required", "device": "/dev/watchdog"})],
)
def test_a_watchdog_is_required_or_off(can: str, expected: dict[str, str]) -> None:
    """Never `automatic`, which goes on without one. In YAML a bare off is no text."""
    assert written(MEMBERS[0], patroni_watchdog=can)["watchdog"] == expected


def test_statements_are_held_before_a_server_stops() -> None:
    """By Patroni's own interpreter, which has the parser of the file that it is given."""
    command = settings(MEMBERS[0])["postgresql"]["before_stop"].split()
    assert command == [
        *("/usr/bin/env", "PYTHONPATH=/usr/local/lib/flashtier", PYTHON),
        *("-Bm", "holding.before_stop", "/etc/patroni/patroni.yml"),
    ]
