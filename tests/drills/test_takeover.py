"""A leader that is stuck or gone gives way in seconds, and no acknowledged write is lost.

Whoever leads when a drill begins is the one that is hit; a client outside uploads meanwhile. The kit is never
told that a host stopped: what makes it safe is that all other members seal it off. `ROUNDS`: of each case.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import pytest

from tests.drills import loads, stalls
from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.living import procedure
from tests.drills.runs import until

Say = Callable[[str], None]
Stage = Callable[[Cluster, str], AbstractContextManager[None]]

#: Seconds that a fault lasts after another member leads.
LASTS = 10
#: Seconds after which the kernel ends a seal that nobody renews, and for nft to say so.
SEAL_ENDS = 20
HANGS = "systemctl kill --kill-whom=main --signal={} patroni.service"


@contextmanager
def stopped(cluster: Cluster, host: str) -> Iterator[None]:
    """Its power is cut."""
    cluster.inside.stop(host)
    try:
        yield
    finally:
        cluster.inside.start(host)


@contextmanager
def cut_off(cluster: Cluster, host: str) -> Iterator[None]:
    """No packet between it and any other host arrives."""
    cluster.inside.cut(host, *(other.name for other in cluster.contract.hosts if other.name != host))
    try:
        yield
    finally:
        cluster.inside.heal(host)


@contextmanager
def frozen(cluster: Cluster, host: str) -> Iterator[None]:
    """Every process of it stands still, and its network answers as the kernel does."""
    cluster.inside.freeze(host)
    try:
        yield
    finally:
        cluster.inside.thaw(host)


@contextmanager
def without_patroni(cluster: Cluster, host: str) -> Iterator[None]:
    """Patroni stands still, and its server goes on acknowledging."""
    cluster.inside.run(host, HANGS.format("STOP"))
    try:
        yield
    finally:
        cluster.inside.run(host, HANGS.format("CONT"))


@contextmanager
def hung(cluster: Cluster, host: str) -> Iterator[None]:
    with stalls.hung(cluster.inside, host):
        yield


@contextmanager
def failing(cluster: Cluster, host: str) -> Iterator[None]:
    """Nothing but a reboot brings the file system back."""
    stalls.fail(cluster.inside, host)
    try:
        yield
    finally:
        cluster.inside.stop(host)
        cluster.inside.start(host)


GONE, STUCK = (stopped, cut_off, frozen, without_patroni), (hung, failing)


def ready(cluster: Cluster) -> str:
    """The member that leads, once it has for a ttl and nothing hinders a takeover."""
    deadline = time.monotonic() + 60
    while found := cluster.hindered():
        assert time.monotonic() < deadline, f"not ready for a takeover: {found}"
        time.sleep(1)
    return cluster.leader()


def leads_elsewhere(cluster: Cluster, leader: str) -> bool:
    """By the word of the others."""
    others = tuple(name for name in cluster.members if name != leader)
    return cluster.leader(others) in others


def sealed(cluster: Cluster) -> dict[str, list[str]]:
    """Who is sealed off, by host, as the agents publish it."""
    agents = cluster.keys("takeover/agents/")
    return {host: agent["sealed"] for host, agent in agents.items() if agent["sealed"]}


@pytest.mark.parametrize("stage", GONE + STUCK, ids=lambda stage: stage.__name__)
def test_a_leader_gives_way(
    stage: Stage,
    cluster: Cluster,
    client: Counting,
    draw: random.Random,
    figure: Say,
    request: pytest.FixtureRequest,
) -> None:
    for number in range(request.config.option.rounds):
        leader = ready(cluster)
        with client:
            client.wait(100, 60)
            time.sleep(draw.random() * 2)
            since = time.monotonic()
            with stage(cluster, leader):
                until(f"{leader} leads no longer", partial(leads_elsewhere, cluster, leader))
                client.wait(50, 60)
                gap = client.gap(since)
                time.sleep(LASTS)
            client.wait(100, 60)
            whole = cluster.wait_whole(WHOLE)
        assert sealed(cluster) == {}
        what = f"{number + 1}: {leader} {stage.__name__}, writes elsewhere after {gap:.2f} s"
        figure(cluster.report(what, client, since, whole))
        client.calls.clear()


def test_a_standby_that_hangs_delays_no_write(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Say
) -> None:
    leader = ready(cluster)
    standby = draw.choice([name for name in cluster.members if name != leader])
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        with hung(cluster, standby):
            time.sleep(LASTS * 2)
            assert cluster.leader() == leader
            longest = max(call.ended - call.begun for call in list(client.calls) if call.begun > since)
        client.wait(100, 60)
        whole = cluster.wait_whole(WHOLE)
    figure(cluster.report(f"{standby} hung, longest call {longest:.2f} s", client, since, whole))


def test_the_leader_stands_still_for_a_while(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Say, request: pytest.FixtureRequest
) -> None:
    """For less than it takes, for as long, and for longer: whatever comes of it, two never acknowledge."""
    moved = 0
    for _ in range(request.config.option.rounds):
        leader = ready(cluster)
        seconds = draw.uniform(1, 8)
        with client:
            client.wait(100, 60)
            since = time.monotonic()
            with frozen(cluster, leader):
                time.sleep(seconds)
            client.wait(100, 60)
            whole = cluster.wait_whole(WHOLE)
        moved += cluster.leader() != leader
        figure(cluster.report(f"{leader} stood still for {seconds:.1f} s", client, since, whole))
        client.calls.clear()
    figure(f"the lead moved {moved} times of {request.config.option.rounds}")


def test_the_unit_that_takes_the_lead_is_killed(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Say, request: pytest.FixtureRequest
) -> None:
    """All of them at once, at drawn moments around their work; systemd starts them again."""
    control = [host.name for host in cluster.contract.hosts if "release" in host.components]
    for _ in range(request.config.option.rounds):
        leader = ready(cluster)
        moment = draw.uniform(0.0, 1.5)
        with client:
            client.wait(100, 60)
            since = time.monotonic()
            with hung(cluster, leader):
                while (
                    "takeover/order" not in cluster.keys("takeover/")
                    and time.monotonic() < since + moment + 2
                ):
                    time.sleep(0.01)
                for name in control:
                    cluster.inside.run(name, "systemctl kill --signal=KILL flashtier-release.service")
                client.wait(50, 60)
                gap = client.gap(since)
                time.sleep(SEAL_ENDS)
            client.wait(100, 60)
            whole = cluster.wait_whole(WHOLE)
        assert sealed(cluster) == {}
        figure(cluster.report(f"{leader} hung, units killed ({gap:.2f} s)", client, since, whole))
        client.calls.clear()


def test_a_member_is_copied_from_one_that_gave_way(
    cluster: Cluster, client: Counting, stack: str, figure: Say
) -> None:
    """Its own Patroni is stopped meanwhile, so that it says no timeline: it must not seal the source off."""
    leader = ready(cluster)
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        with cut_off(cluster, leader):
            until(f"{leader} leads no longer", partial(leads_elsewhere, cluster, leader))
        cluster.wait_whole(WHOLE)
        third = next(name for name in cluster.members if name not in (leader, cluster.leader()))
        procedure(stack, "replace_member", "-e", f"member={third}")
        whole = cluster.wait_whole(WHOLE)
    what = f"{leader} cut off and back, then {third} copied from a standby"
    figure(cluster.report(what, client, since, whole))


def lost_probes(cluster: Cluster) -> dict[str, int]:
    """Probes of each member that did not come back in time, as its node_exporter passes them on."""
    read = "grep -h ^flashtier_probe_lost_total /run/flashtier-probe/probe.prom | cut -d' ' -f2"
    return {
        name: sum(int(float(line)) for line in cluster.inside.run(name, read).split())
        for name in cluster.members
    }


def test_load_moves_no_lead(cluster: Cluster, client: Counting, figure: Say) -> None:
    """`MINUTES` with the leader's device at its cap and a neighbour on the machine: slow is not stuck."""
    minutes = float(os.environ.get("MINUTES", "3"))
    leader = ready(cluster)
    before, last = lost_probes(cluster), cluster.keys("takeover/last")
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        with loads.neighbour(), loads.device_at_its_cap(cluster.inside, leader):
            time.sleep(60 * minutes)
            longest = max(call.ended - call.begun for call in list(client.calls) if call.begun > since)
        client.wait(100, 60)
        whole = cluster.wait_whole(WHOLE)
    assert (cluster.leader(), cluster.keys("takeover/last")) == (leader, last)
    assert lost_probes(cluster) == before
    what = f"{minutes:g} minutes at the device's cap, no probe lost, longest call {longest:.2f} s"
    figure(cluster.report(what, client, since, whole))


def test_it_is_switched_off_by_one_command(cluster: Cluster, stack: str, figure: Say) -> None:
    leader = ready(cluster)
    try:
        procedure(stack, "takeover", "-e", "switch=off", "-e", "reason=drill")
        with hung(cluster, leader):
            time.sleep(15)
            assert cluster.leader(tuple(name for name in cluster.members if name != leader)) == leader
    finally:
        procedure(stack, "takeover", "-e", "switch=on")
    figure(f"{leader} hung for 15 s and kept its lead: takeovers were switched off")
