"""Wrong programs: each is ended by the stand-in, at the preview where the request says it, else by a law
of AWS.

The machine's stack is one for all: what a preview refuses makes nothing, and what an up left half done the
next, right
one completes.
"""

from __future__ import annotations

import pytest

from tests.engine.aws.cloud import Stack, account, counts

#: Variant of the small program, and what the preview says of it.
AT_PREVIEW = {
    "type": "'r7g.xlrage' is not one of the",
    "enum": "'mandatory' is not one of the",
    "unknown-property": "metadataOptions.http_token",
    "unknown-type": "aws:sqs/queue:Queue is not in the stand-in's table",
    "host-bits": "10.0.0.5/8 has host bits set",
    "pattern": "which AliasNameType must",
    "not-json": "this policy contains invalid JSON",
    "iops": "300000 IOPS is over the 100000 that 100 GiB of io2 may have",
    "no-certificate": "protocol HTTPS needs a certificate",
    "drives": "r7g.xlarge has no instance store",
}
#: What only the account can know, all in one run.
AT_UP = {
    "overlap": "InvalidSubnet.Conflict",
    "letters": "has letters that EC2 does not take",
    "zone": "the instance asks for eu-west-1a",
    "volume-zone": "InvalidVolume.ZoneMismatch",
    "no-dependency": "Gateway.NotAttached",
}


@pytest.fixture(scope="module", autouse=True)
def _image(small: Stack, image: str) -> None:
    small.config["small:image"] = image


@pytest.mark.parametrize("variant", AT_PREVIEW)
def test_a_preview_refuses(small: Stack, variant: str) -> None:
    small.config["small:variant"] = variant
    assert AT_PREVIEW[variant] in small.refused("preview")


def test_a_provider_without_a_region_is_refused(small: Stack) -> None:
    small.config.update({"small:variant": "", "aws:region": "eu-west-9"})
    try:
        assert "'eu-west-9' is not a region of AWS" in small.refused("preview")
    finally:
        small.config["aws:region"] = "eu-west-1"


def test_laws_refuse_what_moto_would_let_through(small: Stack) -> None:
    small.config["small:variant"] = ",".join(AT_UP)
    slow = {"aws:ec2/internetGateway:InternetGateway": 6}
    said = small.refused("up", "--yes", "--skip-preview", "--continue-on-error", SLOW=slow)
    assert [variant for variant, why in AT_UP.items() if why not in said] == []


def test_an_address_that_aws_keeps_is_refused_and_a_right_program_completes_the_rest(small: Stack) -> None:
    small.config["small:variant"] = "reserved,one-zone"
    said = small.refused("up", "--yes", "--skip-preview", "--continue-on-error")
    assert "address 10.20.16.3 is not one that" in said
    small.config["small:variant"] = ""
    small.up()
    small.up("--expect-no-changes")


def test_a_volume_does_not_shrink(small: Stack) -> None:
    small.config["small:variant"] = "shrink"
    assert "new size 50 GiB is smaller than the existing 100 GiB" in small.refused(
        "up", "--yes", "--skip-preview"
    )


def test_a_group_that_a_rule_names_by_a_pasted_identity_is_not_deleted(small: Stack) -> None:
    small.config["small:variant"] = ""
    small.config["small:pasted"] = small.outputs("SecurityGroup::web")["id"]
    assert counts(small.up())["created"] == 1
    small.config["small:variant"] = "renamed"
    assert "DependencyViolation" in small.refused("up", "--yes", "--skip-preview")


def test_destroy_leaves_nothing(small: Stack, nothing: set[str]) -> None:
    small.must("destroy", "--yes", "--skip-preview")
    assert account(small.endpoint) - nothing == set()
