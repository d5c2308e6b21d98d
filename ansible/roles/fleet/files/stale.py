"""Prints, as JSON, the units that still run files of packages that were replaced since: stale.py.

A security update that installed itself restarts no daemon, so a library of before may serve for weeks.
"""

import json
import pathlib
import re

UNIT = re.compile(r"/([^/\n]+\.service)(?:/|$)", re.MULTILINE)
#: Where packages have their code; a file of another place, such as shared memory, is none of theirs.
PLACES = ("/usr/bin/", "/usr/lib/", "/usr/sbin/")


def replaced(process: pathlib.Path) -> bool:
    """Whether the process runs code of the distribution that is no longer there under its name."""
    if str((process / "exe").readlink()).endswith(" (deleted)"):
        return True
    fields = (line.split(maxsplit=5) for line in (process / "maps").read_text(errors="replace").splitlines())
    code = (one[5] for one in fields if len(one) > 5 and "x" in one[1])
    return any(path.startswith(PLACES) and path.endswith(" (deleted)") for path in code)


def stale(proc: pathlib.Path) -> list[str]:
    """Names of units, by the processes below `proc`; one that ends meanwhile uses nothing."""
    found: set[str] = set()
    for process in proc.iterdir():
        if process.name.isdigit():
            try:
                if replaced(process):
                    found.update(UNIT.findall((process / "cgroup").read_text()))
            except OSError:
                continue
    return sorted(found)


if __name__ == "__main__":
    print(json.dumps(stale(pathlib.Path("/proc"))))
