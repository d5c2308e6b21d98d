"""The database moves to another volume and back while a client outside counts what was acknowledged.

`make drills DRILL=move_data`; `ROUNDS` moves there and back, `RATE` calls a second, `GIB` of data. `make
test` runs the one that is killed.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.living import kill
from tests.drills.mixed import Mixed, percentile
from tests.drills.moves import Moves, Samples, asked
from tests.drills.verifier import Verifier

#: A file of a copy that is altered: small, in each cluster, and covered by no checksum of a block.
UNCHECKED = "17/PG_VERSION"
PROGRAM = "/usr/lib/postgresql/17/bin/pg_checksums"
#: Seconds within which a drill finds a phase; a move of a small database takes some ten a member.
SOON = 120


@pytest.fixture
def moves(stack: str, cluster: Cluster, tmp_path: Path) -> Iterator[Moves]:
    """Whatever a drill did, everything lies as declared in the end, and no old copy is left."""
    made = Moves(stack, cluster, tmp_path)
    yield made
    cluster.wait_whole(WHOLE)
    made.declare(made.first)
    made.move(made.first)
    code, said = made.run("-e", f"finalize={made.other}")
    assert code == 0, said[-1500:]
    cluster.tidy()


def test_a_move_that_is_killed_is_finished_by_the_next(
    moves: Moves, cluster: Cluster, client: Counting, draw: random.Random, figure: Callable[[str], None]
) -> None:
    moves.declare(moves.other)
    after = draw.uniform(5, 40)
    with client:
        client.wait(50, 60)
        since = time.monotonic()
        started = moves.start(moves.other)
        time.sleep(after)
        was_over = started.poll() is not None
        at = {name: moves.phase(name) for name in cluster.members}
        kill(started)
        moves.move(moves.other)
        client.wait(50, 60)
        whole = cluster.wait_whole(WHOLE)
    moves.assert_on(moves.other)
    at = {name: phase for name, phase in at.items() if phase}
    figure(
        cluster.report(
            f"move killed after {after:.0f} s ({'over' if was_over else at}), finished by the next",
            client,
            since,
            whole,
        )
    )


def test_the_database_moves_there_and_back(
    moves: Moves,
    cluster: Cluster,
    verifier: Verifier,
    tmp_path: Path,
    figure: Callable[[str], None],
    request: pytest.FixtureRequest,
) -> None:
    rate, rounds = float(os.environ.get("RATE", "400")), int(request.config.option.rounds)
    _fill(cluster, moves.gib)
    authority = tmp_path / "ca.crt"
    authority.write_text(verifier.contract.ca_certificate)
    gaps, failed, calls = [], 0, 0
    with Mixed(verifier.contract.url, authority, rate=rate) as load, Samples(cluster, tmp_path) as samples:
        time.sleep(3)
        for number in range(rounds):
            for volume in (moves.other, moves.first):
                moves.declare(volume)
                since = time.monotonic()
                moves.move(volume)
                cluster.wait_whole(WHOLE)
                until = time.monotonic()
                moves.assert_on(volume)
                time.sleep(2)
                due = load.between(since, until)
                bad = [call for call in due if call.failed]
                gaps.append(load.gap(since, until))
                failed, calls = failed + len(bad), calls + len(due)
                figure(
                    f"move {number + 1} to {volume}: {until - since:.0f} s, gap {gaps[-1]:.2f} s,"
                    f" {len(bad)} of {len(due)} calls failed {sorted({call.status for call in bad})},"
                    f" p99 {percentile(due, 0.99):.0f} ms"
                )
    cluster.query("DROP TABLE IF EXISTS drill_filling")
    lost = cluster.lost_views(load.acknowledged)
    taken, alone = samples.alone()
    figure(
        f"{rounds} moves there and back at {rate:.0f} calls/s: gap "
        + ", ".join(f"{gap:.2f}" for gap in sorted(gaps))
        + f" s; {failed} of {calls} calls failed; {sum(load.acknowledged.values())} views acknowledged,"
        f" {len(lost)} lost; of {taken} samples the longest time without a standby that counts {alone:.2f} s"
    )
    assert not lost
    assert [call for call in load.calls if call.failed] == []


@pytest.mark.parametrize("when", ["before the blocks are checked", "after the blocks were checked"])
def test_a_copy_that_is_not_alike_is_not_used(
    when: str, moves: Moves, cluster: Cluster, client: Counting, figure: Callable[[str], None]
) -> None:
    """One byte of the copy is flipped: the move stops, the old copy serves, and the next run moves it."""
    moves.declare(moves.other)
    victim = min(name for name in cluster.members if name != cluster.leader())
    copy = f"/vol/{moves.other}/data.moving"
    block = f"$(find {copy}/17/base -type f -name '1259' | head -1)"
    file = block if when.startswith("before") else f"{copy}/{UNCHECKED}"
    flip = f"printf '\\377' | dd of={file} bs=1 seek=0 conv=notrunc status=none"
    check = f'{PROGRAM}.real "$@"'
    script = (
        f"#!/bin/sh\n{flip}\n{check}\n"
        if when.startswith("before")
        else f"#!/bin/sh\n{check} || exit\n{flip}\n"
    )
    cluster.inside.run(
        victim, f"mv {PROGRAM} {PROGRAM}.real; printf '%s' {_quoted(script)} > {PROGRAM}; chmod 755 {PROGRAM}"
    )
    try:
        with client:
            client.wait(50, 60)
            since = time.monotonic()
            code, said = moves.run(*asked(moves.other))
            assert code != 0
            assert victim in said
            expected = "pg_checksums" if when.startswith("before") else "The old copy stays in use"
            assert expected in said, said[-1500:]
            whole = cluster.wait_whole(WHOLE)
            assert moves.where()[victim] == {moves.first}
    finally:
        cluster.inside.run(victim, f"mv {PROGRAM}.real {PROGRAM}")
    figure(cluster.report(f"a byte of {victim}'s copy flipped {when}: refused", client, since, whole))
    moves.move(moves.other)
    moves.assert_on(moves.other)


def test_a_host_that_stops_in_a_move_comes_back_whole(
    moves: Moves, cluster: Cluster, client: Counting, draw: random.Random, figure: Callable[[str], None]
) -> None:
    """The power of the member that is moved is cut at a drawn phase: the next run finishes the move."""
    phases = (
        "copies while the server runs",
        "stops the server",
        "copies what has changed",
        "waits until it counts as a copy",
    )
    phase = draw.choice(phases)
    moves.declare(moves.other)
    victim = min(name for name in cluster.members if name != cluster.leader())
    with client:
        client.wait(50, 60)
        since = time.monotonic()
        started = moves.start(moves.other)
        moves.wait_for(victim, phases[phases.index(phase) :], SOON)
        cluster.inside.stop(victim)
        started.wait(300)
        client.wait(50, 60)
        cluster.inside.start(victim)
        whole = cluster.wait_whole(WHOLE)
        moves.move(moves.other)
    moves.assert_on(moves.other)
    figure(
        cluster.report(f"{victim} lost power at '{phase}', finished by the next run", client, since, whole)
    )


def test_the_leader_is_lost_while_a_member_is_out(
    moves: Moves, cluster: Cluster, client: Counting, figure: Callable[[str], None]
) -> None:
    """Writes wait, since one member has them all; they go on as soon as the one that was moved is back."""
    moves.declare(moves.other)
    leader = cluster.leader()
    victim = min(name for name in cluster.members if name != leader)
    out = ("stops the server", "copies what has changed", "checks the copy's blocks", "swaps the volumes")
    with client:
        client.wait(50, 60)
        started = moves.start(moves.other)
        try:
            moves.wait_for(victim, out, SOON)
            since = time.monotonic()
            cluster.inside.stop(leader)
            # The other one takes the lead, and writes go on with the member that is back.
            client.wait(50, 240)
            started.wait(600)
            assert started.returncode != 0, "the move went on though a member was lost"
        finally:
            cluster.inside.start(leader)
        whole = cluster.wait_whole(WHOLE)
        moves.move(moves.other)
    moves.assert_on(moves.other)
    figure(cluster.report(f"host of {leader} lost while {victim} was out", client, since, whole))


def test_what_a_move_refuses(moves: Moves, cluster: Cluster) -> None:
    """One line each, and nothing is changed."""
    before = moves.where()
    for words, says in (
        (("-e", "what=data,wat", "-e", f"to={moves.first}"), "what = wat: must be of data, wal, temp, log"),
        (("-e", f"to={moves.first}"), "what: names what is moved"),
        (("-e", "what=data", "-e", "to=flsh"), "to = flsh: must be a volume"),
        (asked(moves.other), f"to = {moves.other}: declared is data on {moves.first}"),
        (("-e", "finalize=flsh"), "finalize = flsh: must be a volume"),
    ):
        code, said = moves.run(*words)
        assert code != 0
        assert says in " ".join(said.split())
    code, said = moves.run(*asked(moves.first))
    assert code == 0
    assert "nothing to move" in said
    assert "changed=0" in said
    assert re.search(r"changed=[1-9]", said) is None
    standby = next(name for name in cluster.members if name != cluster.leader())
    cluster.inside.run(standby, "systemctl stop patroni.service")
    try:
        code, said = moves.run(*asked(moves.first))
        assert code != 0
        assert "while a member is moved, two others must serve" in " ".join(said.split())
    finally:
        cluster.inside.run(standby, "systemctl start patroni.service")
    assert moves.where() == before


def _fill(cluster: Cluster, gib: float) -> None:
    """So much data in a table of its own, in steps that leave the log its room."""
    if not gib:
        return
    cluster.query("CREATE TABLE IF NOT EXISTS drill_filling (text text)")
    while float(cluster.query("SELECT pg_total_relation_size('drill_filling')")) < gib * (1 << 30):
        cluster.query(
            "INSERT INTO drill_filling SELECT repeat(md5(random()::text), 60) FROM generate_series(1, 20000)"
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
