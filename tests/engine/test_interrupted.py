"""Ctrl-C while Pulumi works: the next run finishes what is half done, and no lock is left."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from infra.paths import ROOT
from tests.engine.stacks import Engine, until


def test_an_interrupted_up_is_finished_by_the_next(engine: Engine) -> None:
    engine.lxc("delete", "--force", "edge1")
    started = subprocess.Popen(
        engine.command("up", "--yes", "--skip-preview", "--refresh"),
        cwd=ROOT,
        env=engine.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    root = Path(
        f"/var/lib/lxd/storage-pools/flashtier-{engine.stack}/containers/flashtier-{engine.stack}_edge1"
    )
    until("the host is being made", root.exists, seconds=90)
    # As a terminal does: to everything in its foreground group.
    os.killpg(started.pid, signal.SIGINT)
    said, _ = started.communicate(timeout=120)
    assert started.returncode != 0
    assert "stopped on request; run it again to go on" in said, said
    engine.up("--refresh")
    assert engine.ssh("edge1", "hostname") == "edge1"
    engine.up("--refresh", "--expect-no-changes")
