"""Prints HAProxy's table of servers, as CSV: servers.py <its socket>."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as haproxy:
    haproxy.settimeout(10)
    haproxy.connect(sys.argv[1])
    haproxy.sendall(b"show stat -1 4 -1\n")
    with haproxy.makefile() as answer:
        print(answer.read())
