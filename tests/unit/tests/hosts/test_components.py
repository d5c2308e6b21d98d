"""What the verification knows of runtime objects and of the authority's file."""

from __future__ import annotations

import pytest

from infra.environment import Environment
from tests.hosts import components, exact, promises
from tests.support.declared import contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))


def test_sockets_of_the_kits_units_are_checked() -> None:
    runtime = {
        host.tier: promises.runtime(host) for host in reversed(CONTRACT.hosts)
    }  # the first of each tier
    assert runtime["web"]["/run/photo-api/photo-api.sock"] == ("0660", "root:www-data")
    assert "/run/haproxy/admin.sock" in runtime["edge"]
    assert "/run/postgresql/.s.PGSQL.5432" in runtime["database"]
    assert "/run/versitygw/admin.sock" in runtime["control"]
    for host in CONTRACT.hosts:
        assert set(promises.runtime(host)) <= set(promises.paths(CONTRACT, host))


def test_packages_of_a_component_are_expected_where_it_runs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus runs on the first control host, not on the whole tier."""
    own = {"prometheus": components.Own(packages=frozenset({"prober"}))}
    monkeypatch.setattr(components, "of", lambda name: own.get(name, components.Own()))
    hosts = {host.name for host in CONTRACT.hosts if "prober" in exact.packages(host)}
    assert hosts == {"control1"}


def test_a_second_certificate_is_another_file() -> None:
    pem = CONTRACT.ca_certificate
    assert promises.is_the_authoritys(pem, CONTRACT)
    assert promises.is_the_authoritys(pem + "\n", CONTRACT)
    assert not promises.is_the_authoritys(pem + pem, CONTRACT)
