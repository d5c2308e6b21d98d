"""No secret is where it does not belong: arguments, environments, output, logs, journals, files, the image.

The values are read as the kit reads them, and searched in every form (security/needles.py) during and after
a whole run in which every task writes its secrets again. A canary that is planted in each kind of place
proves that the search would have found them there.
"""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.contract import Contract
from infra.local.image import ROOTFS, image_path
from infra.paths import ROOT, cache_dir, passphrase_file, private_key, state_root
from infra.stack import outputs
from tests.drills.hosts import Inside
from tests.drills.runs import environment
from tests.drills.security.allowed import ALLOWED_FILES, ALLOWED_PROCESSES, MAY_HOLD
from tests.drills.security.execs import Execs, Shown, settle
from tests.drills.security.living import living
from tests.drills.security.needles import Finder, Needles, needles
from tests.drills.security.places import everywhere, host_places, on_host, run
from tests.drills.security.searches import STEP, controller_places, search, search_host


@pytest.fixture(scope="module")
def contract(stack: str) -> Contract:
    return living(stack)


@pytest.fixture(scope="module")
def wanted(contract: Contract) -> Needles:
    """All that must stay secret: the stack's secrets, its passphrase and the operator's key."""
    values = dict(outputs.read_secrets(contract.stack))
    values["passphrase"] = passphrase_file().read_text().strip()
    values["operator_key"] = private_key(contract.stack).read_text()
    return needles(values)


@pytest.fixture(scope="module")
def after_a_run(contract: Contract, wanted: Needles, figure: Callable[[str], None]) -> dict[str, Any]:
    """The output and processes of a whole run in which each task has to write its secrets again."""
    forget_secrets(contract)
    finder, printed = Finder(wanted), {}
    started = time.monotonic()
    config = (
        ["--config-file", os.environ["FLASHTIER_CONFIG_FILE"]]
        if "FLASHTIER_CONFIG_FILE" in os.environ
        else []
    )
    up = ["pulumi", "up", "--refresh", "--yes", "--skip-preview", "--non-interactive", "--debug", *config]
    steps = {
        "secrets": ["flashtier", "secrets", "-s", contract.stack],
        "provision": [*up, "-s", contract.stack],
        "configure": [
            *(
                "ansible-playbook",
                "-vvv",
                "--diff",
                "-i",
                "ansible/inventory.pulumi_stack.yml",
                "ansible/site.yml",
            )
        ],
        "inventory": ["ansible-inventory", "-i", "ansible/inventory.pulumi_stack.yml", "--list", "--export"],
        "verify": ["pytest", "tests/hosts", "-q"],
    }
    canary = secrets.token_hex(16)
    watched = Finder(Needles({**wanted, "canary": [canary.encode()]}))
    with Execs(watched) as execs:
        for name, command in steps.items():
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment(contract.stack),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=STEP,
                check=False,
            )
            printed[name] = done.stdout
            said = b"(hidden: it holds a secret)" if finder.names(done.stdout) else done.stdout[-3000:]
            # This drill judges the verification's output, not its result.
            good = done.returncode == 0 or (name, done.returncode) == ("verify", 1)
            assert good, f"{name} ended with {done.returncode}: {said.decode(errors='replace')}"
        for place in ([], on_host(contract.stack, contract.hosts[0].name)):
            run(place, "sh", "-c", "sleep 0.2; : $0", canary)
            run(place, "env", f"SECRET={canary}", "sleep", "0.2")
        settle()
    figure(
        f"secrets: {len(wanted)} searched in {execs.observed} started programs ({execs.missed} ended before "
        f"they could be read) and {sum(map(len, printed.values())) >> 10} KiB of output"
    )
    figure(f"secrets: the run took {time.monotonic() - started:.0f} s")
    return {"printed": printed, "shown": execs.shown}


