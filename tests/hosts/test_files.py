"""The root disk, file by file: as packages brought it or as declared, and nothing else is there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import own_files, rights
from tests.hosts.content import Contents
from tests.hosts.facts import Check
from tests.hosts.file_kinds import ALIKE
from tests.hosts.image import Image
from tests.hosts.image_files import OF_KERNELS, OF_THE_IMAGE, SNAKEOIL
from tests.hosts.snapshot import Snapshot

#: What a person does about a file that no role writes: none removes it, because it may be someone's work.
FOREIGN = "no package brought it and no role writes it: a person removes it or declares it"
ENABLED = "/etc/systemd/"  # links there say which units start; test_services.py holds them


def test_no_file_of_a_package_is_missing_or_changed(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, check: Check
) -> None:
    wanted = own_files.expected(declared, contract)
    files = snapshot["files"]
    gone = image.completed(
        "files that are missing", declared.name, (), lambda snapshot: snapshot["files"]["missing"]
    )
    check.equal(f"{declared.name}: files of packages that are missing", sorted(gone), files["missing"])
    left = image.completed("files that were changed", declared.name, (), changed_files)
    changed = {
        path: f"differs from what {file['package']} brought: a person installs the package again"
        for path, file in files["found"].items()
        if file.get("state") == "changed" and path not in wanted and (path, file.get("sha256")) not in left
    }
    check.equal(f"{declared.name}: files of packages that were changed", {}, changed)


def changed_files(snapshot: Snapshot) -> list[tuple[str, str]]:
    found = snapshot["files"]["found"]
    return [(path, file["sha256"]) for path, file in found.items() if file.get("state") == "changed"]


#: What a host writes for itself at its boot: of one image, and yet of another content on each.
OF_EACH_HOST = ("/etc/cloud/", "/etc/netplan/", "/etc/network/", "/etc/nvme/", "/run/systemd/network/")


def added_files(snapshot: Snapshot) -> list[tuple[str, ...]]:
    """Files of no package by all that is reported of them."""
    return [
        (
            path,
            file["kind"],
            file["mode"],
            file["owner"],
            file.get("target", "" if path.startswith(OF_EACH_HOST) else file.get("sha256", "")),
        )
        for path, file in snapshot["files"]["found"].items()
        if not file["package"]
    ]


@pytest.fixture(scope="session")
def contents(contract: Contract, snapshots: dict[str, Snapshot]) -> Contents:
    made = Contents(contract)
    made.machines |= {name: snapshot["identity"]["machine"] for name, snapshot in snapshots.items()}
    return made


def as_packages_make_them(name: str, snapshot: Snapshot, contents: Contents) -> set[str]:
    """Files that scripts of packages make and that the kit's own image has, too, wherever the package is."""
    found = snapshot["files"]["found"]
    sources = {**found, **{path: {"sha256": digest} for path, digest in snapshot["sums"].items()}}
    made = {
        path
        for path, (mode, owner, content) in OF_THE_IMAGE.items()
        if path in found
        and (mode, owner) == (found[path]["mode"], found[path]["owner"])
        and not contents.fault(content, found[path], name, sources)
    }
    return made | {path for path, file in found.items() if file.get("target") in SNAKEOIL_LINKS}


#: What a link by the hash of that certificate leads to.
SNAKEOIL_LINKS = {Path(path).name for path in SNAKEOIL if path.endswith(".pem")}


def test_no_file_is_there_that_is_not_declared(
    declared: ContractHost,
    contract: Contract,
    snapshot: Snapshot,
    image: Image,
    contents: Contents,
    check: Check,
) -> None:
    brought = {path for path, *_ in image.completed("files", declared.name, (), added_files)}
    known = {
        *own_files.expected(declared, contract),
        *rights.FOLDERS,
        *rights.folders(declared, contract),
        *rights.LOCAL_FOLDERS,
        *rights.links(contract),
        "/opt/photo-api/current",
        *brought,
    }
    if contract.platform == "aws":
        known |= {path for path in snapshot["files"]["found"] if OF_KERNELS.fullmatch(path)}
        known |= as_packages_make_them(declared.name, snapshot, contents)
    foreign = {
        path: f"{FOREIGN} ({file['kind']} {file['mode']} {file['owner']} {file.get('target', '')})"
        for path, file in snapshot["files"]["found"].items()
        if not file["package"]
        and file.get("state", "of no package") == "of no package"
        and path not in known
        and path != "/"
        and not (file["kind"] == "link" and path.startswith(ENABLED))
    }
    check.equal(f"{declared.name}: files", {}, foreign)


def test_declared_files_are_as_declared(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, contents: Contents, check: Check
) -> None:
    """Rendered files hold what their templates give, private ones are private, links lead where they must."""
    found = snapshot["files"]["found"]
    sources = {**found, **{path: {"sha256": digest} for path, digest in snapshot["sums"].items()}}
    for path, (mode, owner, content) in own_files.expected(declared, contract).items():
        what, file = f"{declared.name}: {path}", found.get(path)
        if file is None:
            if path not in own_files.may_be_missing(declared, contract):
                check.equal(what, "there", "missing, or as its package brought it")
            continue
        check.equal(f"{what}: mode and owner", (mode, owner), (file["mode"], file["owner"]))
        check.equal(f"{what}: content", "", contents.fault(content, file, declared.name, sources))
    for path, target in rights.links(contract).items():
        check.equal(f"{declared.name}: {path} leads to", target, found.get(path, {}).get("target"))


