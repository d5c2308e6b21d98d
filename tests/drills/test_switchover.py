"""Planned switchovers under load, by the playbook: how long no call is answered, and that none fails.

`ROUNDS` of them, whoever leads; `RATE=1157` for the load of a day of 100 million calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.cluster import Cluster
from tests.drills.hosts import Inside
from tests.drills.living import procedure
from tests.drills.mixed import Mixed, percentile
from tests.drills.verifier import Verifier

#: Seconds in which a cluster is whole again.
WHOLE = 120


def test_no_call_fails_while_another_member_takes_over(
    verifier: Verifier, tmp_path: Path, figure: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    cluster = Cluster(verifier.contract, Inside(verifier.contract))
    if len(cluster.members) < 3:
        pytest.skip(f"{len(cluster.members)} members: there is no one to switch over to")
    cluster.wait_whole(WHOLE)
    authority = tmp_path / "ca.crt"
    authority.write_text(verifier.contract.ca_certificate)
    rate, rounds = float(os.environ.get("RATE", "400")), int(request.config.option.rounds)
    gaps, failed, calls = [], 0, 0
    with Mixed(verifier.contract.url, authority, rate=rate) as load:
        time.sleep(3)
        for number in range(rounds):
            leader, since = cluster.leader(), time.monotonic()
            procedure(verifier.contract.stack, "switchover", seconds=300)
            cluster.wait_whole(WHOLE)
            until = time.monotonic()
            now = cluster.leader()
            assert now != leader, f"{leader} still leads"
            # What was due may be answered later.
            time.sleep(2)
            due = load.between(since, until)
            gaps.append(load.gap(since, until))
            bad = [call for call in due if call.failed]
            failed, calls = failed + len(bad), calls + len(due)
            figure(
                f"switchover {number + 1}: {leader} -> {now}, gap {gaps[-1]:.2f} s, {len(bad)} of {len(due)} "
                f"calls failed {sorted({call.status for call in bad})}, p99 {percentile(due, 0.99):.0f} ms"
            )
    lost = cluster.lost_views(load.acknowledged)
    cluster.tidy()
    figure(
        f"{rounds} switchovers at {rate:.0f} calls/s: gap "
        + ", ".join(f"{gap:.2f}" for gap in sorted(gaps))
        + f" s; {failed} of {calls} calls failed; "
        f"{sum(load.acknowledged.values())} views acknowledged, {len(lost)} lost"
    )
    assert not lost
    # Also what was due in a round and ended after it.
    assert [call for call in load.calls if call.failed] == []
