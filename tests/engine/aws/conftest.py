"""One moto server a session, with the stand-in found as a plugin, and the small program's stack for a
module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.paths import ROOT
from tests.engine.aws.cloud import BASE, HERE, Stack, account, client, fresh, install, moto
from tests.engine.aws.name_server import name_server


@pytest.fixture(scope="session")
def home() -> Path:
    """Pulumi's home with the stand-in as its plugin."""
    folder = fresh(BASE) / "home"
    install(folder)
    return folder


@pytest.fixture(scope="session")
def endpoint(home: Path) -> Iterator[str]:
    """URL of the session's moto server."""
    with moto(BASE / "moto.log") as url:
        yield url


@pytest.fixture(scope="session")
def resolver(endpoint: str) -> Iterator[str]:
    """ADDRESS:PORT of public DNS in which every hosted zone of the account is delegated to its servers."""

    def answer(name: str, kind: str) -> list[str] | None:
        route53 = client(endpoint, "route53")
        for zone in route53.list_hosted_zones()["HostedZones"]:
            if kind == "NS" and zone["Name"] == f"{name}.":
                servers = route53.get_hosted_zone(Id=zone["Id"])["DelegationSet"]["NameServers"]
                return [f"{server}." for server in servers]
        return None

    with name_server(answer) as address:
        yield address


@pytest.fixture(scope="session")
def image(endpoint: str) -> str:
    """An image for arm64 that moto has."""
    images = client(endpoint, "ec2").describe_images(Owners=["amazon"])["Images"]
    return next(one["ImageId"] for one in images if one["Architecture"] == "arm64")


@pytest.fixture(scope="session", autouse=True)
def nothing(endpoint: str) -> set[str]:
    """What the account holds before anything was made: moto's own network."""
    return account(endpoint)


@pytest.fixture(scope="session")
def program(home: Path) -> Path:
    """The small program's folder, with a Pulumi.yaml as a user has it."""
    folder = BASE / "program"
    folder.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "small", "runtime": runtime}))
    (folder / "__main__.py").symlink_to(HERE / "programs" / "small.py")
    return folder


@pytest.fixture(scope="module")
def small(request: pytest.FixtureRequest, program: Path, endpoint: str, home: Path) -> Stack:
    """A stack of the small program, not up yet; the module's last test destroys it."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_aws_")
    return Stack(BASE / name, program, name, endpoint, home)
