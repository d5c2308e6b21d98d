"""The root disk, file by file: as packages brought it or as declared, and nothing else is there."""

from __future__ import annotations

from collections import Counter

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import own_files, rights
from tests.hosts.content import Contents
from tests.hosts.facts import Check
from tests.hosts.snapshot import Seen

#: What a person does about a file that no role writes: none removes it, because it may be somebody's work.
FOREIGN = "no package brought it and no role writes it: a person removes it or declares it"
ENABLED = "/etc/systemd/"  # links there say which units start; test_services.py holds them


def test_no_file_of_a_package_is_missing_or_changed(
    declared: ContractHost, contract: Contract, seen: Seen, check: Check
) -> None:
    wanted = own_files.expected(declared, contract)
    files = seen["files"]
    check.equal(f"{declared.name}: files of packages that are missing", [], files["missing"])
    changed = {
        path: f"differs from what {told['package']} brought: a person installs the package again"
        for path, told in files["found"].items()
        if told.get("state") == "changed" and path not in wanted
    }
    check.equal(f"{declared.name}: files of packages that were changed", {}, changed)


def test_no_file_is_there_that_nobody_declared(
    declared: ContractHost, contract: Contract, seen: Seen, check: Check
) -> None:
    known = {
        *own_files.expected(declared, contract),
        *rights.folders(declared, contract),
        *rights.LOCAL_FOLDERS,
        *rights.LINKS,
        "/opt/photo-api/current",
    }
    foreign = {
        path: f"{FOREIGN} ({told['kind']} {told['mode']} {told['owner']} {told.get('target', '')})"
        for path, told in seen["files"]["found"].items()
        if not told["package"]
        and told.get("state", "of no package") == "of no package"
        and path not in known
        and path != "/"
        and not (told["kind"] == "link" and path.startswith(ENABLED))
    }
    check.equal(f"{declared.name}: files", {}, foreign)


@pytest.fixture(scope="session")
def contents(contract: Contract) -> Contents:
    return Contents(contract)


def test_declared_files_are_as_declared(
    declared: ContractHost, contract: Contract, seen: Seen, contents: Contents, check: Check
) -> None:
    """Rendered files hold what their templates give, private ones are private, links lead where they must."""
    found = seen["files"]["found"]
    sources = {**found, **{path: {"sha256": digest} for path, digest in seen["sums"].items()}}
    for path, (mode, owner, content) in own_files.expected(declared, contract).items():
        what, told = f"{declared.name}: {path}", found.get(path)
        if told is None:
            if path not in own_files.MAY_BE_MISSING:
                check.equal(what, "there", "missing, or as its package brought it")
            continue
        check.equal(f"{what}: mode and owner", (mode, owner), (told["mode"], told["owner"]))
        check.equal(f"{what}: content", "", contents.fault(content, told, declared.name, sources))
    for path, target in rights.LINKS.items():
        check.equal(f"{declared.name}: {path} leads to", target, found.get(path, {}).get("target"))


def test_rights(declared: ContractHost, contract: Contract, seen: Seen, check: Check) -> None:
    """Folders and programs with rights of their own; ACLs, capabilities and flags that no mode shows."""
    found = seen["files"]["found"]
    wanted: dict[str, tuple[str, str]] = {**rights.SUID, **rights.folders(declared, contract)}
    files = own_files.expected(declared, contract)
    for path, told in found.items():
        if told["kind"] == "link":
            continue
        check.equal(f"{declared.name}: {path}: ACL, capability or flag", [], told.get("attributes", []))
        if path not in files and told["package"] and told["kind"] in ("file", "folder"):
            own = wanted.get(path, ("0755", "root:root") if told["kind"] == "folder" else None)
            plain = told["mode"] in ("0644", "0755") and told["owner"] == "root:root"
            if own is not None or not plain:
                check.equal(
                    f"{declared.name}: {path}: mode and owner",
                    own or "0644 or 0755, root:root",
                    (told["mode"], told["owner"]),
                )
    for path, own in rights.folders(declared, contract).items():
        told = found.get(path, {"mode": "0755", "owner": "root:root or missing"})
        check.equal(f"{declared.name}: {path}: mode and owner", own, (told["mode"], told["owner"]))
    top = found.get("/", {"mode": "0755", "owner": "root:root"})
    check.equal(f"{declared.name}: /: mode and owner", ("0755", "root:root"), (top["mode"], top["owner"]))
    suid = {path: rights.SUID.get(path) for path in seen["suid"]}
    check.equal(f"{declared.name}: programs that give away rights", sorted(rights.SUID), sorted(suid))


def test_the_system_trusts_no_other_authority(declared: ContractHost, seen: Seen, check: Check) -> None:
    trusted = seen["authorities"]
    check.equal(f"{declared.name}: authorities that no package brought", [], trusted["foreign"])
    check.true(f"{declared.name}: /etc/ssl/certs/ca-certificates.crt trusts some", trusted["trusted"] > 0)


def test_what_packages_made_is_alike_everywhere(
    contract: Contract, snapshots: dict[str, Seen], check: Check
) -> None:
    """Written by packages' scripts, so without checksum: of one image's hosts the rare one is wrong."""
    for path, (_, _, content) in own_files.EVERYWHERE.items():
        if content != own_files.ALIKE:
            continue
        digests = {
            name: seen["files"]["found"].get(path, {}).get("sha256", "missing")
            for name, seen in snapshots.items()
        }
        common, _ = Counter(digests.values()).most_common(1)[0]
        check.equal(
            f"{path}: hosts where it differs from the others",
            [],
            sorted(n for n, d in digests.items() if d != common),
        )


def test_a_release_of_the_app_is_as_installed(declared: ContractHost, seen: Seen, check: Check) -> None:
    """Every file of the serving release against the checksum that its wheel came with."""
    release = seen["release"]
    if "web" not in declared.services:
        check.equal(f"{declared.name}: a release of the app", None, release)
        return
    path = release["path"]
    check.true(f"{declared.name}: {path} is a release", path.startswith("/opt/photo-api/releases/"))
    check.true(f"{declared.name}: {path}: wheels with checksums", release["checked"] > 0)
    check.equal(
        f"{declared.name}: files of the release {release['path']} that were changed, removed or added "
        "(remove the release's folder; the playbook installs it anew)",
        [],
        release["faults"],
    )
