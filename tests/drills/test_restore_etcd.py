"""All of etcd's data is destroyed, and an old snapshot restored: no acknowledged upload is lost.

After the snapshot another member took the lead, /sync changed, and the member that the snapshot has as its
leader was stopped while the others went on: who believes the snapshot loses what was acknowledged since.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial

from tests.drills import living
from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.living import playbook

#: Seconds for the playbook; it stops and starts all members of etcd and of the database.
RESTORED = 600
procedure = partial(living.procedure, seconds=RESTORED)
SNAPSHOT = "systemctl start flashtier-etcd-snapshot.service && ls -1 /var/lib/etcd-snapshots/*.db | tail -n 1"


def test_an_old_snapshot_loses_no_acknowledged_upload(
    cluster: Cluster, client: Counting, figure: Callable[[str], None]
) -> None:
    inside, stack = cluster.inside, cluster.contract.stack
    control = [host.name for host in cluster.contract.hosts if "etcd" in host.components]
    old = cluster.leader()
    with client:
        client.wait(100, 60)
        snapshot = inside.run(control[0], SNAPSHOT)
        procedure(stack, "switchover")
        leader = cluster.leader()
        third = next(name for name in cluster.members if name not in (old, leader))
        inside.run(third, "systemctl stop patroni.service")
        client.wait(100, 60)
        inside.run(third, "systemctl start patroni.service")
        cluster.wait_whole(WHOLE)
        inside.run(old, "systemctl stop patroni.service")
        client.wait(200, 60)
        since = time.monotonic()
        for host in control:
            inside.run(host, "systemctl stop etcd.service && rm --recursive --force /var/lib/etcd/data")
        begun = time.monotonic()
        said = procedure(stack, "restore_etcd", "-e", f"confirm={stack}", "-e", f"snapshot={snapshot}")
        took = time.monotonic() - begun
        client.wait(100, 120)
        whole = cluster.wait_whole(WHOLE)
    now = cluster.leader()
    assert now != old, f"{old} leads, as in the snapshot, and it was stopped before the last uploads\n{said}"
    figure(
        cluster.report(
            f"etcd destroyed and restored in {took:.0f} s; {old} led in the snapshot, {leader} before the "
            f"loss and {now} after it",
            client,
            since,
            whole,
        )
    )
    again = playbook(stack)
    assert not re.search(r"changed=[1-9]", again), f"the next run changes something:\n{again[-3000:]}"
