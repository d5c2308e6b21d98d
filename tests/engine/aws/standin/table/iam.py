"""IAM: roles, policies, instance profiles."""

from __future__ import annotations

from standin.account import Account
from standin.laws.iam import document
from standin.row import Bad, Look, Refused, Row, Step, Values, names, pick


def _policy(name: str):
    def check(account: Account, inputs: Values) -> None:
        try:
            document(inputs.get(name))
        except Refused as error:
            raise Bad(name, str(error)) from None

    return check


def _delete_role(account: Account, identity: str, inputs: Values) -> None:
    if inputs.get("forceDetachPolicies"):
        for one in account.call("iam", "list_attached_role_policies", RoleName=identity)["AttachedPolicies"]:
            account.call("iam", "detach_role_policy", RoleName=identity, PolicyArn=one["PolicyArn"])
    account.call("iam", "delete_role", RoleName=identity)


def _role_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    import json

    shown = found.get("AssumeRolePolicyDocument")
    return {"assumeRolePolicy": _unless_same(inputs.get("assumeRolePolicy"), json.dumps(shown))}


def _unless_same(declared: str | None, shown: str | None) -> str | None:
    """The shown policy, unless it says what is declared in another layout."""
    import json

    if declared is None or shown is None:
        return None
    return declared if json.loads(declared) == json.loads(shown) else shown


def _inline_found(account: Account, identity: str, inputs: Values) -> Values | None:
    import json

    role, name = identity.split(":", 1)
    found = account.look("iam", "get_role_policy", RoleName=role, PolicyName=name)
    if found is None:
        return None
    text = found["PolicyDocument"]
    text = text if isinstance(text, str) else json.dumps(text)
    return {"Policy": _unless_same(inputs.get("policy"), text)}


def _version(account: Account, identity: str, news: Values, olds: Values) -> None:
    versions = account.call("iam", "list_policy_versions", PolicyArn=identity)["Versions"]
    for one in (
        [v for v in versions if not v["IsDefaultVersion"]][4 - len(versions) - 1 :]
        if len(versions) > 4
        else []
    ):
        account.call("iam", "delete_policy_version", PolicyArn=identity, VersionId=one["VersionId"])
    account.call(
        "iam", "create_policy_version", PolicyArn=identity, PolicyDocument=news["policy"], SetAsDefault=True
    )


def _delete_policy(account: Account, identity: str, inputs: Values) -> None:
    for one in account.call("iam", "list_policy_versions", PolicyArn=identity)["Versions"]:
        if not one["IsDefaultVersion"]:
            account.call("iam", "delete_policy_version", PolicyArn=identity, VersionId=one["VersionId"])
    account.call("iam", "delete_policy", PolicyArn=identity)


def _policy_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    import json

    version = account.call(
        "iam", "get_policy_version", PolicyArn=identity, VersionId=found["DefaultVersionId"]
    )
    shown = version["PolicyVersion"]["Document"]
    return {
        "policy": _unless_same(inputs.get("policy"), shown if isinstance(shown, str) else json.dumps(shown))
    }


def _give_role(account: Account, identity: str, inputs: Values) -> None:
    if inputs.get("role"):
        account.call(
            "iam", "add_role_to_instance_profile", InstanceProfileName=identity, RoleName=inputs["role"]
        )


def _take_roles(account: Account, identity: str) -> None:
    profile = account.call("iam", "get_instance_profile", InstanceProfileName=identity)["InstanceProfile"]
    for role in profile["Roles"]:
        request = {"InstanceProfileName": identity, "RoleName": role["RoleName"]}
        account.call("iam", "remove_role_from_instance_profile", **request)


def _change_role(account: Account, identity: str, news: Values, olds: Values) -> None:
    _take_roles(account, identity)
    _give_role(account, identity, news)


def _delete_profile(account: Account, identity: str, inputs: Values) -> None:
    _take_roles(account, identity)
    account.call("iam", "delete_instance_profile", InstanceProfileName=identity)


def _profile_seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    return {"role": found["Roles"][0]["RoleName"] if found.get("Roles") else ""}


def _attached(answer: Values, identity: str, inputs: Values) -> Values | None:
    return next((one for one in answer["AttachedPolicies"] if one["PolicyArn"] == inputs["policyArn"]), None)


ROWS = {
    "aws:iam/role:Role": Row(
        service="iam",
        create="create_role",
        identity="Role.RoleName",
        read=Look("get_role", lambda i, n: {"RoleName": i}, "Role"),
        delete=_delete_role,
        tagged=True,
        rename={"name": "roleName", "assumeRolePolicy": "assumeRolePolicyDocument"},
        new=names("name namePrefix path"),
        own=names("forceDetachPolicies"),
        auto="name",
        steps=(
            Step(
                "update_assume_role_policy",
                ("assumeRolePolicy",),
                lambda n, i: {"roleName": i, "policyDocument": n["assumeRolePolicy"]},
                on_create=False,
            ),
            Step(
                "update_role",
                ("description", "maxSessionDuration"),
                lambda n, i: {
                    "roleName": i,
                    **pick(n, description="description", maxSessionDuration="maxSessionDuration"),
                },
                on_create=False,
            ),
        ),
        check=_policy("assumeRolePolicy"),
        seen=_role_seen,
    ),
    "aws:iam/rolePolicy:RolePolicy": Row(
        service="iam",
        create="put_role_policy",
        identity=lambda answer, n: f"{n['role']}:{n['name']}",
        read=_inline_found,
        delete=(
            "delete_role_policy",
            lambda i, n: dict(zip(("RoleName", "PolicyName"), i.split(":", 1), strict=True)),
        ),
        rename={"name": "policyName", "role": "roleName", "policy": "policyDocument"},
        new=names("name role namePrefix"),
        auto="name",
        puts=True,
        check=_policy("policy"),
        seen=lambda account, i, n, found: {"policy": found["Policy"]},
    ),
    "aws:iam/policy:Policy": Row(
        service="iam",
        create="create_policy",
        identity="Policy.Arn",
        read=Look("get_policy", lambda i, n: {"PolicyArn": i}, "Policy"),
        delete=_delete_policy,
        tagged=True,
        rename={"name": "policyName", "policy": "policyDocument"},
        new=names("name namePrefix path description"),
        auto="name",
        changes={"policy": _version},
        check=_policy("policy"),
        seen=_policy_seen,
        outputs=lambda account, i, n, found: {"policyId": found.get("PolicyId")},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Row(
        service="iam",
        create="attach_role_policy",
        identity=lambda answer, n: f"{n['role']}/{n['policyArn']}",
        read=Look("list_attached_role_policies", lambda i, n: {"RoleName": n["role"]}, _attached),
        delete=("detach_role_policy", lambda i, n: {"RoleName": n["role"], "PolicyArn": n["policyArn"]}),
        rename={"role": "roleName"},
        new=names("role policyArn"),
        delete_before_replace=True,
    ),
    "aws:iam/instanceProfile:InstanceProfile": Row(
        service="iam",
        create="create_instance_profile",
        identity="InstanceProfile.InstanceProfileName",
        read=Look("get_instance_profile", lambda i, n: {"InstanceProfileName": i}, "InstanceProfile"),
        delete=_delete_profile,
        tagged=True,
        rename={"name": "instanceProfileName"},
        new=names("name namePrefix path"),
        own=names("role"),
        auto="name",
        changes={"role": _change_role},
        after=_give_role,
        seen=_profile_seen,
        outputs=lambda account, i, n, found: {"uniqueId": found.get("InstanceProfileId")},
    ),
}
