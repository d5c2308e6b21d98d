"""What the probe of a member goes by and finds, as Prometheus gets it, and its folders on the volumes."""

import json
import pathlib
import time

from infra.reach.onhost.https import ask
from tests.hosts.probe.base import read

SETTINGS = "/etc/flashtier/probe.json"
OURS = "flashtier_probe_"
WRITTEN = 'node_textfile_mtime_seconds{file="/run/flashtier-probe/probe.prom"}'


def probed(question):
    """None where no probe is configured. `age`: seconds since the figures were written."""
    if not pathlib.Path(SETTINGS).is_file():
        return None
    status, text = ask(question["address"], question["exporter_port"], "/metrics")
    if status != 200:
        raise RuntimeError(f"/metrics of node_exporter: status {status}")
    series = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {
        "figures": {name: float(value) for name, value in series.items() if name.startswith(OURS)},
        "age": time.time() - float(series.get(WRITTEN, "0")),
        "folders": {
            volume["name"]: rights(volume["folder"]) for volume in json.loads(read(SETTINGS))["volumes"]
        },
    }


def rights(folder):
    found = pathlib.Path(folder).stat()
    return f"{found.st_mode & 0o7777:04o} {pathlib.Path(folder).owner()}"
