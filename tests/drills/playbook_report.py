"""What a playbook run reports as changed, by host, task and item."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

from infra.paths import ROOT
from tests.drills.living import INVENTORY

#: (host, task with its role, item): one thing that a run changed or would change.
Changed = tuple[str, str, str]
DEADLINE = 1800


def changed(stack: str, *arguments: str) -> set[Changed]:
    """Run the playbook and return what it reported as changed. A failed run fails with its first faults."""
    done = subprocess.run(
        ["ansible-playbook", "-i", INVENTORY, "ansible/site.yml", *arguments],
        cwd=ROOT,
        env={**os.environ, "FLASHTIER_STACK": stack, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    # Warnings may precede the one document.
    report = json.loads(done.stdout[done.stdout.index("{\n") :])
    faults = [
        f"{host}: {task}: {result.get('msg')}"
        for host, task, result in results(report)
        if result.get("failed")
    ]
    assert done.returncode == 0, "\n".join(faults[:5]) or done.stderr[-2000:]
    return {(host, task, item) for host, task, result in results(report) for item in changed_items(result)}


def results(report: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for play in report["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                yield host, task["task"]["name"], result


def changed_items(result: dict[str, Any]) -> Iterator[str]:
    """The changed items of a loop, and the files of a task that writes several; "" without either."""
    if isinstance(result.get("results"), list):
        for number, one in enumerate(result["results"]):
            label = one.get("_ansible_item_label", one.get("item", number))
            for file in changed_items(one):
                yield f"{json.dumps(label, sort_keys=True, default=str)} {file}".strip()
    elif result.get("changed") and not result.get("skipped"):  # what is skipped is not shown
        yield from files(result.get("diff")) or [""]


def files(diff: Any) -> list[str]:
    """The paths in a diff's headers of the state before."""
    parts = diff if isinstance(diff, list) else [diff]
    names = {str(one.get("before_header", "")) for one in parts if isinstance(one, dict)}
    return sorted(name for name in names if name.startswith("/"))


def unreported(planned: set[Changed], faults: list[str]) -> list[Changed]:
    """Changes of a run that no fault of the verification names: files by path and host, others by host."""
    return sorted(
        change
        for change in planned
        if not any(change[0] in fault and (path_of(change[2]) in fault) for fault in faults)
    )


def path_of(item: str) -> str:
    """The path that an item is about, or ends with; "" where it is about none."""
    last = item.rpartition(" ")[2]
    return last if last.startswith("/") else ""
