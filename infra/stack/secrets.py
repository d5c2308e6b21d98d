"""Makes the secrets that a stack lacks, and never changes one that it has.

They live in Pulumi's configuration, encrypted with the stack's passphrase: `flashtier:secrets` is one JSON
mapping, `flashtier:caCertificate` the authority's public certificate. Values go to the CLI through standard
input only.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import paths
from infra.environment import Environment
from infra.errors import EnvironmentInvalid, FlashtierError
from infra.files import refuse_readable, survives, write_new, write_whole
from infra.settings.database_roles import roles
from infra.stack import authority
from infra.stack import outputs as stack
from infra.stack.cli import StackMissing, environment, file_backend, pulumi
from infra.stack.secret_table import SECRET_NAMES, is_of_a_role, new, secret_names

SECRETS = "flashtier:secrets"
CERTIFICATE = "flashtier:caCertificate"
ENVIRONMENT = "flashtier:environment"


@dataclass
class Report:
    """What `ensure` did, in sentences without a value. `made` is empty where all was there."""

    made: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def ensure(name: str, config_file: Path | None = None) -> Report:
    """Make what the stack lacks: passphrase, SSH key, the stack itself, secrets, certificate. Idempotent.

    `config_file` replaces Pulumi.<stack>.yaml. Raises `FlashtierError` rather than replace something.
    """
    paths.check_stack(name)
    report = Report()
    _ensure_backend()
    settings = config_file or paths.ROOT / f"Pulumi.{name}.yaml"
    _ensure_passphrase(settings, report)
    _ensure_ssh_key(name, report)
    with survives(settings, paths.settings_copy(name)):
        _ensure_stack(name, config_file, report)
        _ensure_values(name, config_file, report)
    return report


def _ensure_backend() -> None:
    """The state's directory, for its owner only; a file backend needs its own in it, any other has one."""
    paths.state_root().mkdir(mode=0o700, parents=True, exist_ok=True)
    if backend := file_backend():
        backend.mkdir(mode=0o700, parents=True, exist_ok=True)


def _ensure_passphrase(settings: Path, report: Report) -> None:
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return
    path = Path(environment()["PULUMI_CONFIG_PASSPHRASE_FILE"])
    if path.exists():
        refuse_readable(path, "the passphrase")
        if not path.read_text().strip():
            raise FlashtierError(
                f"{path}: the passphrase is empty; put it back, or remove the file for a new one"
            )
        return
    if encrypted := _needing_passphrase(settings):
        raise FlashtierError(
            f"{path}: the passphrase is missing, and {encrypted} needs it; restore it from a copy"
        )
    # Another stack's run may make it at the same moment: the first one wins.
    if write_new(path, secrets.token_urlsafe(32) + "\n", 0o600):
        report.made.append(
            f"the passphrase in {path}; keep a copy in a safe place: without it the stack is lost"
        )


def _needing_passphrase(settings: Path) -> Path | None:
    """What a new passphrase could not open: an encrypted configuration, or a stack in a file backend."""
    if settings.is_file() and "encryptionsalt:" in settings.read_text():
        return settings
    backend = file_backend()
    return None if backend is None else next((backend / ".pulumi/stacks").glob("*/*.json"), None)


def _ensure_ssh_key(name: str, report: Report) -> None:
    private = paths.private_key(name)
    public = paths.public_key(name)
    if private.exists():
        refuse_readable(private, "the SSH key")
        if public.exists():
            return
        loaded = serialization.load_ssh_private_key(private.read_bytes(), password=None)
        report.made.append(f"{public}, from the private key next to it")
    else:
        loaded = Ed25519PrivateKey.generate()
        openssh = serialization.PrivateFormat.OpenSSH
        content = loaded.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
        write_whole(private, content.decode(), 0o600)
        report.made.append(f"the SSH key of the operator, {private}")
    openssh_public = serialization.PublicFormat.OpenSSH
    line = loaded.public_key().public_bytes(serialization.Encoding.OpenSSH, openssh_public).decode()
    write_whole(public, f"{line} flashtier-{name}\n", 0o644)


