"""`flashtier secrets` with the real Pulumi CLI, on a file backend and a configuration of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import paths
from infra.errors import FlashtierError
from infra.stack import authority
from infra.stack import outputs as stack
from infra.stack.secret_table import SECRET_NAMES
from infra.stack.secrets import CERTIFICATE, SECRETS, ensure

STACK = "secrettest"


def use(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep state, backend and passphrase under `directory`."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLASHTIER_STATE", str(directory / "state"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{directory}/state/pulumi")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(directory / "state" / "passphrase"))
    stack.forget()


def shipped(directory: Path) -> Path:
    """A copy of the shipped configuration, so that the tree stays as it is."""
    copy = directory / "Pulumi.yaml"
    # Secrets that `flashtier secrets` wrote into the tree's own file belong to another stack.
    kept = (paths.ROOT / "Pulumi.local.yaml").read_text().split("  flashtier:secrets:")[0]
    copy.write_text("".join(f"{line}\n" for line in kept.splitlines() if "encryptionsalt" not in line))
    return copy


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state and a configuration with all secrets, made once; tests work on copies."""
    assert shutil.which("pulumi"), "pulumi is not on PATH; run `. tools/env.sh`"
    directory = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        use(directory, monkeypatch)
        ensure(STACK, shipped(directory))
    return directory


