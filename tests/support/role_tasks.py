"""Tasks of roles, as their files have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from infra.paths import ROOT


def tasks(role: str, name: str) -> Iterator[dict[str, Any]]:
    """Those of one file in their order; of a block its own come after it, of `rescue` none."""
    waiting = yaml.safe_load((ROOT / "ansible" / "roles" / role / "tasks" / f"{name}.yml").read_text())
    while waiting:
        task = waiting.pop(0)
        yield task
        waiting = [part for key in ("block", "always") for part in task.get(key, [])] + waiting
