"""Filter of the role `certificates`: what is wrong with a host's request. It only computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.stack.authority import request_faults

DOCUMENTATION = r"""
name: certificates
short_description: Why the authority does not sign a certificate request
description:
  - C(certificate_request_faults) gives a line for each part of a request that is not what the contract
    declares for the host.
options:
  _input:
    description: The request as PEM, as the host made it.
    type: str
    required: true
  names:
    description: DNS names of the host; the first one is the subject.
    type: list
    elements: str
  address:
    description: The host's IPv4 address.
    type: str
"""

EXAMPLES = r"""
faults: "{{ request.csr | certificate_request_faults(['db1.local', 'db1'], '10.88.0.100') }}"
"""

RETURN = r"""
_value:
  description: Lines; none where the request may be signed.
  type: list
  elements: str
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"certificate_request_faults": request_faults}
