"""A leader that is stuck or gone gives way in seconds, and no acknowledged write is lost.

Whoever leads when a drill begins is the one that is hit; a client outside uploads meanwhile. The kit is
never told that a host stopped: what makes it safe is that all other members seal it off. `ROUNDS`: of each
case.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.drills import stalls
from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting

Say = Callable[[str], None]
Stage = Callable[[Cluster, str], AbstractContextManager[None]]

#: Seconds that a fault lasts after another member leads.
LASTS = 10


@contextmanager
def stopped(cluster: Cluster, host: str) -> Iterator[None]:
    cluster.inside.stop(host)
    try:
        yield
    finally:
        cluster.inside.start(host)


@contextmanager
def cut_off(cluster: Cluster, host: str) -> Iterator[None]:
    cluster.inside.cut(host, *(other.name for other in cluster.contract.hosts if other.name != host))
    try:
        yield
    finally:
        cluster.inside.heal(host)


@contextmanager
def frozen(cluster: Cluster, host: str) -> Iterator[None]:
    """Every process of the host stands still, and its network answers as the kernel does."""
    cluster.inside.freeze(host)
    try:
        yield
    finally:
        cluster.inside.thaw(host)


@contextmanager
def hung(cluster: Cluster, host: str) -> Iterator[None]:
    with stalls.hung(cluster.inside, host):
        yield


def ready(cluster: Cluster) -> str:
    """The member that leads, once it has for a ttl and nothing hinders a takeover."""
    deadline = time.monotonic() + 60
    while found := cluster.hindered():
        assert time.monotonic() < deadline, f"not ready for a takeover: {found}"
        time.sleep(1)
    return cluster.leader()


@pytest.mark.parametrize("stage", [stopped, cut_off, frozen, hung], ids=lambda stage: stage.__name__)
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
        others = tuple(name for name in cluster.members if name != leader)
        with client:
            client.wait(100, 60)
            time.sleep(draw.random() * 2)
            since = time.monotonic()
            with stage(cluster, leader):
                client.wait(50, 60)
                gap = client.gap(since)
                assert cluster.leader(others) in others
                time.sleep(LASTS)
            client.wait(100, 60)
            whole = cluster.wait_whole(WHOLE)
        figure(cluster.report(f"{number + 1}: {leader} {stage.__name__} ({gap:.2f} s)", client, since, whole))
        client.calls.clear()
