"""Reads nftables' JSON (libnftables-json(5)): which ports a chain accepts, and from or to which addresses."""

from __future__ import annotations

from typing import Any

Accepted = dict[tuple[str, int], set[str]]


def accepted(rules: list[dict[str, Any]], chain: str, side: str) -> Accepted:
    """(protocol, port) -> addresses that `chain` accepts new connections from (`side` saddr) or to (daddr).

    "any" stands for a rule without address, "not <address>" for its opposite. A rule that accepts without
    naming a port is listed under ("any", 0), but for the loopback interface, ICMP and what is established.
    """
    found: Accepted = {}
    for entry in rules:
        rule = entry.get("rule")
        if rule is None or rule["chain"] != chain or {"accept": None} not in rule["expr"]:
            continue
        matches = [part["match"] for part in rule["expr"] if "match" in part]
        if any(_harmless(match) for match in matches):
            continue
        protocols, ports, addresses = ["any"], [0], ["any"]
        for match in matches:
            left = match["left"]
            field = left.get("payload", {}).get("field")
            if left.get("meta", {}).get("key") == "l4proto":
                protocols = _values(match)
            elif field == "dport":
                ports = [int(port) for port in _values(match)]
                if left["payload"]["protocol"] != "th":
                    protocols = [left["payload"]["protocol"]]
            elif field == side:
                addresses = _values(match)
        for protocol in protocols:
            for port in ports:
                found.setdefault((protocol, port), set()).update(addresses)
    return found


def _harmless(match: dict[str, Any]) -> bool:
    left, right = match["left"], match["right"]
    if "ct" in left:
        return bool(left["ct"]["key"] == "state" and set(_list(right)) <= {"established", "related"})
    if "meta" in left and match["op"] == "==":
        if left["meta"]["key"] in ("iif", "oif", "iifname", "oifname"):
            return bool(right == "lo")
        if left["meta"]["key"] == "l4proto":
            return {str(value) for value in _list(right)} <= {"icmp", "ipv6-icmp", "icmpv6"}
    return bool(left.get("payload", {}).get("protocol") in ("icmp", "icmpv6"))


def _values(match: dict[str, Any]) -> list[str]:
    prefix = "not " if match["op"] == "!=" else ""
    return [prefix + _text(value) for value in _list(match["right"])]


def _list(right: Any) -> list[Any]:
    if isinstance(right, dict) and "set" in right:
        return list(right["set"])
    return right if isinstance(right, list) else [right]


def _text(value: Any) -> str:
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if isinstance(value, dict) and "range" in value:
        return "-".join(str(end) for end in value["range"])
    return str(value)
