"""Units, schedules, processes and the database server."""

import csv
import json
import pathlib
import pwd
import re
import socket

from tests.hosts.probe.base import lines, read, run

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,RuntimeMaxUSec,NRestarts,"
    "NeedDaemonReload,Triggers,Where"
)

HAPROXY = "/run/haproxy/admin.sock"


def units(question):
    """All units that are loaded, and the named ones even if nothing has loaded them."""
    wanted = ("*.service", "*.socket", "*.timer", "*.path", "*.mount", *question["units"])
    output = run("systemctl", "show", "--all", "--no-pager", f"--property={PROPERTIES}", *wanted)
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in output.split("\n\n")]
    failed = json.loads(run("systemctl", "list-units", "--all", "--failed", "--no-pager", "--output=json"))
    return {
        "state": run("systemctl", "is-system-running", allowed=(0, 1)).strip(),
        "environment": sorted(run("systemctl", "show-environment").splitlines()),
        "files": {
            unit["unit_file"]: unit["state"]
            for unit in json.loads(run("systemctl", "list-unit-files", "--no-pager", "--output=json"))
        },
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


def left_behind(question):
    """Programs that no unit runs: started by hand, they outlived whoever started them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            groups = (entry / "cgroup").read_text()
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parent, unit = int(fields[1]), re.search(r"/([^/\n]+[.](service|scope|socket|mount))", groups)
        orphan = parent == 1 and entry.name != "1" and words
        if orphan and (unit is None or (unit[1] == "ssh.service" and not words.startswith("sshd:"))):
            found.append(words[:120])
    return sorted(found)


def database(question):
    """Each query's JSON; a query is of the database that it names. A standby is asked of its server only."""
    asked = ("runuser", "-u", "postgres", "--", "psql", "-XAtqw", "-v", "ON_ERROR_STOP=1")
    found = {}
    for name, (of, sql) in question["sql"].items():
        if name == "server" or not found["server"]["in_recovery"]:
            found[name] = json.loads(run(*asked, "-d", of, "-c", sql))
    return found


def gateway(question):
    """The S3 gateway's buckets and what their policies allow; None where it does not run."""
    settings = "/etc/flashtier/s3/s3cfg"
    if not pathlib.Path(settings).is_file():
        return None
    asked = ("s3cmd", f"--config={settings}")
    buckets = [line.split()[-1] for line in run(*asked, "ls").splitlines()]
    policies = {}
    for bucket in buckets:
        output = run(*asked, "info", bucket)
        policy = re.search(r"Policy:\s*(\{.*?\})\s*\n\s*(?:CORS|ACL):", output, re.S)
        policies[bucket] = json.loads(policy[1]) if policy else None
    return policies


def balancer(question):
    """HAProxy's servers as it has them now, which need not be as its file says; [] where it does not run."""
    if not pathlib.Path(HAPROXY).is_socket():
        return []
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(5)
        asked.connect(HAPROXY)
        asked.sendall(b"show stat -1 7 -1\n")  # frontends, backends and servers
        output = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
    rows = csv.DictReader(output.removeprefix("# ").splitlines())
    return [{field: row[field] for field in ("pxname", "svname", "status", "weight", "addr")} for row in rows]
