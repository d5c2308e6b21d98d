"""The network ACL that AWS makes with a VPC, as the provider takes it over."""

from __future__ import annotations

from standin import convert
from standin.account import Account
from standin.row import Bad, Look, Row, Values, names, pick

#: The last rule, which denies what no other allows, is AWS's own.
_LAST = 32767
_WAYS = {"ingress": False, "egress": True}
_TCP_UDP, _ICMP = ("6", "17"), "1"


def _entry(identity: str, egress: bool, rule: Values) -> Values:
    made = {
        "networkAclId": identity,
        "egress": egress,
        **pick(
            rule,
            ruleNumber="ruleNo",
            ruleAction="action",
            protocol="protocol",
            cidrBlock="cidrBlock",
            ipv6CidrBlock="ipv6CidrBlock",
        ),
    }
    if rule["protocol"] in _TCP_UDP:
        made["portRange"] = {"from": rule["fromPort"], "to": rule["toPort"]}
    if rule["protocol"] == _ICMP:
        made["icmpTypeCode"] = {"type": rule.get("icmpType", 0), "code": rule.get("icmpCode", 0)}
    return convert.request("ec2", "create_network_acl_entry", made)


def _check(account: Account, inputs: Values) -> None:
    for way, egress in _WAYS.items():
        rules = inputs.get(way) or []
        numbers = [rule["ruleNo"] for rule in rules]
        if len(set(numbers)) < len(numbers):
            raise Bad(way, "two rules have one number")
        for index, rule in enumerate(rules):
            path = f"{way}[{index}]"
            if not str(rule["protocol"]).lstrip("-").isdigit():
                raise Bad(f"{path}.protocol", f"{rule['protocol']!r}: the stand-in knows numbers only")
            if rule["protocol"] == "-1" and (rule["fromPort"], rule["toPort"]) != (0, 0):
                raise Bad(f"{path}.fromPort", "all protocols have no ports, which are said as 0")
            _entry("acl-0", egress, rule)


def _put(account: Account, identity: str, inputs: Values) -> None:
    """The provider takes all rules away that are there, and makes those that are declared."""
    acl = account.call("ec2", "describe_network_acls", NetworkAclIds=[identity])["NetworkAcls"][0]
    for entry in acl["Entries"]:
        if entry["RuleNumber"] != _LAST:
            account.call(
                "ec2",
                "delete_network_acl_entry",
                NetworkAclId=identity,
                RuleNumber=entry["RuleNumber"],
                Egress=entry["Egress"],
            )
    for way, egress in _WAYS.items():
        for rule in inputs.get(way) or []:
            account.call("ec2", "create_network_acl_entry", **_entry(identity, egress, rule))


def _rule(entry: Values) -> Values:
    ports = entry.get("PortRange", {})
    # moto forgets the type and the code of ICMP, and what is not shown counts as declared.
    return {
        "ruleNo": entry["RuleNumber"],
        "action": entry["RuleAction"],
        "protocol": entry["Protocol"],
        "cidrBlock": entry.get("CidrBlock"),
        "fromPort": ports.get("From", 0),
        "toPort": ports.get("To", 0),
    }


def _seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    shown: Values = {}
    for way, egress in _WAYS.items():
        entries = {
            one["RuleNumber"]: _rule(one)
            for one in found["Entries"]
            if one["Egress"] == egress and one["RuleNumber"] != _LAST
        }
        declared = [rule["ruleNo"] for rule in inputs.get(way) or []]
        first = [entries.pop(number) for number in declared if number in entries]
        shown[way] = [*first, *entries.values()]
    return shown


ROWS = {
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Row(
        service="ec2",
        create="describe_network_acls",  # AWS made it with the VPC
        identity="NetworkAcls[0].NetworkAclId",
        read=Look("describe_network_acls", lambda i, n: {"NetworkAclIds": [i]}, "NetworkAcls[0]"),
        delete=None,
        kind="network-acl",
        tagged=True,
        body=lambda n: {"networkAclIds": [n["defaultNetworkAclId"]]},
        new=names("defaultNetworkAclId"),
        own=names("subnetIds"),
        changes=dict.fromkeys(("ingress", "egress"), lambda account, i, news, olds: _put(account, i, news)),
        after=_put,
        check=_check,
        seen=_seen,
    ),
}
