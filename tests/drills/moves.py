"""Moves of the database between volumes: what is declared, where things lie, and the playbook itself."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from infra.paths import ROOT
from tests.drills.cluster import Cluster
from tests.drills.living import attempt, command, procedure, start, words

PURPOSES = ("data", "wal")
#: Seconds: a move of all members, a run of Pulumi.
MOVES, PROVISIONS = 1800, 300
STATE = "/run/flashtier-move/state.json"
#: Until its input ends, each 100 ms: when, and how many standbys count, where the member leads.
SAMPLES = """
import os, pwd, select, sys
import psycopg2
account = pwd.getpwnam("postgres")
os.setgid(account.pw_gid)
os.setuid(account.pw_uid)
asked = '''
    SELECT extract(epoch FROM clock_timestamp())::float8,
           (SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming')
     WHERE NOT pg_is_in_recovery()'''
connection = None
while not select.select([sys.stdin], [], [], 0.1)[0]:
    try:
        if connection is None:
            connection = psycopg2.connect("host=/run/postgresql dbname=postgres connect_timeout=1")
            connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(asked)
            for when, count in cursor.fetchall():
                print(when, count, flush=True)
    except psycopg2.Error:
        connection = None
"""


class Moves:
    """`folder` takes the changed declaration; the stack's own file stays as it is."""

    def __init__(self, stack: str, cluster: Cluster, folder: Path) -> None:
        self.stack, self.cluster = stack, cluster
        self.gib = float(os.environ.get("GIB", "0"))
        self.file = folder / "declared.yaml"
        declared = self._declared()["placement"]
        self.first = declared["data"]
        assert declared["wal"] == self.first, (
            "data and WAL of this stack lie apart; the drill moves them as one"
        )
        self.other = next(one["name"] for one in self._declared()["volumes"] if one["name"] != self.first)

    def _declared(self) -> dict[str, Any]:
        text = (ROOT / f"Pulumi.{self.stack}.yaml").read_text()
        found: dict[str, Any] = yaml.safe_load(text)["config"]["flashtier:environment"]["database"]
        return found

    def declare(self, volume: str) -> None:
        """Have data and WAL declared on that volume; on the first one as the stack declares them."""
        given = yaml.safe_load((ROOT / f"Pulumi.{self.stack}.yaml").read_text())
        if volume != self.first:
            database = given["config"]["flashtier:environment"]["database"]
            database["placement"] |= dict.fromkeys(PURPOSES, volume)
            # The other volume is small, and so is what drills move unless GIB says otherwise.
            database["expected_data_gib"] = max(self.gib, 0.2)
        self.file.write_text(yaml.safe_dump(given))
        command(
            self.stack,
            *("pulumi", "up", "-s", self.stack, "--config-file", str(self.file)),
            *("--yes", "--skip-preview", "--non-interactive"),
            seconds=PROVISIONS,
        )

    def run(self, *options: str) -> tuple[int, str]:
        """Exit code and output of the playbook."""
        return attempt(self.stack, *words("move_data", *options), seconds=MOVES)

    def move(self, volume: str) -> str:
        """Move data and WAL there; its output. Fails where the playbook does."""
        return procedure(self.stack, "move_data", *asked(volume), seconds=MOVES)

    def start(self, volume: str) -> subprocess.Popen[bytes]:
        """The same, in a session of its own, for a drill that ends it."""
        return start(self.stack, words("move_data", *asked(volume)))

    def where(self) -> dict[str, set[str]]:
        """Of each member, the volumes that its data and its WAL are shown from."""
        found = {}
        for name in self.cluster.members:
            said = self.cluster.inside.run(
                name, "for at in data wal; do findmnt --noheadings --output SOURCE --mountpoint /pg/$at; done"
            )
            volumes = self.cluster.inside.run(
                name, "findmnt --noheadings --raw --output SOURCE,TARGET | grep ' /vol/'"
            )
            named = {line.split()[0]: line.split()[1].removeprefix("/vol/") for line in volumes.splitlines()}
            found[name] = {named[line.partition("[")[0]] for line in said.splitlines()}
        return found

    def assert_on(self, volume: str) -> None:
        assert self.where() == {name: {volume} for name in self.cluster.members}

    def wait_for(self, member: str, phases: tuple[str, ...], seconds: float) -> None:
        """Until a member's move is at one of these. Fails after `seconds`."""
        end = time.monotonic() + seconds
        while (now := self.phase(member)) not in phases:
            assert time.monotonic() < end, f"{member} is at '{now}' after {seconds:.0f} s, not at {phases[0]}"
            time.sleep(0.05)

    def phase(self, member: str) -> str:
        """What a member's move is at; "" where none runs."""
        said = self.cluster.inside.run(member, f"cat {STATE} 2>/dev/null || echo '{{}}'", check=False)
        return str(json.loads(said or "{}").get("phase", ""))


def asked(volume: str) -> tuple[str, ...]:
    return ("-e", f"what={','.join(PURPOSES)}", "-e", f"to={volume}")


class Samples:
    """What the member that leads says of its standbys each 100 ms, from entering to leaving the block."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for name in self.cluster.members:
            with (self.folder / f"samples-{name}").open("w") as output:
                self._started.append(
                    subprocess.Popen(
                        [
                            "lxc",
                            "exec",
                            "--project",
                            self.cluster.inside.project,
                            name,
                            "--",
                            "python3",
                            "-c",
                            SAMPLES,
                        ],
                        stdin=subprocess.PIPE,
                        stdout=output,
                        stderr=subprocess.DEVNULL,
                    )
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for started in self._started:
            started.communicate(timeout=30)

    def alone(self) -> tuple[int, float]:
        """How many samples there are, and the longest time in seconds between two that have a standby."""
        found = []
        for name in self.cluster.members:
            for line in (self.folder / f"samples-{name}").read_text().splitlines():
                when, count = line.split()
                found.append((float(when), int(count)))
        found.sort()
        times = [when for when, count in found if count]
        longest = max((later - earlier for earlier, later in itertools.pairwise(times)), default=float("inf"))
        return len(found), longest
