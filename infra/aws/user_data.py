"""Pure: what a host on AWS gets at its first boot, and no more than makes it reachable.

The rest is Ansible's. Every process on the host can read it through the metadata service, and whoever may
describe instances through the API, so nothing in it is a secret. It is read once, by cloud-init.
"""

from __future__ import annotations

import yaml

from infra.contract import Access

#: Source: Amazon EC2 API, RunInstances, UserData: 16 KB before it is encoded.
LARGEST = 16 * 1024


def user_data(access: Access) -> str:
    """A cloud-config: the operator's account as tools/image/first-boot makes it on platform local."""
    config = {
        "users": [
            {
                "name": access.user,
                "gecos": "flashtier operator",
                "shell": "/bin/bash",
                # No group of its own: Debian has some, such as "operator", whose members may own things.
                "no_user_group": True,
                "primary_group": "users",
                # No password: cloud-init locks it unless lock_passwd is false.
                "ssh_authorized_keys": list(access.authorized_keys),
            }
        ],
        # The role `base` keeps this file later; cloud-init's own would stay as a second one.
        "write_files": [
            {
                "path": "/etc/sudoers.d/flashtier",
                "owner": "root:root",
                "permissions": "0440",
                "content": f"{access.user} ALL=(ALL:ALL) NOPASSWD: ALL\n",
            }
        ],
        "ssh_pwauth": False,
        "disable_root": True,
        # Keys of an EC2 key pair: there is none, and one given by hand is not let in.
        "allow_public_ssh_keys": False,
        # Host keys are the host's own, of the one kind that is offered; the console proves them.
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519"],
        "ssh": {"emit_keys_to_console": True},
        # The role `base` sets both. Where an image says so, cloud-init rewrites /etc/hosts at each boot.
        "preserve_hostname": True,
        "manage_etc_hosts": False,
    }
    text = "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False, width=4096)
    assert len(text.encode()) <= LARGEST  # noqa: S101 - one account with a few keys
    return text
