"""CloudFront: origin access controls and distributions, which moto has."""

from __future__ import annotations

from typing import Any

from standin import convert
from standin.account import Account
from standin.row import Look, Row, Values, names


def _counted(items: list[Any] | None, **more: Any) -> Values:
    """A list as CloudFront takes it, with its length."""
    return {"quantity": len(items or []), **({"items": items} if items else {}), **more}


def _config(inputs: Values) -> Values:
    """DistributionConfig of what the program declares."""
    behaviour = dict(inputs["defaultCacheBehavior"])
    cached = behaviour.pop("cachedMethods")
    behaviour["allowedMethods"] = _counted(behaviour["allowedMethods"], cachedMethods=_counted(cached))
    origins = [
        {
            "id": one["originId"],
            "domainName": one["domainName"],
            "originAccessControlId": one.get("originAccessControlId"),
            # With an access control the identity, its predecessor, is empty and must be there.
            "s3OriginConfig": {"originAccessIdentity": ""},
        }
        for one in inputs["origins"]
    ]
    geo = inputs["restrictions"]["geoRestriction"]
    known = ("enabled", "comment", "priceClass", "httpVersion", "viewerCertificate", "isIpv6Enabled")
    return {
        **{name: inputs[name] for name in known if name in inputs},
        "callerReference": inputs["comment"],
        "aliases": _counted(inputs.get("aliases")),
        "origins": _counted(origins),
        "defaultCacheBehavior": behaviour,
        "restrictions": {
            "geoRestriction": _counted(geo.get("locations"), restrictionType=geo["restrictionType"])
        },
    }


def _body(inputs: Values) -> Values:
    return {"distributionConfig": _config(inputs)}


def _delete_distribution(account: Account, identity: str, inputs: Values) -> None:
    """CloudFront deletes none that is enabled: it is disabled first, as pulumi-aws does."""
    _update(account, identity, {**inputs, "enabled": False}, inputs)
    etag = account.call("cloudfront", "get_distribution_config", Id=identity)["ETag"]
    account.call("cloudfront", "delete_distribution", Id=identity, IfMatch=etag)


def _update(account: Account, identity: str, news: Values, olds: Values) -> None:
    etag = account.call("cloudfront", "get_distribution_config", Id=identity)["ETag"]
    request = convert.request(
        "cloudfront", "update_distribution", {"distributionConfig": _config(news), "id": identity}
    )
    account.call("cloudfront", "update_distribution", **request, IfMatch=etag)


_CHANGES = (
    "aliases",
    "comment",
    "defaultCacheBehavior",
    "enabled",
    "httpVersion",
    "isIpv6Enabled",
    "origins",
    "priceClass",
    "restrictions",
    "viewerCertificate",
)


def _delete_access(account: Account, identity: str, inputs: Values) -> None:
    etag = account.call("cloudfront", "get_origin_access_control", Id=identity)["ETag"]
    account.call("cloudfront", "delete_origin_access_control", Id=identity, IfMatch=etag)


ROWS = {
    "aws:cloudfront/originAccessControl:OriginAccessControl": Row(
        service="cloudfront",
        create="create_origin_access_control",
        identity="OriginAccessControl.Id",
        read=Look("get_origin_access_control", lambda i, n: {"Id": i}, "OriginAccessControl"),
        delete=_delete_access,
        body=lambda n: {"originAccessControlConfig": n},
        new=names("name originAccessControlOriginType signingBehavior signingProtocol description"),
    ),
    "aws:cloudfront/distribution:Distribution": Row(
        service="cloudfront",
        create="create_distribution",
        identity="Distribution.Id",
        read=Look("get_distribution", lambda i, n: {"Id": i}, "Distribution"),
        delete=_delete_distribution,
        body=_body,
        tagged=True,
        changes=dict.fromkeys(_CHANGES, _update),
        blind=names(" ".join(_CHANGES)),
        outputs=lambda account, i, n, found: {
            "arn": found.get("ARN"),
            "domainName": found.get("DomainName"),
            "hostedZoneId": "Z2FDTNDATAQYW2",
        },
    ),
}
