"""The command `flashtier status`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from infra.errors import FlashtierError
from infra.stack.outputs import read_contract_within, write_known_hosts
from ops.status import ask, judge, merge, view

#: Columns where the output is no terminal: tables are as wide as they need.
PIPE_WIDTH = 120
#: Seconds of the deadline to end what is late, and to print.
OWN = 0.7


def status(
    stack: Annotated[
        str,
        typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack to ask, such as local."),
    ] = "local",
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the same as one JSON object (docs/tasks/status.md).")
    ] = False,
    deadline: Annotated[
        float,
        typer.Option(
            "--deadline",
            min=3,
            max=600,
            metavar="SECONDS",
            help="Answer within that time, whatever is down. On AWS give it 30: each SSH starts the AWS CLI.",
        ),
    ] = 10,
) -> None:
    """Ask the hosts how the database cluster is: who leads, who streams, etcd, holds, certificates.

    Every host is asked at once over SSH, and nothing is changed. Members answer where etcd is down, and a
    host that is down is a line that says why.

    Exit code 0: healthy. One member leads, all others stream, etcd has its quorum, no hold is older than it
    should be, no certificate ends soon. 1: degraded; the last lines say why, one reason each. 2: nothing
    could be found out.

        flashtier status -s local --json | jq -r '.reasons[]'
    """
    begun = time.monotonic()
    until = begun + deadline - OWN
    try:
        contract = read_contract_within(stack, deadline - OWN)
        answers = ask.answers(contract, write_known_hosts(contract), until)
    except (FlashtierError, OSError) as error:
        # Exit code 1 would say that something was found.
        typer.echo(f"flashtier: {error}", err=True)
        raise typer.Exit(judge.UNKNOWN) from None
    found = merge.status(contract, answers, datetime.now(UTC), time.monotonic() - begun)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        # Rich omits colours where the output is not a terminal, and obeys NO_COLOR.
        view.show(found, Console(width=None if sys.stdout.isatty() else PIPE_WIDTH))
    raise typer.Exit(found.exit_code)
