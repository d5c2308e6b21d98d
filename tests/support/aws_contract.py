"""The contract that a shipped environment on AWS would have: names and ids are made up, all else follows."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from infra.aws.devices import contract_volumes
from infra.contract import Contract
from infra.environment.subnets import of_tier
from infra.environment.volumes import EBS_CLASSES
from infra.settings.postgresql import settings
from infra.topology import build
from tests.hosts.facts import declared_facts
from tests.support.aws_environments import parsed
from tests.support.declared import TWO, contract_of

#: Facts that are others each time an environment is made.
MADE_UP = re.compile(
    r"access\.(authorized_keys|private_key_file|proxy\.(endpoint_id|dns_name))|backups\.(bucket|kms_key_arn)"
    r"|ca_certificate|object_store\.bucket|host\.\w+\.(instance_id|ssh_host_key)"
)


@cache
def aws_contract(stack: str = "dev", two: bool = False) -> Contract:
    """`two`: with a second application's database and a person (tests/support/declared.py).

    It reads from standbys as well, which no shipped environment on AWS does.
    """
    more: dict[str, Any] = {f"database__{key}": value for key, value in TWO.items()} if two else {}
    if two and stack == "prod":
        more["app__read_from_standbys"] = {"max_lag_ms": 5000}
    environment = parsed(stack, **more)
    assert environment.aws
    region, zones = environment.aws.region, environment.aws.zones
    tree: Any = json.loads(contract_of(stack, environment, settings=settings(environment)).model_dump_json())
    tree["url"] = f"https://{environment.aws.domain.name}"
    tree["controller"] = of_tier(environment.network.cidr, zones, "access")[0].cidr
    tree["access"]["proxy"] = {
        "region": region,
        "endpoint_id": "eice-0123456789abcdef0",
        "dns_name": f"eice-0123456789abcdef0.4cf3d7f5.ec2-instance-connect-endpoint.{region}.amazonaws.com",
    }
    tree["backups"] = {
        "bucket": f"flashtier-{stack}-backups",
        "region": region,
        "kms_key_arn": f"arn:aws:kms:{region}:123456789012:key/unit",
    }
    tree["object_store"] |= {"endpoint": f"https://s3.{region}.amazonaws.com", "region": region}
    if environment.aws.cdn == "cloudfront":
        tree["object_store"]["cdn_url"] = f"https://cdn.{environment.aws.domain.name}"
    tree["unsupported"] = []
    hosts = build(stack, environment).hosts
    for number, (host, made) in enumerate(zip(hosts, tree["hosts"], strict=True)):
        made["instance_id"] = f"i-{number:017x}"
        ids = {
            volume.name: f"vol-{volume.uuid.replace('-', '')[:17]}"
            for volume in host.volumes
            if volume.volume_class in EBS_CLASSES
        }
        made["volumes"] = [volume.model_dump(mode="json") for volume in contract_volumes(host, ids)]
    return Contract.from_json(json.dumps(tree))


def otherwise(contract: Contract) -> dict[str, tuple[object, object]]:
    """What a contract that Pulumi has exported says otherwise than the made-up one, names and ids apart."""
    made, ours = declared_facts(contract), declared_facts(aws_contract(contract.stack))
    return {
        key: (made.get(key), ours.get(key))
        for key in made.keys() | ours.keys()
        if without_ids(made.get(key)) != without_ids(ours.get(key)) and not MADE_UP.fullmatch(key)
    }


def without_ids(value: object) -> str:
    """EBS volumes have ids, in the names of their devices and as serials."""
    return re.sub("vol[0-9a-f]{17}", "vol...", str(value))
