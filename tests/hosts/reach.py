"""Runs on a host or on the controller: whether a TCP connection to each address and port gets through.

Usage: python3 -c "$(cat reach.py)" TARGETS, where TARGETS is JSON, [[address, port], ...], all tried at once.
Answers, as JSON in the same order: "open"; "refused" (the other side answered that nothing listens: the
packet passed every firewall); "dropped" (no answer within the deadline); otherwise the error's name, such as
EHOSTUNREACH, where the attempt itself failed.
"""

import errno
import json
import selectors
import socket
import sys
import time

DEADLINE = 2.5  # seconds; a dropped packet is only known by silence


def reach(targets):
    answers = ["dropped"] * len(targets)
    with selectors.DefaultSelector() as selector:
        for index, (address, port) in enumerate(targets):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.setblocking(False)
            code = connection.connect_ex((address, port))
            if code not in (0, errno.EINPROGRESS):
                # No packet has left: a route that refuses or swallows it. That says nothing about a firewall.
                answers[index] = errno.errorcode[code]
                connection.close()
                continue
            selector.register(connection, selectors.EVENT_WRITE, index)
        end = time.monotonic() + DEADLINE
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                answers[key.data] = (
                    "open"
                    if code == 0
                    else "refused"
                    if code == errno.ECONNREFUSED
                    else errno.errorcode[code]
                )
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    return answers


if __name__ == "__main__":
    json.dump(reach(json.loads(sys.argv[1])), sys.stdout)
