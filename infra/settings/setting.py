"""One managed parameter, of PostgreSQL or of the kernel, with the reason it has its value."""

from __future__ import annotations

from infra.model import Model


class Setting(Model):
    """`value` is as the program takes and reports it; `source` says where the figure is from."""

    name: str
    value: str
    reason: str
    source: str
