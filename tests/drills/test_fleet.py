"""Procedures that go from host to host while a client uploads: a new release of Patroni, restarts of hosts.

An older release is a copy of the installed one under another name, of which each member's Patroni is started.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from infra.contract import Contract
from tests.drills import living
from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.hosts import Inside
from tests.drills.living import playbook
from tests.drills.runs import until
from tests.drills.verifier import Verifier

#: The name of the release that members run before the first drill.
OLDER = "drill-older"
DROP_IN = "/run/systemd/system/patroni.service.d/drill.conf"
#: Prints the name of the release that Patroni's process is of.
RELEASE = (
    "tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID patroni.service)/cmdline "
    "| sed -n 's,^/opt/patroni/releases/\\([^/]*\\)/bin/patroni$,\\1,p'"
)
MAKE_OLDER = f"""
cd /opt/patroni/releases
cp -a "$(sed -n 's,^ExecStart=.*/\\([^/]*\\)/bin/.*,\\1,p' /etc/systemd/system/patroni.service)" {OLDER}
mkdir -p "$(dirname {DROP_IN})"
printf '[Service]\\nExecStart=\\nExecStart=%s /etc/patroni/patroni.yml\\n' \\
  "$PWD/{OLDER}/bin/patroni" > {DROP_IN}
systemctl daemon-reload
systemctl restart patroni.service
rm {DROP_IN}
systemctl daemon-reload
"""
#: A playbook of all hosts of a tier.
procedure = partial(living.procedure, seconds=1200)
#: Seconds that calls may go unanswered while another member takes over, on a host under other work.
GAP = 5


@pytest.fixture
def older(cluster: Cluster) -> Iterator[list[str]]:
    """All members, with Patroni of another release than the one installed."""
    for member in cluster.members:
        cluster.inside.run(member, MAKE_OLDER)
        # What one was says nothing of what it is: Patroni's keys outlive it for a while.
        time.sleep(2)
        cluster.wait_whole(WHOLE)
    yield list(cluster.members)
    for member in cluster.members:
        cluster.inside.run(member, f"rm -rf /opt/patroni/releases/{OLDER}")


def boots(inside: Inside, names: list[str]) -> dict[str, str]:
    return {name: inside.run(name, "cat /proc/sys/kernel/random/boot_id") for name in names}


def finish(cluster: Cluster, client: Counting, what: str, since: float, took: float) -> str:
    """A line of figures, once the client goes on; fails where an acknowledged upload is lost."""
    client.wait(50, 30)
    return f"{cluster.report(what, client, since, cluster.wait_whole(WHOLE))}; the playbook took {took:.0f} s"


def test_a_new_release_of_patroni_runs_after_rolling(
    older: list[str], cluster: Cluster, client: Counting, stack: str, figure: Callable[[str], None]
) -> None:
    running = {name: cluster.inside.run(name, RELEASE) for name in older}
    assert set(running.values()) == {OLDER}
    said = playbook(stack, "--tags", "patroni")
    assert [name for name in older if f"{name}: Patroni runs release {OLDER}" not in said] == []
    assert "3 of 3 members wait for a restart" in procedure(stack, "rolling", "--check")
    assert {name: cluster.inside.run(name, RELEASE) for name in older} == running
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        procedure(stack, "rolling")
        took = time.monotonic() - since
        figure(finish(cluster, client, "rolling to a new release", since, took))
    now = {name: cluster.inside.run(name, RELEASE) for name in older}
    assert OLDER not in now.values()
    assert "" not in now.values()
    # Nothing waits any more, so nothing is restarted.
    assert "changed=0" in procedure(stack, "rolling").split("PLAY RECAP")[1]
    assert client.gap(since) < GAP


def names_of(contract: Contract, what: str) -> list[str]:
    """Hosts of a tier; of control hosts those without which no call fails."""
    return [
        host.name
        for host in contract.hosts
        if host.tier == what and not (what == "control" and "s3" in host.components)
    ]


@pytest.mark.parametrize("tier", ["database", "control", "web"])
def test_hosts_restart_one_after_the_other(
    tier: str,
    cluster: Cluster,
    client: Counting,
    verifier: Verifier,
    stack: str,
    figure: Callable[[str], None],
) -> None:
    names = names_of(verifier.contract, tier)
    # A host by its name where others of the tier are to stay as they are.
    one = ["-e", f"host={names[0]}"] if tier == "control" else ["-e", f"tier={tier}"]
    names = names[:1] if tier == "control" else names
    alone = tier == "web" and len(names) == 1
    before = boots(cluster.inside, names)
    options = [*one, *(["-e", f"outage={names[0]}"] if alone else [])]
    procedure(stack, "reboot", *options, "--check")
    assert boots(cluster.inside, names) == before
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        said = procedure(stack, "reboot", *options)
        took = time.monotonic() - since
        figure(finish(cluster, client, f"restart of {', '.join(names)}", since, took))
    now = boots(cluster.inside, names)
    assert [name for name in names if now[name] == before[name]] == []
    assert "all of them whole again" in said
    verifier.hosts.forget(*names)
    assert alone or client.gap(since) < GAP


def test_units_that_run_replaced_files_restart(
    cluster: Cluster, client: Counting, stack: str, figure: Callable[[str], None]
) -> None:
    """As a security update of a library leaves a member: the same name, another file."""
    library = "/usr/lib/x86_64-linux-gnu/libssl.so.3"
    for member in cluster.members:
        cluster.inside.run(member, f"cp -p {library} {library}.drill && mv {library}.drill {library}")
    said = procedure(stack, "update", "-e", "tier=database", "--check")
    assert said.count("patroni.service") == len(cluster.members)
    with client:
        client.wait(50, 30)
        since = time.monotonic()
        procedure(stack, "update", "-e", "tier=database")
        took = time.monotonic() - since
        figure(finish(cluster, client, "restart of what runs a library of before", since, took))
    assert "nothing was due" in procedure(stack, "update", "-e", "tier=database")
    assert client.gap(since) < GAP


def test_a_host_that_stays_away_ends_the_run_with_the_others_untouched(
    cluster: Cluster, stack: str, figure: Callable[[str], None]
) -> None:
    """A standby whose Patroni does not start at boot: the next member is not restarted."""
    leader = cluster.leader()
    first, second = sorted(name for name in cluster.members if name != leader)
    before = boots(cluster.inside, [first, second, leader])
    cluster.inside.run(first, "systemctl disable patroni.service")
    try:
        since = time.monotonic()
        with pytest.raises(AssertionError, match=f"{first}: patroni.service not running"):
            procedure(stack, "reboot", "-e", "tier=database")
        figure(f"a member that stays away ends the run after {time.monotonic() - since:.0f} s")
        now = boots(cluster.inside, [first, second, leader])
        assert [name for name in now if now[name] != before[name]] == [first]
    finally:
        cluster.inside.run(first, "systemctl enable --now patroni.service")
        until("the member", cluster.whole, WHOLE)
