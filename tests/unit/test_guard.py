"""The machine's rules for a stack: nft takes them, and they agree with what a host lets out."""

from __future__ import annotations

import ipaddress
import re
import subprocess
from pathlib import Path

from infra.local import guard
from infra.paths import ROOT


def test_nft_takes_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "guard.nft"
    file.write_text(guard.ruleset("a-stack", "10.1.0.1"))
    # In a network of its own, of which anyone may be root.
    command = ["unshare", "--net", "--map-root-user", "nft", "--check", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_machine_lets_out_what_hosts_let_out() -> None:
    """Not more, or the machine would be the weaker of the two; not less, or a host waits in vain."""
    template = (ROOT / "templates/base/nftables.conf.j2").read_text()
    outside = re.findall(r"ip daddr != \{\{ base_cidr \}\} (tcp|udp) dport (?:\{ (.*?) \}|(\d+))", template)
    found = {protocol: tuple(map(int, (several or one).split(", "))) for protocol, several, one in outside}
    assert found == {"tcp": guard.OUTSIDE_TCP, "udp": guard.OUTSIDE_UDP}


def test_no_clouds_metadata_service_is_reached() -> None:
    """Each by both filters, and before connections that are established already."""
    template = (ROOT / "templates/base/nftables.conf.j2").read_text()
    output = template[template.index("chain output") :]
    dropped = re.search(r"ip daddr \{ (.*?) \} counter drop", output[: output.index("ct state established")])
    assert dropped is not None
    assert tuple(dropped[1].split(", ")) == guard.METADATA
    networks = [ipaddress.ip_network(network) for network in guard.METADATA]
    for address in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"):
        assert any(ipaddress.ip_address(address) in network for network in networks), address
    rules = guard.ruleset("one", "10.1.0.1")
    forward = rules[rules.index("chain forward") : rules.rindex("ct state established")]
    for match in ("ip daddr", "ct original ip daddr"):
        assert f'iifname "ft-one" {match} {{ {dropped[1]} }} counter drop' in forward
    assert 'iifname "ft-one" meta nfproto ipv6 counter drop' in forward


def test_each_stack_has_a_table_of_its_own() -> None:
    """One is taken away without the other, also where a name begins like another."""
    rules = guard.ruleset("one", "10.1.0.1")
    assert 'iifname != "ft-one" accept' in rules
    assert guard.table("one") != guard.table("one2")
    assert '"ft-one*"' not in rules
