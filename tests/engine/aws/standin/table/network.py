"""VPC: networks, gateways, routes, endpoints, flow logs."""

from __future__ import annotations

import zlib
from typing import Any

from standin.account import Account
from standin.row import Bad, Found, Look, Row, Step, Values, names, only, pick
from standin.table import ec2


def _vpc_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    def attribute(name: str) -> bool:
        answer = account.call("ec2", "describe_vpc_attribute", VpcId=identity, Attribute=name)
        return answer[name[0].upper() + name[1:]]["Value"]

    return {name: attribute(name) for name in ("enableDnsSupport", "enableDnsHostnames") if name in inputs}


def _vpc_outputs(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    def first(operation: str, many: str, key: str, **filters: str) -> str | None:
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        here = account.call("ec2", operation, Filters=[{"Name": "vpc-id", "Values": [identity]}, *wanted])[
            many
        ]
        return here[0][key] if here else None

    return {
        "defaultSecurityGroupId": first(
            "describe_security_groups", "SecurityGroups", "GroupId", group_name="default"
        ),
        "defaultNetworkAclId": first("describe_network_acls", "NetworkAcls", "NetworkAclId", default="true"),
        "mainRouteTableId": first(
            "describe_route_tables", "RouteTables", "RouteTableId", **{"association.main": "true"}
        ),
    }


def _attach_gateway(identity: str, vpc: str) -> Values:
    return {"internetGatewayId": identity, "vpcId": vpc}


def _move_gateway(account: Account, identity: str, news: Values, olds: Values) -> None:
    if olds.get("vpcId"):
        account.call("ec2", "detach_internet_gateway", InternetGatewayId=identity, VpcId=olds["vpcId"])
    if news.get("vpcId"):
        account.call("ec2", "attach_internet_gateway", InternetGatewayId=identity, VpcId=news["vpcId"])


def _delete_gateway(account: Account, identity: str, inputs: Values) -> None:
    _move_gateway(account, identity, {}, inputs)
    account.call("ec2", "delete_internet_gateway", InternetGatewayId=identity)


def _gateway_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    attached = found.get("Attachments") or [{"VpcId": ""}]
    return {"vpcId": attached[0]["VpcId"]}


def _delete_nat(account: Account, identity: str, inputs: Values) -> None:
    account.call("ec2", "delete_nat_gateway", NatGatewayId=identity)
    # AWS frees the address with the gateway, moto does not.
    allocation = inputs.get("allocationId")
    for address in account.call("ec2", "describe_addresses")["Addresses"] if allocation else []:
        if address["AllocationId"] == allocation and address.get("AssociationId"):
            account.call("ec2", "disassociate_address", AssociationId=address["AssociationId"])


def _nat_found(answer: Values, identity: str, inputs: Values) -> Found:
    found = [nat for nat in answer["NatGateways"] if nat["State"] not in ("deleted", "deleting")]
    if not found:
        return None
    return {**found[0], **{key: value for key, value in found[0]["NatGatewayAddresses"][0].items() if value}}


_DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_TARGETS = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)


def _destination(inputs: Values) -> Values:
    return {member: inputs[name] for name, member in _DESTINATIONS.items() if inputs.get(name)}


def _route_found(answer: Values, identity: str, inputs: Values) -> Found:
    wanted = _destination(inputs)
    return only(
        [
            route
            for table in answer["RouteTables"]
            for route in table["Routes"]
            if wanted.items() <= route.items()
        ]
    )


def _association_found(answer: Values, identity: str, inputs: Values) -> Found:
    every = [one for table in answer["RouteTables"] for one in table["Associations"]]
    return only([one for one in every if one["RouteTableAssociationId"] == identity])


def _no_association(account: Account, inputs: Values) -> None:
    if bool(inputs.get("subnetId")) == bool(inputs.get("gatewayId")):
        raise Bad("subnetId", "a route table is associated with one subnet or one gateway")


def _difference(news: Values, olds: Values, name: str) -> tuple[list[Any], list[Any]]:
    new, old = set(news.get(name) or []), set(olds.get(name) or [])
    return sorted(new - old), sorted(old - new)


def _endpoint_changes(account: Account, identity: str, news: Values, olds: Values) -> None:
    request: Values = {"VpcEndpointId": identity}
    members = {
        "routeTableIds": "RouteTableIds",
        "subnetIds": "SubnetIds",
        "securityGroupIds": "SecurityGroupIds",
    }
    for name, member in members.items():
        more, less = _difference(news, olds, name)
        request |= {
            key: value for key, value in {"Add" + member: more, "Remove" + member: less}.items() if value
        }
    request |= pick(news, PolicyDocument="policy", PrivateDnsEnabled="privateDnsEnabled")
    account.call("ec2", "modify_vpc_endpoint", **request)


def _delete_endpoint(account: Account, identity: str, inputs: Values) -> None:
    account.call("ec2", "delete_vpc_endpoints", VpcEndpointIds=[identity])


def _endpoint_found(answer: Values, identity: str, inputs: Values) -> Found:
    found = [one for one in answer["VpcEndpoints"] if one["State"].lower() not in ("deleted", "deleting")]
    if not found:
        return None
    return {**found[0], "SecurityGroupIds": [group["GroupId"] for group in found[0].get("Groups", [])]}


def _flow_log_body(inputs: Values) -> Values:
    kinds = {
        "vpcId": "VPC",
        "subnetId": "Subnet",
        "eniId": "NetworkInterface",
        "transitGatewayId": "TransitGateway",
    }
    named = [name for name in kinds if inputs.get(name)]
    left = {name: value for name, value in inputs.items() if name not in kinds}
    return {
        **left,
        "resourceIds": [inputs[name] for name in named],
        "resourceType": kinds[named[0]] if named else None,
    }


