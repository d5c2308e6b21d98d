"""The load balancer and what stands before it."""

from __future__ import annotations

import json

import pytest

from tests.support.aws.network_parts import ACCOUNT, PARTITION, environment, everything, topology


def test_the_load_balancer_is_in_every_zone_and_refuses_invalid_headers() -> None:
    declared = environment()
    recorded = everything(declared)
    balancer = recorded.one("LoadBalancer")
    assert declared.aws
    assert set(balancer.inputs["subnets"]) == {
        one.id for one in recorded.of("Subnet") if "-public-" in one.name
    }
    assert len(balancer.inputs["subnets"]) == len(declared.aws.zones)
    assert balancer.inputs["securityGroups"] == ["flashtier-unit-edge-id"]
    assert balancer.inputs["dropInvalidHeaderFields"] is True
    assert balancer.inputs["internal"] is False
    assert len(balancer.inputs["name"]) <= 32


@pytest.mark.parametrize("protected", [True, False])
def test_what_is_protected_is_not_deleted_and_its_log_neither(protected: bool) -> None:
    recorded = everything(environment(deletion_protection=protected))
    assert recorded.one("LoadBalancer").inputs["enableDeletionProtection"] is protected
    assert recorded.one("Bucket").inputs["forceDestroy"] is not protected


def test_http_is_sent_to_https_and_https_is_modern() -> None:
    recorded = everything(environment())
    listeners = {one.inputs["port"]: one.inputs for one in recorded.of("Listener")}
    assert set(listeners) == {80, 443}
    [redirect] = listeners[80]["defaultActions"]
    assert (redirect["redirect"]["protocol"], redirect["redirect"]["port"]) == ("HTTPS", "443")
    https = listeners[443]
    assert https["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-Res")
    assert https["certificateArn"] == "valid", "a certificate that ACM has not given yet"
    assert https["defaultActions"][0]["targetGroupArn"] == recorded.one("TargetGroup").arn


def test_operators_paths_are_refused_to_the_internet() -> None:
    recorded = everything(environment())
    rule = recorded.one("ListenerRule").inputs
    assert rule["listenerArn"] == recorded.named("flashtier-unit-https", "Listener").arn
    assert {"/metrics", "/metrics/*", "/readyz"} <= set(rule["conditions"][0]["pathPattern"]["values"])
    assert rule["actions"][0]["fixedResponse"]["statusCode"] == "403"


def test_every_web_host_is_a_target_with_a_shallow_health_check() -> None:
    declared = environment()
    recorded = everything(declared)
    group = recorded.one("TargetGroup").inputs
    assert (group["protocol"], group["port"]) == ("HTTPS", 8443)
    check = group["healthCheck"]
    assert (check["path"], check["protocol"]) == ("/healthz", "HTTPS")
    assert check["timeout"] < check["interval"]
    assert 0 < group["deregistrationDelay"] <= 60
    assert {one.inputs["targetId"] for one in recorded.of("TargetGroupAttachment")} == {
        f"i-{host.name}" for host in topology(declared).tier("web")
    }


