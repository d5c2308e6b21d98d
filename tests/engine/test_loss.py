"""A volume whose file is gone: it is never silently blank, and an acceptance is for this loss alone."""

from __future__ import annotations

import os
import subprocess

from infra.local import loops, names
from tests.engine.stacks import Engine, changed, until

HOST, VOLUME = "control1", "repository"
WHICH = f"{HOST}-{VOLUME}"
MARK = b"what was on the volume"


def refused(engine: Engine, *arguments: str) -> str:
    """The output of an `up` that must fail; the lost file must not exist after it."""
    file = names.volume_file(engine.stack, HOST, VOLUME)
    was_there = file.exists()
    done = engine.run("up", "--yes", "--skip-preview", "--suppress-outputs", *arguments)
    assert done.returncode != 0, done.stdout
    assert file.exists() == was_there, "a lost volume was replaced by a blank one"
    return done.stdout


def detach(engine: Engine) -> None:
    """As after a reboot: the host is down, and no device keeps a deleted file."""
    engine.lxc("stop", "--force", HOST)
    device = names.volume_link(engine.stack, HOST, VOLUME).readlink()
    subprocess.run(["losetup", "--detach", device], check=True, timeout=10)
    until("the device is free", lambda: loops.backing_path(device) is None)


def accept(engine: Engine, *which: str) -> None:
    engine.pulumi("config", "set", "flashtier:acceptBlank", *which)


def test_a_deleted_file_that_is_still_open_is_saved(engine: Engine) -> None:
    file = names.volume_file(engine.stack, HOST, VOLUME)
    device = names.volume_link(engine.stack, HOST, VOLUME).readlink()
    with device.open("r+b") as opened:
        opened.write(MARK)
        os.fsync(opened.fileno())
    file.unlink()
    accept(engine, WHICH)
    said = refused(engine)
    engine.pulumi("config", "rm", "flashtier:acceptBlank")
    advice = (
        f"lxc stop {HOST} --project flashtier-{engine.stack} && cp --sparse=always {device} {file} "
        f"&& losetup --detach {device}"
    )
    assert (
        f"is missing, but {device} still holds all of its data; save it before anything else: {advice}"
        in said
    )
    subprocess.run(advice, shell=True, check=True, timeout=60)  # noqa: S602 - the command in the message
    engine.up("--refresh")
    assert MARK in engine.lxc("exec", HOST, "--", "head", "-c64", f"/dev/flashtier/{VOLUME}").encode()


def test_a_blank_file_replaces_one_whose_loss_is_accepted(engine: Engine) -> None:
    file = names.volume_file(engine.stack, HOST, VOLUME)
    detach(engine)
    file.unlink()
    named = (
        f"{file}: the file of volume {VOLUME} of {HOST} is missing, and with it its data; put it back, or "
        "accept the loss and start with a blank one: "
        f"pulumi config set flashtier:acceptBlank {WHICH} -s {engine.stack}"
    )
    assert named in refused(engine)
    assert named in refused(engine, "--refresh")

    accept(engine, f"{HOST}-etcd")
    assert f"flashtier:acceptBlank = {HOST}-etcd: nothing is lost, its file" in refused(engine)
    accept(engine, "db9-flash")
    said = refused(engine)
    assert "flashtier:acceptBlank = db9-flash: there is no such volume" in said
    assert WHICH in said

    accept(engine, WHICH)
    text = engine.up("--refresh")
    assert changed(text)[WHICH] == "updated", text
    assert f"volume {VOLUME} of {HOST}: {file} was missing and is blank now" in text
    assert file.stat().st_size == 1 << 30
    assert file.stat().st_blocks == 0

    used = (
        f"flashtier:acceptBlank = {WHICH}: was used by an earlier run, and an acceptance is for one loss; "
        f"remove it: pulumi config rm flashtier:acceptBlank -s {engine.stack}"
    )
    assert used in refused(engine)
    detach(engine)
    file.unlink()
    by_hand = f"truncate --size=1G {file}"
    assert f"{used}; to accept this loss as well, make the blank file: {by_hand}" in refused(
        engine, "--refresh"
    )
    engine.pulumi("config", "rm", "flashtier:acceptBlank")
    assert named in refused(engine)
    subprocess.run(by_hand.split(), check=True, timeout=10)
    engine.up("--refresh")
    engine.up("--refresh", "--expect-no-changes")
