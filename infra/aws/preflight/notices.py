"""Warnings about what would stay silent: alarms that nobody receives, and a budget that reads $0.

Neither stops an update. What cannot be read is a warning, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.environment.aws import Aws

_KEY = "flashtier:environment.aws"
_CONFIG = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
#: The only region that answers for Cost Explorer. Source: AWS General Reference, Cost Explorer endpoints.
_BILLING_REGION = "us-east-1"


def notices(topic: str, settings: Aws) -> list[str]:
    """One line each; empty if alarms reach `alarm_email` and the budget counts. `topic` is the topic's
    name."""
    session = boto3.Session(region_name=settings.region)
    checks: list[tuple[str, str, Callable[[], Iterator[str]]]] = [
        (
            f"{_KEY}.alarm_email",
            "sns:ListTopics and sns:ListSubscriptionsByTopic",
            lambda: _unconfirmed(session.client("sns", config=_CONFIG), topic, settings.alarm_email),
        )
    ]
    if settings.budget_scope == "environment":
        billing = session.client("ce", region_name=_BILLING_REGION, config=_CONFIG)
        checks.append(
            (
                f"{_KEY}.budget_scope",
                "ce:ListCostAllocationTags",
                lambda: _inactive_tag(billing, "Environment"),
            )
        )
    return [line for what, right, check in checks for line in _answered(what, right, check)]


def _answered(what: str, right: str, check: Callable[[], Iterator[str]]) -> list[str]:
    try:
        return list(check())
    except (BotoCoreError, ClientError) as error:
        text = " ".join(str(error).split())
        return [f"{what}: cannot be checked: {text}; allow {right}"]


def _unconfirmed(sns: Any, topic: str, address: str) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """An alarm's topic whose subscription by `address` is not confirmed. SNS deletes one after three days."""
    arns = (one["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for one in page["Topics"])
    arn = next((one for one in arns if one.rpartition(":")[2] == topic), None)
    if arn is None:
        return  # the first update makes it
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    found = [
        one["SubscriptionArn"]
        for page in pages
        for one in page["Subscriptions"]
        if (one["Protocol"], one["Endpoint"]) == ("email", address)
    ]
    if not any(one.startswith("arn:") for one in found):
        state = "is not confirmed" if found else "has expired"
        again = f"`aws sns subscribe --topic-arn {arn} --protocol email --notification-endpoint {address}`"
        yield (
            f"{_KEY}.alarm_email = {address}: its subscription {state}, and no alarm reaches anyone; open "
            f"the link of SNS, or run {again} for another"
        )


def _inactive_tag(billing: Any, key: str) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    listed = billing.list_cost_allocation_tags(Status="Active", TagKeys=[key])
    if not listed["CostAllocationTags"]:
        yield (
            f"{_KEY}.budget_scope = environment: the tag {key} is not an active cost allocation tag, and the "
            "budget reads $0; activate it in the organisation's management account (Billing, Cost allocation "
            "tags; it is listed a day after the first resource), or set budget_scope to account"
        )
