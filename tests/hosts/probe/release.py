"""Releases of Python programs against the checksums that their wheels brought (RECORD, as PyPA has it)."""

import base64
import csv
import hashlib
import pathlib
import re

from tests.hosts.probe.base import run

CURRENT = pathlib.Path("/opt/photo-api/current")
#: Runs when Python starts or when it is called; bytecode next to it follows from it.
RUNS = (".py", ".so", ".pth")


def release(question):
    """Of the app; None where none serves."""
    return checked(CURRENT.resolve()) if CURRENT.is_symlink() else None


def patroni(question):
    """The one that the unit starts; None where there is no such unit."""
    started = run("systemctl", "show", "--property=ExecStart", "--value", "patroni.service")
    program = re.search(r"\bpath=(\S+)", started)
    return checked(pathlib.Path(program[1]).parent.parent) if program else None


def checked(root):
    """Its path, how many files were checked, and what is wrong."""
    packages = next(root.glob("lib/python3*/site-packages"))
    faults, known = [], set()
    for record in packages.glob("*.dist-info/RECORD"):
        for name, checksum, _ in csv.reader(record.read_text().splitlines()):
            path = (packages / name).resolve()
            known.add(path)
            if not checksum:
                continue
            if not path.is_file():
                faults.append(f"{path}: missing")
            elif digest(path, checksum.partition("=")[0]) != checksum.partition("=")[2]:
                faults.append(f"{path}: changed")
    there = [*packages.rglob("*"), *(root / "bin").iterdir()]
    made = ("Activate.ps1", "activate", "activate.csh", "activate.fish", "pip", "pip3", "pip3.13", "python",
            "python3", "python3.13", "__pycache__")  # fmt: skip
    for path in there:
        runs = path.suffix in RUNS or (path.parent.name == "bin" and path.name not in made)
        if runs and path.is_file() and path not in known:
            faults.append(f"{path}: added")
    return {"path": str(root), "checked": len(known), "faults": sorted(faults)}


def digest(path, kind):
    with path.open("rb") as content:
        value = hashlib.file_digest(content, kind).digest()
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
