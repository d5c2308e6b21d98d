"""What watches: alarms, log groups, events, topics, budgets."""

from __future__ import annotations

from infra.plugin.marshalling import UNKNOWN
from standin.account import Account
from standin.row import Bad, Look, Row, Step, Values, names, only, pick


def _alarm(inputs: Values) -> Values:
    made = {k: v for k, v in inputs.items() if k not in ("dimensions", "metricQueries")}
    dimensions = inputs.get("dimensions")
    if dimensions:
        pairs = (
            UNKNOWN
            if dimensions == UNKNOWN
            else [{"name": k, "value": v} for k, v in sorted(dimensions.items())]
        )
        made["dimensions"] = pairs
    queries = []
    for query in inputs.get("metricQueries") or []:
        metric = query.get("metric")
        whole = {k: v for k, v in query.items() if k != "metric"}
        if metric:
            stat = {k: v for k, v in metric.items() if k in ("period", "stat", "unit")}
            of = {k: v for k, v in metric.items() if k in ("namespace", "metricName")}
            of["dimensions"] = [
                {"name": k, "value": v} for k, v in sorted((metric.get("dimensions") or {}).items())
            ]
            whole["metricStat"] = {**stat, "metric": of}
        queries.append(whole)
    return {**made, "metrics": queries or None}


def _alarm_check(account: Account, inputs: Values) -> None:
    if not inputs.get("metricQueries") and not inputs.get("metricName"):
        raise Bad("metricName", "is missing, and so are metricQueries")
    period = inputs.get("period")
    if isinstance(period, int) and period not in (10, 20, 30) and period % 60:
        raise Bad("period", f"{period} s is neither 10, 20, 30 nor a multiple of 60")


def _log_group_found(answer: Values, identity: str, inputs: Values) -> Values | None:
    return only([one for one in answer["logGroups"] if one["logGroupName"] == identity])


def _log_group_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    return {"retentionInDays": found.get("retentionInDays", 0)} if "retentionInDays" in inputs else {}


def _rule_found(account: Account, identity: str, inputs: Values) -> Values | None:
    return account.look("events", "describe_rule", Name=identity)


def _event_target(inputs: Values) -> Values:
    left = {
        k: v
        for k, v in inputs.items()
        if k not in ("rule", "targetId", "eventBusName", "forceDestroy", "arn")
    }
    left |= pick(inputs, id="targetId", arn="arn")
    transformer = left.pop("inputTransformer", None)
    if transformer:
        left["inputTransformer"] = {
            "inputPathsMap": transformer.get("inputPaths"),
            "inputTemplate": transformer["inputTemplate"],
        }
    return {"rule": inputs["rule"], **pick(inputs, eventBusName="eventBusName"), "targets": [left]}


def _target_found(answer: Values, identity: str, inputs: Values) -> Values | None:
    return only([one for one in answer["Targets"] if one["Id"] == inputs["targetId"]])


_TOPIC = {
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "deliveryPolicy": "DeliveryPolicy",
    "signatureVersion": "SignatureVersion",
}


def _topic(inputs: Values) -> Values:
    attributes = {
        member: str(inputs[name]) for name, member in _TOPIC.items() if inputs.get(name) is not None
    }
    return {"name": inputs["name"], "attributes": attributes or None}


def _topic_step(name: str) -> Step:
    return Step(
        "set_topic_attributes",
        (name,),
        lambda n, i: {"topicArn": i, "attributeName": _TOPIC[name], "attributeValue": str(n.get(name) or "")},
        on_create=False,
    )


def _topic_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    return {name: found.get(member) for name, member in _TOPIC.items() if name in inputs and name != "policy"}


def _subscription(inputs: Values) -> Values:
    attributes = {
        "FilterPolicy": inputs.get("filterPolicy"),
        "RawMessageDelivery": str(inputs["rawMessageDelivery"]).lower()
        if "rawMessageDelivery" in inputs
        else None,
    }
    kept = {k: v for k, v in attributes.items() if v is not None}
    return {
        "topicArn": inputs["topic"],
        **pick(inputs, protocol="protocol", endpoint="endpoint"),
        "attributes": kept or None,
        "returnSubscriptionArn": True,
    }


