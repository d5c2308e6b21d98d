"""Options of modules that read and write keys of etcd (module_utils/etcd_keys.py, OPTIONS)."""

from __future__ import annotations


class ModuleDocFragment:
    """What `extends_documentation_fragment: etcd_keys` adds."""

    DOCUMENTATION = r"""
options:
  endpoints:
    description: Addresses of etcd, such as https://10.88.0.150:2379.
    type: list
    elements: str
    required: true
  username:
    description: The user of etcd, which may write what the module writes.
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  scope:
    description: The cluster's name.
    type: str
    required: true
  ca:
    description: The authority's certificate.
    type: path
    required: true
  cert:
    description: The host's certificate.
    type: path
    required: true
  key:
    description: The host's key.
    type: path
    required: true
  timeout:
    description: Seconds in which an endpoint has to answer.
    type: float
    default: 5
"""
