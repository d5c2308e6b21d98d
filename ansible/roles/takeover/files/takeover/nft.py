"""The seal itself: an element of a set of nftables that ends by itself.

The rules are the firewall's (role base).
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from pathlib import Path
from typing import Any

TABLE, SET = "flashtier_seal", "sealed"
#: Seconds after which the kernel ends a seal that is not renewed. A confirmation (seal.CONFIRMS) ends long
#: before.
LASTS = 15
#: Seconds for one call of nft.
DEADLINE = 2
#: Read with the firewall's rules, which would else be loaded without what is sealed.
FILE = Path("/run/flashtier-seal/sealed.nft")


class SealError(Exception):
    """One line: what nft said."""


class Seal:
    """`file`: where what is sealed lies for the firewall; `program`: nft."""

    def __init__(self, file: Path = FILE, program: str = "/usr/sbin/nft") -> None:
        self.file = file
        self.program = program

    def put(self, addresses: list[str]) -> None:
        """Seal these off from now on for `LASTS` seconds, and nothing else. Raises `SealError`."""
        elements = ", ".join(f"{ipaddress.IPv4Address(one)} timeout {LASTS}s" for one in addresses)
        add = f"add element inet {TABLE} {SET} {{ {elements} }}\n"
        self._keep(add)
        # One transaction, without a moment between: an element that is there would keep its old end.
        self._run("-f", "-", given=f"flush set inet {TABLE} {SET}\n{add}")
        if sorted(self.sealed()) != sorted(addresses):
            raise SealError(f"{', '.join(addresses)}: not in the set {SET} after being put there")

    def end(self) -> None:
        """Raises `SealError`."""
        self._keep("")
        self._run("flush", "set", "inet", TABLE, SET)

    def sealed(self) -> list[str]:
        """Addresses. Raises `SealError`."""
        if not self.file.exists():
            self._keep("")
        try:
            found = json.loads(self._run("--json", "list", "set", "inet", TABLE, SET))
            sets: list[Any] = [one["set"] for one in found["nftables"] if "set" in one]
            elements = sets[0].get("elem", [])
            if not elements and self.file.read_text():
                # The kernel has ended it; the next load of the rules must not begin it again.
                self._keep("")
            return [str(one["elem"]["val"]) if isinstance(one, dict) else str(one) for one in elements]
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise SealError(
                f"nft's list of the set {SET} cannot be read: {type(error).__name__} {error}"
            ) from error

    def _keep(self, text: str) -> None:
        try:
            new = self.file.with_name(f".{self.file.name}.new")
            new.write_text(text)
            new.replace(self.file)
        except OSError as error:
            raise SealError(f"{self.file}: {error.strerror}") from error

    def _run(self, *arguments: str, given: str | None = None) -> str:
        try:
            done = subprocess.run(
                [self.program, *arguments],
                input=given,
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SealError(f"nft: {error}") from error
        if done.returncode:
            raise SealError(f"nft: {' '.join(done.stderr.split())[:160]}")
        return done.stdout
