"""All resources that no stack may have: case: (rule, resource, what the rule reports)."""

from tests.support.policy import wrong_networks, wrong_principals, wrong_rights

WRONG = {**wrong_principals.WRONG, **wrong_rights.WRONG, **wrong_networks.WRONG}
