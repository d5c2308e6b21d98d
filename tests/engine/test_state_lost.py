"""docs/tasks/state-lost.md on a running stack: its state is lost, and is made again by import."""

from __future__ import annotations

import json
import shutil
import subprocess

from infra.paths import ROOT
from tests.engine.stacks import Engine


def flashtier(engine: Engine, *arguments: str) -> str:
    command = ["flashtier", *arguments, "-s", engine.stack, "--config-file", str(engine.config)]
    done = subprocess.run(
        command, cwd=ROOT, env=engine.variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_lost_state_is_rebuilt_by_import(engine: Engine) -> None:
    engine.ssh("db1", "echo kept | sudo tee /vol/flash/kept && sudo sync /vol/flash/kept")
    contract = engine.contract()
    secrets = engine.pulumi("stack", "output", "secrets", "--json", "--show-secrets")
    started = engine.ssh("db1", "stat --format=%Y /proc/1")
    shutil.rmtree(engine.base / "state/pulumi")

    flashtier(engine, "secrets")
    listing = flashtier(engine, "import-file")
    file = engine.base / "import.json"
    file.write_text(listing)
    options = ("--yes", "--skip-preview", "--generate-code=false", "--protect=false")
    engine.pulumi("import", "--file", str(file), *options)
    engine.up("--expect-no-changes")
    engine.up("--refresh", "--expect-no-changes")

    assert engine.contract() == contract
    assert engine.pulumi("stack", "output", "secrets", "--json", "--show-secrets") == secrets
    assert engine.ssh("db1", "cat /vol/flash/kept") == "kept"
    assert engine.ssh("db1", "stat --format=%Y /proc/1") == started, "the host was restarted"
    state = json.loads(engine.pulumi("stack", "export"))["deployment"]["resources"]
    guarded = {one["id"] for one in state if one["type"] == "lxd:index:Volume" and one.get("protect")}
    volumes = {f"{engine.stack}/{host.name}/{v.name}" for host in contract.hosts for v in host.volumes}
    assert guarded == volumes
    file.unlink()


def test_an_import_of_a_missing_host_is_refused(engine: Engine) -> None:
    options = ("--yes", "--skip-preview", "--generate-code=false")
    for identity, reason in (
        (f"flashtier-{engine.stack}/missing", "does not exist"),
        ("missing", "id 'missing': is not of the form PROJECT/HOST"),
    ):
        done = engine.run("import", "lxd:index:Instance", "missing", identity, *options)
        assert done.returncode != 0
        assert reason in done.stdout, done.stdout
