"""The roles, their argument specifications, and the tier that runs each."""

from __future__ import annotations

from typing import Any

import yaml

from infra.paths import ROOT
from tests.support.rendered import MAPPINGS

ROLES = sorted(path.name for path in (ROOT / "ansible" / "roles").iterdir())
MAPPED = [role for role in ROLES if (MAPPINGS / f"{role}.yml").exists()]
#: A host of each tier that runs the role; every host where a role is not named here.
TIERS = {
    "edge": ("haproxy",),
    "web": ("app", "follower", "nginx", "pgbouncer"),
    "database": ("postgresql", "patroni", "postgresql_databases", "probe"),
    "control": ("etcd", "prometheus", "s3"),
}


def specs(role: str) -> dict[str, Any]:
    text = (ROOT / "ansible" / "roles" / role / "meta" / "argument_specs.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]
    return found


def options(role: str) -> dict[str, Any]:
    return {name: option for spec in specs(role).values() for name, option in spec["options"].items()}
