"""Searches for secrets on hosts and on the controller."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from infra.contract import Contract
from infra.paths import ROOT, cache_dir, state_root
from tests.drills.security.needles import Needles
from tests.drills.security.places import on_host, run

SEARCH = (Path(__file__).parent / "search.py").read_text()


#: Seconds for each step of a run on a busy machine.
STEP = 900


def search(place: list[str], wanted: Needles, roots: list[str], skip: list[str]) -> dict[str, Any]:
    __tracebackhide__ = True
    forms = {name: [base64.b64encode(form).decode() for form in group] for name, group in wanted.items()}
    asked = json.dumps({"forms": forms, "roots": roots, "skip": skip}).encode()
    python = "python3" if place else sys.executable
    answer: dict[str, Any] = json.loads(run(place, python, "-c", SEARCH, text=asked, seconds=STEP))
    return answer


def search_host(contract: Contract, host: str, wanted: Needles) -> dict[str, Any]:
    return search(on_host(contract.stack, host), wanted, ["/"], ["/proc", "/sys"])


def controller_places(stack: str) -> tuple[list[str], list[str]]:
    """Where the kit, its tools and daemons write on the controller, and what is searched elsewhere."""
    home = Path.home()
    roots = [
        *(state_root(), cache_dir(), ROOT, "/tmp", "/var/tmp", "/run", "/dev/shm", "/var/log", "/etc"),  # noqa: S108
        *(home / name for name in (".pulumi", ".ansible", ".config", ".local", ".ssh", ".bash_history")),
        "/var/lib/lxd",
    ]
    # Volumes are searched as the hosts mount them, their root disks as hosts, the image by itself.
    modules = [str(cache_dir() / name) for name in ("go", "images")]  # downloaded, or built before any secret
    lxd = [
        f"/var/lib/lxd/{name}" for name in ("storage-pools", "containers", "devices", "shmounts", "images")
    ]
    volumes = [str(folder) for folder in state_root().glob("*/volumes")]
    volumes += [str(folder) for folder in Path("/run/flashtier").glob("*/throttled/*/mount")]
    volumes += [str(folder) for folder in Path("/var/tmp/flashtier-engine-tests").glob("*/state/*/volumes")]  # noqa: S108
    other = [str(path) for path in state_root().iterdir() if path.name not in (stack, "pulumi", "log")]
    return [str(root) for root in roots], [*modules, *lxd, *volumes, *other]
