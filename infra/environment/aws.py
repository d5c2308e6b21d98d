"""What an environment on AWS declares beyond one on local, and the rules that keep its data alive.

Sizes come from instance types, and the local drives of a type are one volume. Rules are about the environment
alone; what the account and the region can do is for the platform's preflight.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from infra import catalogue
from infra.model import KeyedError, Model

#: The role that IAM Identity Center makes of the permission set `flashtier-break-glass`. Its path has the
#: region, or none in us-east-1; nobody else can make a role under `aws-reserved`. Source: IAM Identity Center
#: user guide, "Referencing permission sets in resource policies".
BREAK_GLASS_ROLES = ("aws-reserved/sso.amazonaws.com/*AWSReservedSSO_flashtier-break-glass_*",)


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", value):
        raise ValueError("is not an AWS region; write one such as eu-central-1")
    return value


def _tag(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9 _.:/=+@-]{1,128}", value):
        raise ValueError("is not a tag that every service of AWS accepts; use letters, digits, ' _.:/=+@-'")
    return value


def _image(value: str) -> str:
    if not re.fullmatch(r"ami-[0-9a-f]{8,17}", value):
        raise ValueError("is not the id of an image; `flashtier image -s <stack>` finds one")
    return value


def _account(value: str) -> str:
    if not re.fullmatch(r"\d{12}", value):
        raise ValueError("is not the number of an AWS account, in quotes; write one such as '136693071363'")
    return value


def _host_name(value: str) -> str:
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if len(value) > 253 or not re.fullmatch(rf"{label}(\.{label})+", value):
        raise ValueError("is not a domain name; write one such as photos.example.com")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", value):
        raise ValueError("is not a valid e-mail address; write one such as on-call@example.com")
    return value


def _policy_name(value: str) -> str:
    # Source: IAM API, CreatePolicy, PolicyName.
    if not re.fullmatch(r"[A-Za-z0-9_+=,.@-]{1,128}", value):
        raise ValueError(
            "is not the name of a policy; write one such as flashtier-boundary, without path or ARN"
        )
    return value


def _role(value: str) -> str:
    # Source: IAM API, CreateRole: path and name. A pattern of `*` alone would be every role of the account.
    if not re.fullmatch(r"[\w+=,.@*/-]{1,576}", value, re.ASCII) or not re.search(r"[A-Za-z0-9]{8}", value):
        raise ValueError(
            "is not the path and name of a role (`*` for any part, 8 letters or digits in a row at least); "
            "write one such as aws-reserved/sso.amazonaws.com/*AWSReservedSSO_flashtier-break-glass_*"
        )
    return value


Tag = Annotated[str, AfterValidator(_tag)]
Role = Annotated[str, AfterValidator(_role)]
Image = Annotated[str, AfterValidator(_image)]


class Domain(Model):
    """`name` is what clients ask for; `zone` the public hosted zone in Route 53 that it lies in."""

    name: Annotated[str, AfterValidator(_host_name)]
    zone: Annotated[str, AfterValidator(_host_name)]

    @model_validator(mode="after")
    def _inside(self) -> Domain:
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise KeyedError(
                "name", f"{self.name!r} is not in the zone {self.zone!r}; correct one of the two"
            )
        return self


class Joined(Model):
    """How many hosts of each tier there were when a zone was added."""

    web: int = Field(ge=0)
    database: int = Field(ge=0)
    control: int = Field(ge=0)


class Aws(Model):
    """Where on AWS, whose it is, and what stands around the hosts.

    `zones` are names, so that no host moves when AWS offers one more; a load balancer takes at least two.
    `zones_joined`: for each zone that was added to an environment with hosts, how many hosts of each tier
    there were; they keep their zones and addresses, and further hosts fill the new zone first.
    `nat_gateways`: one, or one a zone. `root_gib`: the encrypted gp3 root of every host. `images`: by
    architecture, pinned by `flashtier image`; hosts that exist keep theirs. `image_owner`: the account whose
    images are used. `owner`, `cost_center`: tags.
    `alarm_email` gets the alarms and the budget's, `budget_usd` is a month's. `waf`: AWS's managed rules
    before the load balancer. `deletion_protection`: of the load balancer and of every host.
    `permissions_boundary`: the name of the account's policy that limits every role of the environment, for
    whoever may make roles only with it (docs/tasks/deploy-to-aws.md).
    `cdn`: who sends photos to clients, the web hosts or CloudFront, at `cdn.` before the domain's name.
    `budget_scope`: what the budget counts, all of the account or what bears the tag Environment, which must
    be an active cost allocation tag. `waf_rate`: what happens to an address that sends more than the rate.
    `break_glass_roles`: whose sessions may assume the break-glass role; by default those of the permission
    set `flashtier-break-glass` of IAM Identity Center.
    """

    region: Annotated[str, AfterValidator(_region)]
    zones: tuple[str, ...] = Field(min_length=2, max_length=6)
    zones_joined: dict[str, Joined] = Field(default_factory=dict)
    nat_gateways: int = Field(ge=1, le=6)
    root_gib: int = Field(ge=8, le=1024)
    images: dict[catalogue.Architecture, Image]
    image_owner: Annotated[str, AfterValidator(_account)]
    domain: Domain
    owner: Tag
    cost_center: Tag
    alarm_email: Annotated[str, AfterValidator(_email)]
    budget_usd: int = Field(ge=1, le=10_000_000)
    budget_scope: Literal["account", "environment"] = "account"
    cdn: Literal["none", "cloudfront"] = "none"
    waf: bool
    waf_rate: Literal["count", "block"] = "count"
    deletion_protection: bool
    permissions_boundary: Annotated[str, AfterValidator(_policy_name)] | None = None
    break_glass_roles: tuple[Role, ...] = Field(default=BREAK_GLASS_ROLES, min_length=1, max_length=10)

    @model_validator(mode="after")
    def _consistent(self) -> Aws:
        for zone in self.zones:
            if not re.fullmatch(f"{self.region}[a-z]", zone) or self.zones.count(zone) > 1:
                raise KeyedError("zones", _zone_fault(zone, self.region))
        first = len(self.zones) - len(self.zones_joined)
        if first < 2 or set(self.zones[first:]) != set(self.zones_joined):
            raise KeyedError(
                "zones_joined",
                f"{', '.join(self.zones_joined)}: must be the last of zones ({', '.join(self.zones)}), after "
                "at least two that were there from the start; correct one of the two",
            )
        # Source: ACM API, RequestCertificate: a certificate's first name has 64 characters at most.
        if self.cdn == "cloudfront" and len(self.domain.name) > 60:
            raise KeyedError(
                "domain.name",
                f"{self.domain.name}: has {len(self.domain.name)} characters, and with cdn: cloudfront at "
                "most 60 are allowed, since ACM takes 64 for cdn.<name>; choose a shorter one",
            )
        if self.nat_gateways not in (1, len(self.zones)):
            raise KeyedError(
                "nat_gateways",
                f"{self.nat_gateways} for {len(self.zones)} zones; take 1, or {len(self.zones)} so that "
                "the loss of a zone leaves the others their own",
            )
        return self

    def joined(self, tier: str) -> dict[str, int]:
        """Hosts of a tier that each added zone found, by zone."""
        return {zone: getattr(found, tier) for zone, found in self.zones_joined.items()}


def _zone_fault(zone: str, region: str) -> str:
    """Why a zone's name is refused. Source of the forms: Amazon EC2, "Regions and Zones": us-east-1a, a Local
    Zone us-west-2-lax-1a, a Wavelength Zone us-east-1-wl1-bos-wlz-1."""
    if re.fullmatch(f"{region}-[a-z0-9-]+", zone):
        return (
            f"{zone!r} is a Local or Wavelength Zone, which has no NAT gateway, no load balancer over "
            f"several zones and few instance types; name Availability Zones, such as {region}a"
        )
    return f"{zone!r} is given twice or not in {region}; name each of its Availability Zones once"
