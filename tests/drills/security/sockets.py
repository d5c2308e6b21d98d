"""Runs on a host, in a network namespace or on the controller: listens, or tries the ports of listeners.

    python3 -c "$(cat sockets.py)" serve '{"addresses": [...], "tcp": [...], "udp": [...], "seconds": 300}'
    python3 -c "$(cat sockets.py)" try   '[["tcp", "10.0.0.1", 443], ...]'

`serve` prints one line of JSON when it listens, and ends when its standard input does or its time is up. It
skips a port on which another program listens. UDP is answered with what was received. `try` answers, as JSON
in the same order: "open", "refused" (the packet passed every firewall, nothing listened), or "dropped" (no
answer).
Link-local addresses name their interface: fe80::1%eth0.
"""

import errno
import json
import selectors
import socket
import sys
import time

DEADLINE = 3.0  # seconds; a dropped packet shows only as no answer
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def place(address, port):
    """Family and socket address."""
    family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    return family, where


def serve(wanted):
    selector = selectors.DefaultSelector()
    in_use = []
    for address in wanted["addresses"]:
        for protocol, kind in KINDS.items():
            for port in wanted[protocol]:
                family, where = place(address, port)
                listener = socket.socket(family, kind)
                try:
                    if family == socket.AF_INET6:
                        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    listener.bind(where)
                    if protocol == "tcp":
                        listener.listen(256)
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    in_use.append([protocol, address, port])
                    listener.close()
                    continue
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ, protocol)
    print(json.dumps({"in_use": in_use}), flush=True)
    selector.register(sys.stdin, selectors.EVENT_READ, "end")
    end = time.monotonic() + wanted["seconds"]
    while (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            if key.data == "end":
                return
            try:
                if key.data == "tcp":
                    key.fileobj.accept()[0].close()
                else:
                    text, sender = key.fileobj.recvfrom(64)
                    key.fileobj.sendto(text, sender)
            except OSError:
                pass  # the client is gone, or the answer may not leave


def attempt(targets):
    answers = ["dropped"] * len(targets)
    with selectors.DefaultSelector() as selector:
        for index, (protocol, address, port) in enumerate(targets):
            family, where = place(address, port)
            client = socket.socket(family, KINDS[protocol])
            client.setblocking(False)
            try:
                code = client.connect_ex(where)
                if protocol == "udp" and code == 0:
                    client.send(b"flashtier")
            except PermissionError:  # the own firewall has dropped it
                client.close()
                continue
            wanted = selectors.EVENT_WRITE if protocol == "tcp" else selectors.EVENT_READ
            selector.register(client, wanted, index)
        end = time.monotonic() + DEADLINE
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                answers[key.data] = outcome(key.fileobj, targets[key.data][0])
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    return answers


def outcome(client, protocol):
    code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code == 0 and protocol == "udp":
        try:
            client.recv(64)
        except OSError as error:
            code = error.errno
    if code == 0:
        return "open"
    if code == errno.ECONNREFUSED:
        return "refused"
    # No neighbour answers for the address (a packet on the way to it was dropped), or no query may be sent.
    return "dropped" if code in (errno.EHOSTUNREACH, errno.EPERM) else errno.errorcode[code]


if __name__ == "__main__":
    asked = json.loads(sys.argv[2])
    if sys.argv[1] == "serve":
        serve(asked)
    else:
        json.dump(attempt(asked), sys.stdout)
