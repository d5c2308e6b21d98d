"""Members leave the cluster and come back while a client uploads, and hosts get a new root disk.

`make drills DRILL=members`. Playbooks are killed at moments that the seed draws, and run again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.drills import living
from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.living import attempt, command, kill, playbook, start
from tests.drills.runs import until
from tests.drills.verifier import Verifier

#: Seconds of a playbook, a copy of a small database with it.
RUNS = 900
#: Seconds that calls may go unanswered: no lead moves.
GAP = 2
#: The same where another member takes over, on a host under other work.
LEADS = 5
ON_THE_ROOT_DISK = "/root/drill"
#: Bytes of a file of WAL, and how many files more than the leader keeps are written.
SEGMENT, MORE = 16 << 20, 8
#: Patroni makes the slot again, from where the leader is then.
FORGET = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"
FILL = (
    "SELECT count(pg_logical_emit_message(false, 'drill', 'fills')), count(pg_switch_wal())"
    " FROM generate_series(1, FILES)"
)


def words(name: str, *options: str) -> tuple[str, ...]:
    return living.words(f"{name}_member", *options)


def run(stack: str, name: str, member: str, *options: str) -> str:
    """Output of the playbook, which must succeed, without the ends of its lines: Ansible wraps messages."""
    said = command(stack, *words(name, "-e", f"member={member}", *options), seconds=RUNS)
    return " ".join(said.split())


def remove(stack: str, member: str) -> str:
    return run(stack, "remove", member, "-e", f"confirm={member}")


def refused(stack: str, name: str, member: str, *options: str) -> str:
    code, said = attempt(stack, *words(name, "-e", f"member={member}", *options), seconds=RUNS)
    assert code, said[-1500:]
    return " ".join(said.split())


def killed(stack: str, after: float, name: str, *options: str) -> bool:
    """Start a playbook and end it after so many seconds; whether that was in the middle of it."""
    return ended(stack, after, words(name, *options))


def ended(stack: str, after: float, line: tuple[str, ...]) -> bool:
    started = start(stack, line)
    time.sleep(after)
    middle = started.poll() is None
    kill(started)
    return middle


def status(stack: str) -> str:
    _, said = attempt(stack, "flashtier", "status", "-s", stack)
    return said


def standby(cluster: Cluster) -> str:
    return max(name for name in cluster.members if name != cluster.leader())


def runs(cluster: Cluster, member: str) -> bool:
    return cluster.inside.run(member, "systemctl is-active patroni.service", check=False) == "active"


def oldest(cluster: Cluster) -> str:
    """The first file of WAL that the leader has, without its timeline."""
    asked = "SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}\\$'"
    return cluster.query(asked)


def lose_wal(cluster: Cluster) -> None:
    """Have the leader write so much that nothing is left of what a member without a server would ask for."""
    kept = int(cluster.query("SELECT setting FROM pg_settings WHERE name = 'wal_keep_size'")) << 20
    last = cluster.query("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 9)")
    cluster.query(FORGET)
    cluster.query(FILL.replace("FILES", str(kept // SEGMENT + MORE)))

    def gone() -> bool:
        cluster.query("CHECKPOINT")
        return oldest(cluster) > last

    until("files of WAL to go", gone, 120)


def finish(
    cluster: Cluster, client: Counting, what: str, since: float, figure: Callable[[str], None]
) -> None:
    client.wait(50, 30)
    figure(cluster.report(what, client, since, cluster.wait_whole(WHOLE)))


def test_a_member_leaves_stays_away_and_comes_back_with_what_it_has(
    stack: str, cluster: Cluster, client: Counting, verifier: Verifier, figure: Callable[[str], None]
) -> None:
    member, leader = standby(cluster), cluster.leader()
    assert "switchover.yml" in refused(stack, "remove", leader, "-e", f"confirm={leader}")
    assert f"-e confirm={member}" in refused(stack, "remove", member)
    run(stack, "remove", member, "--check")
    assert cluster.whole()
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        remove(stack, member)
        left = time.monotonic() - since
        assert not runs(cluster, member)
        again = playbook(stack)
        assert again.count("changed=0") == len(verifier.contract.hosts), again[-1500:]
        assert f"{member}: was removed on purpose" in again
        assert not runs(cluster, member)
        assert f"{member}: removed on purpose" in status(stack)
        verifier.hosts.forget(*(host.name for host in verifier.contract.hosts))
        outcome = verifier.run()
        other = next(name for name in cluster.members if name not in (member, leader))
        said = refused(stack, "remove", other, "-e", f"confirm={other}")
        assert "without it no standby counts" in said
        begun = time.monotonic()
        said = run(stack, "add", member)
        back = time.monotonic() - begun
        assert "it comes back with what it has" in said
        finish(cluster, client, f"{member} left in {left:.0f} s and was back in {back:.0f} s", since, figure)
    # Uploads of the drill itself are in the tables.
    assert [fault for fault in outcome.faults if member in fault] == []
    again = run(stack, "add", member)
    assert "nothing is left to do" in again
    assert "changed=1" not in again
    assert client.gap(since) < GAP


def test_one_whose_wal_is_gone_comes_back_with_a_new_copy_whatever_is_killed(
    stack: str, cluster: Cluster, client: Counting, draw: random.Random, figure: Callable[[str], None]
) -> None:
    member = standby(cluster)
    leaves, returns = draw.uniform(2, 12), draw.uniform(5, 25)
    confirmed = ("-e", f"member={member}", "-e", f"confirm={member}")
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        first = killed(stack, leaves, "remove", *confirmed)
        remove(stack, member)
        assert not runs(cluster, member)
        lose_wal(cluster)
        second = killed(stack, returns, "add", "-e", f"member={member}")
        said = run(stack, "add", member)
        moments = ", ".join(
            f"{after:.0f} s ({'in the middle' if middle else 'over'})"
            for after, middle in ((leaves, first), (returns, second))
        )
        finish(cluster, client, f"{member} left and got a new copy, killed after {moments}", since, figure)
    assert "PLAY RECAP" in said
    assert client.gap(since) < GAP


def test_a_standby_that_fell_off_is_named_with_what_copies_it(
    stack: str, cluster: Cluster, client: Counting, figure: Callable[[str], None]
) -> None:
    member = standby(cluster)
    copies = f"ansible/playbooks/replace_member.yml -e member={member}"
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        cluster.inside.run(member, "systemctl stop patroni.service")
        try:
            lose_wal(cluster)
        finally:
            cluster.inside.run(member, "systemctl start patroni.service")
        until("its server to answer", lambda: f"{member} cannot follow any more" in status(stack), 60)
        line = next(one for one in status(stack).splitlines() if f"{member} cannot follow" in one)
        assert copies in line
        said = " ".join(playbook(stack, "--tags", "patroni").split())
        assert "it cannot follow any more" in said
        assert copies in said
        run(stack, "replace", member)
        finish(cluster, client, f"{member} fell off, was named and replaced", since, figure)
    assert client.gap(since) < GAP


@pytest.mark.parametrize("whom", ["leader", "web", "control, killed"])
def test_a_host_gets_a_new_root_disk_and_keeps_its_volumes(
    whom: str,
    stack: str,
    cluster: Cluster,
    client: Counting,
    verifier: Verifier,
    draw: random.Random,
    figure: Callable[[str], None],
) -> None:
    hosts = verifier.contract.hosts
    tier = whom.partition(",")[0]
    # Of control hosts one without which no call fails.
    named = [host.name for host in hosts if host.tier == tier and "s3" not in host.components]
    name = cluster.leader() if whom == "leader" else named[-1]
    alone = tier == "web" and len(named) == 1
    line = ("flashtier", "rehydrate", "-s", stack, "--host", name, *(("--outage", name) if alone else ()))
    cluster.inside.run(name, f"touch {ON_THE_ROOT_DISK}")
    what = f"new root disk of {name}"
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        if "killed" in whom:
            after = draw.uniform(10, 90)
            what += (
                f", killed after {after:.0f} s ({'in the middle' if ended(stack, after, line) else 'over'})"
            )
        begun = time.monotonic()
        command(stack, *line, seconds=RUNS)
        figure(f"{what}: {time.monotonic() - begun:.0f} s")
        finish(cluster, client, what, since, figure)
    assert cluster.inside.run(name, f"test -e {ON_THE_ROOT_DISK} || echo gone") == "gone"
    verifier.hosts.forget(*(host.name for host in hosts))
    assert client.gap(since) < (60 if alone else LEADS)


@pytest.mark.parametrize("name", ["remove", "add"])
def test_a_member_that_does_not_exist_is_refused(name: str, stack: str, cluster: Cluster) -> None:
    assert "member = db9: must be one of" in refused(stack, name, "db9")
    assert cluster.whole()
