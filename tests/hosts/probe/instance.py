"""What EC2 reports to the host about itself, over the instance metadata service (IMDSv2)."""

import pathlib
import urllib.error
import urllib.request

from tests.hosts.probe.base import read, run

#: Source: EC2 user guide, "Access instance metadata for an EC2 instance".
SERVICE = "http://169.254.169.254/latest"
DEADLINE = 5  # seconds for one answer
LIFE = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


def instance(question):
    """None where there is no such service; otherwise what it says, and what the firmware says of the same."""
    if not question["metadata"]:
        return None
    held = {"X-aws-ec2-metadata-token": asked("api/token", "PUT", LIFE)}
    metadata = {
        name: asked(f"meta-data/{path}", "GET", held)
        for name, path in {
            "instance_id": "instance-id",
            "type": "instance-type",
            "zone": "placement/availability-zone",
            "address": "local-ipv4",
            "mac": "mac",
        }.items()
    }
    interface = f"meta-data/network/interfaces/macs/{metadata['mac']}"
    return {
        **metadata,
        "networks": asked(f"{interface}/vpc-ipv4-cidr-blocks", "GET", held).split(),
        "subnet": asked(f"{interface}/subnet-ipv4-cidr-block", "GET", held),
        "firmware": firmware(),
        "without_token": without_token(),
    }


def clock(question):
    """Where the time comes from; None where the host does not keep its own."""
    if not question["metadata"]:
        return None
    return {
        "server": run("timedatectl", "show-timesync", "--property=ServerAddress", "--value").strip(),
        "synchronized": run("timedatectl", "show", "--property=NTPSynchronized", "--value").strip(),
    }


def asked(path, method, headers):
    request = urllib.request.Request(f"{SERVICE}/{path}", method=method, headers=headers)  # noqa: S310 - http
    # Past any proxy: the host's token goes nowhere else.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=DEADLINE) as answer:
        return answer.read().decode()


def without_token():
    """What a program is answered that any web page can make ask: the first version of the service took it."""
    try:
        asked("meta-data/instance-id", "GET", {})
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def firmware():
    """The instance's id, which Nitro puts where others have the tag of a board; "" where there is none."""
    tag = pathlib.Path("/sys/class/dmi/id/board_asset_tag")
    return read(tag).strip() if tag.is_file() else ""
