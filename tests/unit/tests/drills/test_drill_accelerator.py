"""KVM runs the drill's machine only where a trial boot succeeds; else TCG, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.nvme import accelerator as choice
from tests.drills.nvme.image import Image
from tests.drills.nvme.machine import TCG

STAYS = "exec sleep 60"


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], tuple[str, str]]:
    """Chooses with programs in the place of QEMU and ssh; what was chosen, and what was said."""
    programs = tmp_path / "programs"
    programs.mkdir()
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "operator").touch()
    (keys / "host.pub").write_text("ssh-ed25519 AAAA host\n")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.delenv("ACCELERATOR", raising=False)
    monkeypatch.setattr(choice, "DEVICE", tmp_path)

    def run(qemu: str, ssh: str = "exit 255") -> tuple[str, str]:
        for name, does in (("qemu-system-x86_64", qemu), ("ssh", ssh), ("qemu-img", "exit 0")):
            program = programs / name
            program.write_text(f"#!/bin/sh\n{does}\n")
            program.chmod(0o755)
        said: list[str] = []
        folder = tmp_path / "trial"
        folder.mkdir()
        return choice.accelerator(Image(tmp_path), folder, said.append), "\n".join(said)

    return run


@pytest.mark.parametrize(
    ("qemu", "reason"),
    [
        (
            f"echo warning; echo 'KVM internal error. Suberror: 1' >&2; {STAYS}",
            "hangs: KVM internal error",
        ),
        (f"echo 'error: kvm run failed Bad address' >&2; {STAYS}", "hangs: error: kvm run failed"),
        ("exit 1", "the machine ended"),
        (STAYS, "no answer within 1 s"),
    ],
)
def test_tcg_where_kvm_does_not_run(
    tried: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch, qemu: str, reason: str
) -> None:
    if "no answer" in reason:
        monkeypatch.setattr(choice, "TRIAL", 1)
    chosen, said = tried(qemu)
    assert chosen == TCG
    assert TCG in said
    assert reason in said


def test_kvm_where_the_machine_answers(tried: Callable[..., tuple[str, str]]) -> None:
    chosen, said = tried(STAYS, "exit 0")
    assert chosen == "kvm"
    assert "accelerator kvm" in said


def test_tcg_without_the_device(
    tried: Callable[..., tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "DEVICE", tmp_path / "kvm")
    assert tried(STAYS, "exit 0")[0] == TCG


def test_a_named_accelerator_is_used(
    tried: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATOR", "kvm")
    assert tried("exit 1")[0] == "kvm"
