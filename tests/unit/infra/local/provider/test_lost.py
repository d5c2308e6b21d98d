"""Whether a blank file may take a lost one's place: all of what is there, declared and recorded."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.local.provider import lost
from infra.local.provider.schema import VolumeInputs

RM = "pulumi config rm flashtier:acceptBlank -s unit"


def volume(file: Path, **more: Any) -> VolumeInputs:
    return VolumeInputs(
        stack="unit",
        host="db1",
        name="flash",
        volume_class="flash",
        size_gib=3,
        uuid="2d52f83d-db28-587c-a7b7-69c37d7b1daa",
        file=str(file),
        link=str(file.with_suffix(".link")),
        bound=True,
        **more,
    )


def fault(inputs: VolumeInputs, *, recorded: bool = True, used: bool = False, made: bool = True) -> str:
    """What is said. `recorded`: the state has the volume; `used`: with an acceptance; `made`: it existed."""
    olds = {**inputs.wire(), "acceptBlank": used} if recorded else {}
    found = lost.faults(inputs, olds, made)
    assert len(found) <= 1
    return found[0].reason if found else ""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "db1-flash.img"


def test_a_file_that_is_there_needs_nothing(file: Path) -> None:
    file.touch()
    assert fault(volume(file)) == ""
    assert fault(volume(file), used=True) == "", "taken out after it was used"
    assert fault(volume(file), recorded=False) == "", "a killed run made it"


def test_a_new_volume_is_made(file: Path) -> None:
    assert fault(volume(file), recorded=False, made=False) == ""


def test_a_lost_file_is_named_with_the_way_to_accept_it(file: Path) -> None:
    for said in (fault(volume(file)), fault(volume(file), recorded=False)):
        assert said.startswith(f"{file}: the file of volume flash of db1 is missing, and with it its data;")
        assert said.endswith("pulumi config set flashtier:acceptBlank db1-flash -s unit")


def test_an_accepted_loss_is_made_blank(file: Path) -> None:
    assert fault(volume(file, accept_blank=True)) == ""
    assert fault(volume(file, accept_blank=True), recorded=False) == "", "the state was lost as well"


def test_an_acceptance_does_not_outlive_its_loss(file: Path) -> None:
    accepted = volume(file, accept_blank=True)
    again = fault(accepted, used=True)
    assert "was used by an earlier run" in again
    assert RM in again
    assert f"truncate --size=3G {file}" in again
    file.touch()
    assert fault(accepted, used=True).endswith(RM)
    unlost = fault(accepted)
    assert f"nothing is lost, its file {file} is there" in unlost
    assert unlost.endswith(RM)


def test_an_acceptance_cannot_wait_for_a_volume_that_is_still_to_be_made(file: Path) -> None:
    said = fault(volume(file, accept_blank=True), recorded=False, made=False)
    assert "nothing is lost, volume flash of db1 was never made" in said


def test_an_unprotected_volume_is_made_again(file: Path) -> None:
    assert fault(volume(file, protected=False)) == ""


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize("protected", [False, True])
def test_data_that_a_process_still_holds_is_saved_first(
    file: Path, monkeypatch: pytest.MonkeyPatch, protected: bool, accept: bool
) -> None:
    """A deleted file lives as long as it is open: whatever is accepted, its data is not gone."""
    file.touch()
    file.with_suffix(".link").symlink_to("/dev/loop3")
    with subprocess.Popen(["sleep", "60"], stdin=file.open("rb")) as server:
        monkeypatch.setattr(lost.processes, "serving", lambda directory: {server.pid: "nbdkit"})
        file.unlink()
        said = fault(volume(file, protected=protected, accept_blank=accept))
        server.kill()
    assert "is missing, but /dev/loop3 still holds all of its data" in said
    assert f"cp --sparse=always /dev/loop3 {file} && losetup --detach /dev/loop3" in said
    assert fault(volume(file, protected=False)) == "", "nothing holds it any more"
