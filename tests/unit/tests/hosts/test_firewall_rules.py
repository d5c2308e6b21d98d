"""Reading nftables' JSON: what a rule accepts is never read as less than it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hosts.firewall import accepted


def match(left: Any, right: Any, op: str = "==") -> Any:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> Any:
    return {"payload": {"protocol": protocol, "field": field}}


def rules(*expressions: Any, chain: str = "input") -> list[Any]:
    return [{"metainfo": {"version": "1.1.3"}}, {"rule": {"chain": chain, "expr": list(expressions)}}]


ACCEPT = {"accept": None}
PORT_22 = match(payload("tcp", "dport"), 22)


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        ([PORT_22, ACCEPT], {("tcp", 22): {"any"}}),
        ([match(payload("ip", "saddr"), "10.0.0.1"), PORT_22, ACCEPT], {("tcp", 22): {"10.0.0.1"}}),
        (
            [match(payload("ip", "saddr"), {"set": ["10.0.0.1", "10.0.0.2"]}), PORT_22, ACCEPT],
            {("tcp", 22): {"10.0.0.1", "10.0.0.2"}},
        ),
        (
            [
                match(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 24}}, "!="),
                PORT_22,
                ACCEPT,
            ],
            {("tcp", 22): {"not 10.0.0.0/24"}},
        ),
        (
            [match(payload("tcp", "dport"), {"set": [80, 443]}), ACCEPT],
            {("tcp", 80): {"any"}, ("tcp", 443): {"any"}},
        ),
        (
            [
                match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "udp"]}),
                match(payload("th", "dport"), 53),
                ACCEPT,
            ],
            {("tcp", 53): {"any"}, ("udp", 53): {"any"}},
        ),
        ([ACCEPT], {("any", 0): {"any"}}),  # a rule that opens everything
        ([match(payload("ip", "saddr"), "10.0.0.9"), ACCEPT], {("any", 0): {"10.0.0.9"}}),
        ([match({"meta": {"key": "iifname"}}, "eth0"), ACCEPT], {("any", 0): {"any"}}),
        ([match({"ct": {"key": "state"}}, ["established", "related", "new"]), ACCEPT], {("any", 0): {"any"}}),
        # Not counted: what every host accepts.
        ([match({"meta": {"key": "iif"}}, "lo"), ACCEPT], {}),
        ([match({"ct": {"key": "state"}}, {"set": ["established", "related"]}), ACCEPT], {}),
        ([match(payload("icmp", "type"), {"set": ["echo-request"]}), ACCEPT], {}),
        ([match({"meta": {"key": "l4proto"}}, {"set": ["icmp", "ipv6-icmp"]}), ACCEPT], {}),
        ([PORT_22, {"drop": None}], {}),
    ],
)
def test_rules(expressions: list[Any], expected: Any) -> None:
    assert accepted(rules(*expressions), "input", "saddr") == expected
    assert accepted(rules(*expressions, chain="output"), "input", "saddr") == {}


def test_rules_for_one_port_are_joined() -> None:
    both = [
        *rules(match(payload("ip", "saddr"), "10.0.0.1"), PORT_22, ACCEPT),
        *rules(match(payload("ip", "saddr"), "10.0.0.2"), PORT_22, ACCEPT),
    ]
    assert accepted(both, "input", "saddr") == {("tcp", 22): {"10.0.0.1", "10.0.0.2"}}
