"""ACM certificates and Route 53 records."""

from __future__ import annotations

from infra.plugin.marshalling import UNKNOWN
from standin import convert
from standin.account import Account
from standin.row import Look, Refused, Row, Values, names, only


def _record(inputs: Values, action: str) -> Values:
    record: Values = {"name": inputs["name"], "type": inputs["type"]}
    if inputs.get("aliases"):
        alias = inputs["aliases"][0]
        record["aliasTarget"] = {
            "hostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "evaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    else:
        values = inputs.get("records", [])
        record["TTL"] = inputs.get("ttl")
        record["resourceRecords"] = UNKNOWN if values == UNKNOWN else [{"value": value} for value in values]
    change = {"action": action, "resourceRecordSet": record}
    return {"hostedZoneId": inputs["zoneId"], "changeBatch": {"changes": [change]}}


def _delete_record(account: Account, identity: str, inputs: Values) -> None:
    request = convert.request("route53", "change_resource_record_sets", _record(inputs, "DELETE"))
    account.call("route53", "change_resource_record_sets", **request)


def _record_found(answer: Values, identity: str, inputs: Values) -> Values | None:
    wanted = (inputs["name"].rstrip(".") + ".", inputs["type"])
    return only([one for one in answer["ResourceRecordSets"] if (one["Name"], one["Type"]) == wanted])


def _record_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    shown = [one["Value"] for one in found.get("ResourceRecords", [])]
    return {"records": shown or None, "ttl": found.get("TTL"), "name": inputs["name"]}


def _options(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    options = [
        {
            "domainName": one["DomainName"],
            "resourceRecordName": one["ResourceRecord"]["Name"],
            "resourceRecordType": one["ResourceRecord"]["Type"],
            "resourceRecordValue": one["ResourceRecord"]["Value"],
        }
        for one in found.get("DomainValidationOptions", [])
        if "ResourceRecord" in one
    ]
    return {"arn": identity, "domainValidationOptions": options, "status": found.get("Status")}


def _await_validation(account: Account, inputs: Values) -> None:
    """AWS issues a certificate when the record that proves the domain answers; moto always does."""
    found = account.call("acm", "describe_certificate", CertificateArn=inputs["certificateArn"])[
        "Certificate"
    ]
    held = set()
    for zone in account.call("route53", "list_hosted_zones")["HostedZones"]:
        # Answers give the identity as a path, which requests do not take.
        identity = zone["Id"].removeprefix("/hostedzone/")
        sets = account.call("route53", "list_resource_record_sets", HostedZoneId=identity)[
            "ResourceRecordSets"
        ]
        held |= {one["Name"].rstrip(".") for one in sets}
    for option in found["DomainValidationOptions"]:
        name = option["ResourceRecord"]["Name"].rstrip(".")
        if name not in held:
            raise Refused(
                "RequestTimeout", f"the certificate stays PENDING_VALIDATION: there is no record {name}"
            )


ROWS = {
    "aws:acm/certificate:Certificate": Row(
        service="acm",
        create="request_certificate",
        identity="CertificateArn",
        read=Look("describe_certificate", lambda i, n: {"CertificateArn": i}, "Certificate"),
        delete=("delete_certificate", lambda i, n: {"CertificateArn": i}),
        tagged=True,
        new=names("domainName subjectAlternativeNames validationMethod keyAlgorithm certificateAuthorityArn"),
        blind=names("validationMethod keyAlgorithm"),
        outputs=_options,
    ),
    "aws:acm/certificateValidation:CertificateValidation": Row(
        service="acm",
        create="describe_certificate",  # a wait, for which there is no call
        identity=lambda answer, n: n["certificateArn"],
        read=None,
        delete=None,
        body=lambda n: {"certificateArn": n["certificateArn"]},
        new=names("certificateArn validationRecordFqdns"),
        after=lambda account, i, n: _await_validation(account, n),
    ),
    "aws:route53/record:Record": Row(
        service="route53",
        create="change_resource_record_sets",
        identity=lambda answer, n: f"{n['zoneId']}_{n['name']}_{n['type']}",
        read=Look("list_resource_record_sets", lambda i, n: {"HostedZoneId": n["zoneId"]}, _record_found),
        delete=_delete_record,
        body=lambda n: _record(n, "UPSERT"),
        new=names("zoneId name type setIdentifier"),
        puts=True,
        seen=_record_seen,
        outputs=lambda account, i, n, found: {"fqdn": n["name"].rstrip(".")},
    ),
}
