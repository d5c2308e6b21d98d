"""An account that has all that dev and prod need, and its name server."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from infra.aws.preflight import public_dns
from tests.engine.aws.name_server import name_server
from tests.support.aws.account import PUBLIC, REGION, answer, zone


@pytest.fixture(scope="session")
def resolver():
    with name_server(answer) as address:
        yield address


@pytest.fixture
def ec2(monkeypatch, resolver):
    """An account that has all that dev and prod need."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unit")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unit")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv(public_dns.VARIABLE, resolver)
    # moto's own are thousands, made again for each test.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        PUBLIC.clear()
        zone("dev.example.com")
        zone("photos.example.com")
        yield boto3.client("ec2", region_name=REGION)
