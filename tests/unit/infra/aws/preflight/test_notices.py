"""Warnings of the preflight about alarms that reach nobody, and a budget that counts nothing."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.aws.preflight import notices
from infra.environment.aws import Aws
from tests.support.aws_environments import parsed

TOPIC = "flashtier-prod-alarms"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "unit")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def settings(**changes: Any) -> Aws:
    aws = parsed("prod", **changes).aws
    assert aws
    return aws


def sns() -> Any:
    return boto3.client("sns", region_name="us-east-1")


def test_before_the_first_update_there_is_nothing_to_report() -> None:
    assert notices.notices(TOPIC, settings()) == []


def test_an_expired_subscription_is_reported_with_the_command_that_sends_another_link() -> None:
    arn = sns().create_topic(Name=TOPIC)["TopicArn"]
    [line] = notices.notices(TOPIC, settings())
    assert line.startswith(
        "flashtier:environment.aws.alarm_email = oncall@example.com: its subscription has expired"
    )
    assert f"aws sns subscribe --topic-arn {arn}" in line


def test_a_confirmed_subscription_is_none_to_report_and_another_address_does_not_count() -> None:
    arn = sns().create_topic(Name=TOPIC)["TopicArn"]
    # moto confirms at once.
    sns().subscribe(TopicArn=arn, Protocol="email", Endpoint="other@example.com")
    assert len(notices.notices(TOPIC, settings())) == 1
    sns().subscribe(TopicArn=arn, Protocol="email", Endpoint="oncall@example.com")
    assert notices.notices(TOPIC, settings()) == []


class Pages:
    """boto3's client of SNS with one subscription, in whatever state."""

    def __init__(self, state: str) -> None:
        self._state = state

    def get_paginator(self, operation: str) -> Any:
        self._operation = operation
        return self

    def paginate(self, **asked: Any) -> Any:
        if self._operation == "list_topics":
            return [{"Topics": [{"TopicArn": f"arn:aws:sns:us-east-1:1:{TOPIC}"}]}]
        one = {"Protocol": "email", "Endpoint": "oncall@example.com", "SubscriptionArn": self._state}
        return [{"Subscriptions": [one]}]


def test_an_unconfirmed_subscription_is_reported() -> None:
    """Source of the state: Amazon SNS API, Subscription, SubscriptionArn "PendingConfirmation"."""
    [line] = notices._unconfirmed(Pages("PendingConfirmation"), TOPIC, "oncall@example.com")
    assert "its subscription is not confirmed, and no alarm reaches anyone; open the link of SNS" in line


class Billing:
    def __init__(self, active: list[str]) -> None:
        self._active = active

    def list_cost_allocation_tags(self, Status: str, TagKeys: list[str]) -> Any:
        assert (Status, TagKeys) == ("Active", ["Environment"])
        return {"CostAllocationTags": [{"TagKey": one} for one in self._active]}


def test_a_budget_by_a_tag_that_is_not_active_reads_nothing() -> None:
    [line] = notices._inactive_tag(Billing([]), "Environment")
    assert "the budget reads $0; activate it in the organisation's management account" in line
    assert list(notices._inactive_tag(Billing(["Environment"]), "Environment")) == []


def test_what_may_not_be_read_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(
        notices, "_CONFIG", notices.Config(connect_timeout=1, retries={"total_max_attempts": 1})
    )
    [line] = notices.notices(TOPIC, settings())
    assert line.startswith("flashtier:environment.aws.alarm_email: cannot be checked: ")
    assert line.endswith("; allow sns:ListTopics and sns:ListSubscriptionsByTopic")
