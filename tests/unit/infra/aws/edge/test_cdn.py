"""The CDN of photos: declared or not, closed but for CloudFront, with a name and certificate of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.errors import EnvironmentInvalid
from tests.support.aws import mocks
from tests.support.aws.whole import whole
from tests.support.aws_environments import parsed
from tests.support.iam import Request, decide


@pytest.fixture(scope="module")
def made() -> mocks.Recording:
    return whole("dev", aws__cdn="cloudfront").recorded


def policy(recorded: mocks.Recording, what: str) -> Any:
    return json.loads(recorded.named(f"flashtier-dev-{what}", "BucketPolicy").inputs["policy"])


def test_without_one_nothing_of_it_is_made_and_only_roles_read_the_bucket() -> None:
    plain = whole("dev")
    assert not [one for one in plain.recorded.resources if "cloudfront" in one.type]
    assert {one["Effect"] for one in policy(plain.recorded, "photos")["Statement"]} == {"Deny"}
    assert plain.deployed.object_store.cdn_url is None


def test_the_contract_says_where_the_photos_are() -> None:
    assert (
        whole("dev", aws__cdn="cloudfront").deployed.object_store.cdn_url
        == "https://cdn.photos.dev.example.com"
    )


def test_cloudfront_reads_photos_for_this_distribution_alone_and_no_backups(made: mocks.Recording) -> None:
    distribution = made.one("aws:cloudfront/distribution:Distribution")
    secure = {"aws:securetransport": "true"}
    objects = "arn:aws-us-gov:s3:::flashtier-dev-photos-1/1/ab.jpg"

    def reads(source: str, action: str = "s3:GetObject") -> str:
        return decide([policy(made, "photos")], Request(action, objects, {**secure, "aws:sourcearn": source}))

    assert reads(distribution.arn) == "allow"
    assert reads(distribution.arn.replace(mocks.ACCOUNT, "999999999999")) != "allow"
    assert reads(distribution.arn, "s3:ListBucket") != "allow"
    allowed = [one for one in policy(made, "photos")["Statement"] if one["Effect"] == "Allow"]
    assert [one["Principal"] for one in allowed] == [{"Service": "cloudfront.amazonaws.com"}]
    assert {one["Effect"] for one in policy(made, "backups")["Statement"]} == {"Deny"}


def test_cloudfront_opens_photos_with_the_key_of_data_and_only_for_this_account(
    made: mocks.Recording,
) -> None:
    document = json.loads(made.named("flashtier-dev-data", "Key").inputs["policy"])
    arn = f"arn:{mocks.PARTITION}:cloudfront::{mocks.ACCOUNT}:distribution/E1"
    [_, reader] = document["Statement"]
    assert reader["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert decide([document], Request("kms:Decrypt", "*", {"aws:sourcearn": arn})) == "allow"
    alone = {**document, "Statement": [reader]}
    foreign = arn.replace(mocks.ACCOUNT, "999999999999")
    assert decide([alone], Request("kms:Decrypt", "*", {"aws:sourcearn": foreign})) != "allow"
    assert decide([alone], Request("kms:Encrypt", "*", {"aws:sourcearn": arn})) != "allow"


def test_it_signs_its_requests_and_serves_reads_over_tls_only(made: mocks.Recording) -> None:
    access = made.one("aws:cloudfront/originAccessControl:OriginAccessControl")
    assert access.inputs["signingBehavior"] == "always"
    inputs = made.one("aws:cloudfront/distribution:Distribution").inputs
    [origin] = inputs["origins"]
    assert origin["originAccessControlId"] == access.id
    behaviour = inputs["defaultCacheBehavior"]
    assert behaviour["viewerProtocolPolicy"] == "https-only"
    assert behaviour["allowedMethods"] == ["GET", "HEAD"]


def test_its_certificate_is_where_cloudfront_takes_one_and_its_name_in_the_zone(
    made: mocks.Recording,
) -> None:
    name = "cdn.photos.dev.example.com"
    certificate = made.named("flashtier-dev-photos", "aws:acm/certificate:Certificate").inputs
    assert (certificate["domainName"], certificate["region"]) == (name, "us-east-1")
    inputs = made.one("aws:cloudfront/distribution:Distribution").inputs
    assert inputs["aliases"] == [name]
    records = [one.inputs for one in made.of("aws:route53/record:Record") if one.inputs["name"] == name]
    assert {one["type"] for one in records} == {"A", "AAAA"}


def test_a_name_that_leaves_no_room_for_the_cdns_is_refused() -> None:
    label = "a" * 49
    name = f"{label}.example.com"
    assert len(name) == 61
    with pytest.raises(
        EnvironmentInvalid, match=r"domain\.name: .*has 61 characters, and with cdn: cloudfront"
    ):
        parsed("dev", aws__domain={"name": name, "zone": "example.com"}, aws__cdn="cloudfront")
    parsed("dev", aws__domain={"name": name, "zone": "example.com"})
