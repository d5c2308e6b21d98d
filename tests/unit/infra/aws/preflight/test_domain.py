"""The hosted zone of an environment, its delegation and CAA records; the account is moto, a simulation."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import boto3
import pytest

from infra.aws.preflight import domain, public_dns
from infra.environment.aws import Domain
from tests.support.aws.account import PUBLIC, REGION, faults, images, seen, zone


def test_a_hosted_zone_that_is_not_there(ec2):
    [line] = faults(aws__images=images(ec2), aws__domain={"name": "a.example.org", "zone": "example.org"})
    assert "aws.domain.zone: example.org is not a hosted zone of this account; make a public one" in line


def test_a_hosted_zone_whose_name_comes_after_the_one_asked_for_is_another():
    """AWS lists from that name on; moto lists that name."""
    listed = [{"Id": "/hostedzone/Z1", "Name": "www.example.org.", "Config": {"PrivateZone": False}}]
    route53 = SimpleNamespace(list_hosted_zones_by_name=lambda DNSName: {"HostedZones": listed})
    [line] = domain.domain_faults(route53, Domain(name="a.example.org", zone="example.org"))
    assert "example.org is not a hosted zone of this account" in line


def test_a_hosted_zone_that_only_a_network_sees(ec2):
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    zone("example.org", VPC={"VPCRegion": REGION, "VPCId": vpc}, HostedZoneConfig={"PrivateZone": True})
    declared = {"name": "a.example.org", "zone": "example.org"}
    [line] = faults(aws__images=images(ec2), aws__domain=declared)
    assert "example.org is a private hosted zone" in line
    zone("example.org")  # beside the private one, as where inside and outside see different names
    assert faults(aws__images=images(ec2), aws__domain=declared) == ()


def test_a_hosted_zone_that_is_there_twice(ec2):
    first = zone("twice.example.com")
    ids = sorted(one.rpartition("/")[2] for one in (first, zone("twice.example.com")))
    [line] = faults(
        aws__images=images(ec2), aws__domain={"name": "a.twice.example.com", "zone": "twice.example.com"}
    )
    assert f"twice.example.com has 2 public hosted zones ({', '.join(ids)})" in line


DEEP = {"name": "a.b.dev.example.com", "zone": "dev.example.com"}


@pytest.mark.parametrize("away", ["a.b.dev.example.com", "b.dev.example.com"])
def test_a_name_that_the_zone_leaves_to_other_servers(ec2, away):
    route53 = boto3.client("route53")
    record = {"Name": away, "Type": "NS", "TTL": 60, "ResourceRecords": [{"Value": "ns.example.net."}]}
    beside = {"Name": f"z{away}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": one} for one in (record, beside)]}
    [own] = [one for one in route53.list_hosted_zones()["HostedZones"] if one["Name"] == "dev.example.com."]
    route53.change_resource_record_sets(HostedZoneId=own["Id"], ChangeBatch=batch)
    [line] = faults(aws__images=images(ec2), aws__domain=DEEP)
    assert "aws.domain.name: a.b.dev.example.com is not answered by zone dev.example.com" in line
    assert f"gives {away} to other servers" in line


@pytest.mark.parametrize(
    ("public", "says"),
    [
        (
            ["ns1.example.net.", "ns2.example.net."],
            "public DNS answers ns1.example.net, ns2.example.net, and",
        ),
        (["SERVFAIL"], "public DNS answers no name servers, and"),
        ([], "public DNS answers no name servers, and"),
    ],
    ids=["other servers", "servers that do not answer", "no servers"],
)
def test_a_zone_that_is_not_delegated_to_its_servers(ec2, public, says):
    own = [one.rstrip(".") for one in PUBLIC["dev.example.com", "NS"]]
    PUBLIC["dev.example.com", "NS"] = public
    [line] = faults(aws__images=images(ec2))
    assert line.startswith(f"flashtier:environment.aws.domain.zone: dev.example.com: {says}")
    assert f"is served by {', '.join(sorted(own))}; put these as NS records of dev.example.com" in line


@pytest.mark.parametrize(
    ("at", "records", "says"),
    [
        ("example.com", ['0 issue "letsencrypt.org"'], "of example.com permit only letsencrypt.org"),
        ("photos.dev.example.com", ['0 issue ";"'], "of photos.dev.example.com permit only no authority"),
    ],
    ids=["another authority", "no authority"],
)
def test_authorities_that_may_not_issue_for_the_name(ec2, at, records, says):
    PUBLIC[at, "CAA"] = records
    [line] = faults(aws__images=images(ec2))
    assert f"aws.domain.name: photos.dev.example.com: the CAA records {says}" in line.replace("  ", " ")
    assert f'add `0 issue "amazon.com"` at {at}' in line


@pytest.mark.parametrize(
    "records",
    [['0 issue "letsencrypt.org"', '0 issue "amazon.com; a=b"'], ['0 iodef "mailto:a@example.com"']],
    ids=["Amazon, too", "a mail address alone"],
)
def test_authorities_that_may_issue_for_the_name(ec2, records):
    PUBLIC["example.com", "CAA"] = records
    assert faults(aws__images=images(ec2)) == ()


def test_the_nearest_name_decides_who_may_issue(ec2):
    PUBLIC["example.com", "CAA"] = ['0 issue "letsencrypt.org"']
    PUBLIC["dev.example.com", "CAA"] = ['0 issue "amazontrust.com"']
    assert faults(aws__images=images(ec2)) == ()


def test_public_dns_that_does_not_answer_in_time_is_a_warning(ec2, monkeypatch):
    known = images(ec2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setenv(public_dns.VARIABLE, f"127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(public_dns, "DEADLINE_S", 0.2)
        found = seen(aws__images=known)
    assert found.faults == ()
    assert [line.partition(": cannot be looked up: ")[0] for line in found.warnings] == [
        "flashtier:environment.aws.domain in public DNS"
    ] * 2
    assert all("name another resolver in FLASHTIER_RESOLVER" in line for line in found.warnings)
