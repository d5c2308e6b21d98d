"""What the host's own Patroni says over its REST interface, which wants a certificate of this environment."""

from __future__ import annotations

import http.client
import json
import pathlib
import re
from typing import Any

from infra.reach.onhost.https import ask
from ops.status.probe.config_file import section

#: In the data directory. Source: patroni 4.1, config.py, Config.save_cache.
KEPT = "patroni.dynamic.json"
#: A file of WAL: eight digits of the timeline, sixteen of its number.
FILE = re.compile(r"[0-9A-F]{24}")
#: Of the cluster's settings, those that are shown. Others may name commands and addresses.
SHOWN = (
    "ttl",
    "loop_wait",
    "retry_timeout",
    "synchronous_mode",
    "synchronous_mode_strict",
    "synchronous_node_count",
    "failsafe_mode",
    "pause",
)


def own(question: dict[str, Any]) -> dict[str, Any] | None:
    """Its own view of itself. It needs no etcd."""
    return get(question, "/patroni")


def cluster(question: dict[str, Any]) -> dict[str, Any] | None:
    """All members, as Patroni reads them in etcd now."""
    return get(question, "/cluster")


def config(question: dict[str, Any]) -> dict[str, Any] | None:
    """The settings that all members share, by Patroni's names.

    Patroni reads them in etcd to answer. Where it cannot, what it goes by is in the file that it keeps.
    """
    try:
        found = get(question, "/config", share=0.6)
    except (OSError, http.client.HTTPException, RuntimeError, ValueError):
        text = pathlib.Path(question["patroni_file"]).read_text()
        found = json.loads(pathlib.Path(section(text, "postgresql")["data_dir"], KEPT).read_text())
    return None if found is None else shown(found)


def wal(question: dict[str, Any]) -> dict[str, str] | None:
    """The oldest file of WAL that the host can send, by its name without the timeline; "" where it has none.

    None where the host runs no Patroni.
    """
    if question["patroni"] is None:
        return None
    text = pathlib.Path(question["patroni_file"]).read_text()
    folder = pathlib.Path(section(text, "postgresql")["data_dir"]) / "pg_wal"
    names = (path.name for path in folder.iterdir())
    return {"oldest": min((name[8:] for name in names if FILE.fullmatch(name)), default="")}


def shown(settings: dict[str, Any]) -> dict[str, Any]:
    """What may be printed of them."""
    return {name: settings[name] for name in SHOWN if name in settings}


def get(question: dict[str, Any], path: str, share: float = 1.0) -> dict[str, Any] | None:
    """None where the host runs no Patroni. `share`: of the question's seconds, for the answer."""
    if question["patroni"] is None:
        return None
    address, port = question["patroni"]
    status, text = ask(address, port, path, seconds=question["seconds"] * share)
    if status != 200:
        raise RuntimeError(f"{path}: status {status}")
    found: dict[str, Any] = json.loads(text)
    return found
