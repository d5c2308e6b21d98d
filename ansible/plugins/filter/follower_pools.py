"""A pool as the follower's settings have it: what pgBouncer gets, and whether it is for stale reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: follower_pools
short_description: A pool as the follower's settings have it
description:
  - C(follower_pool) keeps what the follower needs of an entry of C(database_pools).
options:
  _input:
    description: The entry.
    type: dict
    required: true
"""

EXAMPLES = r"""
pools: "{{ follower_pools | map('follower_pool') }}"
"""

RETURN = r"""
_value:
  description: Its name, database, size, and how far reads may be behind.
  type: dict
"""


def follower_pool(pool: Mapping[str, Any]) -> dict[str, Any]:
    """Of one entry of ansible/group_vars/all/database_pools.yml."""
    size = int(pool["size"])
    described = {"name": pool["name"], "dbname": pool["dbname"], "pool_size": size, "min_pool_size": size}
    return described | ({"max_lag_ms": int(pool["max_lag_ms"])} if "max_lag_ms" in pool else {})


class FilterModule:
    """How Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"follower_pool": follower_pool}
