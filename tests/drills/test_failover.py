"""The cluster under faults, with a client outside that counts every acknowledged upload.

Whoever leads when a drill begins is the one that is hit. `make test` runs this too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting


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
    figure(cluster.report(f"postmaster of {leader} killed", client, since, whole))


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
    figure(cluster.report(f"host of {leader} stopped hard", client, since, whole))


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
        cluster.report(f"{standbys[0]} stopped (gap {one:.2f} s), then {standbys[1]}", client, since, whole)
    )
