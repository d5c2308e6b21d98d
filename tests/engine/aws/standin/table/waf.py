"""The web application firewall."""

from __future__ import annotations

from standin import convert
from standin.account import Account
from standin.row import Look, Row, Values, names


def _body(inputs: Values) -> Values:
    return {k: v for k, v in inputs.items() if k != "customResponseBodies"}


def _whole(inputs: Values, identity: str) -> Values:
    left = {k: v for k, v in inputs.items() if k in _CHANGES or k in ("name", "scope")}
    return {**left, "id": identity.split("/")[-1]}


def _found(account: Account, identity: str, inputs: Values) -> Values | None:
    name, scope = inputs["name"], inputs["scope"]
    answer = account.look("wafv2", "get_web_acl", Name=name, Scope=scope, Id=identity.split("/")[-1])
    return answer and {**answer["WebACL"], "LockToken": answer["LockToken"]}


def _update(account: Account, identity: str, news: Values, olds: Values) -> None:
    found = _found(account, identity, news)
    request = convert.request(
        "wafv2", "update_web_acl", {**_whole(news, identity), "lockToken": found["LockToken"]}
    )
    account.call("wafv2", "update_web_acl", **request)


def _delete(account: Account, identity: str, inputs: Values) -> None:
    found = _found(account, identity, inputs)
    if found:
        whole = {"Name": inputs["name"], "Scope": inputs["scope"], "Id": found["Id"]}
        account.call("wafv2", "delete_web_acl", **whole, LockToken=found["LockToken"])


_CHANGES = ("defaultAction", "description", "rules", "visibilityConfig", "captchaConfig", "tokenDomains")

ROWS = {
    "aws:wafv2/webAcl:WebAcl": Row(
        service="wafv2",
        create="create_web_acl",
        identity="Summary.ARN",
        read=_found,
        delete=_delete,
        tagged=True,
        body=_body,
        new=names("name namePrefix scope"),
        auto="name",
        changes=dict.fromkeys(_CHANGES, _update),
        blind=names("rules defaultAction"),
        outputs=lambda account, i, n, found: {"arn": i, "capacity": found.get("Capacity")},
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Row(
        service="wafv2",
        create="associate_web_acl",
        identity=lambda answer, n: f"{n['webAclArn']},{n['resourceArn']}",
        read=Look("get_web_acl_for_resource", lambda i, n: {"ResourceArn": n["resourceArn"]}, "WebACL"),
        delete=("disassociate_web_acl", lambda i, n: {"ResourceArn": n["resourceArn"]}),
        new=names("webAclArn resourceArn"),
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Row(
        service="wafv2",
        create="put_logging_configuration",
        identity=lambda answer, n: n["resourceArn"],
        read=Look("get_logging_configuration", lambda i, n: {"ResourceArn": i}, "LoggingConfiguration"),
        delete=("delete_logging_configuration", lambda i, n: {"ResourceArn": i}),
        body=lambda n: {"loggingConfiguration": n},
        new=names("resourceArn logDestinationConfigs"),
        puts=True,
    ),
}
