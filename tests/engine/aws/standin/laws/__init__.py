"""What AWS refuses and moto lets through: a function for each operation that it guards, by service.

A law reads what is there through the account and raises `Refused` with AWS's own code. Sources: the API
references of the services, and the quotas named with the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from standin.laws import edge, iam, instances, network, volumes

if TYPE_CHECKING:
    from standin.account import Account

_LAWS = {
    "ec2": {**network.LAWS, **instances.LAWS, **volumes.LAWS},
    "iam": iam.LAWS,
    "elbv2": edge.LAWS,
    "wafv2": edge.WAF,
    "acm": edge.ACM,
    "s3": iam.S3,
}


def uphold(account: Account, service: str, operation: str, request: dict[str, Any]) -> None:
    """Raises `Refused`."""
    law = _LAWS.get(service, {}).get(operation)
    if law is not None:
        law(account, request)
