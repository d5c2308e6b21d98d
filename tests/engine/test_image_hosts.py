"""The image's promises, on two of its hosts: they boot cleanly, share nothing, run only what they must."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.image import METADATA, RECIPE, ROOTFS, image_path

NAME = "flashtier-imgtest"
BRIDGE = "ft-imgtest"
GATEWAY = "10.86.213.1/24"
HOSTS = ("alpha", "beta")
FIRST_BOOT = "/usr/local/lib/flashtier/first-boot"


def command(*words: str, seconds: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done


def lxc(*words: str, check: bool = True) -> str:
    return command("lxc", "--project", NAME, *words, check=check).stdout


def inside(host: str, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return command("lxc", "--project", NAME, "exec", host, "--", "sh", "-c", script, check=check)


def names(what: str) -> list[str]:
    return [entry["name"] for entry in json.loads(command("lxc", what, "list", "--format=json").stdout)]


def clear() -> None:
    """Remove what this test makes, also after a killed run."""
    if NAME in names("project"):
        for host in json.loads(lxc("list", "--format=json")):
            lxc("delete", "--force", host["name"])
        for image in json.loads(lxc("image", "list", "--format=json")):
            lxc("image", "delete", image["fingerprint"])
        command("lxc", "project", "delete", NAME)
    for what, name in (("storage", NAME), ("network", BRIDGE)):
        if name in names(what):
            command("lxc", what, "delete", name)


@pytest.fixture(scope="module")
def image() -> Path:
    command(str(RECIPE / "build"), seconds=1500)
    return image_path()


@pytest.fixture(scope="module")
def hosts(image: Path) -> Iterator[tuple[str, ...]]:
    clear()
    try:
        command("lxc", "project", "create", NAME, "-c", "features.networks=false")
        command("lxc", "storage", "create", NAME, "dir")
        command(
            "lxc",
            "network",
            "create",
            BRIDGE,
            f"ipv4.address={GATEWAY}",
            "ipv4.nat=false",
            "ipv6.address=none",
        )
        lxc("image", "import", str(image / METADATA), str(image / ROOTFS), "--alias", "host")
        for host in HOSTS:
            privileged = ("-c", "security.privileged=true", "-c", "raw.lxc=lxc.apparmor.profile=unconfined")
            lxc("launch", "host", host, "-s", NAME, "-n", BRIDGE, *privileged, "-c", "limits.memory=512MiB")
        for host in HOSTS:
            inside(
                host,
                "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait",
            )
        yield HOSTS
    finally:
        clear()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ssh") / "key"
    command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
    return path


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_boots_cleanly(hosts: tuple[str, ...], host: str) -> None:
    assert inside(host, "systemctl is-system-running").stdout.strip() == "running"
    assert inside(host, "systemctl --failed --no-legend --plain").stdout == ""
    assert inside(host, "dpkg --audit").stdout == ""


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_knows_its_name_and_gets_its_address_from_the_network(
    hosts: tuple[str, ...], host: str
) -> None:
    assert inside(host, "hostname; cat /etc/hostname").stdout.split() == [host, host]
    assert f"\t{host}\n" in inside(host, "cat /etc/hosts").stdout
    address = inside(host, "ip -4 -brief address show dev eth0").stdout
    assert "10.86.213." in address
    assert "nameserver 10.86.213.1\n" in inside(host, "cat /etc/resolv.conf").stdout


def test_two_hosts_share_no_identity(hosts: tuple[str, ...]) -> None:
    identity = "cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_*_key.pub"
    first, second = (inside(host, identity).stdout.split() for host in hosts)
    assert len(first) == len(second) == 2
    assert len(first[0]) == 32
    assert not set(first) & set(second)


def test_nothing_unique_is_in_the_image(image: Path) -> None:
    listing = command("unsquashfs", "-lc", str(image / ROOTFS)).stdout.splitlines()
    paths = {line.removeprefix("squashfs-root") for line in listing}
    assert "/usr/sbin/sshd" in paths, "the listing does not have the format that this test expects"
    assert not [path for path in paths if "ssh_host_" in path]
    assert not paths & {"/etc/hostname", "/var/lib/systemd/random-seed", "/usr/sbin/policy-rc.d"}
    private = (
        "/etc/ssl/private/",
        "/var/lib/etcd/",
        "/var/lib/postgresql/",
        "/etc/postgresql/",
        "/root/.ssh/",
    )
    assert not [path for path in paths if path.startswith(private)]
    assert command("unsquashfs", "-cat", str(image / ROOTFS), "etc/machine-id").stdout == ""


def test_no_daemon_runs_but_the_system_and_ssh(hosts: tuple[str, ...]) -> None:
    listed = inside("alpha", "systemctl list-units --type=service --state=running --no-legend --plain").stdout
    assert {line.split()[0] for line in listed.splitlines()} == {
        "console-getty.service",
        "dbus.service",
        "ssh.service",
        "systemd-journald.service",
        "systemd-logind.service",
        "systemd-networkd.service",
        "systemd-resolved.service",
    }
    listening = inside("alpha", "ss --listening --tcp --udp --numeric --no-header --processes").stdout
    programs = {line.split('"')[1] for line in listening.splitlines() if "%eth0:68 " not in line}
    assert programs == {"sshd"}


def test_no_package_enabled_a_unit(hosts: tuple[str, ...]) -> None:
    """Anything else that a host runs was enabled by a role."""
    timers = inside("alpha", "systemctl list-timers --all --no-legend --plain").stdout
    assert {line.split()[-2] for line in timers.splitlines()} == {"systemd-tmpfiles-clean.timer"}
    for unit in ("etcd", "haproxy", "nginx", "postgresql", "prometheus", "prometheus-node-exporter"):
        state = inside("alpha", f"systemctl is-enabled {unit}.service", check=False).stdout.strip()
        assert state == "disabled", unit


def test_the_first_boot_needs_keys_and_a_name_that_is_free(hosts: tuple[str, ...], key: Path) -> None:
    refused = inside("alpha", f"{FIRST_BOOT} operator", check=False)
    assert refused.returncode == 1
    assert "authorized_keys is missing or empty" in refused.stderr
    lxc("file", "push", "-p", f"{key}.pub", "alpha/etc/flashtier/authorized_keys")
    for user, why in (
        ("postgres", "belongs to the system"),
        ("Bad;name", "is no user name"),
        ("", "is no user name"),
    ):
        refused = inside("alpha", f"{FIRST_BOOT} '{user}'", check=False)
        assert refused.returncode == 1
        assert why in refused.stderr
    inside("alpha", "! id operator && ! test -e /etc/sudoers.d/flashtier")
    lxc("file", "push", str(RECIPE / "packages.txt"), "alpha/etc/flashtier/authorized_keys")
    assert "no valid public key" in inside("alpha", f"{FIRST_BOOT} operator", check=False).stderr


@pytest.mark.parametrize("user", ["operator", "kit-admin"])
def test_after_the_first_boot_the_operator_is_root_by_ssh_key(
    hosts: tuple[str, ...], key: Path, tmp_path: Path, user: str
) -> None:
    """`operator` is also a group of Debian's; the other name is free."""
    lxc("file", "push", "-p", f"{key}.pub", "beta/etc/flashtier/authorized_keys")
    inside("beta", f"{FIRST_BOOT} {user}")
    address = inside("beta", "hostname -I").stdout.split()[0]
    known = tmp_path / "known_hosts"
    known.write_text(f"{address} {inside('beta', 'cat /etc/ssh/ssh_host_ed25519_key.pub').stdout}")
    ssh = (
        "ssh",
        "-F",
        "none",
        "-i",
        str(key),
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        f"UserKnownHostsFile={known}",
    )
    ssh += ("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
    assert command(*ssh, f"{user}@{address}", "sudo", "-n", "id", "-u").stdout.strip() == "0"
    shown = inside("beta", f"stat -c '%U %a' /home/{user}/.ssh /home/{user}/.ssh/authorized_keys")
    assert shown.stdout.splitlines() == [f"{user} 700", f"{user} 600"]
    assert inside("beta", "stat -c '%U %G %a' /etc/sudoers.d/flashtier").stdout.strip() == "root root 440"
    assert inside("beta", f"passwd --status {user}").stdout.split()[1] == "L"


def test_the_first_boot_again_changes_nothing(hosts: tuple[str, ...], key: Path) -> None:
    lxc("file", "push", "-p", f"{key}.pub", "beta/etc/flashtier/authorized_keys")
    inside("beta", f"{FIRST_BOOT} operator")
    state = (
        "stat -c '%n %i %y' /etc/passwd /etc/shadow /etc/group /etc/sudoers.d/flashtier"
        " /home/operator/.ssh/authorized_keys /etc/ssh/ssh_host_*; sha256sum /etc/ssh/ssh_host_*"
    )
    before = inside("beta", state).stdout
    inside("beta", f"{FIRST_BOOT} operator")
    assert inside("beta", state).stdout == before


def test_a_restart_keeps_the_identity(hosts: tuple[str, ...]) -> None:
    identity = "cat /etc/machine-id; sha256sum /etc/ssh/ssh_host_*"
    before = inside("alpha", identity).stdout
    lxc("restart", "alpha")
    inside(
        "alpha", "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait"
    )
    assert inside("alpha", identity).stdout == before