def test_only_load_balancers_of_the_account_write_the_log_and_only_over_tls() -> None:
    recorded = everything(environment())
    policy = recorded.one("BucketPolicy")
    bucket = f"arn:{PARTITION}:s3:::flashtier-unit-edge-log-1"
    allowed, s3, customer, denied = json.loads(policy.inputs["policy"])["Statement"]
    assert customer["Effect"] == "Deny"
    assert s3["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert (s3["Action"], s3["Resource"]) == ("s3:PutObject", f"{bucket}/s3/backups/*")
    assert s3["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert allowed["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert allowed["Resource"] == f"{bucket}/AWSLogs/{ACCOUNT}/*"
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    balancer = recorded.one("LoadBalancer")
    assert balancer.inputs["accessLogs"] == {"bucket": "flashtier-unit-edge-log-1", "enabled": True}
    assert balancer.depends_on(policy)
    blocked = recorded.one("BucketPublicAccessBlock").inputs
    assert all(value is True for key, value in blocked.items() if key != "bucket")


def test_a_log_that_is_deleted_can_be_had_back_and_none_is_kept_for_ever() -> None:
    recorded = everything(environment())
    versioning, lifecycle = recorded.one("BucketVersioning"), recorded.one("BucketLifecycleConfiguration")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert versioning.inputs["bucket"] == lifecycle.inputs["bucket"] == "flashtier-unit-edge-log-id"
    [rule] = lifecycle.inputs["rules"]
    assert (rule["status"], rule["expiration"]["days"]) == ("Enabled", 90)
    assert 7 <= rule["noncurrentVersionExpiration"]["noncurrentDays"] < 90
    assert lifecycle.depends_on(versioning)


def test_what_the_firewall_blocks_is_kept_for_a_time_and_tells_no_credentials() -> None:
    recorded = everything(environment(waf=True))
    log = recorded.one("WebAclLoggingConfiguration").inputs
    group = recorded.named("flashtier-unit-blocked", "LogGroup")
    assert log["resourceArn"] == recorded.one("WebAcl").arn
    assert log["logDestinationConfigs"] == [group.arn]
    assert group.inputs["name"].startswith("aws-waf-logs-")
    assert 0 < group.inputs["retentionInDays"] <= 90
    assert {field["singleHeader"]["name"] for field in log["redactedFields"]} == {"authorization", "cookie"}
    # A line for each request, or each photo that a rule counts, would be dearer than the firewall.
    kept = log["loggingFilter"]
    assert kept["defaultBehavior"] == "DROP"
    [only] = kept["filters"]
    assert (only["behavior"], only["conditions"]) == ("KEEP", [{"actionCondition": {"action": "BLOCK"}}])
    assert not everything(environment()).of("WebAclLoggingConfiguration")


def test_the_name_is_proved_in_its_zone_and_points_to_the_load_balancer() -> None:
    recorded = everything(environment())
    assert recorded.one("Certificate").inputs["domainName"] == "photos.example.org"
    assert recorded.named("flashtier-unit-certificate", "Record").inputs["name"] == "_proof.example.org"
    alias = recorded.named("flashtier-unit-edge", "Record").inputs
    assert alias["name"] == "photos.example.org"
    assert alias["aliases"] == [{"name": "edge.elb", "zoneId": "ZELB", "evaluateTargetHealth": True}]
    assert {one["name"] for token, one in recorded.invokes if "getZone" in token} == {"example.org"}
    assert recorded.result["url"] == "https://photos.example.org"
    assert (recorded.result["edge"], recorded.result["targets"]) == ("app/edge/1", "targetgroup/web/1")


def test_the_web_application_firewall_is_there_where_it_is_chosen() -> None:
    assert not everything(environment()).of("WebAcl")
    recorded = everything(environment(waf=True))
    acl = recorded.one("WebAcl")
    association = recorded.one("WebAclAssociation").inputs
    assert association == {"resourceArn": recorded.one("LoadBalancer").arn, "webAclArn": acl.arn}
    rules = acl.inputs["rules"]
    assert len({rule["priority"] for rule in rules}) == len(rules)
    [rate] = [rule for rule in rules if "rateBasedStatement" in rule["statement"]]
    assert rate["statement"]["rateBasedStatement"]["limit"]
    # Behind a carrier's NAT thousands share an address: it counts until someone has read the counts.
    assert rate["action"] == {"count": {}}
    blocking = everything(environment(waf=True, waf_rate="block")).one("WebAcl").inputs["rules"][0]
    assert blocking["action"] == {"block": {"customResponse": {"responseCode": 429}}}
    [common] = [rule for rule in rules if rule["name"] == "AWSManagedRulesCommonRuleSet"]
    overrides = common["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    assert {one["name"] for one in overrides} == {
        f"{rule}_BODY"
        for rule in ("SizeRestrictions", "CrossSiteScripting", "EC2MetaDataSSRF", "GenericLFI", "GenericRFI")
    }, "a photo is larger than 8 KiB, and its bytes may look like anything"
    assert all(set(one["actionToUse"]) == {"count"} for one in overrides)
