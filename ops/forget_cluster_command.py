"""The command `flashtier forget-cluster`."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.stack import cluster_record


def forget_cluster(
    identifier: Annotated[
        str, typer.Argument(metavar="IDENTIFIER", help="Its system identifier, as the refusal names it.")
    ],
    stack: Annotated[
        str, typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack, such as local.")
    ] = "local",
) -> None:
    """Forget which database cluster a stack had, so that the next run of the playbook may make an empty one.

    For when its data is lost on all members and in etcd. Nothing on a host is changed. Without it
    `ansible/site.yml` refuses to begin where a cluster was: docs/tasks/cluster-lost.md.
    """
    cluster_record.forget(stack, identifier)
    typer.echo(f"stack {stack}: forgot cluster {identifier}; ansible/site.yml may make an empty one now")
