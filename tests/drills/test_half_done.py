"""What a kill leaves half done, at moments that random kills rarely meet, is finished by the next `make up`.

Each case creates on the running stack exactly what a kill at that moment leaves; one run must finish all of
them. The cluster of the database is made again here: the data of the drill's stack is lost.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import loops, names
from infra.local.throttled import EXPORTED_SIZE
from infra.stack.outputs import forget, read_contract
from tests.drills.hosts import Inside
from tests.drills.runs import complete

#: Services, the file that was written last before the kill, and the property that dates its loading.
OUTDATED = (
    ("edge", "haproxy.service", "/etc/haproxy/haproxy.cfg", "StateChange"),
    ("edge", "ssh.service", "/etc/ssh/sshd_config.d/10-flashtier.conf", "StateChange"),
    ("edge", "systemd-journald.service", "/etc/systemd/journald.conf.d/10-flashtier.conf", "ActiveEnter"),
    ("web", "nginx.service", "/etc/flashtier/tls/host.crt", "StateChange"),
    ("web", "photo-api.service", "/opt/photo-api/current", "ActiveEnter"),
    ("control", "versitygw.service", "/etc/flashtier/s3/environment", "ActiveEnter"),
    ("control", "prometheus.service", "/etc/prometheus/prometheus.yml", "StateChange"),
    ("control", "prometheus-node-exporter.service", "/etc/flashtier/node-exporter.yml", "ActiveEnter"),
)
PACKAGE = "tzdata"
POLICY = "/usr/sbin/policy-rc.d"
VOLUME = "repository"


@pytest.fixture(scope="module")
def inside(stack: str) -> Inside:
    complete(stack, "half-done-before")
    forget()
    return Inside(read_contract(stack))


@pytest.fixture(scope="module")
def before(inside: Inside) -> dict[str, str]:
    """Everything half done at once. The values before, by name."""
    known: dict[str, str] = {}
    halve_the_file_system(inside)
    interrupt_dpkg(inside)
    known["cluster"] = interrupt_initdb(inside)
    known["release"] = cut_off_release(inside)
    lose_the_certificate(inside)
    cut_off_volume(inside)
    for tier, unit, file, property_ in OUTDATED:
        host = inside.first(tier)
        known[unit] = loaded_at(inside, host, unit, property_)
        inside.run(host, f"touch --no-dereference {file}")
    return known


@pytest.fixture(scope="module")
def finished(stack: str, before: dict[str, str], figure: Callable[[str], None]) -> str:
    run = complete(stack, "half-done-finished")
    figure(f"{len(OUTDATED) + 6} things left half done, finished by one run in {run.seconds:.0f} s")
    return run.text()


def loaded_at(inside: Inside, host: str, unit: str, property_: str) -> str:
    return inside.run(host, f"systemctl show --value --property {property_}TimestampMonotonic {unit}")


def halve_the_file_system(inside: Inside) -> None:
    """mkfs.xfs killed before its last write: superblock and UUID exist, marked as unfinished."""
    host = inside.first("control")
    inside.run(
        host,
        f"""
        unit=vol-{VOLUME}.mount
        systemctl disable --now $unit
        rm /etc/systemd/system/$unit
        xfs_db -x -c 'sb 0' -c 'write inprogress 1' /dev/flashtier/{VOLUME}
        if mount -t xfs /dev/flashtier/{VOLUME} /mnt 2>/dev/null; then exit 1; fi
        """,
    )


def test_an_unfinished_file_system_is_made_again(inside: Inside, finished: str) -> None:
    host = inside.first("control")
    uuid = next(volume.uuid for volume in inside.contract.host(host).volumes if volume.name == VOLUME)
    assert inside.run(host, f"findmnt --noheadings --output UUID /vol/{VOLUME}") == uuid


def interrupt_dpkg(inside: Inside) -> None:
    """Killed between unpacking and configuring, with the file that keeps daemons from starting."""
    host = inside.first("edge")
    inside.run(
        host,
        f"""
        sed -i '/^Package: {PACKAGE}$/,/^$/ s/^Status: install ok installed$/Status: install ok unpacked/' \
            /var/lib/dpkg/status
        printf '#!/bin/sh\\nexit 101\\n' >{POLICY} && chmod 755 {POLICY}
        """,
    )
    assert PACKAGE in inside.run(host, "dpkg --audit")


def test_dpkg_is_finished(inside: Inside, finished: str) -> None:
    host = inside.first("edge")
    assert inside.run(host, "dpkg --audit") == ""
    assert (
        inside.run(host, f"dpkg-query --show --showformat '${{db:Status-Abbrev}}' {PACKAGE}").strip() == "ii"
    )
    assert inside.run(host, f"test ! -e {POLICY} && echo gone") == "gone"


IDENTIFIER = (
    "LC_ALL=C /usr/lib/postgresql/17/bin/pg_controldata --pgdata=/pg/data/17"
    " | sed -n 's/^Database system identifier: *//p'"
)


def interrupt_initdb(inside: Inside) -> str:
    """No medium and no etcd knows a cluster, and initdb was killed midway. Returns the old identifier.

    That is the state of a new environment: whatever knows the old cluster is removed, on every member.
    """
    first, stack = inside.contract.database.first, inside.contract.stack
    before = inside.run(first, IDENTIFIER)
    for member in inside.contract.database.members:
        inside.run(
            member,
            """
            systemctl stop patroni.service
            rm -rf /pg/data/17 /pg/wal/17 /pg/temp/17 /pg/log/* /vol/*/.flashtier-member
            """,
        )
    control = next(host for host in inside.contract.hosts if "etcd" in host.components)
    inside.run(
        control.name,
        f"""
        export ETCDCTL_USER=snapshot ETCDCTL_PASSWORD="$(cat /etc/flashtier/etcd/snapshot_password)"
        tls=/etc/flashtier/tls
        for prefix in /service/{stack}/ /flashtier/{stack}/members/; do
            etcdctl --endpoints=https://{control.address}:{inside.contract.ports["etcd_client"]} \
                --cacert=$tls/ca.crt --cert=$tls/host.crt --key=$tls/host.key del --prefix $prefix
        done
        """,
    )
    inside.run(
        first,
        """
        cd /
        runuser -u postgres -- timeout --signal KILL 0.4 /usr/lib/postgresql/17/bin/initdb \
            --pgdata /pg/data/17.unfinished --waldir /pg/wal/17.unfinished >/dev/null 2>&1 || test $? -eq 137
        test -d /pg/data/17.unfinished
        """,
    )
    return before


def test_the_cluster_is_made_again(inside: Inside, before: dict[str, str], finished: str) -> None:
    found = {member: inside.run(member, IDENTIFIER) for member in inside.contract.database.members}
    (identifier,) = set(found.values())
    assert identifier
    assert identifier != before["cluster"]
    for member in found:
        assert inside.run(member, "ls /pg/data /pg/wal").count(".unfinished") == 0


def cut_off_release(inside: Inside) -> str:
    """A release whose installation was killed: no mark of its end, and a part of it missing."""
    host = inside.first("web")
    return inside.run(
        host,
        """
        cd "$(readlink -f /opt/photo-api/current)"
        pwd
        rm -r .complete bin/pip lib/python3*/site-packages/photo_api
        mkdir wheels
        """,
    )


def test_the_release_is_whole_and_serves(inside: Inside, before: dict[str, str], finished: str) -> None:
    host = inside.first("web")
    said = inside.run(host, f"cat {before['release']}/.complete; ls {before['release']}")
    assert said.splitlines()[0] == Path(before["release"]).name
    assert "wheels" not in said.splitlines()[1:]
    asked = """
    cd / && /usr/bin/python3 - <<'EOF'
