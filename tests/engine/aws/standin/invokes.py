"""The functions of pulumi-aws that the stand-in knows."""

from __future__ import annotations

from collections.abc import Callable

from standin.account import Account
from standin.row import Refused, Values


def _zones(account: Account, arguments: Values) -> Values:
    filters = [{"Name": one["name"], "Values": one["values"]} for one in arguments.get("filters") or []]
    if arguments.get("state"):
        filters.append({"Name": "state", "Values": [arguments["state"]]})
    found = account.call("ec2", "describe_availability_zones", Filters=filters)["AvailabilityZones"]
    return {
        "id": account.region,
        "region": account.region,
        "names": [one["ZoneName"] for one in found],
        "zoneIds": [one["ZoneId"] for one in found],
        "groupNames": [account.region],
    }


def _region(account: Account, arguments: Values) -> Values:
    name = account.region
    return {
        "id": name,
        "name": name,
        "region": name,
        "description": name,
        "endpoint": f"ec2.{name}.amazonaws.com",
    }


def _caller(account: Account, arguments: Values) -> Values:
    found = account.call("sts", "get_caller_identity")
    return {
        "id": found["Account"],
        "accountId": found["Account"],
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


def _partition(account: Account, arguments: Values) -> Values:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _zone(account: Account, arguments: Values) -> Values:
    wanted = arguments["name"].rstrip(".") + "."
    private = bool(arguments.get("privateZone"))
    for one in account.call("route53", "list_hosted_zones")["HostedZones"]:
        if one["Name"] == wanted and one["Config"].get("PrivateZone", False) == private:
            identity = one["Id"].split("/")[-1]
            arn = account.arn("route53", f"hostedzone/{identity}", region=False)
            return {
                "id": identity,
                "zoneId": identity,
                "name": wanted.rstrip("."),
                "arn": arn,
                "privateZone": private,
            }
    raise Refused("NoMatchingZone", f"there is no hosted zone {wanted}")


def _prefix_list(account: Account, arguments: Values) -> Values:
    filters = [{"Name": one["name"], "Values": one["values"]} for one in arguments.get("filters") or []]
    if arguments.get("name"):
        filters.append({"Name": "prefix-list-name", "Values": [arguments["name"]]})
    found = account.call("ec2", "describe_managed_prefix_lists", Filters=filters)["PrefixLists"]
    if len(found) != 1:
        raise Refused("InvalidPrefixListId.NotFound", f"{len(found)} managed prefix lists match {filters}")
    one = found[0]
    return {
        "id": one["PrefixListId"],
        "name": one["PrefixListName"],
        "arn": one["PrefixListArn"],
        "entries": [],
    }


INVOKES: dict[str, Callable[[Account, Values], Values]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:route53/getZone:getZone": _zone,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
}
