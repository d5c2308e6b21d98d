"""pgBouncer and the follower, as tests/hosts/probe/pooler.py reports them, where all is as declared."""

from __future__ import annotations

from typing import Any

import yaml

from infra.contract import Contract, ContractHost
from tests.hosts.pooler import declared_settings, normal, pool_size
from tests.support.aws.ec2_cluster import leader
from tests.support.rendered import SHARED, render

HOLD = yaml.safe_load((SHARED / "web_path.yml").read_text())["web_path"]["hold"]


def pooler(contract: Contract, host: ContractHost) -> Any:
    """None where the host has none."""
    if "pgbouncer" not in host.components:
        return None
    ini = [render(contract, host.name, "pgbouncer", f"{name}.ini.j2") for name in ("pgbouncer", "fixed")]
    shown = {name: normal(name, value) for name, value in declared_settings("\n".join(ini)).items()}
    place = {"host": contract.host(leader(contract)).address, "port": contract.ports["postgresql"]}
    return {
        "settings": shown | {"conffile": "/etc/pgbouncer/pgbouncer.ini"},
        "pools": {
            contract.app.database: place
            | {"database": contract.app.database, "pool_size": pool_size(contract), "paused": 0}
        },
        "ini": ini,
    }


def follower(contract: Contract, host: ContractHost) -> Any:
    """None where the host has none."""
    if "follower" not in host.components:
        return None
    leads = leader(contract)
    return {
        "state": "serving",
        "holds": [],
        "leader": leads,
        "pgbouncer": "answers",
        "pools_lead_to": leads,
        "hold": HOLD,
        "leader_in_etcd": leads,
    }
