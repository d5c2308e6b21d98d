"""The network of an environment: VPC, subnets, ways out, and a record of what was refused.

No host has a public address. What a host reaches outside, it reaches through a NAT gateway, or S3 through an
endpoint of its own. Why there is no interface endpoint: docs/decisions/network-on-aws.md.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming
from infra.aws.network_acl import WORLD, network_acl
from infra.aws.policy_document import policy_document
from infra.environment.subnets import Subnet, SubnetTier, subnets
from infra.topology import Topology

#: How long refused packets can be looked up, in days.
FLOW_LOG_RETENTION_DAYS = 30

#: Packets of one connection are one record in this many seconds, at the interfaces of load balancer, NAT
#: gateways and endpoint. At those of hosts it is 60 s or less whatever is set: all types of the catalogue are
#: Nitro's. Source: Amazon VPC user guide, "Flow log records", "Aggregation interval".
FLOW_LOG_INTERVAL_S = 600


class Network(Component):
    """`subnet_ids` by (tier, zone); hosts depend on `ready`, without which they have no way out at boot."""

    def __init__(
        self,
        naming: Naming,
        topology: Topology,
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(naming, "Network", options)
        self._aws = naming.settings
        self.vpc = aws.ec2.Vpc(
            naming.resource("vpc"),
            cidr_block=topology.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self.of(),
        )
        self.vpc_id: pulumi.Output[str] = self.vpc.id
        # What is made by hand and names no group gets this one: nothing in, nothing out.
        aws.ec2.DefaultSecurityGroup(
            naming.resource("default"),
            vpc_id=self.vpc.id,
            ingress=[],
            egress=[],
            tags=self._tags("default-closed"),
            opts=self.of(),
        )
        acl = network_acl(
            naming.resource("default"), self.vpc, topology.cidr, self._tags("default"), self.of()
        )
        layout = subnets(topology.cidr, self._aws.zones)
        self._subnets = {(subnet.tier, subnet.zone): self._subnet(subnet) for subnet in layout}
        self.subnet_ids: dict[tuple[SubnetTier, str], pulumi.Output[str]] = {
            key: subnet.id for key, subnet in self._subnets.items()
        }
        public = self._public()
        self.nat_gateways = self._nat_gateways(public)
        self.nat_gateway_ids: dict[str, pulumi.Output[str]] = {
            zone: gateway.id for zone, gateway in self.nat_gateways.items()
        }
        self.ready: list[pulumi.Resource] = [acl]
        tables = [self._private(zone) for zone in self._aws.zones]
        self._access()
        self._s3(tables)
        self.flow_log_group = self._flow_logs()
        self.register_outputs({"vpcId": self.vpc_id})

    def of_tier(self, tier: SubnetTier) -> list[pulumi.Output[str]]:
        """Ids of the subnets of one kind, in the order of the environment's zones."""
        return [identity for (kind, _), identity in self.subnet_ids.items() if kind == tier]

    def _tags(self, *parts: str) -> dict[str, str]:
        return self.naming.tags(Name=self.naming.label(*parts), Tier="network")

    def _subnet(self, subnet: Subnet) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            self.naming.resource(subnet.tier, subnet.zone),
            vpc_id=self.vpc.id,
            cidr_block=subnet.cidr,
            availability_zone=subnet.zone,
            # Also in the public ones: the load balancer and the NAT gateways bring their own addresses.
            map_public_ip_on_launch=False,
            tags=self._tags(subnet.tier, subnet.zone),
            opts=self.of(),
        )

    def _table(self, *parts: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(
            self.naming.resource(*parts), vpc_id=self.vpc.id, tags=self._tags(*parts), opts=self.of()
        )

    def _associate(self, table: aws.ec2.RouteTable, tier: SubnetTier, zone: str) -> pulumi.Resource:
        return aws.ec2.RouteTableAssociation(
            self.naming.resource(tier, zone),
            route_table_id=table.id,
            subnet_id=self._subnets[tier, zone].id,
            opts=self.of(),
        )

    def _public(self) -> list[pulumi.Resource]:
        """The way to and from the world; what a NAT gateway needs before it works."""
        gateway = aws.ec2.InternetGateway(
            self.naming.resource("internet"),
            vpc_id=self.vpc.id,
            tags=self._tags("internet"),
            opts=self.of(),
        )
        table = self._table("public")
        route = aws.ec2.Route(
            self.naming.resource("public"),
            route_table_id=table.id,
            destination_cidr_block=WORLD,
            gateway_id=gateway.id,
            opts=self.of(),
        )
        return [gateway, route, *(self._associate(table, "public", zone) for zone in self._aws.zones)]

    def _nat_gateways(self, public: list[pulumi.Resource]) -> dict[str, aws.ec2.NatGateway]:
        """One a zone, or only the first zone's: its loss then takes all zones' way out, but no request."""
        found = {}
        for zone in self._aws.zones[: self._aws.nat_gateways]:
            address = aws.ec2.Eip(
                self.naming.resource("nat", zone),
                domain="vpc",
                tags=self._tags("nat", zone),
                opts=self.of(depends_on=public),
            )
            found[zone] = aws.ec2.NatGateway(
                self.naming.resource("nat", zone),
                allocation_id=address.allocation_id,
                subnet_id=self._subnets["public", zone].id,
                tags=self._tags("nat", zone),
                # A second one cannot have the address while the first one has it.
                opts=self.of(depends_on=public, delete_before_replace=True),
            )
        return found

    def _private(self, zone: str) -> aws.ec2.RouteTable:
        """A table a zone, whatever the number of NAT gateways: one more of these then changes routes only."""
        table = self._table("private", zone)
        gateway = self.nat_gateways.get(zone, self.nat_gateways[self._aws.zones[0]])
        route = aws.ec2.Route(
            self.naming.resource("private", zone),
            route_table_id=table.id,
            destination_cidr_block=WORLD,
            nat_gateway_id=gateway.id,
            opts=self.of(),
        )
        self.ready += [route, *(self._associate(table, tier, zone) for tier in ("private", "data"))]
        return table

    def _access(self) -> None:
        """Reaches the hosts and nothing else: its table has no route out of the VPC."""
        self._associate(self._table("access"), "access", self._aws.zones[0])

    def _s3(self, tables: list[aws.ec2.RouteTable]) -> None:
        """S3 for nothing, where NAT would cost by the gigabyte; and it ends at this account's buckets."""
        policy = self.naming.account_id(self).apply(
            lambda account: json.dumps(
                policy_document(
                    {
                        "Sid": "BucketsOfThisAccount",
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": "*",
                        "Condition": {"StringEquals": {"aws:ResourceAccount": account}},
                    }
                )
            )
        )
        endpoint = aws.ec2.VpcEndpoint(
            self.naming.resource("s3"),
            vpc_id=self.vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{self._aws.region}.s3",
            route_table_ids=[table.id for table in tables],
            policy=policy,
            tags=self._tags("s3"),
            opts=self.of(),
        )
        self.ready.append(endpoint)

    def _flow_logs(self) -> aws.cloudwatch.LogGroup:
        """What was refused, and by whom it was sent; who came through is in the load balancer's log."""
        group = aws.cloudwatch.LogGroup(
            self.naming.resource("refused"),
            name=f"/{self.naming.resource('refused')}",
            retention_in_days=FLOW_LOG_RETENTION_DAYS,
            tags=self._tags("refused"),
            opts=self.of(),
        )
        role = aws.iam.Role(
            self.naming.resource("flow-logs"),
            description=f"Writes the flow logs of {self.naming.stack}",
            assume_role_policy=self.naming.account_id(self).apply(_flow_log_trust),
            permissions_boundary=self.naming.boundary(self),
            tags=self._tags("flow-logs"),
            opts=self.of(),
        )
        rights = aws.iam.RolePolicy(
            self.naming.resource("flow-logs"),
            role=role.name,
            policy=group.arn.apply(_flow_log_rights),
            opts=self.of(),
        )
        aws.ec2.FlowLog(
            self.naming.resource("refused"),
            vpc_id=self.vpc.id,
            traffic_type="REJECT",
            max_aggregation_interval=FLOW_LOG_INTERVAL_S,
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags=self._tags("refused"),
            opts=self.of(depends_on=[rights]),
        )
        return group


def _flow_log_trust(account: str) -> str:
    """Only for flow logs of this account: another's must not write through our role."""
    return json.dumps(
        policy_document(
            {
                "Effect": "Allow",
                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        )
    )


def _flow_log_rights(log_group: str) -> str:
    return json.dumps(
        policy_document(
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                "Resource": [log_group, f"{log_group}:*"],
            }
        )
    )
