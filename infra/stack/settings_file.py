"""The environment that a stack's settings file declares, read without the Pulumi CLI and without secrets."""

from __future__ import annotations

from pathlib import Path

from infra import paths
from infra.environment import Environment
from infra.errors import FlashtierError
from infra.stack.yaml_reader import read_yaml

_KEY = "flashtier:environment"


def read_environment(stack: str, config_file: Path | None = None) -> Environment:
    """The environment of `Pulumi.<stack>.yaml`, or of `config_file` in its place.

    Raises `FlashtierError` if no such file has an environment, `EnvironmentInvalid` if that is wrong.
    """
    paths.check_stack(stack)
    path = config_file or paths.ROOT / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = sorted(file.name.split(".")[1] for file in paths.ROOT.glob("Pulumi.*.yaml"))
        raise FlashtierError(f"{path}: is not a file; name one of the stacks {', '.join(known)}, or write it")
    loaded = read_yaml(path)
    config = loaded.get("config") if isinstance(loaded, dict) else None
    if not isinstance(config, dict) or _KEY not in config:
        raise FlashtierError(f"{path}: has no config.{_KEY}; write one as in Pulumi.prod.yaml")
    return Environment.parse(config[_KEY])