def _budget(inputs: Values) -> Values:
    made = {
        "budgetName": inputs["name"],
        **pick(inputs, budgetType="budgetType", timeUnit="timeUnit"),
        "budgetLimit": {"amount": inputs.get("limitAmount"), "unit": inputs.get("limitUnit")},
    }
    if filters := inputs.get("costFilters"):
        made["costFilters"] = (
            UNKNOWN if filters == UNKNOWN else {one["name"]: one["values"] for one in filters}
        )
    subscribed = []
    for one in inputs.get("notifications") or []:
        addresses = [("EMAIL", a) for a in one.get("subscriberEmailAddresses") or []]
        addresses += [("SNS", a) for a in one.get("subscriberSnsTopicArns") or []]
        notification = {
            k: v
            for k, v in one.items()
            if k in ("notificationType", "comparisonOperator", "threshold", "thresholdType")
        }
        subscribers = [{"subscriptionType": kind, "address": address} for kind, address in addresses]
        subscribed.append({"notification": notification, "subscribers": subscribers})
    return {
        "accountId": inputs.get("accountId", _NUMBER),
        "budget": made,
        "notificationsWithSubscribers": subscribed,
    }


#: moto's account; a preview has no other before the provider's configuration.
_NUMBER = "123456789012"


def _budget_found(account: Account, identity: str, inputs: Values) -> Values | None:
    number, name = identity.split(":", 1)
    answer = account.look("budgets", "describe_budget", AccountId=number, BudgetName=name)
    return answer and answer["Budget"]


def _budget_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    return {"limitAmount": f"{float(found['BudgetLimit']['Amount']):g}" if _is_other(inputs, found) else None}


def _is_other(inputs: Values, found: Values) -> bool:
    return float(inputs["limitAmount"]) != float(found["BudgetLimit"]["Amount"])


def _change_budget(account: Account, identity: str, news: Values, olds: Values) -> None:
    """moto has no UpdateBudget: the budget is made again with the same name, its request validated by the
    model."""
    from standin import convert

    number, name = identity.split(":", 1)
    whole = convert.request(
        "budgets", "update_budget", {"accountId": number, "newBudget": _budget(news)["budget"]}
    )
    convert.validate("budgets", "update_budget", whole)
    account.call("budgets", "delete_budget", AccountId=number, BudgetName=name)
    account.call("budgets", "create_budget", **convert.request("budgets", "create_budget", _budget(news)))


