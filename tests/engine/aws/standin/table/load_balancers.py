"""Application load balancers: themselves, listeners, rules, target groups."""

from __future__ import annotations

from standin.account import Account
from standin.row import Bad, Look, Row, Step, Values, names, only, pick

#: Property to the attribute's key; each has the form of a string there.
_BALANCER = {
    "enableDeletionProtection": "deletion_protection.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableHttp2": "routing.http2.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "clientKeepAlive": "client_keep_alive.seconds",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "enableTlsVersionAndCipherSuiteHeaders": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
}
_TARGETS = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
}
_HEALTH = {
    "path": "healthCheckPath",
    "port": "healthCheckPort",
    "protocol": "healthCheckProtocol",
    "interval": "healthCheckIntervalSeconds",
    "timeout": "healthCheckTimeoutSeconds",
    "healthyThreshold": "healthyThresholdCount",
    "unhealthyThreshold": "unhealthyThresholdCount",
    "enabled": "healthCheckEnabled",
}


def _attributes(inputs: Values, known: dict[str, str]) -> list[Values]:
    def text(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    return [
        {"key": key, "value": text(inputs[name])}
        for name, key in known.items()
        if inputs.get(name) is not None
    ]


def _balancer_attributes(inputs: Values, identity: str) -> Values:
    made = _attributes(inputs, _BALANCER)
    for name in ("accessLogs", "connectionLogs"):
        logs, prefix = (
            inputs.get(name),
            {"accessLogs": "access_logs", "connectionLogs": "connection_logs"}[name],
        )
        if isinstance(logs, dict):
            made.append({"key": f"{prefix}.s3.enabled", "value": str(logs.get("enabled", False)).lower()})
            made.append({"key": f"{prefix}.s3.bucket", "value": logs["bucket"]})
            made.append({"key": f"{prefix}.s3.prefix", "value": logs.get("prefix", "")})
    return {"loadBalancerArn": identity, "attributes": made}


def _stickiness(inputs: Values) -> list[Values]:
    block = inputs.get("stickiness")
    if not isinstance(block, dict):
        return []
    return [
        {"key": "stickiness.enabled", "value": str(block.get("enabled", True)).lower()},
        {"key": "stickiness.type", "value": block["type"]},
    ]


def _attributes_seen(operation: str, key: str, known: dict[str, str]):
    def seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
        shown = {
            one["Key"]: one["Value"]
            for one in account.call("elbv2", operation, **{key: identity})["Attributes"]
        }
        made = {}
        for name, attribute in known.items():
            if name in inputs and attribute in shown:
                value = shown[attribute]
                made[name] = value == "true" if isinstance(inputs[name], bool) else value
        return made

    return seen


def _balancer_body(inputs: Values) -> Values:
    left = {k: v for k, v in inputs.items() if k not in ("internal", "loadBalancerType")}
    scheme = "internal" if inputs.get("internal") else "internet-facing"
    return {**left, "scheme": scheme, "type": inputs.get("loadBalancerType", "application")}


_seen_attributes = _attributes_seen("describe_load_balancer_attributes", "LoadBalancerArn", _BALANCER)


def _balancer_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    subnets = [zone["SubnetId"] for zone in found.get("AvailabilityZones", [])]
    return {"subnets": subnets or None, **_seen_attributes(account, identity, inputs, found)}


def _group_body(inputs: Values) -> Values:
    health = inputs.get("healthCheck") or {}
    made = {k: v for k, v in inputs.items() if k != "healthCheck"}
    made |= {member: health[name] for name, member in _HEALTH.items() if health.get(name) is not None}
    if health.get("matcher"):
        made["matcher"] = {"httpCode": health["matcher"]}
    return made


def _group_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    seen = _attributes_seen("describe_target_group_attributes", "TargetGroupArn", _TARGETS)
    shown = {name: found.get(member[0].upper() + member[1:]) for name, member in _HEALTH.items()}
    shown["matcher"] = (found.get("Matcher") or {}).get("HttpCode")
    return {
        **seen(account, identity, inputs, found),
        **({"healthCheck": shown} if "healthCheck" in inputs else {}),
    }


def _actions(actions: list[Values]) -> list[Values]:
    renamed = {
        "redirect": "redirectConfig",
        "fixedResponse": "fixedResponseConfig",
        "forward": "forwardConfig",
    }
    return [{renamed.get(name, name): value for name, value in action.items()} for action in actions]


def _listener_body(inputs: Values) -> Values:
    made = {k: v for k, v in inputs.items() if k not in ("certificateArn", "defaultActions")}
    if inputs.get("certificateArn"):
        made["certificates"] = [{"certificateArn": inputs["certificateArn"]}]
    return {**made, "defaultActions": _actions(inputs["defaultActions"])}


def _listener_check(account: Account, inputs: Values) -> None:
    if inputs.get("protocol") == "HTTPS" and not inputs.get("certificateArn"):
        raise Bad("certificateArn", "is missing, and protocol HTTPS needs a certificate")


def _listener_change(inputs: Values, identity: str) -> Values:
    left = {k: v for k, v in inputs.items() if k in _LISTENER}
    return {"listenerArn": identity, **_listener_body({**left, "defaultActions": inputs["defaultActions"]})}


_LISTENER = names("port protocol sslPolicy certificateArn defaultActions alpnPolicy mutualAuthentication")
_CONDITIONS = {
    "hostHeader": ("host-header", "hostHeaderConfig"),
    "pathPattern": ("path-pattern", "pathPatternConfig"),
    "httpHeader": ("http-header", "httpHeaderConfig"),
    "httpRequestMethod": ("http-request-method", "httpRequestMethodConfig"),
    "queryStrings": ("query-string", "queryStringConfig"),
    "sourceIp": ("source-ip", "sourceIpConfig"),
}


def _conditions(conditions: list[Values]) -> list[Values]:
    return [
        {"field": _CONDITIONS[name][0], _CONDITIONS[name][1]: value}
        for condition in conditions
        for name, value in condition.items()
        if value is not None and name != "__defaults"
    ]


def _rule_body(inputs: Values) -> Values:
    left = {k: v for k, v in inputs.items() if k not in ("actions", "conditions")}
    return {**left, "actions": _actions(inputs["actions"]), "conditions": _conditions(inputs["conditions"])}


def _target(inputs: Values) -> Values:
    return pick(inputs, Id="targetId", Port="port", AvailabilityZone="availabilityZone")


def _registered(answer: Values, identity: str, inputs: Values) -> Values | None:
    every = [one["Target"] for one in answer["TargetHealthDescriptions"]]
    return only([one for one in every if one["Id"] == inputs["targetId"]])


def _suffix(mark: str):
    return lambda account, i, n, found: {
        "arn": i,
        "arnSuffix": i.split(mark)[-1],
        "dnsName": found.get("DNSName"),
        "zoneId": found.get("CanonicalHostedZoneId"),
    }


ROWS = {
    "aws:lb/loadBalancer:LoadBalancer": Row(
        service="elbv2",
        create="create_load_balancer",
        identity="LoadBalancers[0].LoadBalancerArn",
        read=Look("describe_load_balancers", lambda i, n: {"LoadBalancerArns": [i]}, "LoadBalancers[0]"),
        delete=("delete_load_balancer", lambda i, n: {"LoadBalancerArn": i}),
        tagged=True,
        body=_balancer_body,
        new=names("internal loadBalancerType name namePrefix customerOwnedIpv4Pool"),
        auto="name",
        steps=(
            Step(
                "modify_load_balancer_attributes",
                (*_BALANCER, "accessLogs", "connectionLogs"),
                _balancer_attributes,
            ),
            Step(
                "set_security_groups",
                ("securityGroups",),
                lambda n, i: {"loadBalancerArn": i, "securityGroups": n["securityGroups"]},
                on_create=False,
            ),
            Step(
                "set_subnets",
                ("subnets",),
                lambda n, i: {"loadBalancerArn": i, "subnets": n["subnets"]},
                on_create=False,
            ),
        ),
        seen=_balancer_seen,
        blind=names("internal loadBalancerType accessLogs connectionLogs"),
        outputs=_suffix("loadbalancer/"),
    ),
    "aws:lb/targetGroup:TargetGroup": Row(
        service="elbv2",
        create="create_target_group",
        identity="TargetGroups[0].TargetGroupArn",
        read=Look("describe_target_groups", lambda i, n: {"TargetGroupArns": [i]}, "TargetGroups[0]"),
        delete=("delete_target_group", lambda i, n: {"TargetGroupArn": i}),
        tagged=True,
        body=_group_body,
        new=names("name namePrefix port protocol protocolVersion targetType vpcId ipAddressType"),
        auto="name",
        steps=(
            Step(
                "modify_target_group_attributes",
                (*_TARGETS, "stickiness"),
                lambda n, i: {"targetGroupArn": i, "attributes": _attributes(n, _TARGETS) + _stickiness(n)},
            ),
            Step(
                "modify_target_group",
                ("healthCheck",),
                lambda n, i: {"targetGroupArn": i, **_group_body({"healthCheck": n.get("healthCheck")})},
                on_create=False,
            ),
        ),
        seen=_group_seen,
        outputs=lambda account, i, n, found: {"arn": i, "arnSuffix": i.split(":")[-1]},
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": Row(
        service="elbv2",
        create="register_targets",
        identity=lambda answer, n: f"{n['targetGroupArn']}-{n['targetId']}",
        read=Look(
            "describe_target_health", lambda i, n: {"TargetGroupArn": n["targetGroupArn"]}, _registered
        ),
        delete=(
            "deregister_targets",
            lambda i, n: {"TargetGroupArn": n["targetGroupArn"], "Targets": [_target(n)]},
        ),
        body=lambda n: {"targetGroupArn": n["targetGroupArn"], "targets": [_target(n)]},
        new=names("targetGroupArn targetId port availabilityZone"),
        delete_before_replace=True,
    ),
    "aws:lb/listener:Listener": Row(
        service="elbv2",
        create="create_listener",
        identity="Listeners[0].ListenerArn",
        read=Look("describe_listeners", lambda i, n: {"ListenerArns": [i]}, "Listeners[0]"),
        delete=("delete_listener", lambda i, n: {"ListenerArn": i}),
        tagged=True,
        body=_listener_body,
        new=names("loadBalancerArn"),
        steps=(Step("modify_listener", tuple(sorted(_LISTENER)), _listener_change, on_create=False),),
        check=_listener_check,
        outputs=lambda account, i, n, found: {"arn": i},
    ),
    "aws:lb/listenerRule:ListenerRule": Row(
        service="elbv2",
        create="create_rule",
        identity="Rules[0].RuleArn",
        read=Look("describe_rules", lambda i, n: {"RuleArns": [i]}, "Rules[0]"),
        delete=("delete_rule", lambda i, n: {"RuleArn": i}),
        tagged=True,
        body=_rule_body,
        new=names("listenerArn"),
        steps=(
            Step(
                "modify_rule",
                ("actions", "conditions"),
                lambda n, i: {
                    "ruleArn": i,
                    "actions": _actions(n["actions"]),
                    "conditions": _conditions(n["conditions"]),
                },
                on_create=False,
            ),
            Step(
                "set_rule_priorities",
                ("priority",),
                lambda n, i: {"rulePriorities": [{"ruleArn": i, "priority": n["priority"]}]},
                on_create=False,
            ),
        ),
        blind=names("conditions actions"),
        outputs=lambda account, i, n, found: {"arn": i},
    ),
}
