"""Messages to systemd (sd_notify): started, stopping, and alive."""

from __future__ import annotations

import os
import socket


def notify(message: str) -> None:
    """Nothing where no unit started the process."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(1)
        sock.connect("\0" + path[1:] if path.startswith("@") else path)
        sock.sendall(message.encode())
