"""What etcd is started with follows from the host; Prometheus shows a certificate where one is asked for."""

from __future__ import annotations

import pytest
import yaml

from infra.environment import Environment
from tests.support.aws_environments import parsed
from tests.support.declared import contract_of, local_environment
from tests.support.guards import sometimes
from tests.support.rendered import render

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
GIB, MIB = 1 << 30, 1 << 20


def settings(host: str) -> dict[str, str]:
    text = render(CONTRACT, host, "etcd", "default.j2")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines), "a setting is given twice"
    return found


def test_what_etcd_writes_fits_its_volume_with_a_quarter_to_spare() -> None:
    """Its data and a copy, its log, and a share of snapshots, all as large as they may get."""
    given = settings("control2")
    size = next(volume.size_bytes for volume in CONTRACT.host("control2").volumes if volume.name == "etcd")
    assert size == GIB
    unit = render(CONTRACT, "control2", "etcd", "flashtier-etcd-snapshot.service.j2")
    snapshots = int(unit.split("--most-bytes ")[1].split()[0])
    data, log = int(given["ETCD_QUOTA_BACKEND_BYTES"]), (int(given["ETCD_MAX_WALS"]) + 2) * 64 * MIB
    assert 2 * data + log + snapshots <= size * 3 // 4


def test_each_member_has_its_own_name_and_addresses() -> None:
    found = {host: settings(host) for host in ("control1", "control2", "control3")}
    for name in ("ETCD_NAME", "ETCD_LISTEN_CLIENT_URLS", "ETCD_LISTEN_PEER_URLS"):
        assert len({given[name] for given in found.values()}) == 3
    for host, given in found.items():
        assert given["ETCD_LISTEN_CLIENT_URLS"] == f"https://{CONTRACT.host(host).address}:2379"


def test_a_member_without_data_starts_only_where_a_play_has_said_so() -> None:
    lines = render(CONTRACT, "control1", "etcd", "unit.conf.j2").splitlines()
    assert "AssertPathExists=|/var/lib/etcd/data/member/wal" in lines
    assert "AssertPathExists=|/run/flashtier-etcd-start" in lines
    given = settings("control1")
    assert given["ETCD_INITIAL_CLUSTER_STATE"] == "existing"
    assert "ETCD_INITIAL_CLUSTER" not in given


def test_prometheus_shows_its_certificate_where_it_is_asked_for() -> None:
    jobs = yaml.safe_load(render(CONTRACT, "control1", "prometheus", "prometheus.yml.j2"))["scrape_configs"]
    showing = {job["job_name"] for job in jobs if "cert_file" in job["tls_config"]}
    assert showing == {"etcd", "patroni"}
    assert all(job["tls_config"]["ca_file"] for job in jobs)


@pytest.mark.parametrize(
    ("environment", "volume"),
    [(Environment.parse(local_environment()), "repository"), (parsed("dev"), "etcd")],
    ids=["local", "aws"],
)
def test_snapshots_lie_apart_from_the_data_where_there_is_another_volume(
    environment: Environment, volume: str
) -> None:
    for host in contract_of("unit", environment).hosts:
        placed = {one.purpose: one for one in host.placements}
        assert ("snapshots" in placed) is (host.tier == "control")
        if sometimes(host.tier == "control"):
            assert (placed["snapshots"].volume, placed["snapshots"].owner) == (volume, "etcd")
            assert placed["snapshots"].source == f"/vol/{volume}/snapshots"
