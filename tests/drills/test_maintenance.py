"""Maintenance: procedures refuse meanwhile, site.yml leaves it, and its end needs no controller."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

from infra.paths import ROOT
from tests.drills.cluster import Cluster
from tests.drills.living import playbook, procedure, words
from tests.drills.runs import environment, until
from tests.drills.verifier import Verifier

#: Seconds in which members end what is not declared (5), and Patroni reads it (2), with a slow machine.
ENDS = 20
PATRONICTL = "/opt/patroni/releases/*/bin/patronictl -c /etc/patroni/patroni.yml"


def paused(cluster: Cluster) -> bool:
    """By the settings in etcd, as a member's patronictl shows them."""
    said = cluster.inside.run(cluster.members[0], f"{PATRONICTL} show-config")
    return "pause: true" in said


def maintenance(stack: str, *options: str) -> str:
    return procedure(stack, "maintenance", *options)


def test_a_pause_by_hand_ends_by_itself(cluster: Cluster, figure: Callable[[str], None]) -> None:
    cluster.inside.run(cluster.members[0], f"{PATRONICTL} pause --wait")
    since = time.monotonic()
    until("the end of the pause", lambda: not paused(cluster), ENDS)
    figure(f"a pause by hand ended after {time.monotonic() - since:.1f} s")


def test_a_maintenance_is_kept_to_its_end_and_ends_by_itself(
    verifier: Verifier, stack: str, cluster: Cluster, figure: Callable[[str], None]
) -> None:
    maintenance(stack, "-e", "for=2m", "-e", "reason=drill")
    end = time.monotonic() + 120
    assert paused(cluster)
    refused = subprocess.run(
        words("switchover"),
        cwd=ROOT,
        env=environment(stack),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode != 0
    assert "has declared a maintenance (drill) until" in refused.stdout
    said = playbook(stack, "--limit", "database", "--tags", "patroni")
    assert [line for line in said.splitlines() if "changed=" in line and "changed=0" not in line] == []
    assert paused(cluster)
    status = subprocess.run(
        ["flashtier", "status", "-s", stack, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (declared,) = json.loads(status.stdout)["maintenance"]
    assert declared["reason"] == "drill"
    until("its end", lambda: not paused(cluster), max(0.0, end - time.monotonic()) + ENDS)
    figure(
        f"a maintenance of 2 min ended {time.monotonic() - end:+.1f} s after its end, without a controller"
    )


def test_a_maintenance_ends_when_the_work_is_done(stack: str, cluster: Cluster) -> None:
    maintenance(stack, "-e", "for=10m", "-e", "reason=drill")
    assert paused(cluster)
    maintenance(stack, "-e", "end=now")
    assert not paused(cluster)
