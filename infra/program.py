"""The program's one flow: environment -> topology -> platform -> contract.

A fault ends it as one line each, without a traceback.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pulumi

from infra import topology
from infra.capacity.check import check_capacity
from infra.contract import (
    VERSION,
    Contract,
    ContractDatabase,
    ContractHost,
    Deployed,
    DeployedHost,
    PlatformFacts,
)
from infra.environment import Environment, takes_over
from infra.errors import EnvironmentInvalid, FlashtierError
from infra.platform import Platform
from infra.release import RELEASE
from infra.settings import database_roles, kernel, postgresql
from infra.settings.patroni import cluster_settings
from infra.settings.probe import probe
from infra.settings.setting import PostgresqlSetting
from infra.stack.secret_table import secret_names
from infra.topology import Host, Topology

#: Exit code that tells Pulumi's Python language host that the program has reported what is wrong.
ACTIONABLE = 32


def _aws() -> Platform:
    # Imported here, as below: what a platform needs takes a while to import, and the other needs none of it.
    from infra.aws.platform import AwsPlatform

    return AwsPlatform()


def _local() -> Platform:
    from infra.local.platform import LocalPlatform

    return LocalPlatform()


PLATFORMS: dict[str, Callable[[], Platform]] = {"local": _local, "aws": _aws}


def run(stack: str, config: pulumi.Config) -> None:
    """Have Pulumi declare the stack, with the outputs `contract` and `secrets`.

    A fault of the environment is logged and ends the program as an error that a person can correct: without a
    traceback and without a second message.
    """

    async def program() -> dict[str, pulumi.Output[Any]]:
        try:
            outputs = _declare(stack, config)
        except FlashtierError as error:
            pulumi.log.error(str(error))
            raise SystemExit(ACTIONABLE) from error
        # One turn of the loop sends the requests off, and the SDK then waits for them one by one. With none
        # sent yet it would wait for outputs instead, and check all that are open each time one comes.
        await asyncio.sleep(0)
        return outputs

    pulumi.run(program)


def _declare(stack: str, config: pulumi.Config) -> dict[str, pulumi.Output[Any]]:
    """Declare all resources; returns the stack's outputs. Raises `FlashtierError` before the first one."""
    environment = Environment.parse(config.get_object("environment"))
    if faults := check_capacity(environment):
        raise EnvironmentInvalid(faults)
    settings = postgresql.settings(environment)
    hosts = topology.build(stack, environment, accepted(config.get("acceptBlank")))
    platform = PLATFORMS[environment.platform]()
    secrets, certificate = _secrets(stack, config, secret_names(database_roles.roles(environment)))
    if faults := platform.preflight(hosts, environment):
        raise EnvironmentInvalid(faults)
    deployed = platform.deploy(hosts, environment)
    contract = deployed.apply(
        lambda known: contract_of(hosts, environment, known, certificate, settings).model_dump(mode="json")
    )
    return {"contract": contract, "secrets": secrets}


def accepted(text: str | None) -> frozenset[str]:
    """The volumes of `flashtier:acceptBlank`: one, several with commas, or a list as Pulumi writes one."""
    if not text:
        return frozenset()
    try:
        found = json.loads(text)
    except ValueError:
        found = text.split(",")
    if not isinstance(found, list) or not all(isinstance(name, str) and name.strip() for name in found):
        raise EnvironmentInvalid(
            [f"flashtier:acceptBlank = {text}: is not a volume or a list of volumes; write it as db1-flash"]
        )
    return frozenset(name.strip() for name in found)


def _secrets(
    stack: str, config: pulumi.Config, needed: tuple[str, ...]
) -> tuple[pulumi.Output[dict[str, str]], str]:
    """The encrypted values, which must have those `needed`, and the authority's public certificate."""
    fix = f"run `flashtier secrets -s {stack}`, which makes what is missing"
    sealed, certificate = config.get_secret("secrets"), config.get("caCertificate")
    if sealed is None or not certificate:
        missing = "flashtier:secrets" if sealed is None else "flashtier:caCertificate"
        raise EnvironmentInvalid([f"{missing}: is missing; {fix}"])

    def whole(text: str) -> dict[str, str]:
        values: dict[str, str] = json.loads(text)
        if missing := sorted(set(needed) - set(values)):
            raise pulumi.RunError(f"flashtier:secrets: lacks {', '.join(missing)}; {fix}")
        return values

    return sealed.apply(whole), certificate


def contract_of(
    hosts: Topology,
    environment: Environment,
    deployed: Deployed,
    certificate: str,
    settings: tuple[PostgresqlSetting, ...],
) -> Contract:
    """The contract: what is declared, with what only the platform knows. `certificate` is PEM."""
    known = {host.name: host for host in deployed.hosts}
    return Contract(
        **{name: getattr(deployed, name) for name in PlatformFacts.model_fields},
        version=VERSION,
        release=RELEASE,
        stack=hosts.stack,
        platform=environment.platform,
        domain=hosts.domain,
        cidr=hosts.cidr,
        ca_certificate=certificate,
        hosts=tuple(_contract_host(host, known[host.name]) for host in hosts.hosts),
        components=hosts.components,
        ports={port.name: port.number for component in hosts.components for port in component.ports},
        flows=hosts.flows,
        egress=topology.EGRESS[environment.platform],
        refused_networks=topology.REFUSED[environment.platform],
        scrape_jobs=topology.scrape_jobs(hosts.hosts, hosts.components),
        database=ContractDatabase(
            version=environment.database.version,
            members=hosts.members,
            first=hosts.first,
            settings=settings,
            patroni=cluster_settings(environment, settings),
            takeover=takes_over(environment),
            probe=probe(environment),
            databases=database_roles.databases(environment),
            roles=database_roles.roles(environment),
        ),
        app=environment.app,
        durability=environment.durability,
    )


def _contract_host(host: Host, deployed: DeployedHost) -> ContractHost:
    return ContractHost(
        name=host.name,
        tier=host.tier,
        address=host.address,
        gateway=host.gateway,
        zone=host.zone,
        instance_id=deployed.instance_id,
        size=host.size,
        components=host.components,
        volumes=deployed.volumes,
        placements=host.placements,
        ssh_host_key=deployed.ssh_host_key,
        kernel=kernel.settings(host.tier),
    )
