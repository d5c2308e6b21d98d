"""Alarms: each thing that only AWS sees has its own, and all of them tell the same topic."""

from __future__ import annotations

import json

import pytest

from infra.aws import alarms
from tests.support.aws import mocks
from tests.support.aws.whole import whole


@pytest.fixture
def made():
    prod = whole("prod")
    return prod.hosts, prod.recorded


def alarmed(recorded, metric):
    """The dimensions of each alarm on a metric."""
    found = [one for one in recorded.of("MetricAlarm") if one.inputs["metricName"] == metric]
    return [tuple(sorted(one.inputs["dimensions"].items())) for one in found]


def test_every_host_every_volume_and_every_way_out_has_its_alarms(made):
    hosts, recorded = made
    ids = {host.name: recorded.named(f"flashtier-prod-{host.name}", "Instance").id for host in hosts.hosts}
    for rule in alarms.HOST:
        assert sorted(alarmed(recorded, rule.metric)) == sorted(
            (("InstanceId", one),) for one in ids.values()
        )
    members = [ids[host.name] for host in hosts.tier("database")]
    for rule in alarms.MEMBER:
        assert sorted(alarmed(recorded, rule.metric)) == sorted((("InstanceId", one),) for one in members)
    attached = sorted(
        (("InstanceId", one.inputs["instanceId"]), ("VolumeId", one.inputs["volumeId"]))
        for one in recorded.of("VolumeAttachment")
    )
    assert len(attached) == 3 + 2 * 3
    for rule in alarms.VOLUME:
        assert sorted(alarmed(recorded, rule.metric)) == attached
    for rule in alarms.NAT:
        assert len(alarmed(recorded, rule.metric)) == 3
    for rule in (*alarms.BALANCER, *alarms.TARGETS):
        assert len(alarmed(recorded, rule.metric)) == 1


def test_every_alarm_reaches_the_address_and_says_what_is_wrong(made):
    _, recorded = made
    topic = recorded.one("aws:sns/topic:Topic").arn
    [mail] = recorded.of("aws:sns/topicSubscription:TopicSubscription")
    assert (mail.inputs["topic"], mail.inputs["protocol"]) == (topic, "email")
    assert mail.inputs["endpoint"] == "oncall@example.com"
    for alarm in recorded.of("MetricAlarm"):
        assert alarm.inputs["alarmActions"] == [topic]
        # A new alarm goes from no data to OK: with okActions that is a mail for each.
        assert not alarm.inputs.get("okActions")
        # A new host has no data: as breaching, it is an alarm.
        assert alarm.inputs["treatMissingData"] != "breaching"
        assert alarm.inputs["alarmDescription"].startswith("prod-")
        assert ("statistic" in alarm.inputs) != ("extendedStatistic" in alarm.inputs)


#: What each service that publishes may be asked for: EventBridge names no source, and a condition on it
#: would drop what it says without a word.
SOURCES = {
    "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": mocks.ACCOUNT}},
    "events.amazonaws.com": None,
}


def conditions(statements):
    return {one["Principal"]["Service"]: one.get("Condition") for one in statements}


def test_only_aws_itself_publishes_and_cloudwatch_for_this_account_alone(made):
    _, recorded = made
    policy = json.loads(recorded.one("aws:sns/topicPolicy:TopicPolicy").inputs["policy"])
    assert {one["Effect"] for one in policy["Statement"]} == {"Allow"}
    assert {one["Action"] for one in policy["Statement"]} == {"sns:Publish"}
    assert conditions(policy["Statement"]) == SOURCES


def test_alarms_are_encrypted_with_a_key_that_the_loss_of_data_leaves_and_that_publishers_may_use(made):
    _, recorded = made
    key = recorded.named("flashtier-prod-alarms", "Key")
    assert recorded.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == key.arn
    account, *services = json.loads(key.inputs["policy"])["Statement"]
    assert account["Principal"] == {"AWS": f"arn:{mocks.PARTITION}:iam::{mocks.ACCOUNT}:root"}
    assert (account["Action"], account["Effect"]) == ("kms:*", "Allow")
    assert conditions(services) == SOURCES
    assert all(one["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"] for one in services)


def test_a_host_that_stops_and_a_member_that_is_to_be_stopped_are_reported(made):
    hosts, recorded = made
    members = {f"flashtier-prod-{host.name}-id" for host in hosts.tier("database")}
    rules = {one.name: json.loads(one.inputs["eventPattern"]) for one in recorded.of("EventRule")}
    scheduled = rules["flashtier-prod-scheduled"]["detail"]
    stopped = rules["flashtier-prod-stopped"]["detail"]
    assert set(scheduled["affectedEntities"]["entityValue"]) == members
    # Metrics of a stopped host are missing, which is no alarm: the event reports every host.
    assert set(stopped["instance-id"]) == {f"flashtier-prod-{host.name}-id" for host in hosts.hosts}
    topic = recorded.one("aws:sns/topic:Topic").arn
    assert [one.inputs["arn"] for one in recorded.of("EventTarget")] == [topic, topic]


def test_the_budget_counts_from_the_first_day_and_warns_before_it_is_spent(made):
    _, recorded = made
    budget = recorded.one("aws:budgets/budget:Budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("40000", "USD", "MONTHLY")
    # A filter by a tag that is not active matches nothing, and the budget would read $0.
    assert "costFilters" not in budget
    of_tag = whole("prod", aws__budget_scope="environment").recorded.one("aws:budgets/budget:Budget").inputs
    assert of_tag["costFilters"] == [{"name": "TagKeyValue", "values": ["user:Environment$prod"]}]
    told = {(one["notificationType"], one["threshold"]) for one in budget["notifications"]}
    assert told == {("ACTUAL", 80), ("FORECASTED", 100)}
