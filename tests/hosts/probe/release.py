"""The app's release, held against the checksums that its wheels brought (RECORD, as PyPA specifies it)."""

import base64
import csv
import hashlib
import pathlib

CURRENT = pathlib.Path("/opt/photo-api/current")
#: Runs when Python starts or when it is called; bytecode next to it follows from it.
RUNS = (".py", ".so", ".pth")


def release(question):
    """None where no release serves; otherwise its path, how many files were checked, and what is wrong."""
    if not CURRENT.is_symlink():
        return None
    root = CURRENT.resolve()
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
