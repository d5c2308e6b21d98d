from tests.hosts.components import Own
from tests.hosts.file_kinds import Secret, template

OWN = Own(
    files={
        "/etc/flashtier/release/etcd_password": ("0400", "root:root", Secret("etcd_release_password")),
        "/etc/systemd/system/flashtier-release.service": template("takeover/flashtier-release.service.j2"),
    },
    folders={"/etc/flashtier/release": ("0700", "root:root")},
    accounts=frozenset({"flashtier-release"}),
)
