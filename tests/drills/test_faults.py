"""What a cluster goes through in the long run: its leader cut off, etcd in parts or gone, processes killed.

A client outside uploads meanwhile. Whoever leads when a drill begins is the one that is hit. `ROUNDS`: of
those that are repeated. Two members that acknowledged apart would show: what one of them did is lost.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.drills.cluster import ASK, WHOLE, Cluster
from tests.drills.counting import Counting

#: Seconds that a cut or an outage lasts.
LASTS = 60
#: Seconds in which a standby is lost and then the leader.
SECOND = 1.0

Say = Callable[[str], None]


@pytest.fixture(autouse=True)
def _healed(cluster: Cluster) -> object:
    """No cut outlives a drill that failed."""
    yield
    for host in cluster.contract.hosts:
        if cluster.inside.runs(host.name):
            cluster.inside.heal(host.name)


def of_tier(cluster: Cluster, tier: str) -> list[str]:
    return [host.name for host in cluster.contract.hosts if host.tier == tier]


def etcds_leader(cluster: Cluster) -> str:
    """The member of etcd that leads, by its own word."""
    port = cluster.contract.ports["etcd_client"]
    for name in of_tier(cluster, "control"):
        address = cluster.contract.host(name).address
        said = cluster.inside.run(name, ASK.format(url=f"https://{address}:{port}/metrics"))
        if "etcd_server_is_leader 1" in said.splitlines():
            return name
    return ""


def timeline(cluster: Cluster) -> str:
    return cluster.query("SELECT timeline_id FROM pg_control_checkpoint()")


@pytest.mark.parametrize("what", ["etcd", "all others", "its standbys", "a web host"])
def test_the_leader_is_cut_from(what: str, cluster: Cluster, client: Counting, figure: Say) -> None:
    leader, before = cluster.leader(), timeline(cluster)
    standbys = [name for name in cluster.members if name != leader]
    others = {
        "etcd": of_tier(cluster, "control"),
        "all others": [host.name for host in cluster.contract.hosts if host.name != leader],
        "its standbys": standbys,
        "a web host": of_tier(cluster, "web")[:1],
    }[what]
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        cluster.inside.cut(leader, *others)
        begun = time.monotonic()
        time.sleep(LASTS)
        meanwhile = cluster.leader(tuple(standbys))
        acknowledged = sum(
            call.photo is not None and begun + 1 < call.begun < begun + LASTS for call in list(client.calls)
        )
        cluster.inside.heal(leader)
        client.wait(100, 120)
        whole = cluster.wait_whole(WHOLE)
    if what == "all others":
        assert meanwhile in standbys, f"{meanwhile or 'no member'} led while {leader} was cut off"
    else:
        # Cut from etcd, it goes on while all members answer it (failsafe mode); no key says so.
        assert meanwhile == ("" if what == "etcd" else leader), f"{meanwhile or 'no member'} led meanwhile"
        assert (cluster.leader(), timeline(cluster)) == (leader, before), f"{leader} was demoted"
    # Without a standby no write is acknowledged.
    assert (acknowledged == 0) == (what == "its standbys"), (
        f"{acknowledged} uploads were acknowledged meanwhile"
    )
    figure(cluster.report(f"{leader} cut from {what} for {LASTS} s", client, since, whole))


def test_patroni_of_the_leader_hangs(cluster: Cluster, client: Counting, figure: Say) -> None:
    """Its server lives on without it: what that would acknowledge, the next one may not have."""
    leader, before = cluster.leader(), timeline(cluster)
    hangs = "systemctl kill --kill-whom=main --signal={} patroni.service"
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        try:
            cluster.inside.run(leader, hangs.format("STOP"))
            time.sleep(LASTS)
        finally:
            cluster.inside.run(leader, hangs.format("CONT"))
        client.wait(100, 60)
        whole = cluster.wait_whole(WHOLE)
    assert timeline(cluster) != before, f"no member took over from {leader}"
    figure(cluster.report(f"Patroni of {leader} hung for {LASTS} s", client, since, whole))


def test_all_of_etcd_is_down_and_back(cluster: Cluster, client: Counting, figure: Say) -> None:
    leader, before = cluster.leader(), timeline(cluster)
    control = of_tier(cluster, "control")
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        try:
            for name in control:
                cluster.inside.run(name, "systemctl stop etcd.service")
            client.wait(int(LASTS * client.rate / 2), 2 * LASTS)
            gap = client.gap(since)
        finally:
            for name in control:
                cluster.inside.run(name, "systemctl start --no-block etcd.service")
        client.wait(100, 60)
        whole = cluster.wait_whole(WHOLE)
    assert (cluster.leader(), timeline(cluster)) == (leader, before), f"{leader} was demoted"
    figure(cluster.report(f"etcd down for {LASTS} s (gap {gap:.2f} s)", client, since, whole))


def test_the_disk_of_one_member_of_etcd_is_full(cluster: Cluster, client: Counting, figure: Say) -> None:
    leader, before, hit = cluster.leader(), timeline(cluster), etcds_leader(cluster)
    assert hit
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        # It ends with an error when nothing is left, which is what it is for.
        fill = "dd if=/dev/zero of=/var/lib/etcd/drill bs=1M status=none || true"
        try:
            cluster.inside.run(hit, fill)
            time.sleep(LASTS)
        finally:
            cluster.inside.run(hit, "rm -f /var/lib/etcd/drill; systemctl start --no-block etcd.service")
        whole = cluster.wait_whole(WHOLE)
    assert (cluster.leader(), timeline(cluster)) == (leader, before), f"{leader} was demoted"
    figure(cluster.report(f"disk of etcd on {hit} full for {LASTS} s", client, since, whole))


def test_etcds_leader_is_killed_again_and_again(
    cluster: Cluster, client: Counting, figure: Say, request: pytest.FixtureRequest
) -> None:
    leader, before = cluster.leader(), timeline(cluster)
    rounds, hit = int(request.config.option.rounds), []
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        for _ in range(rounds):
            while not (name := etcds_leader(cluster)):
                assert time.monotonic() - since < 60 * rounds, "no member of etcd leads"
                time.sleep(0.2)
            hit.append(name)
            cluster.inside.run(name, "systemctl kill --signal=KILL etcd.service")
            client.wait(200, 60)
        whole = cluster.wait_whole(WHOLE)
    assert (cluster.leader(), timeline(cluster)) == (leader, before), f"{leader} was demoted"
    figure(cluster.report(f"etcd's leader killed {rounds} times ({' '.join(hit)})", client, since, whole))


def test_a_standby_leaves_and_then_the_leaders_host_stops(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Say, request: pytest.FixtureRequest
) -> None:
    """Whoever is left has all that was acknowledged, or does not lead."""
    rounds = int(request.config.option.rounds)
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        for _ in range(rounds):
            leader = cluster.leader()
            standby = draw.choice([name for name in cluster.members if name != leader])
            cluster.inside.run(standby, "systemctl stop patroni.service")
            time.sleep(draw.uniform(0, SECOND))
            cluster.inside.stop(leader)
            time.sleep(draw.uniform(5, 30))
            cluster.inside.run(standby, "systemctl start patroni.service")
            cluster.inside.start(leader)
            client.wait(100, 120)
            whole = cluster.wait_whole(WHOLE)
            assert not cluster.lost(client.acknowledged)
    figure(cluster.report(f"{rounds} times a standby, then the leader's host", client, since, whole))


def test_every_host_loses_its_power_at_once(cluster: Cluster, client: Counting, figure: Say) -> None:
    """As when the machine, or a room, is without power: all come back, in any order, and are a whole."""
    hosts = [host.name for host in cluster.contract.hosts]
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        try:
            with ThreadPoolExecutor(len(hosts)) as pool:
                list(pool.map(cluster.inside.stop, hosts))
        finally:
            for name in hosts:
                cluster.inside.start(name)
        client.wait(100, 240)
        whole = cluster.wait_whole(WHOLE)
    figure(cluster.report("power of every host cut", client, since, whole))


OF_THE_APP = "SELECT pid FROM pg_stat_activity WHERE usename = 'photos_app'"
CHECKPOINTER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"


@pytest.mark.parametrize(("which", "sql"), [("a backend", OF_THE_APP), ("the checkpointer", CHECKPOINTER)])
def test_a_process_of_the_server_is_killed(
    which: str, sql: str, cluster: Cluster, client: Counting, figure: Say
) -> None:
    """The server ends its sessions and recovers by itself, or another member leads."""
    leader = cluster.leader()
    with client:
        client.wait(100, 60)
        pid = int(cluster.query(sql).split()[0])
        since = time.monotonic()
        cluster.inside.run(leader, f"kill -KILL {pid}")
        client.wait(100, 60)
        whole = cluster.wait_whole(WHOLE)
    figure(cluster.report(f"{which} of {leader} killed", client, since, whole))
