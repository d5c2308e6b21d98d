"""The command `flashtier unprotect`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from infra.errors import FlashtierError
from infra.stack import cli

#: Hosts and volumes. Buckets, their settings and keys are not among them: what they hold cannot be made
#: again.
_TYPES = ("aws:ec2/instance:Instance", "aws:ebs/volume:Volume")


def unprotect(
    stack: Annotated[
        str,
        typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack on AWS, such as dev."),
    ],
) -> None:
    """Remove Pulumi's protection from the hosts and volumes of a stack on AWS, before it is destroyed.

    Buckets and KMS keys stay protected: `pulumi destroy --exclude-protected` then destroys everything else.
    The next `pulumi up` protects hosts and volumes again. docs/tasks/deploy-to-aws.md has the whole
    procedure.
    """
    urns = protected(json.loads(cli.pulumi(stack, ["stack", "export"])))
    if not urns:
        raise FlashtierError(
            f"stack {stack}: has no protected host or volume on AWS; nothing was changed. On platform local, "
            f"run `make down CONFIRM={stack}`"
        )
    for urn in urns:
        cli.pulumi(stack, ["state", "unprotect", urn, "--yes"])
        typer.echo(f"unprotected {urn.rpartition('::')[2]}")


def protected(exported: dict[str, Any]) -> list[str]:
    """URNs of the protected hosts and volumes of a deployment, as `pulumi stack export` prints it."""
    resources = exported["deployment"].get("resources") or []
    return [one["urn"] for one in resources if one.get("protect") and one["type"] in _TYPES]
