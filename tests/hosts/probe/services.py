"""Units, schedules, processes and the database server."""

import csv
import json
import pathlib
import pwd
import socket

from tests.hosts.probe.base import lines, read, run

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,RuntimeMaxUSec,NRestarts,"
    "NeedDaemonReload,Triggers,Where"
)

HAPROXY = "/run/haproxy/admin.sock"


def units(question):
    """All units that are loaded, and the named ones even if nothing has loaded them."""
    wanted = ("*.service", "*.socket", "*.timer", "*.mount", *question["units"])
    told = run("systemctl", "show", "--all", "--no-pager", f"--property={PROPERTIES}", *wanted)
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in told.split("\n\n")]
    failed = json.loads(run("systemctl", "list-units", "--all", "--failed", "--no-pager", "--output=json"))
    return {
        "state": run("systemctl", "is-system-running", allowed=(0, 1)).strip(),
        "failed": sorted(unit["unit"] for unit in failed),
        "shown": {block["Id"]: block for block in blocks if "Id" in block},
    }


def schedules(question):
    """Every line that cron or a user's timer folder would run."""
    found = {}
    for root in ("/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
                 "/etc/cron.monthly", "/var/spool/cron", "/etc/anacrontab", "/var/spool/at"):  # fmt: skip
        for path in [root, *(str(item) for item in pathlib.Path(root).rglob("*"))]:
            if pathlib.Path(path).is_file() and not path.endswith("/.placeholder"):
                found[path] = lines(read(path))
    return found


def processes(question):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name, owner = (entry / "comm").read_text().strip(), pwd.getpwuid(entry.stat().st_uid).pw_name
            except FileNotFoundError:
                continue
            found.append([name, owner])
    return sorted(found)


def database(question):
    return {
        name: json.loads(
            run("runuser", "-u", "postgres", "--", "psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-c", sql)
        )
        for name, sql in question["sql"].items()
    }


def balancer(question):
    """HAProxy's servers as it has them now, which need not be as its file says; [] where it does not run."""
    if not pathlib.Path(HAPROXY).is_socket():
        return []
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(5)
        asked.connect(HAPROXY)
        asked.sendall(b"show stat -1 4 -1\n")  # every proxy's servers
        told = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
    rows = csv.DictReader(told.removeprefix("# ").splitlines())
    return [{field: row[field] for field in ("pxname", "svname", "status", "weight", "addr")} for row in rows]
