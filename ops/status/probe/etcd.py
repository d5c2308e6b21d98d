"""What etcd says: the host's own member of itself, and on a database host the cluster's keys."""

from __future__ import annotations

import http.client
import json
import pathlib
from typing import Any

from infra.reach.onhost.https import ask, below, plain
from ops.status.probe.config_file import section
from ops.status.probe.patroni import shown

#: Below /service/<scope>/, those that are shown; of `config` what patroni.SHOWN names.
SHOWN = ("leader", "failover", "config")
#: Below /flashtier/<scope>/, how the names of those begin.
OWN = ("holds/", "followers/", "members/", "probes/", "takeover/", "procedure", "maintenance")


def member(question: dict[str, Any]) -> dict[str, Any] | None:
    """Of a control host. None of these asks for an account: the host's certificate is enough.

    A member without a quorum answers them, too, from what it knows.
    """
    if question["etcd"] is None:
        return None
    address, port = question["etcd"]
    seconds = question["seconds"]
    requests: dict[str, Any] = {
        "status": {},
        "members": {"linearizable": False},
        "alarms": {"action": "GET"},
    }
    paths = {"status": "maintenance/status", "members": "cluster/member/list", "alarms": "maintenance/alarm"}
    return {
        name: json.loads(ask(address, port, f"/v3/{paths[name]}", body, seconds=seconds)[1])
        for name, body in requests.items()
    }


def health(question: dict[str, Any]) -> dict[str, Any] | None:
    """Etcd's own word: {"health": "true"} only where a quorum answers this member."""
    if question["etcd"] is None:
        return None
    address, port = question["etcd"]
    found: dict[str, Any] = json.loads(ask(address, port, "/health", seconds=question["seconds"])[1])
    return found


def keys(question: dict[str, Any]) -> dict[str, Any] | None:
    """Who leads, what is held and what followers publish, by key: {"value": text, "leased": whether it ends}.

    Asked with Patroni's account, which may read no more than this cluster's keys. The first endpoint that
    answers counts. None where the host runs no Patroni.
    """
    if question["patroni"] is None:
        return None
    account = section(pathlib.Path(question["patroni_file"]).read_text(), "etcd3")
    seconds = question["seconds"] / max(1, len(question["endpoints"]))
    said = []
    for address, port in question["endpoints"]:
        try:
            return read(address, port, account, question["scope"], seconds)
        except (OSError, http.client.HTTPException, RuntimeError, ValueError, KeyError) as error:
            said.append(f"{address}: {getattr(error, 'strerror', None) or error}")
    raise RuntimeError("; ".join(said) or "no endpoint of etcd is declared")


def read(address: str, port: int, account: dict[str, str], scope: str, seconds: float) -> dict[str, Any]:
    """Linearizable: a member that has lost the quorum does not answer."""
    signing = {"name": account["username"], "password": account["password"]}
    token = post(address, port, "/v3/auth/authenticate", signing, "", seconds)["token"]
    found: dict[str, Any] = {}
    for prefix in (f"/service/{scope}/", f"/flashtier/{scope}/"):
        answer = post(address, port, "/v3/kv/range", below(prefix), token, seconds)
        for pair in answer.get("kvs", ()):
            key = plain(pair["key"])
            value = plain(pair.get("value", ""))
            if key == f"/service/{scope}/config":
                value = json.dumps(shown(json.loads(value)))
            name = key.removeprefix(prefix)
            if name.startswith(OWN) if prefix.startswith("/flashtier/") else name in SHOWN:
                found[key] = {"value": value, "leased": "lease" in pair}
    return found


def post(address: str, port: int, path: str, body: object, token: str, seconds: float) -> dict[str, Any]:
    """Raises `RuntimeError` with what etcd says, which never repeats what it was given."""
    status, text = ask(address, port, path, body, token, seconds=seconds)
    answer = json.loads(text)
    if status != 200 or not isinstance(answer, dict):
        said = answer.get("message") if isinstance(answer, dict) else None
        raise RuntimeError(f"{path}: status {status}: {said or 'no reason given'}")
    return answer
