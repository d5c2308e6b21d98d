"""What the machine itself lets a stack's hosts reach, whatever their own firewalls allow.

A host filters for itself (templates/base/nftables.conf.j2), but root on the host can empty that filter.
These rules are the machine's: names and leases from the bridge, web ports and time outside, and neither the
machine's other services, nor a cloud's metadata service, nor the hosts of another stack. Between hosts of one
stack their own firewalls decide; LXD keeps a host from taking another address (`security.ipv4_filtering`).
"""

from __future__ import annotations

import json
from pathlib import Path

from infra.local import names
from infra.local.run import run
from infra.topology.egress import REFUSED, outside


def table(stack: str) -> str:
    return f"flashtier-{stack}"


def ruleset(stack: str, gateway: str) -> str:
    """The stack's table, as `nft --file` reads it: it replaces an older one in one transaction.

    Metadata services come before established connections, so that one from before the rule ends; also where
    the machine passes their addresses on to a proxy (`ct original`).
    """
    own, every = f'"{names.bridge(stack)}"', f'"{names.bridge("*")}"'
    return f"""\
table inet {table(stack)}
delete table inet {table(stack)}
table inet {table(stack)} {{
	chain input {{
		type filter hook input priority filter; policy accept;
		iifname != {own} accept
		ct original ip daddr {{ {", ".join(REFUSED["local"])} }} counter drop
		ct state established,related accept
		meta l4proto icmp accept
		ip daddr {gateway} meta l4proto {{ tcp, udp }} th dport 53 accept
		udp sport 68 udp dport 67 accept
		counter drop
	}}
	chain forward {{
		type filter hook forward priority filter; policy accept;
		iifname {own} oifname {own} accept
		iifname {own} meta nfproto ipv6 counter drop
		iifname {own} ip daddr {{ {", ".join(REFUSED["local"])} }} counter drop
		iifname {own} ct original ip daddr {{ {", ".join(REFUSED["local"])} }} counter drop
		ct state established,related accept
		iifname {every} oifname {own} counter drop
		iifname != {own} accept
		oifname {every} counter drop
		meta l4proto icmp accept
		tcp dport {{ {_ports(outside("local", "tcp"))} }} accept
		udp dport {{ {_ports(outside("local", "udp"))} }} accept
		counter drop
	}}
}}
"""


def _ports(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports))


def load(stack: str, gateway: str) -> None:
    """Load the rules into the kernel, and keep how it prints them: so a change by hand is detected."""
    file = names.runtime_directory(stack) / "guard.nft"
    file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    file.write_text(ruleset(stack, gateway))
    run(["nft", "--file", str(file)])
    _shown(stack).write_text(_in_effect(stack))


def is_loaded(stack: str, gateway: str) -> bool:
    file, shown = names.runtime_directory(stack) / "guard.nft", _shown(stack)
    return (
        file.is_file()
        and file.read_text() == ruleset(stack, gateway)
        and shown.is_file()
        and shown.read_text() == _in_effect(stack)
    )


def exists(stack: str) -> bool:
    listing = json.loads(run(["nft", "--json", "list", "tables", "inet"]))["nftables"]
    return any(entry.get("table", {}).get("name") == table(stack) for entry in listing)


def unload(stack: str) -> None:
    if exists(stack):
        run(["nft", "delete", "table", "inet", table(stack)])
    (names.runtime_directory(stack) / "guard.nft").unlink(missing_ok=True)
    _shown(stack).unlink(missing_ok=True)


def _shown(stack: str) -> Path:
    return names.runtime_directory(stack) / "guard.loaded"


def _in_effect(stack: str) -> str:
    return run(["nft", "--stateless", "list", "table", "inet", table(stack)]) if exists(stack) else ""
