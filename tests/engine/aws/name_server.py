"""A name server on the loopback, in place of public DNS: what FLASHTIER_RESOLVER names in tests."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

#: Records of a name and a type, as text; None: the name does not exist. A raised `Failure` is SERVFAIL.
Answer = Callable[[str, str], "list[str] | None"]


class Failure(Exception):
    pass


@contextlib.contextmanager
def name_server(answer: Answer) -> Iterator[str]:
    """Yields ADDRESS:PORT."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, socket = self.request
            socket.sendto(_response(answer, dns.message.from_wire(wire)).to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(timeout=5)


def _response(answer: Answer, query: dns.message.Message) -> dns.message.Message:
    made = dns.message.make_response(query)
    made.flags |= dns.flags.RA
    asked = query.question[0]
    name, kind = str(asked.name).rstrip("."), dns.rdatatype.to_text(asked.rdtype)
    try:
        found = answer(name, kind)
    except Failure:
        made.set_rcode(dns.rcode.SERVFAIL)
        return made
    if found is None:
        made.set_rcode(dns.rcode.NXDOMAIN)
    elif found:
        made.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
    return made
