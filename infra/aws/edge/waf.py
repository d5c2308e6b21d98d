"""An optional web application firewall at the load balancer: AWS's common rules, a rate an address, a log."""

from __future__ import annotations

from typing import Literal

import pulumi_aws as aws

from infra.aws.edge.component import EdgeComponent

#: Requests from one address in 5 minutes that the rule `rate` matches: 10 a second.
RATE_LIMIT = 3000

#: AWS's rules, in their order. Source: AWS WAF, "AWS Managed Rules rule groups list".
COMMON = "AWSManagedRulesCommonRuleSet"
MANAGED = (COMMON, "AWSManagedRulesKnownBadInputsRuleSet")
#: Rules about bodies, which only count. A body is a photo: larger than the 8 KiB that they allow, and full of
#: bytes in which they see scripts and paths of files now and then. What is not a photo, and what is larger
#: than one may be, the app and nginx refuse.
#: Source: AWS re:Post, "Why does AWS WAF block my legitimate upload request?".
ABOUT_BODIES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)

#: How long a blocked request can be looked up, in days. It has a person's address in it: not for ever.
LOG_RETENTION_DAYS = 30
#: Headers that let their bearer in. The log has no body, but every header.
REDACTED = ("authorization", "cookie")


def web_acl(edge: EdgeComponent, balancer: aws.lb.LoadBalancer) -> None:
    """Put the rules before the load balancer."""
    acl = aws.wafv2.WebAcl(
        edge.naming.resource("edge"),
        name=edge.naming.resource("edge"),
        description="Requests from the internet to the load balancer",
        scope="REGIONAL",
        default_action={"allow": {}},
        rules=[
            _rate(edge.naming.settings.waf_rate),
            *(_managed(name, priority) for priority, name in enumerate(MANAGED, start=1)),
        ],
        visibility_config=_seen("edge"),
        tags=edge.tags("edge"),
        opts=edge.of(),
    )
    aws.wafv2.WebAclAssociation(
        edge.naming.resource("edge"),
        resource_arn=balancer.arn,
        web_acl_arn=acl.arn,
        opts=edge.of(),
    )
    _log(edge, acl)


def _log(edge: EdgeComponent, acl: aws.wafv2.WebAcl) -> None:
    """What was blocked, and by which rule. All requests are in the load balancer's log, for less.

    Not what was counted: each photo is, by the rules about bodies.
    """
    group = aws.cloudwatch.LogGroup(
        edge.naming.resource("blocked"),
        # WAF writes to no group of another name. It permits itself, in the log's resource policy.
        name=f"aws-waf-logs-{edge.naming.resource('edge')}",
        retention_in_days=LOG_RETENTION_DAYS,
        tags=edge.tags("blocked"),
        opts=edge.of(),
    )
    aws.wafv2.WebAclLoggingConfiguration(
        edge.naming.resource("edge"),
        resource_arn=acl.arn,
        log_destination_configs=[group.arn],
        logging_filter={
            "default_behavior": "DROP",
            "filters": [
                {
                    "behavior": "KEEP",
                    "requirement": "MEETS_ANY",
                    "conditions": [{"action_condition": {"action": "BLOCK"}}],
                }
            ],
        },
        redacted_fields=[{"single_header": {"name": name}} for name in REDACTED],
        opts=edge.of(),
    )


def _rate(effect: Literal["count", "block"]) -> aws.wafv2.WebAclRuleArgsDict:
    """Counts first: behind the NAT of a mobile carrier or a company are thousands of people at one address.

    The metric `rate` says whom a block would hit.
    """
    action: aws.wafv2.WebAclRuleActionArgsDict = (
        {"count": {}} if effect == "count" else {"block": {"custom_response": {"response_code": 429}}}
    )
    return {
        "name": "rate",
        "priority": 0,
        "action": action,
        "statement": {
            "rate_based_statement": {
                "limit": RATE_LIMIT,
                "evaluation_window_sec": 300,
                "aggregate_key_type": "IP",
            }
        },
        "visibility_config": _seen("rate"),
    }


def _managed(name: str, priority: int) -> aws.wafv2.WebAclRuleArgsDict:
    statement: aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgsDict = {
        "vendor_name": "AWS",
        "name": name,
    }
    if name == COMMON:
        statement["rule_action_overrides"] = [
            {"name": rule, "action_to_use": {"count": {}}} for rule in ABOUT_BODIES
        ]
    return {
        "name": name,
        "priority": priority,
        "override_action": {"none": {}},
        "statement": {"managed_rule_group_statement": statement},
        "visibility_config": _seen(name),
    }


def _seen(metric: str) -> aws.wafv2.WebAclVisibilityConfigArgsDict:
    return {"cloudwatch_metrics_enabled": True, "sampled_requests_enabled": True, "metric_name": metric}
