"""Laws of load balancers, certificates and the firewall before them."""

from __future__ import annotations

import re
from typing import Any

from standin.laws import look
from standin.laws.look import Values
from standin.row import Refused

_NAME = re.compile(r"(?!internal-)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?")


def _name(request: Values) -> None:
    if not _NAME.fullmatch(request["Name"]):
        raise Refused(
            "ValidationError",
            f"name {request['Name']!r}: 1 to 32 letters, digits and hyphens, none at an end",
        )


def _create(account: Any, request: Values) -> None:
    _name(request)
    places = [look.subnet(account, one) for one in request.get("Subnets", [])]
    if request.get("Type") == "application" and len({one["AvailabilityZone"] for one in places}) < 2:
        raise Refused(
            "ValidationError", "at least two subnets in two different Availability Zones must be specified"
        )
    networks = {one["VpcId"] for one in [*places, *look.groups(account, request.get("SecurityGroups", []))]}
    if len(networks) > 1:
        raise Refused("InvalidConfigurationRequest", "subnets and security groups are in different networks")


def _listener(account: Any, request: Values) -> None:
    for one in request.get("Certificates", []):
        found = account.look("acm", "describe_certificate", CertificateArn=one["CertificateArn"])
        if found is None:
            raise Refused("CertificateNotFound", f"certificate {one['CertificateArn']} not found")


def _delete_certificate(account: Any, request: Values) -> None:
    for balancer in look.balancers(account):
        listeners = account.call("elbv2", "describe_listeners", LoadBalancerArn=balancer["LoadBalancerArn"])[
            "Listeners"
        ]
        for one in listeners:
            if request["CertificateArn"] in [c["CertificateArn"] for c in one.get("Certificates", [])]:
                raise Refused(
                    "ResourceInUseException", f"certificate is in use by {balancer['LoadBalancerName']}"
                )


def _delete_acl(account: Any, request: Values) -> None:
    for balancer in look.balancers(account):
        found = account.look("wafv2", "get_web_acl_for_resource", ResourceArn=balancer["LoadBalancerArn"])
        if found and (found.get("WebACL") or {}).get("Id") == request["Id"]:
            raise Refused(
                "WAFAssociatedItemException", f"the web ACL is associated with {balancer['LoadBalancerName']}"
            )


def _log(account: Any, request: Values) -> None:
    # Source: AWS WAF, "Sending web ACL traffic logs to a CloudWatch Logs log group".
    for arn in request["LoggingConfiguration"]["LogDestinationConfigs"]:
        name = arn.rpartition(":")[2]
        groups = account.call("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"]
        if not name.startswith("aws-waf-logs-") or name not in {one["logGroupName"] for one in groups}:
            raise Refused(
                "WAFInvalidParameterException",
                f"{arn} is not a log group whose name begins with aws-waf-logs-",
            )


LAWS = {
    "create_load_balancer": _create,
    "create_target_group": lambda account, request: _name(request),
    "create_listener": _listener,
}
WAF = {"delete_web_acl": _delete_acl, "put_logging_configuration": _log}
ACM = {"delete_certificate": _delete_certificate}
