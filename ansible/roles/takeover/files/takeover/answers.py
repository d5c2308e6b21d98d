"""Whether a member's Patroni answers at all. Its question reads no disk on that side.

Only its word counts. A server whose Patroni is gone goes on acknowledging commits for which no one will look
once its lease has ended: that leader, too, has to be sealed off.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable

#: It runs; its host lives and no one listens, as while Patroni is started again; nothing comes back.
RUNS, REFUSES, SILENT = "runs", "refuses", ""


def answers(address: str, port: int, context: Callable[[], ssl.SSLContext] | None, seconds: float) -> str:
    """`RUNS` where `/liveness` says so within that time, from connecting to the last byte.

    A host that has it sealed off is refused by its own firewall.
    """
    found: list[str] = []
    asking = threading.Thread(
        target=lambda: found.append(_asked(address, port, context, seconds)), daemon=True
    )
    asking.start()
    asking.join(seconds)
    return found[0] if found else SILENT


def _asked(address: str, port: int, context: Callable[[], ssl.SSLContext] | None, seconds: float) -> str:
    connection: http.client.HTTPConnection | None = None
    try:
        connection = (
            http.client.HTTPSConnection(address, port, timeout=seconds, context=context())
            if context
            else http.client.HTTPConnection(address, port, timeout=seconds)
        )
        connection.request("GET", "/liveness")
        return RUNS if connection.getresponse().status == http.client.OK else SILENT
    except ConnectionRefusedError:
        return REFUSES
    except (OSError, http.client.HTTPException):
        return SILENT
    finally:
        if connection is not None:
            connection.close()