ROWS = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": Row(
        service="cloudwatch",
        create="put_metric_alarm",
        identity=lambda answer, n: n["name"],
        read=Look("describe_alarms", lambda i, n: {"AlarmNames": [i]}, "MetricAlarms[0]"),
        delete=("delete_alarms", lambda i, n: {"AlarmNames": [i]}),
        tagged=True,
        body=_alarm,
        rename={"name": "alarmName"},
        new=names("name"),
        auto="name",
        puts=True,
        check=_alarm_check,
        blind=names("dimensions metricQueries"),
        outputs=lambda account, i, n, found: {"arn": account.arn("cloudwatch", f"alarm:{i}")},
    ),
    "aws:cloudwatch/logGroup:LogGroup": Row(
        service="logs",
        create="create_log_group",
        identity=lambda answer, n: n["name"],
        read=Look("describe_log_groups", lambda i, n: {"logGroupNamePrefix": i}, _log_group_found),
        delete=("delete_log_group", lambda i, n: {"logGroupName": i}),
        tagged=True,
        rename={"name": "logGroupName"},
        new=names("name namePrefix logGroupClass"),
        own=names("skipDestroy"),
        auto="name",
        steps=(
            Step(
                "put_retention_policy",
                ("retentionInDays",),
                lambda n, i: (
                    {"logGroupName": i, "retentionInDays": n["retentionInDays"]}
                    if n.get("retentionInDays")
                    else None
                ),
            ),
        ),
        seen=_log_group_seen,
        outputs=lambda account, i, n, found: {"arn": account.arn("logs", f"log-group:{i}")},
    ),
    "aws:cloudwatch/eventRule:EventRule": Row(
        service="events",
        create="put_rule",
        identity=lambda answer, n: n["name"],
        read=_rule_found,
        delete=("delete_rule", lambda i, n: {"Name": i}),
        tagged=True,
        new=names("name namePrefix eventBusName"),
        own=names("forceDestroy"),
        auto="name",
        puts=True,
        blind=names("eventPattern"),
        outputs=lambda account, i, n, found: {"arn": account.arn("events", f"rule/{i}")},
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Row(
        service="events",
        create="put_targets",
        identity=lambda answer, n: f"{n['rule']}-{n['targetId']}",
        read=Look("list_targets_by_rule", lambda i, n: {"Rule": n["rule"]}, _target_found),
        delete=("remove_targets", lambda i, n: {"Rule": n["rule"], "Ids": [n["targetId"]]}),
        body=_event_target,
        new=names("rule targetId eventBusName"),
        own=names("forceDestroy"),
        auto="targetId",
        puts=True,
        blind=names("inputTransformer"),
    ),
    "aws:sns/topic:Topic": Row(
        service="sns",
        create="create_topic",
        identity="TopicArn",
        read=Look("get_topic_attributes", lambda i, n: {"TopicArn": i}, "Attributes"),
        delete=("delete_topic", lambda i, n: {"TopicArn": i}),
        tagged=True,
        body=_topic,
        new=names("name namePrefix fifoTopic"),
        auto="name",
        steps=tuple(map(_topic_step, _TOPIC)),
        seen=_topic_seen,
        blind=names("policy"),
        outputs=lambda account, i, n, found: {"arn": i, "owner": account.number},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Row(
        service="sns",
        create="set_topic_attributes",
        identity=lambda answer, n: n["arn"],
        read=Look("get_topic_attributes", lambda i, n: {"TopicArn": i}, "Attributes"),
        delete=lambda account, i, n: None,  # the provider puts AWS's default back, which moto has no name for
        body=lambda n: {"topicArn": n["arn"], "attributeName": "Policy", "attributeValue": n["policy"]},
        new=names("arn"),
        puts=True,
        blind=names("policy"),
        outputs=lambda account, i, n, found: {"owner": account.number},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Row(
        service="sns",
        create="subscribe",
        identity="SubscriptionArn",
        read=Look("get_subscription_attributes", lambda i, n: {"SubscriptionArn": i}, "Attributes"),
        delete=("unsubscribe", lambda i, n: {"SubscriptionArn": i}),
        body=_subscription,
        new=names("topic protocol endpoint"),
        own=names("endpointAutoConfirms confirmationTimeoutInMinutes"),
        outputs=lambda account, i, n, found: {"arn": i},
    ),
    "aws:budgets/budget:Budget": Row(
        service="budgets",
        create="create_budget",
        identity=lambda answer, n: f"{n.get('accountId', _NUMBER)}:{n['name']}",
        read=_budget_found,
        delete=(
            "delete_budget",
            lambda i, n: dict(zip(("AccountId", "BudgetName"), i.split(":", 1), strict=True)),
        ),
        tagged=True,
        body=_budget,
        new=names("name namePrefix accountId budgetType"),
        auto="name",
        changes=dict.fromkeys(
            ("limitAmount", "limitUnit", "timeUnit", "costFilters", "notifications"), _change_budget
        ),
        blind=names("notifications costFilters"),
        seen=_budget_seen,
        outputs=lambda account, i, n, found: {
            "arn": account.arn("budgets", f"budget/{n['name']}", region=False)
        },
    ),
}
