"""The machine's rules for a stack: nft takes them, and they agree with what a host lets out."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

from infra.local import guard
from infra.topology.egress import REFUSED, outside


def test_nft_takes_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "guard.nft"
    file.write_text(guard.ruleset("a-stack", "10.1.0.1"))
    # In a network of its own, of which anyone may be root.
    command = ["unshare", "--net", "--map-root-user", "nft", "--check", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_machine_lets_out_what_hosts_let_out() -> None:
    """Both filters are made from one table; this one must name what it says."""
    rules = guard.ruleset("one", "10.1.0.1")
    assert outside("local", "tcp") == (80, 443)
    assert outside("local", "udp") == (123,)
    for protocol in ("tcp", "udp"):
        ports = ", ".join(map(str, outside("local", protocol)))
        assert f"{protocol} dport {{ {ports} }} accept" in rules


def test_no_clouds_metadata_service_is_reached() -> None:
    """Dropped before established connections, as on the hosts (test_firewall_template.py)."""
    networks = [ipaddress.ip_network(network) for network in REFUSED["local"]]
    for address in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"):
        assert any(ipaddress.ip_address(address) in network for network in networks), address
    rules = guard.ruleset("one", "10.1.0.1")
    forward = rules[rules.index("chain forward") : rules.rindex("ct state established")]
    for match in ("ip daddr", "ct original ip daddr"):
        assert f'iifname "ft-one" {match} {{ {", ".join(REFUSED["local"])} }} counter drop' in forward
    assert 'iifname "ft-one" meta nfproto ipv6 counter drop' in forward


def test_each_stack_has_a_table_of_its_own() -> None:
    """One is taken away without the other, also where a name begins like another."""
    rules = guard.ruleset("one", "10.1.0.1")
    assert 'iifname != "ft-one" accept' in rules
    assert guard.table("one") != guard.table("one2")
    assert '"ft-one*"' not in rules
