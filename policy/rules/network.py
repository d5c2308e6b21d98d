"""public-address, no-flow-logs and old-tls: what the internet reaches, and what is recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .resource import Resource, Stack, Unknown, Violation

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
SUBNET = "aws:ec2/subnet:Subnet"
ADDRESS = "aws:ec2/eip:Eip"
ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
VPC = "aws:ec2/vpc:Vpc"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")

#: What gives hosts public addresses. All addresses of IPv6 are public.
OF_INTERFACES = (
    "associatePublicIpAddress",
    "associateCarrierIpAddress",
    "ipv6AddressCount",
    "ipv6Addresses",
    "ipv6PrefixCount",
    "ipv6Prefixes",
)
OF_HOSTS = {
    INSTANCE: ("associatePublicIpAddress", "ipv6AddressCount", "ipv6Addresses", "enablePrimaryIpv6"),
    INTERFACE: ("ipv6AddressCount", "ipv6Addresses", "ipv6AddressLists", "ipv6PrefixCount", "ipv6Prefixes"),
    SUBNET: (
        "mapPublicIpOnLaunch",
        "assignIpv6AddressOnCreation",
        "ipv6Native",
        "mapCustomerOwnedIpOnLaunch",
    ),
}

RECORDING = ("ALL", "REJECT")

#: TLS 1.2 or newer, and only ciphers with forward secrecy; the policies named Ext1 and Ext2 add others.
#: Source: "Security policies for your Application Load Balancer", AWS.
MODERN = re.compile(r"ELBSecurityPolicy-TLS13-1-[23](-Res)?(-FIPS)?(-PQ)?-\d{4}-\d{2}")
ADVISED = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def addresses(resource: Resource) -> Iterator[Violation]:
    """Hosts have private addresses only; the load balancer and the NAT gateways have the public ones."""
    fix = "remove it; the load balancer and the Instance Connect Endpoint lead to hosts"
    for key in OF_HOSTS.get(resource.type, ()):
        if _given(resource.get(key)):
            yield Violation(resource, f"its hosts get a public address ({key})", fix)
    for interface in resource.parts("networkInterfaces") if resource.type == TEMPLATE else []:
        for key in OF_INTERFACES:
            if _given(interface.get(key)):
                yield Violation(resource, f"its hosts get a public address (networkInterfaces.{key})", fix)
    if resource.type in (ADDRESS, ASSOCIATION):
        for key in ("instance", "instanceId", "networkInterface", "networkInterfaceId"):
            if resource.get(key) or isinstance(resource.get(key), Unknown):
                yield Violation(resource, f"the public address is a host's ({key})", fix)


def _given(value: object) -> bool:
    """Whether a switch is on, or a number or list is not empty. Launch templates write "true" and "false"."""
    return bool(value) and value not in ("false", "0")


def flow_logs(stack: Stack) -> Iterator[Violation]:
    """Of every VPC at least the refused traffic is recorded; all of it is a matter of cost."""
    logs = stack.of(FLOW_LOG)
    for vpc in stack.of(VPC):
        own = [one for one in logs if stack.means(one, "vpcId", vpc)]
        if not own:
            yield Violation(
                vpc, "the VPC has no flow log", "add a FlowLog for it, traffic_type REJECT or ALL"
            )
        elif all(one.get("trafficType") not in RECORDING for one in own):
            kinds = ", ".join(sorted({str(one.get("trafficType")) for one in own}))
            yield Violation(own[0], f"the flow log records {kinds} only", "set traffic_type to REJECT or ALL")


def tls(resource: Resource) -> Iterator[Violation]:
    """A listener speaks modern TLS, or sends the client to one that does."""
    if resource.type not in LISTENERS or isinstance(resource.get("protocol"), Unknown):
        return
    if resource.get("protocol") in ("HTTPS", "TLS"):
        chosen = resource.get("sslPolicy")
        if not isinstance(chosen, Unknown) and not MODERN.fullmatch(str(chosen)):
            yield Violation(
                resource,
                f"ssl_policy is {chosen or 'not set, which is one of 2016'}",
                f"set ssl_policy='{ADVISED}'",
            )
        return
    for action in resource.parts("defaultActions"):
        redirect = action.get("redirect")
        kept = isinstance(redirect, dict) and redirect.get("protocol") == "HTTPS"
        if not (action.get("type") == "redirect" and kept):
            yield Violation(
                resource,
                f"serves {action.get('type')} without TLS on port {int(resource.get('port') or 80)}",
                "redirect to HTTPS, and serve it there",
            )
