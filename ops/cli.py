"""The `flashtier` command: what Pulumi, Ansible and pytest do not do themselves."""

from __future__ import annotations

import dataclasses
import errno
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.errors import FlashtierError
from infra.stack import secrets as stack_secrets
from infra.stack.outputs import declared, read_contract, write_ca, write_known_hosts
from ops import summary as stack_summary
from ops.forget_cluster_command import forget_cluster
from ops.image_command import image
from ops.plan_command import plan
from ops.rehydrate_command import rehydrate
from ops.status.command import status
from ops.unprotect_command import unprotect

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""
Complements `pulumi`, `ansible-playbook` and `pytest`, on the same stack.

An environment comes up in this order; `make up STACK=local` does all of it:

1. `flashtier secrets -s local` makes the stack and its missing secrets
2. `pulumi up -s local --refresh` makes hosts, volumes and networks
3. `ansible-playbook ansible/site.yml` configures the hosts
4. `pytest tests/hosts` compares the hosts with what is declared
5. `flashtier summary -s local` shows the hosts, their URLs and how long each step took

While it runs, `flashtier status -s local` asks the hosts who leads the database, and what is wrong.

Run `. tools/env.sh` first: it puts all of these on PATH and names the state and its passphrase.
""",
)

Stack = Annotated[
    str,
    typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack to work on, such as local."),
]


@app.command()
def secrets(
    stack: Stack = "local",
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
    """Make the stack's missing secrets: passwords, access keys, the certificate authority, the SSH key.

    They are written encrypted to Pulumi.STACK.yaml. Existing ones never change, and no value is ever
    printed. The passphrase that decrypts them is made too, outside the tree, readable by its owner only.

    A clone without secrets adopts those of the running stack.

    To change one on purpose: edit the output of `pulumi config get flashtier:secrets -s STACK`, give it to
    `pulumi config set --secret flashtier:secrets -s STACK` on standard input, and run `make up`.
    """
    report = stack_secrets.ensure(stack, config_file)
    for line in report.made:
        typer.echo(f"made {line}")
    if not report.made:
        typer.echo(f"stack {stack}: has all its secrets; nothing changed")
    for line in report.notes:
        typer.echo(f"note: {line}", err=True)


@app.command(name="import-file")
def import_file(
    stack: Stack = "local",
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
    """Print the input of `pulumi import --file` for a stack that lost its state, but no hosts or volumes.

    docs/tasks/state-lost.md has the whole procedure. For platform `local`; changes nothing.
    """
    # Imports pylxd and gRPC: half a second, which no other command needs.
    from infra.local import imports

    found, notes = imports.find(declared(stack, config_file))
    resources = [dataclasses.asdict(entry) for entry in found]
    typer.echo(json.dumps({"resources": resources}, indent=2))
    for line in notes:
        typer.echo(f"note: left out: {line}", err=True)


@app.command()
def summary(
    stack: Stack = "local",
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the same as one JSON object.")
    ] = False,
) -> None:
    """Show hosts, URLs, what was verified, what the platform cannot do, and how long each phase took.

    Reads the stack's outputs, and the records of the last `make up` and `pytest tests/hosts` in the state
    directory. It connects to no host.
    """
    contract = read_contract(stack)
    write_known_hosts(contract)
    collected = stack_summary.collect(contract, write_ca(contract))
    if as_json:
        typer.echo(json.dumps(collected, indent=2))
        return
    # Rich omits colours where the output is not a terminal, and obeys NO_COLOR.
    # In a file or a pipe it would use 80 columns; the table of hosts needs more.
    stack_summary.show(collected, Console(width=None if sys.stdout.isatty() else 100))


app.command()(status)
app.command()(plan)
app.command()(image)
app.command()(unprotect)
app.command()(forget_cluster)
app.command()(rehydrate)


def main() -> None:
    """Run the command; an expected fault ends it with one line and exit code 1."""
    try:
        app()
    except FlashtierError as error:
        print(f"flashtier: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        fix = {
            errno.ENOSPC: "; free some space there, then run it again",
            errno.EACCES: "; run it as root: sudo",
            errno.EPERM: "; run it as root: sudo",
        }.get(error.errno or 0, "")
        where = error.filename or "the machine"
        print(f"flashtier: {where}: {error.strerror or error}{fix}", file=sys.stderr)
        sys.exit(1)
