"""Tags: in the request that makes a thing, and changed and read afterwards, as each service has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.plugin.marshalling import UNKNOWN
from standin import convert
from standin.row import Row, Values

if TYPE_CHECKING:
    from standin.account import Account


@dataclass(frozen=True)
class Tagging:
    add: str
    remove: str
    #: The operation that lists them; "" where the read of the resource itself shows them.
    read: str
    #: The member that names the resource.
    key: str
    #: The member of the removal that names the tags, and whether it takes names or whole tags.
    names: str = "TagKeys"
    whole: bool = False
    #: Whether `key` takes a list.
    many: bool = False


_BY_ARN = Tagging("tag_resource", "untag_resource", "list_tags_for_resource", "ResourceARN")
_BY_SERVICE = {
    "ec2": Tagging("create_tags", "delete_tags", "", "Resources", names="Tags", whole=True, many=True),
    "elbv2": Tagging("add_tags", "remove_tags", "describe_tags", "ResourceArns", many=True),
    "kms": Tagging("tag_resource", "untag_resource", "list_resource_tags", "KeyId"),
    "acm": Tagging(
        "add_tags_to_certificate",
        "remove_tags_from_certificate",
        "list_tags_for_certificate",
        "CertificateArn",
        names="Tags",
        whole=True,
    ),
    "logs": Tagging("tag_resource", "untag_resource", "list_tags_for_resource", "resourceArn", "tagKeys"),
    "sns": Tagging("tag_resource", "untag_resource", "list_tags_for_resource", "ResourceArn"),
    "events": _BY_ARN,
    "cloudwatch": _BY_ARN,
    "wafv2": _BY_ARN,
}
_BY_CREATE = {
    "create_role": Tagging("tag_role", "untag_role", "", "RoleName"),
    "create_policy": Tagging("tag_policy", "untag_policy", "", "PolicyArn"),
    "create_instance_profile": Tagging(
        "tag_instance_profile", "untag_instance_profile", "", "InstanceProfileName"
    ),
}
#: Services whose tags go by the ARN, where the identity is another.
_ARN = {"logs", "events", "cloudwatch", "wafv2"}


def every(account: Account, inputs: Values) -> dict[str, str] | str:
    """The resource's own tags over the provider's."""
    own = inputs.get("tags") or {}
    return UNKNOWN if own == UNKNOWN else {**account.default_tags, **own}


def into_request(row: Row, request: Values, tags: dict[str, str] | str) -> None:
    """Put the tags where the operation takes them; where it takes none, `change` does it afterwards."""
    if not tags or tags == UNKNOWN:
        return
    members = convert.shape_of(row.service, row.create).members
    if "TagSpecifications" in members:
        mine = {"ResourceType": row.kind, "Tags": _pairs(tags)}
        request["TagSpecifications"] = [*request.get("TagSpecifications", []), mine]
        return
    for name in ("Tags", "tags", "ResourceTags"):
        if name in members:
            request[name] = _in_form(members[name], tags)


def on_create(row: Row) -> bool:
    members = convert.shape_of(row.service, row.create).members
    return any(name in members for name in ("TagSpecifications", "Tags", "tags", "ResourceTags"))


def change(account: Account, row: Row, identity: str, olds: dict[str, str], news: dict[str, str]) -> None:
    gone = {key: value for key, value in olds.items() if key not in news}
    more = {key: value for key, value in news.items() if olds.get(key) != value}
    if row.service == "s3":
        tagging = {"TagSet": _pairs(news)}
        account.call("s3", "put_bucket_tagging", Bucket=identity, Tagging=tagging)
        return
    if row.service == "cloudfront":
        arn = account.arn("cloudfront", f"distribution/{identity}", region=False)
        if gone:
            account.call("cloudfront", "untag_resource", Resource=arn, TagKeys={"Items": sorted(gone)})
        if more:
            account.call("cloudfront", "tag_resource", Resource=arn, Tags={"Items": _pairs(more)})
        return
    how = _how(row)
    whose = _whose(account, row, how, identity)
    if gone:
        what = _pairs(gone) if how.whole else sorted(gone)
        account.call(row.service, how.remove, **{how.key: whose, how.names: what})
    if more:
        shape = convert.shape_of(row.service, how.add)
        member = "tags" if "tags" in shape.members else "Tags"
        account.call(row.service, how.add, **{how.key: whose, member: _in_form(shape.members[member], more)})


def read(account: Account, row: Row, identity: str, found: Values) -> dict[str, str] | None:
    """The tags that are there, without AWS's own; None where nothing shows them."""
    if row.service == "s3":
        shown: Any = (account.look("s3", "get_bucket_tagging", Bucket=identity) or {}).get("TagSet", [])
    elif row.service == "cloudfront":
        arn = account.arn("cloudfront", f"distribution/{identity}", region=False)
        shown = (account.look("cloudfront", "list_tags_for_resource", Resource=arn) or {}).get("Tags", {})
        shown = shown.get("Items", [])
    elif row.service == "budgets" or row.recorded:
        return None
    else:
        how = _how(row)
        shown = found.get("Tags", [])
        if how.read:
            answer = (
                account.look(row.service, how.read, **{how.key: _whose(account, row, how, identity)}) or {}
            )
            answer = answer.get("TagInfoForResource", answer)  # WAF
            answer = (answer.get("TagDescriptions") or [answer])[0]  # load balancers
            shown = answer.get("Tags", answer.get("tags", answer.get("TagList", [])))
    if isinstance(shown, dict):
        return shown
    pairs = {tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue", "")) for tag in shown}
    return {key: value for key, value in pairs.items() if not key.startswith("aws:")}


def _how(row: Row) -> Tagging:
    return _BY_CREATE.get(row.create) or _BY_SERVICE[row.service]


def _whose(account: Account, row: Row, how: Tagging, identity: str) -> Any:
    arn = identity
    if row.service in _ARN and not identity.startswith("arn:"):
        outputs = row.outputs(account, identity, {}, {})
        arn = outputs["arn"]
    return [arn] if how.many else arn


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _in_form(shape: Any, tags: dict[str, str]) -> Any:
    if shape.type_name == "map":
        return dict(tags)
    key, value = ("TagKey", "TagValue") if "TagKey" in shape.member.members else ("Key", "Value")
    return [{key: name, value: tags[name]} for name in sorted(tags)]
