"""One new connection to the local server, over its unix socket.

It asks whether the server speaks TLS, and hangs up. That needs no account, no slot for a connection and no
lock, and the server logs nothing of it; but the postmaster has to accept it, and a new process to answer.
https://www.postgresql.org/docs/17/protocol-message-formats.html (SSLRequest)
"""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from probing.outcome import FINE, Outcome, failed

#: Seconds for one connection. Another is tried then: the process that one has come to may be lost alone.
ANSWERS = 2.0
#: Seconds before the next where the server's queue of connections is full.
AGAIN = 0.1
QUESTION = struct.pack("!ii", 8, 80877103)


class Server:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> Outcome:
        """Comes back with an answer, or where no server listens. Whatever the server says is an answer."""
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWERS)
                try:
                    connection.connect(str(self.path))
                    connection.sendall(QUESTION)
                    answered = bool(connection.recv(1))
                except TimeoutError:
                    continue
                except BlockingIOError:
                    time.sleep(AGAIN)
                    continue
                except (FileNotFoundError, ConnectionError) as error:
                    return Outcome("absent", f"{self.path}: {error.strerror}")
                except OSError as error:
                    return failed(error, str(self.path))
            if answered:
                return FINE
            return Outcome("absent", f"{self.path}: the server hung up without an answer")
