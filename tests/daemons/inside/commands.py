"""Checks: each takes the path of a file and returns what is wrong with it, "" if nothing is."""

import pathlib
import subprocess

from tests.daemons.inside.base import CLEAN, DEADLINE, run, stop


def execute(path, argv, talks):
    """A command that succeeds and, unless it `talks`, has no output."""
    done = run(*(word.format(path=path, unit=unit_of(path)) for word in argv))
    if done.returncode:
        return done.stdout.strip() or f"ended with {done.returncode}"
    return "" if talks else done.stdout.strip()


def unit_of(path):
    """The unit that a file is, or that a drop-in belongs to."""
    folder = pathlib.Path(path).parent.name
    return folder.removesuffix(".d") if folder.endswith(".d") else path


def spoken(path, *program):
    """What a daemon of systemd prints about the file before it reports that it runs, or ends."""
    environment = CLEAN | {"SYSTEMD_LOG_TARGET": "console", "SYSTEMD_LOG_LEVEL": "debug"}
    daemon = subprocess.Popen(
        ["timeout", str(DEADLINE), *program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    said = []
    for line in daemon.stdout:
        said.append(line.strip())
        if " running as " in line:
            break
    stop(daemon)
    return "\n".join(line for line in said if f"{path}:" in line)


def timesyncd(path):
    # As root it first requires the right to set the clock, which a host that is a container lacks.
    account = ["setpriv", "--reuid=systemd-timesync", "--regid=systemd-timesync", "--clear-groups", "--"]
    return spoken(path, *account, "/usr/lib/systemd/systemd-timesyncd")


def journald(path):
    pathlib.Path("/run/systemd/journal").mkdir(exist_ok=True)
    return spoken(path, "/usr/lib/systemd/systemd-journald")


def logrotate(path):
    """It exits with 0 whatever it ignores, and prints much when nothing is wrong."""
    done = run("logrotate", "--debug", path)
    said = [line for line in done.stdout.splitlines() if line.startswith(("warning: /", "error:"))]
    return "\n".join(said) or (f"ended with {done.returncode}" if done.returncode else "")


def sysctl(path):
    """All keys exist; values of the network's own are set, in the network of this process."""
    for options in (["--dry-run"], ["--pattern=^net[.]"]):
        done = run("sysctl", "--quiet", *options, f"--load={path}")
        if done.returncode:
            return done.stdout.strip()
    return ""


def resolves(path):
    """Each name resolves to the address on its line."""
    faults = []
    for line in pathlib.Path(path).read_text().splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            database = "hosts" if ":" in address else "ahostsv4"
            done = run("getent", "--service=files", database, name)
            if address not in {found.split()[0] for found in done.stdout.splitlines()}:
                faults.append(f"{line!r}: {name} does not resolve to {address}")
    return "\n".join(faults)


def settings_of(path):
    """NAME=value lines, as systemd's EnvironmentFile= has them."""
    lines = [line for line in pathlib.Path(path).read_text().splitlines() if line and line[0] != "#"]
    pairs = (line.split("=", 1) for line in lines)
    return {name: value.removeprefix('"').removesuffix('"') for name, value in pairs}


def locale(path):
    """The C library has the locale."""
    done = run("locale", "charmap", env={"PATH": CLEAN["PATH"]} | settings_of(path))
    return "" if done.stdout == "UTF-8\n" else done.stdout.strip()


def follower(path):
    """The follower's own reading of its settings and credentials. Nothing is started."""
    code = "import pathlib, sys; from follower.config import read; read(*map(pathlib.Path, sys.argv[1:]))"
    environment = CLEAN | {"PYTHONPATH": "/usr/local/lib/flashtier"}
    done = run("python3", "-Bc", code, path, "/etc/flashtier/follower", env=environment)
    said = done.stdout.strip().splitlines()
    return said[-1] if said else (f"ended with {done.returncode}" if done.returncode else "")


def probe(path):
    """The probe's own reading of its settings. Nothing is started."""
    code = "import pathlib, sys; from probing.config import read; read(pathlib.Path(sys.argv[1]))"
    done = run("python3", "-Bc", code, path, env=CLEAN | {"PYTHONPATH": "/usr/local/lib/flashtier"})
    said = done.stdout.strip().splitlines()
    return said[-1] if said else (f"ended with {done.returncode}" if done.returncode else "")


def takeover(path):
    """What both units of a takeover read of their settings. Nothing is started."""
    code = (
        "import pathlib, sys; from takeover.config import read;"
        " read(*map(pathlib.Path, sys.argv[1:]), 'seal')"
    )
    environment = CLEAN | {"PYTHONPATH": "/usr/local/lib/flashtier"}
    done = run("python3", "-Bc", code, path, "/etc/flashtier/seal", env=environment)
    said = done.stdout.strip().splitlines()
    return said[-1] if said else (f"ended with {done.returncode}" if done.returncode else "")


def photo_api(path):
    environment = CLEAN | settings_of(path) | {"CREDENTIALS_DIRECTORY": "/etc/photo-api/credentials"}
    done = run("/opt/photo-api/current/bin/photo-api", "check", env=environment)
    return done.stdout.strip() or (f"ended with {done.returncode}" if done.returncode else "")
