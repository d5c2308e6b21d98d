"""What a stack's outputs say, read once a process: the contract for all, the secrets for who needs one."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from infra import paths, topology
from infra.contract import Contract
from infra.environment import Environment
from infra.errors import FlashtierError
from infra.files import write_whole
from infra.stack.cli import pulumi
from infra.topology import Topology


@functools.cache
def outputs(stack: str) -> dict[str, Any]:
    """All outputs, secrets in plain text: a process forked after the first call need not ask again."""
    paths.check_stack(stack)
    text = pulumi(stack, ["stack", "output", "--json", "--show-secrets"])
    found: dict[str, Any] = json.loads(text)
    return found


def forget() -> None:
    """Ask the backend again at the next read, because the stack may have changed."""
    outputs.cache_clear()


def declared(stack: str, config_file: Path | None = None) -> Topology:
    """What the stack's configuration declares, whatever stands of it.

    `config_file` replaces Pulumi.<stack>.yaml. Raises `FlashtierError`.
    """
    paths.check_stack(stack)
    where = ["--config-file", str(config_file)] if config_file else []
    config: dict[str, dict[str, Any]] = json.loads(pulumi(stack, ["config", "--json", *where]))
    found = config.get("flashtier:environment", {})
    return topology.build(stack, Environment.parse(found.get("objectValue")))


def read_contract(stack: str) -> Contract:
    """The stack's contract. Raises `FlashtierError` if the stack does not exist or was never brought up."""
    return Contract.from_json(json.dumps(_output(stack, "contract")))


def read_contract_within(stack: str, seconds: float) -> Contract:
    """As `read_contract`, asked again, without a secret, and with an answer in that time."""
    paths.check_stack(stack)
    found: dict[str, Any] = json.loads(pulumi(stack, ["stack", "output", "--json"], seconds=seconds))
    return Contract.from_json(json.dumps(_named(stack, found, "contract")))


def read_secrets(stack: str) -> dict[str, str]:
    """The stack's secrets by name (`infra.stack.secret_table.SECRET_NAMES`). Raises like `read_contract`."""
    secrets = _output(stack, "secrets")
    if not isinstance(secrets, dict) or not all(isinstance(value, str) for value in secrets.values()):
        raise FlashtierError(
            f"stack {stack}: the output `secrets` is not a mapping of strings; run `pulumi up -s {stack}`"
        )
    return dict(secrets)


def _output(stack: str, name: str) -> object:
    return _named(stack, outputs(stack), name)


def _named(stack: str, found: dict[str, Any], name: str) -> object:
    if name not in found:
        known = f"only {', '.join(sorted(found))}" if found else "no outputs"
        raise FlashtierError(
            f"stack {stack}: has {known}, where {name!r} is needed; run `pulumi up -s {stack}` "
            f"or `make up STACK={stack}`"
        )
    return found[name]


def write_known_hosts(contract: Contract) -> Path:
    """Put the hosts' own SSH keys where ssh finds them: by address, by name and by name with domain."""
    path = paths.known_hosts(contract.stack)
    lines = (
        f"{host.address},{host.name},{host.name}.{contract.domain} {host.ssh_host_key.strip()}\n"
        for host in contract.hosts
    )
    write_whole(path, "".join(lines), 0o644)
    return path


def write_ca(contract: Contract) -> Path:
    """Put the authority's certificate where `curl --cacert` takes it."""
    path = paths.ca_certificate(contract.stack)
    write_whole(path, contract.ca_certificate, 0o644)
    return path