def _ensure_stack(name: str, config_file: Path | None, report: Report) -> None:
    stack.forget()
    try:
        stack.outputs(name)
    except StackMissing:
        # `stack init` knows no --config-file and writes a salt to the tree's file, which no one asked for.
        settings = paths.ROOT / f"Pulumi.{name}.yaml"
        before = settings.read_text() if settings.exists() else None
        pulumi(name, ["stack", "init", "--no-select"])
        if config_file is not None:
            if before is None:
                settings.unlink(missing_ok=True)
            else:
                write_whole(settings, before, 0o644)
        report.made.append(f"the stack {name} in {environment()['PULUMI_BACKEND_URL']}")


def _ensure_values(name: str, config_file: Path | None, report: Report) -> None:
    where = ["--config-file", str(config_file)] if config_file else []
    config: dict[str, dict[str, Any]] = json.loads(
        pulumi(name, ["config", "--json", "--show-secrets", *where])
    )
    values, pem = _configured(config, SECRETS), config.get(CERTIFICATE, {}).get("value")
    running, running_pem = _running(name)
    before, pem_before = dict(values), pem
    if not values and running:
        values, pem = dict(running), pem or running_pem
        report.made.append(f"{SECRETS} and {CERTIFICATE}, adopted from the running stack {name}")
    if pem and "ca_private_key" not in values:
        raise FlashtierError(
            f"{CERTIFICATE}: its key is missing from {SECRETS}; put it back, or remove the certificate for "
            "a new authority, which must then sign every host's certificate again"
        )
    needed = _needed(config)
    if missing := [secret for secret in needed if secret not in values]:
        values |= {secret: new(secret) for secret in missing}
        report.made.append(f"{SECRETS}: {_names(missing)}")
    if not pem:
        pem = authority.certificate(name, values["ca_private_key"])
        report.made.append(
            f"{CERTIFICATE}: the authority's certificate, valid for {authority.LIFETIME.days} days"
        )
    authority.check(values["ca_private_key"], pem)
    if not authority.is_constrained(pem):
        report.notes.append(
            f"{CERTIFICATE}: was made by an older kit and is valid for any name; to limit it to this stack's "
            f"hosts: pulumi config rm {CERTIFICATE} -s {name}, then `flashtier secrets`, `pulumi up` and the "
            "playbook; the key and the hosts' certificates stay"
        )
    if values != before:
        pulumi(name, ["config", "set", "--secret", SECRETS, *where], text=json.dumps(values))
    if pem != pem_before:
        pulumi(name, ["config", "set", "--plaintext", "--raw", CERTIFICATE, *where], text=pem)
    if changed := [secret for secret in needed if running.get(secret, values[secret]) != values[secret]]:
        report.notes.append(
            f"{SECRETS}: {_names(changed)} differ from what the stack runs with; the next `pulumi up` "
            "and playbook change them on the hosts"
        )


def _needed(config: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Names of the secrets that the configuration asks for. What is wrong with it, the preview reports."""
    try:
        declared = Environment.parse(json.loads(config[ENVIRONMENT]["value"]))
    except (KeyError, ValueError, EnvironmentInvalid):
        return SECRET_NAMES
    return secret_names(roles(declared))


def _configured(config: dict[str, dict[str, Any]], key: str) -> dict[str, str]:
    if key not in config:
        return {}
    if not config[key].get("secret"):
        raise FlashtierError(
            f"{key}: is not encrypted; consider its values known, remove it (`pulumi config rm {key}`) "
            "and run `flashtier secrets` again"
        )
    try:
        values = json.loads(config[key]["value"])
    except ValueError:
        # The parser's message would quote the value.
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) and value for value in values.values()):
        raise FlashtierError(f"{key}: is not a JSON mapping of names to texts; restore it from a copy")
    if unknown := sorted(name for name in set(values) - set(SECRET_NAMES) if not is_of_a_role(name)):
        raise FlashtierError(f"{key}: {_names(unknown)}: unknown; the secrets are {_names(SECRET_NAMES)}")
    return values


def _running(name: str) -> tuple[dict[str, str], str | None]:
    """The secrets and the certificate that the stack was last brought up with; empty before that."""
    outputs = stack.outputs(name)
    if "secrets" not in outputs or "contract" not in outputs:
        return {}, None
    # The contract may be of an older kit: the certificate is all that is wanted of it.
    return stack.read_secrets(name), outputs["contract"].get("ca_certificate")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
