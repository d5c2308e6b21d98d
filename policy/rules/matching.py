"""Wildcards of IAM: what a pattern in a policy matches, and whether a name in it is fixed.

Source of all of it: IAM user guide, "IAM JSON policy elements: Resource", "IAM JSON policy elements: Action"
and "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re

#: A variable that stands for one literal character, and every other one, which stands for any text.
LITERAL = re.compile(r"\$\{([*?$])\}")
VARIABLE = re.compile(r"\$\{[^}]*\}")
WILD = re.compile(r"[*?]")
ARN_FIELDS = 6

#: The prefix of every name that the kit gives (infra/aws/naming.py).
OWN_PREFIX = "flashtier-"
#: First parts of a resource's name that are a kind and not a name: `loadbalancer/app/NAME`.
KINDS_OF_BALANCERS = frozenset({"app", "net", "gwy"})


def wild(text: str) -> bool:
    """Whether the text can match more than one value: `*`, `?`, or a variable that a request fills in."""
    rest = LITERAL.sub("", text)
    return bool(WILD.search(rest) or VARIABLE.search(rest))


def matches(pattern: str, value: str) -> bool:
    """Whether a pattern of IAM matches: `*` is any text, also with `/` and `:` in it, `?` one character.

    Without case, as IAM compares actions; for a resource that is the wider reading.
    """
    parts = re.split(r"(\$\{[^}]*\}|[*?])", pattern)
    return bool(re.fullmatch("".join(map(_expression, parts)), value, re.IGNORECASE | re.DOTALL))


def _expression(part: str) -> str:
    if literal := LITERAL.fullmatch(part):
        return re.escape(literal[1])
    if part == "*" or VARIABLE.fullmatch(part):
        return ".*"
    return "." if part == "?" else re.escape(part)


def fields(arn: str) -> list[str]:
    """The six fields of an ARN. IAM completes one that has fewer with `*`."""
    found = arn.split(":", ARN_FIELDS - 1)
    return found + ["*"] * (ARN_FIELDS - len(found))


def names_one(arn: str, *, tied: bool = False) -> bool:
    """Whether a Resource is one thing of the account, and what is inside it.

    `tied`: a condition on the tags of the resource chooses among all of one kind, as `instance/*`.
    """
    if not arn.startswith("arn:"):
        return False
    arn = VARIABLE.sub("*", LITERAL.sub("-", arn))  # its colons are not the ARN's
    _, partition, service, region, account, name = fields(arn)
    if any(map(wild, (partition, service, region, account))):
        return False
    if not wild(name):
        return bool(name)
    if service == "s3" and not account:
        # Bucket names are global: `flashtier-*` matches a stranger's bucket, too.
        return not wild(name.partition("/")[0])
    whole: list[str] = []
    for part in re.split("[:/]", name):
        if wild(part):
            return (
                any(one.startswith(OWN_PREFIX) for one in (*whole, part))
                or len([one for one in whole if one not in KINDS_OF_BALANCERS]) > 1
                or (tied and len(whole) == 1)
            )
        whole.append(part)
    return True