@pytest.fixture
def config(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a stack that has all its secrets; its state is in `state` next to it."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    use(tmp_path, monkeypatch)
    return tmp_path / "Pulumi.yaml"


@pytest.fixture
def state(config: Path) -> Path:
    return config.parent / "state"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped configuration, without any state."""
    use(tmp_path, monkeypatch)
    return shipped(tmp_path)


def pulumi(*arguments: str, text: str | None = None) -> str:
    command = ["pulumi", "--non-interactive", *arguments, "-s", STACK]
    done = subprocess.run(
        command, cwd=paths.ROOT, input=text or "", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(config: Path) -> tuple[dict[str, str], str]:
    read = json.loads(pulumi("config", "--json", "--show-secrets", "--config-file", str(config)))
    assert read[SECRETS]["secret"]
    assert not read[CERTIFICATE]["secret"]
    return json.loads(read[SECRETS]["value"]), read[CERTIFICATE]["value"]


def bring_up(secrets: dict[str, str], certificate: str) -> None:
    """Give the stack the outputs that `pulumi up` would, without any resource."""
    outputs: dict[str, Any] = {
        "contract": {"version": 0, "ca_certificate": certificate},
        # Pulumi's mark of a secret; import encrypts what is plain.
        "secrets": {
            "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
            "plaintext": json.dumps(secrets),
        },
    }
    urn = f"urn:pulumi:{STACK}::flashtier::pulumi:pulumi:Stack::flashtier-{STACK}"
    exported = json.loads(pulumi("stack", "export"))
    exported["deployment"]["resources"] = [
        {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": outputs}
    ]
    pulumi("stack", "import", text=json.dumps(exported))


def test_all_is_made_once(bare: Path) -> None:
    config = bare
    tree = sorted(path.name for path in paths.ROOT.glob("Pulumi*"))
    environment = config.read_text()
    report = ensure(STACK, config)
    assert len(report.made) == 5
    made, certificate = values(config)
    assert set(made) == set(SECRET_NAMES)
    assert len({*made.values()}) == len(SECRET_NAMES)
    authority.check(made["ca_private_key"], certificate)
    assert environment.splitlines()[0] in config.read_text(), "the file keeps its comments"

    content = config.read_text()
    again = ensure(STACK, config)
    assert (again.made, again.notes) == ([], [])
    assert config.read_text() == content
    assert values(config) == (made, certificate)
    assert sorted(path.name for path in paths.ROOT.glob("Pulumi*")) == tree


def test_a_role_that_is_declared_gets_a_password_and_one_that_is_not_keeps_its_own(config: Path) -> None:
    role = "        - {name: ada, kind: person, databases: [photos]}\n"
    config.write_text(config.read_text().replace("      roles:\n", f"      roles:\n{role}"))
    assert ensure(STACK, config).made == [f"{SECRETS}: database_role_ada_password"]
    config.write_text(config.read_text().replace(role, ""))
    assert ensure(STACK, config).made == []
    assert set(values(config)[0]) == {*SECRET_NAMES, "database_role_ada_password"}


def test_no_value_is_readable_anywhere(bare: Path, tmp_path: Path) -> None:
    """Neither in the output nor in any file but the passphrase and the SSH key."""
    config, state = bare, tmp_path / "state"
    report = ensure(STACK, config)
    made, _ = values(config)
    bring_up(*values(config))
    said = "\n".join((*report.made, *report.notes))
    texts = {
        path: path.read_bytes().decode(errors="replace") for path in tmp_path.rglob("*") if path.is_file()
    }
    needles = [made.pop("ca_private_key").splitlines()[1], *made.values()]
    for needle in needles:
        assert needle not in said
        assert not [path for path, text in texts.items() if needle in text]
    for secret in (state / "passphrase", paths.private_key(STACK)):
        assert secret.stat().st_mode & 0o7777 == 0o600
    assert state.stat().st_mode & 0o077 == 0


def test_values_never_reach_an_argument_list(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, log = shutil.which("pulumi"), tmp_path / "arguments"
    spy = tmp_path / "bin" / "pulumi"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{log}\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    ensure(STACK, bare)
    made, _ = values(bare)
    logged = log.read_text()
    assert SECRETS in logged
    assert not [
        name for name, value in made.items() if value.splitlines()[0] in logged and name != "ca_private_key"
    ]
    assert "PRIVATE" not in logged


def test_ssh_accepts_the_key(config: Path) -> None:
    private = paths.private_key(STACK)
    public = private.with_name(f"{private.name}.pub")
    command = ["ssh-keygen", "-y", "-P", "", "-f", str(private)]
    derived = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    assert derived.split()[:2] == public.read_text().split()[:2]
    assert derived.startswith("ssh-ed25519 ")

    public.unlink()
    assert ensure(STACK, config).made == [f"{public}, from the private key next to it"]
    assert public.read_text().split()[:2] == derived.split()[:2]


def test_only_what_is_missing_is_made(config: Path) -> None:
    before, certificate = values(config)
    partial = {name: value for name, value in before.items() if name != "s3_app_secret_key"}
    pulumi("config", "set", "--secret", SECRETS, "--config-file", str(config), text=json.dumps(partial))
    report = ensure(STACK, config)
    assert report.made == [f"{SECRETS}: s3_app_secret_key"]
    after, same = values(config)
    assert {name: value for name, value in after.items() if name != "s3_app_secret_key"} == partial
    assert after["s3_app_secret_key"] != before["s3_app_secret_key"]
    assert same == certificate


def test_another_clone_adopts_the_secrets_of_the_stack(config: Path, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    clone = shipped(tmp_path / "clone")
    bring_up(*values(config))
    report = ensure(STACK, clone)
    assert len(report.made) == 1
    assert "adopted from the running stack" in report.made[0]
    assert values(clone) == values(config)


def test_a_changed_secret_is_kept_and_reported(config: Path) -> None:
    made, certificate = values(config)
    bring_up(made | {"app_database_password": "what-runs"}, certificate)
    report = ensure(STACK, config)
    assert report.made == []
    assert len(report.notes) == 1
    assert "app_database_password differ from what the stack runs with" in report.notes[0]
    assert values(config)[0] == made


def test_a_removed_certificate_is_made_again_for_the_same_key(config: Path) -> None:
    made, _ = values(config)
    pulumi("config", "rm", CERTIFICATE, "--config-file", str(config))
    ensure(STACK, config)
    assert values(config)[0] == made
    authority.check(made["ca_private_key"], values(config)[1])


def test_a_certificate_without_its_key_is_not_replaced(config: Path) -> None:
    before = values(config)[1]
    pulumi("config", "rm", SECRETS, "--config-file", str(config))
    with pytest.raises(FlashtierError, match="its key is missing"):
        ensure(STACK, config)
    assert before.splitlines()[1] in config.read_text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json", "is not a JSON mapping"),
        ('{"app_database_password": ""}', "is not a JSON mapping of names to texts"),
        ('{"app_databse_password": "x"}', "app_databse_password: unknown"),
    ],
)
def test_a_spoiled_value_is_refused_and_kept(config: Path, text: str, why: str) -> None:
    pulumi("config", "set", "--secret", SECRETS, "--config-file", str(config), text=text)
    content = config.read_text()
    with pytest.raises(FlashtierError, match=why):
        ensure(STACK, config)
    assert config.read_text() == content


def test_plain_secrets_are_refused(config: Path) -> None:
    pulumi("config", "set", "--plaintext", SECRETS, "--config-file", str(config), text='{"x": "leaked"}')
    with pytest.raises(FlashtierError, match="is not encrypted") as caught:
        ensure(STACK, config)
    assert "leaked" not in str(caught.value)


def test_a_lost_passphrase_is_never_replaced(state: Path, config: Path, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    fresh = shipped(tmp_path / "clone")
    (state / "passphrase").unlink()
    for settings in (config, fresh):
        with pytest.raises(FlashtierError, match=r"passphrase is missing.*restore it from a copy"):
            ensure(STACK, settings)
    assert not (state / "passphrase").exists()


def test_a_wrong_passphrase_is_reported(state: Path, config: Path) -> None:
    (state / "passphrase").write_text("another\n")
    with pytest.raises(FlashtierError, match=rf"another passphrase than the one in {state}/passphrase"):
        ensure(STACK, config)


@pytest.mark.parametrize("which", ["passphrase", f"{STACK}/ssh/id_ed25519"])
def test_what_others_may_read_is_refused(state: Path, config: Path, which: str) -> None:
    (state / which).chmod(0o640)
    with pytest.raises(FlashtierError, match=r"has mode 0640.*chmod 0600"):
        ensure(STACK, config)


def test_an_empty_passphrase_is_refused(state: Path, config: Path) -> None:
    (state / "passphrase").write_text("\n")
    with pytest.raises(FlashtierError, match="the passphrase is empty"):
        ensure(STACK, config)


def test_a_missing_stack_and_missing_outputs_are_different_errors(config: Path) -> None:
    with pytest.raises(FlashtierError, match="stack another: does not exist"):
        stack.read_contract("another")
    with pytest.raises(FlashtierError, match=f"stack {STACK}: has no outputs"):
        stack.read_contract(STACK)


def test_secrets_are_read_as_they_were_exported(config: Path) -> None:
    made, certificate = values(config)
    bring_up(made, certificate)
    stack.forget()
    assert stack.read_secrets(STACK) == made
