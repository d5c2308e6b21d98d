"""One managed parameter, of PostgreSQL or of the kernel, with the reason it has its value."""

from __future__ import annotations

from typing import Literal

from infra.model import Model

Owner = Literal["file", "command line", "dcs"]


class Setting(Model):
    """`value` is as the program takes and reports it; `source` says where the figure is from."""

    name: str
    value: str
    reason: str
    source: str


class PostgresqlSetting(Setting):
    """`owner` is where the server gets it: a file that a role writes, its command line, or the store of the
    cluster manager (DCS), which gives it on the command line. The verification expects the value from there.
    """

    owner: Owner = "file"
