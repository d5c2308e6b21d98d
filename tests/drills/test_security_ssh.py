"""The only login: the operator, with the declared key, to a host with the declared key, by strong algorithms.

Each refusal is paired with a login that differs in that one thing and works.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.contract import Contract
from infra.paths import ROOT, known_hosts, private_key, public_key
from tests.drills.runs import environment
from tests.drills.security.living import living
from tests.drills.security.places import on_host, run

KEY = "/etc/ssh/ssh_host_ed25519_key"
DENIED = "Permission denied (publickey)"
PASSWORD = "drill"  # noqa: S105 - of one account, during one test

#: Each is offered alone and must be refused: it has no post-quantum part, is not authenticated, or is old.
WEAK = [
    "KexAlgorithms=curve25519-sha256",
    "KexAlgorithms=ecdh-sha2-nistp256",
    "KexAlgorithms=diffie-hellman-group14-sha256",
    "Ciphers=aes128-ctr",
    "Ciphers=aes256-cbc",
    "HostKeyAlgorithms=rsa-sha2-512",
    "HostKeyAlgorithms=ecdsa-sha2-nistp256",
]


@pytest.fixture(scope="module")
def contract(stack: str) -> Contract:
    return living(stack)


def ssh(
    contract: Contract, *options: str, user: str = "", key: Path | None = None, host: str = ""
) -> tuple[int, str]:
    """Exit code and errors of ssh, with the kit's files and none of the person's own."""
    declared = contract.host(host) if host else contract.hosts[0]
    words = [
        *("ssh", "-F", "/dev/null", "-i", str(key or private_key(contract.stack))),
        *(f"-oUserKnownHostsFile={known_hosts(contract.stack)}", "-oGlobalKnownHostsFile=/dev/null"),
        *("-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oConnectTimeout=15"),
        *("-oStrictHostKeyChecking=yes", "-oBatchMode=yes"),
        *options,
        f"{user or contract.access.user}@{declared.address}",
        *(() if "-W" in options else ("true",)),
    ]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def admitted(contract: Contract) -> None:
    code, said = ssh(contract)
    assert code == 0, said


def refused(contract: Contract, why: str, *options: str, user: str = "", key: Path | None = None) -> None:
    code, said = ssh(contract, *options, user=user, key=key)
    who = f"ssh {' '.join(options)} as {user or 'the operator'}"
    assert code == 255, f"{who} was accepted"
    assert why in said, f"{who} failed for another reason: {said}"


def test_known_hosts_is_the_contracts(contract: Contract) -> None:
    expected = {
        f"{host.address},{host.name},{host.name}.{contract.domain} {host.ssh_host_key}"
        for host in contract.hosts
    }
    assert set(known_hosts(contract.stack).read_text().splitlines()) == expected
    assert len({host.ssh_host_key for host in contract.hosts}) == len(contract.hosts), "hosts share a key"


def test_the_operator_logs_in_with_the_declared_key_only(contract: Contract, tmp_path: Path) -> None:
    admitted(contract)
    other = tmp_path / "other"
    run([], "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other))
    refused(contract, DENIED, key=other)


def test_a_password_does_not_log_in(contract: Contract) -> None:
    """Even where an account has one: the daemon does not offer password authentication."""
    place = on_host(contract.stack, contract.hosts[0].name)
    for user in (contract.access.user, "root"):
        try:
            run(place, "chpasswd", text=f"{user}:{PASSWORD}\n".encode())
            for way in ("password", "keyboard-interactive"):
                refused(contract, DENIED, f"-oPreferredAuthentications={way}", user=user)
        finally:
            run(place, "usermod", "--password", "!", user)


@pytest.mark.parametrize(("user", "home"), [("root", "/root"), ("nobody", "/nonexistent")])
def test_no_other_account_logs_in_with_the_operators_key(contract: Contract, user: str, home: str) -> None:
    place = on_host(contract.stack, contract.hosts[0].name)
    try:
        run(place, "mkdir", "-p", "-m", "0700", f"{home}/.ssh")
        run(place, "tee", f"{home}/.ssh/authorized_keys", text=public_key(contract.stack).read_bytes())
        run(place, "chown", "-R", f"{user}:", f"{home}/.ssh")
        refused(contract, DENIED, user=user)
        admitted(contract)
    finally:
        run(place, "rm", "-rf", f"{home}/.ssh" if user == "root" else home)


def test_a_host_forwards_nothing_to_another(contract: Contract) -> None:
    """It would bypass the firewall: the host would open the connection from its own address."""
    flow = next(flow for flow in contract.flows if flow.port_name == "postgresql")
    target = f"{contract.host(flow.destination).address}:{flow.port}"
    code, said = ssh(contract, "-W", target, host=flow.source)
    assert code == 255
    assert "administratively prohibited" in said, said


def test_weak_algorithms_are_refused(contract: Contract) -> None:
    admitted(contract)
    for option in WEAK:
        refused(contract, "no matching", f"-o{option}")


@contextmanager
def another_host_key(contract: Contract, host: str) -> Iterator[None]:
    """The host presents a key that is not the contract's, as a machine in between would."""
    place = on_host(contract.stack, host)
    make = f"rm {KEY}; ssh-keygen -q -t ed25519 -N '' -f {KEY}.new; mv {KEY}.new {KEY}; rm {KEY}.new.pub"
    run(place, "cp", "-a", KEY, f"{KEY}.kept")
    try:
        run(place, "sh", "-ec", f"{make}; systemctl restart ssh")
        yield
    finally:
        run(place, "sh", "-ec", f"mv {KEY}.kept {KEY}; systemctl restart ssh")


def test_a_host_with_another_key_is_refused(contract: Contract) -> None:
    """By ssh, by the playbook (mitogen) and by Ansible's own connection; none of them stores the new key."""
    host = contract.hosts[0]
    before = known_hosts(contract.stack).read_bytes()
    inventory = ("-i", "ansible/inventory.pulumi_stack.yml")
    playbook = ("ansible-playbook", *inventory, "--check", "--limit", host.name, "ansible/site.yml")
    ping = ("ansible", *inventory, host.name, "-m", "ansible.builtin.ping")
    with another_host_key(contract, host.name):
        code, said = ssh(contract)
        assert code == 255
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said, said
        for command, strategy in ((playbook, "mitogen_linear"), (playbook, "linear"), (ping, "linear")):
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**environment(contract.stack), "ANSIBLE_STRATEGY": strategy},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            text = done.stdout + done.stderr
            assert done.returncode == 4, f"{command[0]}, {strategy}: {done.returncode}: {text[-1500:]}"
            assert "host key" in text.lower(), f"{command[0]}, {strategy}: {text[-1500:]}"
    admitted(contract)
    assert known_hosts(contract.stack).read_bytes() == before
    own = Path.home() / ".ssh" / "known_hosts"
    assert not own.exists() or host.address not in own.read_text()
