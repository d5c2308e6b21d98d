"""The edge: a load balancer over all zones, with TLS to clients and TLS to the web hosts.

Its certificate and names are in infra/aws/edge/certificate.py, its log in infra/aws/edge/log.py, the web
application firewall in infra/aws/edge/waf.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.aws.edge.certificate import certificate, point_to
from infra.aws.edge.component import EdgeComponent
from infra.aws.edge.log import edge_log
from infra.aws.edge.waf import web_acl
from infra.aws.groups import Groups
from infra.aws.naming import Naming
from infra.aws.network import Network
from infra.topology import port as named_port

#: TLS 1.2 and 1.3, forward secrecy, hybrid post-quantum key exchange: the console's default for a new one.
#: The API's own default still is of 2016. Source: Elastic Load Balancing, "Security policies for your ALB".
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"

#: As the edge of `local` refuses them. nginx refuses them as well, by the path as it understands it.
OPERATORS_PATHS = ("/metrics", "/metrics/*", "/readyz", "/readyz/*")

#: Seconds. A host is unhealthy after 3 failed checks, which is as long as the app's own restart.
HEALTH_INTERVAL_S, HEALTH_TIMEOUT_S = 10, 5
#: A request ends within the app's own deadline; a host that leaves gets no new one.
DEREGISTRATION_DELAY_S = 30
#: Less than nginx keeps a connection (75 s): the side that closes first must be the one that sends requests.
IDLE_TIMEOUT_S = 60


class Edge(EdgeComponent):
    """`instances`: the web hosts, by name. `log`: the bucket that others may log to as well."""

    def __init__(
        self,
        naming: Naming,
        network: Network,
        groups: Groups,
        instances: Mapping[str, pulumi.Input[str]],
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(naming, "Edge", options)
        self._aws = naming.settings
        self.log = edge_log(self, keep=self._aws.deletion_protection)
        balancer = aws.lb.LoadBalancer(
            naming.resource("edge"),
            name=naming.resource("edge"),
            load_balancer_type="application",
            internal=False,
            ip_address_type="ipv4",
            subnets=network.of_tier("public"),
            security_groups=[groups.id_of("edge")],
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=self.log.bucket.bucket, enabled=True),
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_deletion_protection=self._aws.deletion_protection,
            idle_timeout=IDLE_TIMEOUT_S,
            tags=self.tags("edge"),
            # It tries to write to the log when it is made.
            opts=self.of(depends_on=[*self.log.writable, *network.ready]),
        )
        targets = self._targets(network, instances)
        self._listen(balancer, targets)
        point_to(self, self._aws.domain.name, self._aws.domain.zone, balancer)
        if self._aws.waf:
            web_acl(self, balancer)
        self.dns_name: pulumi.Output[str] = balancer.dns_name
        self.url = f"https://{self._aws.domain.name}"
        self.load_balancer_arn_suffix: pulumi.Output[str] = balancer.arn_suffix
        self.target_group_arn_suffix: pulumi.Output[str] = targets.arn_suffix
        self.register_outputs({"url": self.url})

    def _targets(self, network: Network, instances: Mapping[str, pulumi.Input[str]]) -> aws.lb.TargetGroup:
        port = named_port("web").number
        group = aws.lb.TargetGroup(
            # Named by Pulumi: a replacement must exist before the listener lets go of the old one.
            self.naming.resource("web"),
            vpc_id=network.vpc_id,
            target_type="instance",
            port=port,
            # Encrypted, not authenticated: a load balancer of AWS checks no certificate of its targets.
            protocol="HTTPS",
            protocol_version="HTTP1",
            load_balancing_algorithm_type="least_outstanding_requests",
            deregistration_delay=DEREGISTRATION_DELAY_S,
            health_check={
                "enabled": True,
                # Shallow: whether the host answers. A check that asked the database would make all hosts
                # unhealthy at once when that stalls.
                "path": "/healthz",
                "protocol": "HTTPS",
                "port": "traffic-port",
                "matcher": "200",
                "interval": HEALTH_INTERVAL_S,
                "timeout": HEALTH_TIMEOUT_S,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
            },
            tags=self.tags("web"),
            opts=self.of(),
        )
        for host, instance in instances.items():
            aws.lb.TargetGroupAttachment(
                self.naming.resource(host),
                target_group_arn=group.arn,
                target_id=instance,
                port=port,
                opts=self.of(),
            )
        return group

    def _listen(self, balancer: aws.lb.LoadBalancer, targets: aws.lb.TargetGroup) -> None:
        aws.lb.Listener(
            self.naming.resource("http"),
            load_balancer_arn=balancer.arn,
            port=named_port("http").number,
            protocol="HTTP",
            default_actions=[
                {
                    "type": "redirect",
                    "redirect": {
                        "protocol": "HTTPS",
                        "port": str(named_port("https").number),
                        "status_code": "HTTP_301",
                    },
                }
            ],
            tags=self.tags("http"),
            opts=self.of(),
        )
        https = aws.lb.Listener(
            self.naming.resource("https"),
            load_balancer_arn=balancer.arn,
            port=named_port("https").number,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate(self, self._aws.domain.name, self._aws.domain.zone),
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            tags=self.tags("https"),
            opts=self.of(),
        )
        aws.lb.ListenerRule(
            self.naming.resource("operators-paths"),
            listener_arn=https.arn,
            priority=1,
            conditions=[{"path_pattern": {"values": list(OPERATORS_PATHS)}}],
            actions=[
                {
                    "type": "fixed-response",
                    "fixed_response": {
                        "status_code": "403",
                        "content_type": "text/plain",
                        "message_body": "for operators",
                    },
                }
            ],
            tags=self.tags("operators-paths"),
            opts=self.of(),
        )
