"""The seal in the kernel: what nft is given, in a network of its own, and what it then says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from takeover.nft import Seal, SealError

TABLE = """table inet flashtier_seal {
    set sealed {
        type ipv4_addr
        flags timeout
    }
}
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    """nft in a network of its own, which lasts as long as the test."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("needs root and nft, which `tools/setup` installs")
    name = f"ft-nft-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=10)
    path = tmp_path / "nft"
    path.write_text(f'#!/bin/sh\nexec ip netns exec {name} {shutil.which("nft")} "$@"\n')
    path.chmod(0o755)
    subprocess.run([path, "-f", "-"], input=TABLE, text=True, check=True, timeout=10)
    yield str(path)
    subprocess.run(["ip", "netns", "delete", name], check=True, timeout=10)


@pytest.fixture
def seal(tmp_path: Path, program: str) -> Seal:
    return Seal(tmp_path / "sealed.nft", program)


def test_it_is_put_renewed_and_ended(seal: Seal) -> None:
    assert seal.sealed() == []
    seal.put(["10.0.0.1"])
    seal.put(["10.0.0.1"])
    assert seal.sealed() == ["10.0.0.1"]
    seal.put(["10.0.0.1", "10.0.0.2"])
    assert sorted(seal.sealed()) == ["10.0.0.1", "10.0.0.2"]
    seal.end()
    assert seal.sealed() == []


def test_the_kernel_ends_it(seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("takeover.nft.LASTS", 1)
    seal.put(["10.0.0.1"])
    subprocess.run(["sleep", "1.2"], check=True, timeout=5)
    assert seal.sealed() == []


def test_what_is_sealed_goes_on_when_the_rules_are_loaded(seal: Seal, program: str) -> None:
    seal.put(["10.0.0.1"])
    rules = f'flush ruleset\n{TABLE}\ninclude "{seal.file}"\n'
    subprocess.run([program, "-f", "-"], input=rules, text=True, check=True, timeout=10)
    assert seal.sealed() == ["10.0.0.1"]


def test_without_the_table_it_says_so(seal: Seal, program: str) -> None:
    subprocess.run([program, "flush", "ruleset"], check=True, timeout=10)
    with pytest.raises(SealError, match="nft: "):
        seal.put(["10.0.0.1"])


def test_what_is_no_address_reaches_no_command(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="flush ruleset"):
        Seal(tmp_path / "f", "/bin/false").put(["10.0.0.1 }; flush ruleset"])
