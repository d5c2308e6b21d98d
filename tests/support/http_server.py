"""A server on this machine, from entering to leaving a block: requests get what a handler answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Seconds in which its thread ends.
ENDS = 10.0


class Handler(BaseHTTPRequestHandler):
    """Kept connections, and nothing said of requests."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, data: bytes) -> None:
        """The whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running(handler: type[Handler], over: threading.Event) -> Iterator[str]:
    """Its URL. `over` is set at the end, before it waits for what is still answered."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]  # clients hang up
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(ENDS)