def attributes(snapshot: Snapshot) -> list[tuple[str, ...]]:
    found = snapshot["files"]["found"]
    return [(path, *file["attributes"]) for path, file in found.items() if file.get("attributes")]


def rights_of_packages(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    found = snapshot["files"]["found"]
    return [(path, file["mode"], file["owner"]) for path, file in found.items() if file["package"]]


def test_rights(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, check: Check
) -> None:
    """Folders and programs with rights of their own; ACLs, capabilities and flags that no mode shows."""
    found = snapshot["files"]["found"]
    kept = image.completed("attributes", declared.name, (), attributes)
    has = {path: list(own) for path, *own in kept}
    as_brought = image.completed("rights", declared.name, (), rights_of_packages)
    wanted: dict[str, tuple[str, str]] = {**rights.SUID, **rights.folders(declared, contract)}
    may = {} if contract.platform == "local" else rights.MAY_ON_AWS
    files = own_files.expected(declared, contract)
    for path, file in found.items():
        if file["kind"] == "link":
            continue
        check.equal(
            f"{declared.name}: {path}: ACL, capability or flag", has.get(path, []), file.get("attributes", [])
        )
        if path not in files and file["package"] and file["kind"] in ("file", "folder"):
            own = wanted.get(path, ("0755", "root:root") if file["kind"] == "folder" else None)
            plain = file["mode"] in ("0644", "0755") and file["owner"] == "root:root"
            as_usual = (file["mode"], file["owner"]) in may.get(path, ())
            as_usual = as_usual or (path, file["mode"], file["owner"]) in as_brought
            if (own is not None or not plain) and not as_usual:
                check.equal(
                    f"{declared.name}: {path}: mode and owner",
                    own or "0644 or 0755, root:root",
                    (file["mode"], file["owner"]),
                )
    for path, own in rights.folders(declared, contract).items():
        file = found.get(path, {"mode": "0755", "owner": "root:root or missing"})
        check.equal(f"{declared.name}: {path}: mode and owner", own, (file["mode"], file["owner"]))
    top = found.get("/", {"mode": "0755", "owner": "root:root"})
    check.equal(f"{declared.name}: /: mode and owner", ("0755", "root:root"), (top["mode"], top["owner"]))
    usual = rights.SUID if contract.platform == "local" else ()
    giving = image.completed("programs", declared.name, usual, lambda snapshot: snapshot["suid"], rights.SUID)
    check.equal(f"{declared.name}: programs that give away rights", sorted(giving), sorted(snapshot["suid"]))


def test_the_system_trusts_no_other_authority(
    declared: ContractHost, snapshot: Snapshot, check: Check
) -> None:
    trusted = snapshot["authorities"]
    check.equal(f"{declared.name}: authorities that no package brought", [], trusted["foreign"])
    check.true(f"{declared.name}: /etc/ssl/certs/ca-certificates.crt trusts some", trusted["trusted"] > 0)


def test_what_packages_made_is_alike_everywhere(
    contract: Contract, snapshots: dict[str, Snapshot], check: Check
) -> None:
    """Written by packages' scripts, so without checksum: of one image's hosts the rare one is wrong."""
    made = {
        path
        for host in contract.hosts
        for path, (_, _, content) in (own_files.expected(host, contract) | OF_THE_IMAGE).items()
        if content == ALIKE
    }
    for path in sorted(made):
        digests = {
            name: snapshot["files"]["found"].get(path, {}).get("sha256", "missing")
            for name, snapshot in snapshots.items()
        }
        if contract.platform == "aws":  # there a tier has packages of its own
            digests = {name: digest for name, digest in digests.items() if digest != "missing"} or {"": ""}
        common, _ = Counter(digests.values()).most_common(1)[0]
        check.equal(
            f"{path}: hosts where it differs from the others",
            [],
            sorted(n for n, d in digests.items() if d != common),
        )


@pytest.mark.parametrize(
    ("project", "component", "folder"),
    [("release", "photo_api", "/opt/photo-api/releases"), ("patroni", "patroni", "/opt/patroni/releases")],
)
def test_a_release_is_as_installed(
    declared: ContractHost, snapshot: Snapshot, check: Check, project: str, component: str, folder: str
) -> None:
    """Every file of the release that runs against the checksum that its wheel came with."""
    release = snapshot[project]
    if component not in declared.components:
        check.equal(f"{declared.name}: a release in {folder}", None, release)
        return
    path = release["path"]
    check.true(f"{declared.name}: {path} is a release", path.startswith(f"{folder}/"))
    check.true(f"{declared.name}: {path}: wheels with checksums", release["checked"] > 0)
    check.equal(
        f"{declared.name}: files of the release {release['path']} that were changed, removed or added "
        "(remove the release's folder; the playbook installs it again)",
        [],
        release["faults"],
    )
