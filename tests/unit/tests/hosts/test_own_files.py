"""The files that hosts are held against: every template is among them, and a fault says what differs."""

from __future__ import annotations

import hashlib

import pytest

from infra.contract import Nvme
from infra.environment import Environment
from tests.hosts.content import Contents
from tests.hosts.file_kinds import Like, Lines, Template, Tree
from tests.hosts.own_files import expected, mount_unit
from tests.support.aws_contract import aws_contract
from tests.support.declared import TREE, contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
FILES = {
    (contract.platform, host.name, path): entry
    for contract in (CONTRACT, aws_contract("prod"))
    for host in contract.hosts
    for path, entry in expected(host, contract).items()
}
CONTENTS = Contents(CONTRACT)


def test_every_template_is_some_hosts_file() -> None:
    declared = {
        content.path
        for _, _, content in FILES.values()
        if isinstance(content, Template) and not content.expression
    }
    there = {str(path.relative_to(TREE / "templates")) for path in (TREE / "templates").glob("*/*.j2")}
    assert declared == there


def test_nvme_drives_have_files_of_their_own() -> None:
    drives = {
        "model": "Amazon EC2 NVMe Instance Storage",
        "serials": (),
        "count": 2,
        "partition_bytes": 1 << 30,
        "scheduler": "none",
        "read_ahead_kib": 128,
        "accept_blank": False,
    }
    host = next(host for host in CONTRACT.hosts if host.volumes)
    volumes = tuple(
        volume.model_copy(update={"nvme": Nvme.model_validate(drives)}) for volume in host.volumes
    )
    files = expected(host.model_copy(update={"volumes": volumes}), CONTRACT)
    assert {"/etc/udev/rules.d/70-flashtier-storage.rules", "/etc/mdadm/mdadm.conf"} <= set(files)


def test_files_of_the_image_and_of_roles_are_in_the_tree() -> None:
    named = {content.path for _, _, content in FILES.values() if isinstance(content, Tree)}
    image = [path for path in (TREE / "tools/image/files").rglob("*") if path.is_file()]
    programs = [
        *(TREE / "ansible/roles").glob("*/files/*/*.py"),
        *(TREE / "ansible/roles").glob("*/files/*.py"),
    ]
    # They are run from the controller and never written to a host.
    passing = (TREE / "ansible/roles/fleet/files").iterdir()
    there = {str(path.relative_to(TREE)) for path in {*image, *programs}.difference(passing)}
    assert {path for path in named if path.startswith(("tools/image/files/", "ansible/roles/"))} == there
    assert [path for path in named if not (TREE / path).is_file()] == []


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks"),
        ("127.0.0.1 localhost\n10.0.0.66 db1\n", "has '10.0.0.66 db1'"),
    ],
)
def test_an_edited_file_is_reported_by_its_lines(text: str, says: str) -> None:
    told = {"sha256": digest(text), "text": text}
    fault = CONTENTS.fault(Template("base/hosts.j2"), told, "web1", {})
    assert "differs from what templates/base/hosts.j2 gives" in fault
    assert says in fault


def test_a_text_that_was_not_reported_is_only_called_different() -> None:
    fault = CONTENTS.fault(Template("base/hosts.j2"), {"sha256": digest("secret")}, "web1", {})
    assert fault == "differs from what templates/base/hosts.j2 gives"


def test_lines_count_without_comments_and_spaces() -> None:
    lines = Lines(("create_main_cluster = false",))
    assert CONTENTS.fault(lines, {"text": "# why\n\ncreate_main_cluster  = false\n"}, "db1", {}) == ""
    assert "says []" in CONTENTS.fault(lines, {"text": "# create_main_cluster = false\n"}, "db1", {})
    assert CONTENTS.fault(lines, {}, "db1", {}) == "cannot be read"


def test_a_copy_is_held_against_its_source_on_the_same_host() -> None:
    like = Like("/etc/skel/.profile")
    assert CONTENTS.fault(like, {"sha256": "a"}, "db1", {"/etc/skel/.profile": {"sha256": "a"}}) == ""
    assert "differs" in CONTENTS.fault(like, {"sha256": "a"}, "db1", {"/etc/skel/.profile": {"sha256": "b"}})
    assert "differs" in CONTENTS.fault(like, {"sha256": "a"}, "db1", {})


def test_mount_units_are_named_as_systemd_does() -> None:
    assert mount_unit("/vol/flash") == "vol-flash.mount"
    assert mount_unit("/srv/my-data") == "srv-my\\x2ddata.mount"
