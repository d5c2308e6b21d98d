from infra.paths import ROOT
from tests.hosts.components import Own
from tests.hosts.file_kinds import LIBRARY, PLAIN, Secret, Template, modules, template

#: The program of both units of a takeover, and what it shares with the follower.
CODE = (
    *sorted((ROOT / "ansible/roles/takeover/files/takeover").glob("*.py")),
    *(
        ROOT / f"ansible/roles/follower/files/follower/{name}.py"
        for name in (
            "__init__",
            "access",
            "etcd",
            "journal",
            "notify",
            "publisher",
            "ranges",
            "threads",
            "watcher",
        )
    ),
)
OWN = Own(
    files={
        "/etc/flashtier/takeover.json": (
            *PLAIN,
            Template("takeover/takeover.json", expression="{{ takeover_configuration | to_nice_json }}\n"),
        ),
        "/etc/flashtier/seal/etcd_password": ("0400", "root:root", Secret("etcd_seal_password")),
        "/etc/systemd/system/flashtier-seal.service": template("takeover/flashtier-seal.service.j2"),
        **modules(CODE),
    },
    runtime={
        "/run/flashtier-seal": ("0755", "flashtier-seal:flashtier-seal"),
        "/run/flashtier-seal/sealed.nft": ("0644", "flashtier-seal:flashtier-seal"),
    },
    folders={
        "/etc/flashtier/seal": ("0700", "root:root"),
        f"{LIBRARY}/takeover": ("0755", "root:root"),
        f"{LIBRARY}/follower": ("0755", "root:root"),
    },
    accounts=frozenset({"flashtier-seal"}),
)
