"""What the role base decides by."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any


def second_address(cidr: str) -> str:
    """The second address above the first of a range: AWS's resolver of a VPC. Raises `ValueError`."""
    return str(ipaddress.ip_network(cidr)[2])


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"second_address": second_address}