def forget_secrets(contract: Contract) -> None:
    """Remove files and change passwords of roles, so that the run writes all of them."""
    tiers: dict[str, list[str]] = {"web": [], "control": [], "database": []}
    for host in contract.hosts:
        if host.tier in tiers and (host.tier != "control" or "s3" in host.components):
            tiers[host.tier].append(host.name)
    places = host_places(contract)
    for paths, hosts in (
        (list(ALLOWED_FILES["photo_api"])[:3], tiers["web"]),
        (list(ALLOWED_FILES["s3"]), tiers["control"]),
    ):
        everywhere({host: places[host] for host in hosts}, "rm", "-f", *paths)
    change = "ALTER ROLE photos_app PASSWORD 'forgotten'; ALTER ROLE photos_owner PASSWORD 'forgotten'"
    sql(contract, change)


def sql(contract: Contract, text: str) -> str:
    place = on_host(contract.stack, Inside(contract).member(leads=True))
    return run(
        place,
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-XAtq",
        "-d",
        "postgres",
        "-f",
        "-",
        text=text.encode(),
    )


def test_a_run_prints_no_secret(after_a_run: dict[str, Any], wanted: Needles) -> None:
    finder = Finder(wanted)
    for step, text in after_a_run["printed"].items():
        names, size = finder.names(text), len(text)
        assert not names, f"{step} prints {sorted(names)}"
        assert size, f"{step} has printed nothing, which proves nothing"


def test_the_run_wrote_every_secret_again(after_a_run: dict[str, Any], contract: Contract) -> None:
    for host in contract.hosts:
        paths = [path for component in host.components for path in ALLOWED_FILES.get(component, {})]
        run(on_host(contract.stack, host.name), "ls", *paths)


def test_no_process_shows_a_secret(after_a_run: dict[str, Any]) -> None:
    shown: dict[Shown, int] = dict(after_a_run["shown"])
    canaries = {where for where, _, secret in shown if secret == "canary"}  # noqa: S105
    assert canaries == {"arguments", "environment"}, f"the search finds canaries only in {canaries}"
    found = {tuple(entry) for entry in shown if entry.secret != "canary"}  # noqa: S105
    assert found <= ALLOWED_PROCESSES, f"secrets in processes: {sorted(found - ALLOWED_PROCESSES)}"
    assert found == ALLOWED_PROCESSES, (
        f"no longer true, so no longer allowed: {sorted(ALLOWED_PROCESSES - found)}"
    )


def test_hosts_hold_secrets_in_the_declared_files_only(
    after_a_run: dict[str, Any], contract: Contract, wanted: Needles, figure: Callable[[str], None]
) -> None:
    searched = 0
    for host in contract.hosts:
        expected = {
            path: right
            for component in host.components
            for path, right in ALLOWED_FILES.get(component, {}).items()
        }
        answer = search_host(contract, host.name, wanted)
        found = {each["path"]: (each["owner"], each["group"], each["mode"]) for each in answer["files"]}
        if "patroni" in host.components:
            expected |= {path: right for path, right in MAY_HOLD.items() if path in found}
        assert found == expected, f"{host.name}: files that hold a secret, with owner, group and mode"
        assert answer["journal"] == [], f"{host.name}: secrets in the journal"
        searched += answer["searched"]
    figure(
        f"secrets: {searched >> 20} MiB of files on {len(contract.hosts)} hosts and their journals searched"
    )


def test_the_controller_holds_secrets_in_the_declared_files_only(
    after_a_run: dict[str, Any], contract: Contract, wanted: Needles, figure: Callable[[str], None]
) -> None:
    """The stack's state and configuration are encrypted: they hold none in readable form."""
    roots, skip = controller_places(contract.stack)
    answer = search([], wanted, roots, skip)
    named = {
        each["path"]: (each["owner"], each["group"], each["mode"])
        for each in answer["files"]
        if each["secrets"] != ["private key"]
    }
    expected = {
        str(path): ("root", "root", "0600") for path in (passphrase_file(), private_key(contract.stack))
    }
    assert named == expected, "files that hold one of the stack's secrets, with owner, group and mode"
    figure(f"secrets: {answer['searched'] >> 20} MiB of files on the controller searched")
    for folder in (state_root(), private_key(contract.stack).parent):
        assert folder.stat().st_mode & 0o077 == 0, f"{folder}: readable by others than its owner"


