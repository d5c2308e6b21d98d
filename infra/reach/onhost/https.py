"""Requests over TLS, with the host's own certificate, to the daemons of this environment."""

from __future__ import annotations

import base64
import http.client
import json
import ssl

TLS = "/etc/flashtier/tls"
#: Seconds for one answer.
SECONDS = 10.0


def ask(
    address: str,
    port: int,
    path: str,
    body: object = None,
    token: str = "",
    certificate: bool = True,
    seconds: float = SECONDS,
) -> tuple[int, str]:
    """Status and text of the answer: to a GET, or to a POST of `body` as JSON.

    `certificate`: whether the host shows its own. `seconds`: for each step of the connection. Raises
    `OSError` and `http.client.HTTPException`.
    """
    context = ssl.create_default_context(cafile=f"{TLS}/ca.crt")
    if certificate:
        context.load_cert_chain(f"{TLS}/host.crt", f"{TLS}/host.key")
    asked = http.client.HTTPSConnection(address, port, timeout=seconds, context=context)
    try:
        headers = {"Authorization": token} if token else {}
        text = None if body is None else json.dumps(body)
        asked.request("GET" if body is None else "POST", path, body=text, headers=headers)
        answer = asked.getresponse()
        return answer.status, answer.read().decode()
    finally:
        asked.close()


def coded(value: str) -> str:
    """As etcd's JSON interface carries keys and values."""
    return base64.b64encode(value.encode()).decode()


def plain(value: str) -> str:
    """The inverse of `coded`."""
    return base64.b64decode(value).decode()


def below(prefix: str) -> dict[str, str]:
    """The range of all keys that begin with `prefix`, which ends in a slash."""
    return {"key": coded(prefix), "range_end": coded(prefix[:-1] + "0")}