_FLOW_LOG = (
    "deliverCrossAccountRole destinationOptions eniId iamRoleArn logDestination logDestinationType logFormat"
    " maxAggregationInterval subnetId trafficType transitGatewayAttachmentId transitGatewayId vpcId"
)

ROWS = {
    "aws:ec2/vpc:Vpc": ec2.row(
        "create_vpc",
        "vpc",
        "Vpc",
        "Vpcs",
        "VpcId",
        new=names("cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength"),
        # AWS takes one of the two at a time.
        steps=tuple(
            Step(
                "modify_vpc_attribute",
                (name,),
                lambda n, i, name=name: {"vpcId": i, name: {"value": n.get(name, False)}},
            )
            for name in ("enableDnsSupport", "enableDnsHostnames")
        ),
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
        seen=_vpc_seen,
        outputs=_vpc_outputs,
    ),
    "aws:ec2/subnet:Subnet": ec2.row(
        "create_subnet",
        "subnet",
        "Subnet",
        "Subnets",
        "SubnetId",
        new=names("vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn"),
        steps=(
            Step(
                "modify_subnet_attribute",
                ("mapPublicIpOnLaunch",),
                lambda n, i: {
                    "subnetId": i,
                    "mapPublicIpOnLaunch": {"value": n.get("mapPublicIpOnLaunch", False)},
                },
            ),
        ),
    ),
    "aws:ec2/internetGateway:InternetGateway": ec2.row(
        "create_internet_gateway",
        "internet-gateway",
        "InternetGateway",
        "InternetGateways",
        "InternetGatewayId",
        _delete_gateway,
        own=names("vpcId"),
        changes={"vpcId": _move_gateway},
        after=lambda account, i, n: _move_gateway(account, i, n, {}),
        seen=_gateway_seen,
    ),
    "aws:ec2/eip:Eip": ec2.row(
        "allocate_address",
        "elastic-ip",
        "",
        "Addresses",
        "AllocationId",
        "release_address",
        look="describe_addresses",
        new=names("domain address publicIpv4Pool networkBorderGroup customerOwnedIpv4Pool"),
        outputs=lambda account, i, n, found: {"allocationId": i},
    ),
    "aws:ec2/natGateway:NatGateway": ec2.row(
        "create_nat_gateway",
        "natgateway",
        "NatGateway",
        "NatGateways",
        "NatGatewayId",
        _delete_nat,
        read=Look("describe_nat_gateways", lambda i, n: {"NatGatewayIds": [i]}, _nat_found),
        new=names("allocationId subnetId connectivityType privateIp vpcId availabilityMode"),
        outputs=lambda account, i, n, found: {
            "publicIp": found.get("PublicIp"),
            "privateIp": found.get("PrivateIp"),
        },
    ),
    "aws:ec2/routeTable:RouteTable": ec2.row(
        "create_route_table", "route-table", "RouteTable", "RouteTables", "RouteTableId", new=names("vpcId")
    ),
    "aws:ec2/route:Route": Row(
        service="ec2",
        create="create_route",
        identity=lambda answer, n: (
            f"r-{n['routeTableId']}{zlib.crc32(''.join(_destination(n).values()).encode())}"
        ),
        read=Look("describe_route_tables", lambda i, n: {"RouteTableIds": [n["routeTableId"]]}, _route_found),
        delete=("delete_route", lambda i, n: {"RouteTableId": n["routeTableId"], **_destination(n)}),
        new=names("routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId"),
        steps=(
            Step(
                "replace_route",
                _TARGETS,
                lambda n, i: {k: v for k, v in n.items() if k in {*_TARGETS, *_DESTINATIONS, "routeTableId"}},
                on_create=False,
            ),
        ),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        service="ec2",
        create="associate_route_table",
        identity="AssociationId",
        read=Look(
            "describe_route_tables",
            lambda i, n: {"Filters": [{"Name": "association.route-table-association-id", "Values": [i]}]},
            _association_found,
        ),
        delete=("disassociate_route_table", lambda i, n: {"AssociationId": i}),
        new=names(
            "subnetId gatewayId routeTableId"
        ),  # the identity changes with the table, so the stand-in makes another
        check=_no_association,
        delete_before_replace=True,
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ec2.row(
        "create_vpc_endpoint",
        "vpc-endpoint",
        "VpcEndpoint",
        "VpcEndpoints",
        "VpcEndpointId",
        _delete_endpoint,
        read=Look("describe_vpc_endpoints", lambda i, n: {"VpcEndpointIds": [i]}, _endpoint_found),
        new=names("vpcId serviceName vpcEndpointType serviceRegion"),
        defaults={"vpcEndpointType": "Gateway"},
        rename={"policy": "policyDocument"},
        changes=dict.fromkeys(
            ("routeTableIds", "subnetIds", "securityGroupIds", "policy", "privateDnsEnabled"),
            _endpoint_changes,
        ),
        blind=names("policy"),
    ),
    "aws:ec2/flowLog:FlowLog": ec2.row(
        "create_flow_logs",
        "vpc-flow-log",
        "",
        "FlowLogs",
        "FlowLogIds[0]",
        lambda account, i, n: account.call("ec2", "delete_flow_logs", FlowLogIds=[i]),
        read=Look("describe_flow_logs", lambda i, n: {"FlowLogIds": [i]}, "FlowLogs[0]"),
        rename={"iamRoleArn": "deliverLogsPermissionArn"},
        body=_flow_log_body,
        new=names(_FLOW_LOG),
    ),
}
