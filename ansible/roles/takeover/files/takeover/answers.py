"""Whether a member's Patroni answers at all. Its question reads no disk on that side.

Only its word counts. A server whose Patroni is gone goes on acknowledging commits for which no one will look
once its lease has ended: that leader, too, has to be sealed off.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable


def answers(address: str, port: int, context: Callable[[], ssl.SSLContext] | None, seconds: float) -> bool:
    """Whether `/liveness` says within that time, from connecting to the last byte, that Patroni runs."""
    found: list[bool] = []
    asking = threading.Thread(
        target=lambda: found.append(_asked(address, port, context, seconds)), daemon=True
    )
    asking.start()
    asking.join(seconds)
    return found == [True]


def _asked(address: str, port: int, context: Callable[[], ssl.SSLContext] | None, seconds: float) -> bool:
    connection = (
        http.client.HTTPSConnection(address, port, timeout=seconds, context=context())
        if context
        else http.client.HTTPConnection(address, port, timeout=seconds)
    )
    try:
        connection.request("GET", "/liveness")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
