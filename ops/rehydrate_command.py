"""The command `flashtier rehydrate`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.stack import cli, outputs
from ops import rehydrate as work


def rehydrate(
    host: Annotated[str, typer.Option("--host", help="The host that gets a new root disk, such as db2.")],
    stack: Annotated[
        str, typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack, such as local.")
    ] = "local",
    outage: Annotated[
        str, typer.Option("--outage", help="The host once more, where no other stands in for it.")
    ] = "",
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config-file",
            envvar="FLASHTIER_CONFIG_FILE",
            dir_okay=False,
            help="Use this file in place of Pulumi.STACK.yaml.",
        ),
    ] = None,
) -> None:
    """Give one host a new root disk from the image of today, and keep its volumes.

    It is taken out in order (a member that leads hands over first), removed and made again by Pulumi,
    configured by site.yml, and waited for until it is whole: a member streams and counts, etcd has all its
    members, a web host gets requests. One host a run; the others are not touched. A run that ended in between
    is gone on from by the same line: docs/tasks/rehydrate.md.
    """
    begun = time.monotonic()
    work.host_of(outputs.read_contract(stack), host)
    work.steps(
        stack,
        host,
        outage,
        work.Record(stack),
        lambda: json.loads(cli.pulumi(stack, ["stack", "export"])),
        work.running(stack, config_file),
    )
    typer.echo(
        f"stack {stack}: {host} has a new root disk and is whole, after {time.monotonic() - begun:.0f} s"
    )
