"""The environments on AWS that the kit ships, as fresh plain data, and how to change them."""

from __future__ import annotations

from typing import Any

import yaml

from infra.environment import Environment
from tests.support.declared import TREE, Tree, spoiled

STACKS = ("dev", "staging", "prod")


def aws_environment(stack: str = "prod") -> Tree:
    loaded = yaml.safe_load((TREE / f"Pulumi.{stack}.yaml").read_text())
    return loaded["config"]["flashtier:environment"]


def changed(declared: Tree, **values: Any) -> Tree:
    """`declared` with values at paths written with two underscores: database__volumes__0__iops=3000."""
    for key, value in values.items():
        path = tuple(int(step) if step.isdigit() else step for step in key.split("__"))
        declared = spoiled(declared, path, value)
    return declared


def parsed(stack: str = "prod", **values: Any) -> Environment:
    return Environment.parse(changed(aws_environment(stack), **values))


def on_ebs(volume_class: str, **volume: Any) -> Tree:
    """prod with its data on one EBS volume a member."""
    declared = changed(aws_environment(), database__instance_type="r8gb.4xlarge")
    data = {"name": "data", "class": volume_class, "size_gib": 4200, "iops": 45_000, **volume}
    placement = dict.fromkeys(("data", "wal", "temp", "log"), "data")
    return changed(declared, database__volumes=[data], database__placement=placement)