def test_history_holds_no_secret(wanted: Needles) -> None:
    log = subprocess.run(
        ["git", "log", "--all", "--patch", "--no-textconv", "--no-color"],
        cwd=ROOT,
        capture_output=True,
        timeout=STEP,
        check=True,
    ).stdout
    names, keys = Finder(wanted).names(log), log.count(b"PRIVATE KEY-----\n+")
    assert not names, f"in a commit: {sorted(names)}"
    assert not keys, "a private key was committed"


def test_the_image_holds_no_key(wanted: Needles) -> None:
    """Every host is made from it: a key in it would be all hosts' key."""
    with tempfile.TemporaryDirectory(prefix="flashtier-image-", dir=cache_dir()) as folder:
        rootfs = Path(folder, "rootfs")
        unpack = ["unsquashfs", "-no-progress", "-quiet", "-dest", str(rootfs), str(image_path() / ROOTFS)]
        subprocess.run(unpack, capture_output=True, timeout=STEP, check=True)
        assert (rootfs / "etc/os-release").exists()
        answer = search([], wanted, [folder], [])
        assert answer["files"] == [], "the image holds keys"
        assert answer["searched"] > 100 << 20


@pytest.fixture
def canary() -> str:
    return secrets.token_hex(24)


def test_the_search_finds_what_is_planted(contract: Contract, canary: str) -> None:
    """In plain text, encoded, in an old log, and in the journal, where a long field is compressed."""
    host = contract.hosts[0].name
    place = on_host(contract.stack, host)
    encoded = base64.b64encode(b"ab" + canary.encode()).decode()
    plant = f"""
        umask 077; mkdir /root/drill; echo 'x {canary} y' > /root/drill/plain
        echo '{encoded}' > /root/drill/encoded
        echo {canary} | gzip > /var/log/drill.log.1.gz; echo {canary} > /dev/shm/drill
        printf '%s %s\\n' {canary} "$(head -c 3000 /dev/zero | tr '\\0' x)" | systemd-cat -t drill
        journalctl --sync
    """
    paths = {"/root/drill/plain", "/root/drill/encoded", "/var/log/drill.log.1.gz", "/dev/shm/drill"}  # noqa: S108
    try:
        run(place, "sh", "-ec", plant)
        answer = search(place, needles({"canary": canary}), ["/root", "/var/log", "/dev/shm"], [])  # noqa: S108
    finally:
        run(place, "rm", "-rf", "/root/drill", *paths)
    found = {each["path"] for each in answer["files"] if "canary" in each["secrets"]}
    # Uncompressed journals contain it as a file too.
    assert {path for path in found if not path.startswith("/var/log/journal")} == paths
    assert [unit for unit, _ in answer["journal"]], "the journal is not searched"


def test_postgresql_keeps_no_password(
    after_a_run: dict[str, Any], contract: Contract, wanted: Needles, canary: str
) -> None:
    """Neither in its log nor among its statements, even where a role is made in the naive way."""
    shown = "SELECT query FROM pg_stat_statements"
    names = Finder(wanted).names(sql(contract, shown).encode())
    assert not names, f"among the statements: {sorted(names)}"
    control, role = f"logged_{canary[:20]}", f"naive_{canary[:20]}"
    sql(contract, f'SELECT 1 AS "{control}"')
    assert control in sql(contract, shown), "the statements are not searched"
    try:
        sql(contract, f"CREATE ROLE {role} PASSWORD '{canary}'")
        assert canary not in sql(contract, shown)
    finally:
        sql(contract, f"DROP ROLE IF EXISTS {role}")
    place = on_host(contract.stack, Inside(contract).member(leads=True))
    answer = search(place, needles({"canary": canary}), ["/pg", "/var/log"], [])
    assert answer["searched"] > 0
    assert answer["files"] == [], "the password was stored"
