"""One secret of the stack, read at the task that needs it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from infra.errors import FlashtierError
from infra.stack.outputs import read_secrets

DOCUMENTATION = """
name: pulumi_secret
short_description: A secret of the stack that the inventory describes
description:
  - Returns values of the encrypted stack output C(secrets), by name. The names are those of C(MAKERS) in
    infra/stack/secret_table.py.
  - The stack is the one of the inventory (C(contract.stack)). Its outputs are read once, before Ansible
    forks its workers, so that a lookup starts no process.
  - A task that uses it sets C(no_log), and a template that holds its value is rendered with C(diff=false).
options:
  _terms:
    description: Names of the secrets.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Set the password of the app's account
  community.postgresql.postgresql_user:
    name: photos_app
    password: "{{ lookup('pulumi_secret', 'app_database_password') }}"
  no_log: true
"""

RETURN = """
_raw:
  description: The secrets, in the order of the names.
  type: list
  elements: str
"""


class LookupModule(LookupBase):
    """Reads secrets by name; an unknown name is an error that lists the known ones."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: object) -> list[str]:
        """The secrets named by `terms`. Raises `AnsibleLookupError`; no message ever holds a value."""
        contract = (variables or {}).get("contract")
        if contract is None:
            raise AnsibleLookupError(
                "pulumi_secret: there is no variable `contract`, so the stack is unknown; "
                "run with -i ansible/inventory.pulumi_stack.yml"
            )
        stack = contract["stack"]
        try:
            secrets = read_secrets(stack)
        except FlashtierError as error:
            raise AnsibleLookupError(str(error)) from None
        for term in terms:
            if term not in secrets:
                raise AnsibleLookupError(
                    f"pulumi_secret {term!r}: stack {stack!r} holds {', '.join(sorted(secrets))}; "
                    f"correct the name, or run `flashtier secrets -s {stack}` and `pulumi up -s {stack}`"
                )
        return [secrets[term] for term in terms]
