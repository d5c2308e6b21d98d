"""Close the engine's own ports to other accounts while it runs, by a table of nftables for each run.

The engine and its policy packs listen on the loopback and check no caller: a resource that any
account registers there is made by root's provider. Their ports are new at each run; the language host
learns them all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

#: Names no stack can have, so that no stack's own table (infra/local/guard.py) is meant.
_PREFIX = "flashtier_engine_"
_SECONDS = 10


class EnginePorts:
    """The table of this process. Does nothing unless it runs as root: no other account may load rules."""

    def __init__(self) -> None:
        self._table = f"{_PREFIX}{os.getpid()}"
        self._ports: set[int] = set()
        self._lock = threading.Lock()

    def close(self, *addresses: str) -> None:
        """Let only root send to these ports; an address is HOST:PORT, or a port alone."""
        found = {int(port) for address in addresses if (port := address.rpartition(":")[2]).isdigit()}
        with self._lock:
            if os.geteuid() != 0 or found <= self._ports:
                return
            self._ports |= found
            _load(rules(self._table, self._ports))

    def open(self) -> None:
        """Remove the table, and those of processes that were killed."""
        if os.geteuid() != 0:
            return
        listed = _nft("list", "tables", "inet") or ""
        for table, pid in re.findall(rf"^table inet ({_PREFIX}(\d+))$", listed, re.MULTILINE):
            if table == self._table or not Path("/proc", pid).exists():
                _nft("delete", "table", "inet", table)


def rules(table: str, ports: set[int]) -> str:
    """As `nft --file` reads it: replaces the table in one step.

    Every packet counts, not only the first: a connection from before the table existed ends as well.
    """
    return f"""\
table inet {table}
delete table inet {table}
table inet {table} {{
	chain output {{
		type filter hook output priority filter; policy accept;
		oif lo tcp dport {{ {", ".join(map(str, sorted(ports)))} }} meta skuid != 0 reject with tcp reset
	}}
}}
"""


def _load(text: str) -> None:
    _nft("--file", "-", given=text)


def _nft(*arguments: str, given: str = "") -> str | None:
    """What nft prints; None where it is not there. Another failure is shown, and ends no run."""
    try:
        done = subprocess.run(
            ["nft", *arguments], input=given, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:  # a controller for AWS only; docs/security.md says what that leaves open
        return None
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess([], 1, "", f"did not end within {_SECONDS} seconds")
    if done.returncode:
        said = " ".join(done.stderr.split())
        print(
            f"nft {arguments[0]}: {said}; Pulumi's own ports stay open to every account of this machine",
            file=sys.stderr,
        )
        return None
    return done.stdout
