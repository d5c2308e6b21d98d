"""The question -> what the host's daemons say, as JSON, within its own deadline."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ops.status.probe import certificates, etcd, patroni

Part = Callable[[dict[str, Any]], Any]
PARTS: dict[str, Part] = {
    "certificates": certificates.certificates,
    "patroni": patroni.own,
    "cluster": patroni.cluster,
    "config": patroni.config,
    "wal": patroni.wal,
    "keys": etcd.keys,
    "etcd": etcd.member,
    "health": etcd.health,
}


def answer(question: dict[str, Any]) -> None:
    """Print {part: answer, "now": the host's time of day}; a part that fails or is late is {"error": why}.

    `question`: seconds (for all of it), scope (the cluster's name), patroni ([address, port] of the host's
    own REST interface, or None), etcd (of its own member, or None), endpoints (of etcd, in the order in
    which this host asks them), folder (of certificates), patroni_file.
    """
    found = collect(question, PARTS)
    sys.stdout.write(json.dumps({**found, "now": time.time()}))
    sys.stdout.flush()
    # A part that waits for a daemon yet would hold up the end.
    os._exit(0)


def collect(question: dict[str, Any], parts: dict[str, Part]) -> dict[str, Any]:
    """Every part at once; no one waits for the slowest longer than `question["seconds"]`."""
    late = {"error": f"no answer within {question['seconds']:.0f} s"}
    found: dict[str, Any] = {}

    def run(name: str, part: Part) -> None:
        try:
            found[name] = part(question)
        except Exception as error:
            found[name] = {"error": why(error)}

    end = time.monotonic() + question["seconds"]
    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in parts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return {name: found.get(name, late) for name in parts}


def why(error: Exception) -> str:
    """One line. The system's own words where there are any."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(said.split())[:200]
