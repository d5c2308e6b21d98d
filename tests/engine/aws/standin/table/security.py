"""Security groups and their rules, and the endpoint for SSH."""

from __future__ import annotations

import ipaddress

from infra.plugin.marshalling import UNKNOWN
from standin.account import Account
from standin.row import Bad, Look, Row, Values, names, pick
from standin.table import ec2

_SOURCES = {
    "cidrIpv4": ("ipRanges", "cidrIp"),
    "cidrIpv6": ("ipv6Ranges", "cidrIpv6"),
    "referencedSecurityGroupId": ("userIdGroupPairs", "groupId"),
    "prefixListId": ("prefixListIds", "prefixListId"),
}


def _revoke_all(account: Account, identity: str, ways: tuple[str, ...]) -> None:
    group = account.call("ec2", "describe_security_groups", GroupIds=[identity])["SecurityGroups"][0]
    for way, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        permissions = [{k: v for k, v in one.items() if v != []} for one in group.get(member, [])]
        if permissions and way in ways:
            account.call("ec2", f"revoke_security_group_{way}", GroupId=identity, IpPermissions=permissions)


def _permission(inputs: Values) -> Values:
    made = pick(inputs, ipProtocol="ipProtocol", fromPort="fromPort", toPort="toPort")
    for name, (many, member) in _SOURCES.items():
        if inputs.get(name) is not None:
            made[many] = [{member: inputs[name], **pick(inputs, description="description")}]
    return {"groupId": inputs["securityGroupId"], "ipPermissions": [made]}


def _check_rule(account: Account, inputs: Values) -> None:
    given = [name for name in _SOURCES if inputs.get(name)]
    if len(given) != 1:
        raise Bad("cidrIpv4", f"a rule has one source or target, this has {', '.join(given) or 'none'}")
    for name in ("cidrIpv4", "cidrIpv6"):
        if inputs.get(name) not in (None, UNKNOWN):
            try:
                ipaddress.ip_network(inputs[name])
            except ValueError as error:
                raise Bad(name, str(error)) from None
    protocol = inputs.get("ipProtocol")
    ports = [inputs.get("fromPort"), inputs.get("toPort")]
    if protocol in ("tcp", "udp") and None in ports:
        raise Bad("fromPort", f"protocol {protocol} needs fromPort and toPort")
    if protocol == "-1" and ports != [None, None]:
        raise Bad("fromPort", "protocol -1 is all ports and takes none")


def _source_kind(changed: set[str], olds: Values, news: Values) -> set[str]:
    """Another kind of source makes another rule; another value of the same kind changes it."""
    kinds = [[name for name in _SOURCES if values.get(name)] for values in (olds, news)]
    return changed & set(_SOURCES) if kinds[0] != kinds[1] else set()


def _rule_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    shown = {**found, "ReferencedSecurityGroupId": (found.get("ReferencedGroupInfo") or {}).get("GroupId")}
    return {
        name: shown.get(name[0].upper() + name[1:])
        for name in (*_SOURCES, "fromPort", "toPort", "ipProtocol", "description")
        if name in inputs
    }


def _change_rule(account: Account, identity: str, news: Values, olds: Values) -> None:
    rule = pick(
        news,
        IpProtocol="ipProtocol",
        FromPort="fromPort",
        ToPort="toPort",
        CidrIpv4="cidrIpv4",
        CidrIpv6="cidrIpv6",
        ReferencedGroupId="referencedSecurityGroupId",
        PrefixListId="prefixListId",
        Description="description",
    )
    account.call(
        "ec2",
        "modify_security_group_rules",
        GroupId=news["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": identity, "SecurityGroupRule": rule}],
    )


def _rule(way: str) -> Row:
    return Row(
        service="ec2",
        create=f"authorize_security_group_{way}",
        identity="SecurityGroupRules[0].SecurityGroupRuleId",
        read=Look(
            "describe_security_group_rules",
            lambda i, n: {"Filters": [{"Name": "security-group-rule-id", "Values": [i]}]},
            "SecurityGroupRules[0]",
        ),
        delete=(
            f"revoke_security_group_{way}",
            lambda i, n: {"GroupId": n["securityGroupId"], "SecurityGroupRuleIds": [i]},
        ),
        kind="security-group-rule",
        tagged=True,
        body=_permission,
        new=names("securityGroupId"),
        new_if=_source_kind,
        changes=dict.fromkeys((*_SOURCES, "fromPort", "toPort", "ipProtocol", "description"), _change_rule),
        check=_check_rule,
        seen=_rule_seen,
        outputs=lambda account, i, n, found: {"securityGroupRuleId": i},
    )


def _adopt_default(account: Account, identity: str, inputs: Values) -> None:
    """The provider takes the VPC's default group over and revokes all that it lets through."""
    _revoke_all(account, identity, ("ingress", "egress"))


_GROUP = Look("describe_security_groups", lambda i, n: {"GroupIds": [i]}, "SecurityGroups[0]")


def _default_found(account: Account, identity: str, inputs: Values) -> Values | None:
    return _GROUP.find(account, "ec2", identity, inputs)


def _open_rules(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    """Rules of the default group that nothing declares: shown as inputs, so that the next up takes them
    away."""
    return {
        name: [{"protocol": one["IpProtocol"], "fromPort": 0, "toPort": 0} for one in found.get(member, [])]
        or None
        for name, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
    }


ROWS = {
    "aws:ec2/securityGroup:SecurityGroup": ec2.row(
        "create_security_group",
        "security-group",
        "",
        "SecurityGroups",
        "GroupId",
        read=_GROUP,
        rename={"name": "groupName"},
        new=names("name description vpcId namePrefix"),
        own=names("revokeRulesOnDelete"),
        auto="name",
        defaults={"description": "Managed by Pulumi"},
        # The real provider takes AWS's own rule away that lets everything out.
        after=lambda account, i, n: _revoke_all(account, i, ("egress",)),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Row(
        service="ec2",
        create="describe_security_groups",  # AWS made it with the VPC
        identity="SecurityGroups[0].GroupId",
        read=_default_found,
        delete=None,
        kind="security-group",
        tagged=True,
        body=lambda n: {
            "filters": [
                {"name": "vpc-id", "values": [n["vpcId"]]},
                {"name": "group-name", "values": ["default"]},
            ]
        },
        new=names("vpcId"),
        own=names("revokeRulesOnDelete"),
        changes=dict.fromkeys(
            ("ingress", "egress"), lambda account, i, news, olds: _adopt_default(account, i, news)
        ),
        after=_adopt_default,
        seen=_open_rules,
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": Row(
        service="ec2",
        create="create_instance_connect_endpoint",
        identity="eice",
        read=None,
        delete=None,
        kind="instance-connect-endpoint",
        tagged=True,
        recorded=True,
        new=names("subnetId securityGroupIds preserveClientIp"),
        outputs=lambda account, i, n, found: {
            "dnsName": f"{i}.{account.number}.ec2-instance-connect-endpoint.{account.region}.amazonaws.com"
        },
    ),
}
