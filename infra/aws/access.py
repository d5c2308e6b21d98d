"""How an operator reaches a host that has no public address: through an EC2 Instance Connect Endpoint."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.groups import Groups
from infra.aws.naming import Component, Naming
from infra.aws.network import Network


@dataclass(frozen=True)
class Proxy:
    """What the inventory's ProxyCommand needs."""

    region: str
    endpoint_id: pulumi.Output[str]
    dns_name: pulumi.Output[str]


class Access(Component):
    """IAM decides who may open a tunnel (ec2-instance-connect:OpenTunnel), SSH who may log in."""

    def __init__(
        self,
        naming: Naming,
        network: Network,
        groups: Groups,
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(naming, "Access", options)
        [subnet] = network.of_tier("access")
        endpoint = aws.ec2transitgateway.InstanceConnectEndpoint(
            naming.resource("access"),
            subnet_id=subnet,
            security_group_ids=[groups.id_of("access")],
            # The source address at the hosts is then the endpoint's, and their firewalls accept no other.
            # With the client's own they would have to accept any address.
            preserve_client_ip=False,
            tags=naming.tags(Name=naming.label("access"), Tier="access"),
            opts=self.of(),
        )
        self.proxy = Proxy(region=naming.settings.region, endpoint_id=endpoint.id, dns_name=endpoint.dns_name)
        self.register_outputs({"endpointId": endpoint.id})
