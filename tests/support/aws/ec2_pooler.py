"""pgBouncer and the follower, as tests/hosts/probe/pooler.py reports them, where all is as declared."""

from __future__ import annotations

from typing import Any

import yaml

from infra.contract import Contract, ContractHost
from tests.hosts.pooler import declared_settings, normal, pool_sizes, reads_of
from tests.support.aws.ec2_cluster import leader
from tests.support.rendered import SHARED, render

HOLD = yaml.safe_load((SHARED / "web_path.yml").read_text())["web_path"]["hold"]


def pooler(contract: Contract, host: ContractHost) -> Any:
    """None where the host has none."""
    if "pgbouncer" not in host.components:
        return None
    ini = [render(contract, host.name, "pgbouncer", f"{name}.ini.j2") for name in ("pgbouncer", "fixed")]
    shown = {name: normal(name, value) for name, value in declared_settings("\n".join(ini)).items()}
    port = contract.ports["postgresql"]
    stale = read_from(contract) or leader(contract)
    return {
        "settings": shown | {"conffile": "/etc/pgbouncer/pgbouncer.ini"},
        "pools": {
            name: {
                "host": contract.host(stale if name == reads_of(contract) else leader(contract)).address,
                "port": port,
                "database": contract.app.database,
                "pool_size": size,
                "paused": 0,
            }
            for name, size in pool_sizes(contract).items()
        },
        "ini": ini,
    }


def read_from(contract: Contract) -> str | None:
    """The standby that reads which may be stale go to; None where all go to the leader."""
    standbys = [name for name in contract.database.members if name != leader(contract)]
    return None if contract.app.read_from_standbys is None else standbys[0]


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
        "max_lag_ms": [reads.max_lag_ms] if (reads := contract.app.read_from_standbys) else [],
        "reads_from": read_from(contract),
        "leader_in_etcd": leads,
    }
