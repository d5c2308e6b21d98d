"""Wildcards of IAM, by the examples of its user guide."""

from __future__ import annotations

import pytest

from policy.rules.matching import matches, names_one, wild

BUCKET = "arn:aws:s3:::flashtier-photos"


@pytest.mark.parametrize(
    ("pattern", "value", "does"),
    [
        ("s3:*", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:PutObject", False),
        ("s3:?etObject", "s3:GetObject", True),
        ("s3:?GetObject", "s3:GetObject", False),
        ("*", "iam:CreateRole", True),
        # A star stands for slashes and, at the end, for colons, too.
        ("arn:aws:s3:::*/test/*", "arn:aws:s3:::b/1/2/test/3/object.jpg", True),
        ("arn:aws:*", "arn:aws:s3:::b/c", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/c", False),
        ("arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/bob", True),
        # What is special in other patterns is not in these.
        ("s3:[GP]etObject", "s3:GetObject", False),
        ("s3.GetObject", "s3:GetObject", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, value: str, does: bool) -> None:
    assert matches(pattern, value) is does


@pytest.mark.parametrize(
    ("text", "is_wild"),
    [("a", False), ("a*", True), ("?", True), ("${*}${?}${$}", False), ("${aws:userid}", True)],
)
def test_what_is_wild(text: str, is_wild: bool) -> None:
    assert wild(text) is is_wild


@pytest.mark.parametrize(
    ("arn", "one"),
    [
        (BUCKET, True),
        (f"{BUCKET}/*", True),
        ("arn:aws:s3:::", False),
        ("arn:aws:s3", False),
        ("arn:aws:s3:::*", False),
        ("arn:*:s3:::flashtier-photos/*", False),
        ("arn:aws:*:::flashtier-photos", False),
        ("arn:aws:sns:*:111122223333:topic", False),
        ("arn:aws:sns:us-east-1::topic*", False),
        ("arn:aws:lambda:us-east-1:111122223333:function:*", False),
        ("arn:aws:lambda:us-east-1:111122223333:function:f:*", True),
        ("arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/*", False),
        ("arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/flashtier-x/*", True),
        ("*", False),
        ("flashtier", False),
    ],
)
def test_what_names_one_thing(arn: str, one: bool) -> None:
    assert names_one(arn) is one
