from infra.paths import ROOT
from tests.hosts.components import Own
from tests.hosts.file_kinds import LIBRARY, Secret, Template, modules, template

#: The program, module by module.
CODE = "ansible/roles/follower/files/follower"

OWN = Own(
    files={
        "/etc/flashtier/follower.json": (
            "0640",
            "root:flashtier-follower",
            Template("follower/follower.json", expression="{{ follower_configuration | to_nice_json }}\n"),
        ),
        "/etc/systemd/system/flashtier-follower.service": template("follower/flashtier-follower.service.j2"),
        **{
            f"/etc/flashtier/follower/{name}": ("0400", "root:root", Secret(secret))
            for name, secret in {
                "etcd_password": "etcd_follower_password",
                "database_password": "follower_database_password",
            }.items()
        },
        **modules(sorted((ROOT / CODE).glob("*.py"))),
    },
    runtime={
        "/run/flashtier-follower": ("0755", "flashtier-follower:flashtier-follower"),
        "/run/flashtier-follower/state.json": ("0644", "flashtier-follower:flashtier-follower"),
    },
    folders={
        "/etc/flashtier/follower": ("0700", "root:root"),
        # Of no package, as every folder there.
        f"{LIBRARY}/follower": ("0755", "root:root"),
    },
    accounts=frozenset({"flashtier-follower"}),
)