import http.client, socket
connection = http.client.HTTPConnection("localhost", timeout=20)
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/run/photo-api/photo-api.sock")
connection.request("GET", "/readyz")
print(connection.getresponse().status)
EOF
    """
    assert inside.run(host, asked) == "200"


def lose_the_certificate(inside: Inside) -> None:
    """Killed between the new key and its certificate: they do not match."""
    inside.run(
        inside.first("edge"),
        """
        cd /etc/flashtier/tls
        openssl ecparam -name prime256v1 -genkey -noout -out new
        chown --reference host.key new && chmod --reference host.key new && mv new host.key
        """,
    )


def test_key_and_certificate_match(inside: Inside, finished: str) -> None:
    inside.run(
        inside.first("edge"),
        """
        cd /etc/flashtier/tls
        diff <(openssl x509 -in host.crt -noout -pubkey) <(openssl pkey -in host.key -pubout)
        """,
    )


def cut_off_volume(inside: Inside) -> None:
    """The provider killed while it presented a throttled file to its server: the presented size remains."""
    host = inside.first("database")
    stack = inside.contract.stack
    throttled = names.volume_file(stack, host, "network")
    subprocess.run(["truncate", "--size", str(EXPORTED_SIZE), throttled], check=True, timeout=30)
    # ... and while it set the link to a device.
    link = names.volume_link(stack, host, "flash")
    link.with_name(f".{link.name}.new").symlink_to("/dev/loop-none")


def test_volumes_have_their_size_and_their_links(inside: Inside, finished: str) -> None:
    host = inside.contract.host(inside.first("database"))
    stack = inside.contract.stack
    for volume in host.volumes:
        assert names.volume_file(stack, host.name, volume.name).stat().st_size == volume.size_bytes
        assert loops.backing_path(names.volume_link(stack, host.name, volume.name).readlink())
    assert not [link for link in names.link_directory(stack).iterdir() if link.name.startswith(".")]


@pytest.mark.parametrize(("tier", "unit", "file", "property_"), OUTDATED, ids=[case[1] for case in OUTDATED])
def test_a_service_loads_what_a_killed_run_wrote(
    inside: Inside, before: dict[str, str], finished: str, tier: str, unit: str, file: str, property_: str
) -> None:
    assert int(loaded_at(inside, inside.first(tier), unit, property_)) > int(before[unit])


def test_the_run_after_it_changes_nothing(stack: str, finished: str) -> None:
    again = complete(stack, "half-done-again").text()
    recap = again.split("PLAY RECAP")[1].splitlines()
    hosts = [line for line in recap if "changed=" in line]
    assert hosts
    assert [line for line in hosts if "changed=0 " not in line] == []
