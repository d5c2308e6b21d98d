"""The command `flashtier plan`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.stack.settings_file import read_environment

#: Columns where the output is no terminal: tables are as wide as they need, and not as wide as a screen.
PIPE_WIDTH = 120


def plan(
    stack: Annotated[
        str,
        typer.Option("--stack", "-s", envvar="FLASHTIER_STACK", help="The stack to plan, such as prod."),
    ] = "prod",
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the same as one JSON object.")
    ] = False,
    chart: Annotated[
        Path | None,
        typer.Option("--chart", metavar="FILE", help="Draw capacity and cost against traffic: .svg or .png."),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config-file",
            envvar="FLASHTIER_CONFIG_FILE",
            dir_okay=False,
            help="Read this file instead of Pulumi.STACK.yaml.",
        ),
    ] = None,
) -> None:
    """Show what an environment on AWS needs, carries and costs, before anything is bought.

    Traffic on average, at peak and in a burst; IOPS against drives and volumes as they were measured; WAL,
    cache, growth, network, the loss of a zone; cost a month by item; what breaks first, at which multiple of
    today's traffic; and the same load on instance store, io2 and gp3 side by side.

    Reads the settings file alone: no stack, account or network is needed. Exit code 1 if the environment does
    not carry its traffic. How to read it: docs/tasks/plan.md
    """
    # Imported here: the other commands need not wait for the catalogue.
    from ops import chart as plan_chart
    from ops import plan as planning
    from ops import plan_view

    if chart is not None:
        plan_chart.check_path(chart)
    made = planning.make(stack, read_environment(stack, config_file), datetime.now(UTC).date())
    if as_json:
        typer.echo(json.dumps(made.report, indent=2))
    else:
        plan_view.show(made.report, Console(width=None if sys.stdout.isatty() else PIPE_WIDTH))
    if chart is not None:
        plan_chart.draw(made, chart)
        typer.echo(f"chart: {chart}", err=True)
    if made.report["faults"]:
        raise typer.Exit(1)
