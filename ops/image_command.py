"""The command `flashtier image`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from infra import catalogue, topology
from infra.environment import Environment
from infra.environment.aws import Aws
from infra.errors import FlashtierError
from infra.stack.cli import pulumi
from infra.stack.settings_file import read_environment

#: Names are like debian-13-arm64-20251006-2257. The hosts' release: docs/decisions/image.md.
NAMES = {"arm64": "debian-13-arm64-*", "x86_64": "debian-13-amd64-*"}


def image(
    stack: Annotated[
        str, typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack, such as prod.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the same as one JSON object.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be pinned, and change nothing.")
    ] = False,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config-file",
            envvar="FLASHTIER_CONFIG_FILE",
            dir_okay=False,
            help="Use this file in place of Pulumi.STACK.yaml; give it to `pulumi` too.",
        ),
    ] = None,
) -> None:
    """Find the newest Debian 13 image of aws.image_owner in the stack's region and pin it.

    An image is pinned so that a new one is a decision. Existing hosts keep theirs; a new image is for hosts
    that are made from then on.

    Queries the account of the shell's credentials. Writes flashtier:environment.aws.images.
    """
    environment = read_environment(stack, config_file)
    if environment.aws is None:
        raise FlashtierError(f"stack {stack}: is not on platform aws; its image is built by tools/setup")
    found = newest(stack, environment, environment.aws)
    report: list[dict[str, Any]] = []
    for architecture, one in found.items():
        before = environment.aws.images.get(architecture)
        report.append(
            {
                "architecture": architecture,
                "image": one["ImageId"],
                "name": one["Name"],
                "created": one["CreationDate"],
                "before": before,
            }
        )
        if dry_run or before == one["ImageId"]:
            continue
        where = ["--config-file", str(config_file)] if config_file else []
        path = f"flashtier:environment.aws.images.{architecture}"
        pulumi(stack, ["config", "set", "--path", path, one["ImageId"], *where])
    if as_json:
        typer.echo(json.dumps({"region": environment.aws.region, "images": report}, indent=2))
        return
    for entry in report:
        before = entry["before"]
        did = "is pinned already" if before == entry["image"] else f"in place of {before or 'none'}"
        if dry_run and before != entry["image"]:
            did = f"would be pinned {did}"
        typer.echo(f"{entry['architecture']}: {entry['image']} ({entry['name']}, {entry['created']}) {did}")


def newest(
    stack: str, environment: Environment, settings: Aws
) -> dict[catalogue.Architecture, dict[str, Any]]:
    """The newest image for each architecture that the environment's hosts have. Raises `FlashtierError`."""
    # Takes a second, which no other command needs.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from infra.aws.preflight import account

    found: dict[catalogue.Architecture, dict[str, Any]] = {}
    try:
        client = boto3.Session(region_name=settings.region).client("ec2", config=account.CONFIG)
        for architecture in account.architectures(topology.build(stack, environment)):
            filters = {"name": NAMES[architecture], "architecture": architecture, "state": "available"}
            answer = client.describe_images(
                Owners=[settings.image_owner],
                Filters=[{"Name": name, "Values": [value]} for name, value in filters.items()],
            )
            if not answer["Images"]:
                raise FlashtierError(
                    f"{settings.region}: account {settings.image_owner} has no image {NAMES[architecture]} "
                    f"there; name one of your own, and its account as image_owner: pulumi config set --path "
                    f"flashtier:environment.aws.images.{architecture} ami-..."
                )
            found[architecture] = max(answer["Images"], key=lambda one: str(one["CreationDate"]))
    except (BotoCoreError, ClientError) as error:
        raise FlashtierError(
            f"the AWS account: {account.said(error)}; sign in, so that `aws sts get-caller-identity` answers"
        ) from error
    return found
