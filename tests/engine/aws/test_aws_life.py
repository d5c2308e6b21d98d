"""The small program's life on the stand-in: up, up again, changes, changes by hand, failure half-way, destroy."""

from __future__ import annotations

from cloud import Stack, account, changed, client, counts


def test_up_makes_all(small: Stack) -> None:
    image = next(
        one["ImageId"]
        for one in client(small.endpoint, "ec2").describe_images(Owners=["amazon"])["Images"]
        if one["Architecture"] == "arm64"
    )
    small.config["small:image"] = image
    print(small.up())
