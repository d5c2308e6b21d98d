"""The cluster under faults, with a client outside that counts every acknowledged upload.

Whoever leads when a drill begins is the one that is hit. `make test` runs this too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drills.cluster import Cluster
from tests.drills.counting import Counting
from tests.drills.hosts import Inside
from tests.drills.verifier import Verifier

#: Seconds in which a cluster is whole again after a member was hit: rewind, replay and two turns of the loop.
WHOLE = 180


@pytest.fixture
def cluster(verifier: Verifier) -> Iterator[Cluster]:
    made = Cluster(verifier.contract, Inside(verifier.contract))
    if len(made.members) < 3:
        pytest.skip(f"{len(made.members)} members: a quorum needs three")
    made.wait_whole(WHOLE)
    yield made
    made.wait_whole(WHOLE)
    made.tidy()
    verifier.hosts.forget(*made.members)


@pytest.fixture
def client(verifier: Verifier, tmp_path: Path) -> Counting:
    authority = tmp_path / "ca.crt"
    authority.write_text(verifier.contract.ca_certificate)
    return Counting(verifier.contract, authority)


def report(what: str, client: Counting, since: float, whole: float, cluster: Cluster) -> str:
    """Fails where an acknowledged upload is lost."""
    lost = cluster.lost(client.acknowledged)
    assert not lost, f"{what}: {len(lost)} acknowledged uploads are lost: {lost[:10]}"
    return (
        f"{what}: {len(client.acknowledged)} uploads acknowledged, 0 lost; {client.failed} failed, gap "
        f"{client.gap(since):.2f} s, whole again after {whole:.1f} s"
    )


def test_the_postmaster_is_killed(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Callable[[str], None]
) -> None:
    leader = cluster.leader()
    with client:
        client.wait(100, 60)
        time.sleep(draw.random())
        since = time.monotonic()
        cluster.inside.run(leader, "kill -KILL $(head -1 /pg/data/17/postmaster.pid)")
        client.wait(100, 60)
        whole = cluster.wait_whole(WHOLE)
    figure(report(f"postmaster of {leader} killed", client, since, whole, cluster))


def test_the_host_of_the_leader_stops(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Callable[[str], None]
) -> None:
    leader = cluster.leader()
    others = tuple(name for name in cluster.members if name != leader)
    with client:
        client.wait(100, 60)
        time.sleep(draw.random())
        since = time.monotonic()
        cluster.inside.stop(leader)
        try:
            client.wait(100, 120)
            assert cluster.leader(others) in others
        finally:
            cluster.inside.start(leader)
        whole = cluster.wait_whole(WHOLE)
    figure(report(f"host of {leader} stopped hard", client, since, whole, cluster))


def test_one_standby_is_lost_and_then_the_other(
    cluster: Cluster, client: Counting, draw: random.Random, figure: Callable[[str], None]
) -> None:
    """With one copy no write is acknowledged; reads go on, and writes resume by themselves."""
    leader = cluster.leader()
    standbys = [name for name in cluster.members if name != leader]
    draw.shuffle(standbys)
    with client:
        client.wait(100, 60)
        since = time.monotonic()
        cluster.inside.stop(standbys[0])
        try:
            client.wait(100, 60)
            one = client.gap(since)
            cluster.inside.stop(standbys[1])
            alone = time.monotonic()
            time.sleep(10)
            late = [call for call in client.calls if call.photo is not None and call.begun > alone + 1]
            assert not late, f"{len(late)} uploads were acknowledged with one copy"
            assert cluster.query("SELECT count(*) >= 0 FROM photos") == "t"
        finally:
            for name in standbys:
                cluster.inside.start(name)
        client.wait(100, 120)
        whole = cluster.wait_whole(WHOLE)
    figure(
        report(f"{standbys[0]} stopped (gap {one:.2f} s), then {standbys[1]}", client, since, whole, cluster)
    )
