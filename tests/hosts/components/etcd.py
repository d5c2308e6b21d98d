from tests.hosts.components import Own
from tests.hosts.file_kinds import OWN as WRITTEN
from tests.hosts.file_kinds import PLAIN, PRIVATE, PROGRAM, Secret, Tree, template

UNITS = "/etc/systemd/system"
OWN = Own(
    files={
        "/etc/default/etcd": template("etcd/default.j2"),
        # test_etcd.py compares it with the cluster.
        "/etc/flashtier/etcd/cluster": (*PLAIN, WRITTEN),
        "/etc/flashtier/etcd/snapshot_password": (*PRIVATE, Secret("etcd_snapshot_password")),
        f"{UNITS}/etcd.service.d/flashtier.conf": template("etcd/unit.conf.j2"),
        **{
            f"{UNITS}/{name}": template(f"etcd/{name}.j2")
            for name in ("flashtier-etcd-snapshot.service", "flashtier-etcd-snapshot.timer")
        },
        "/usr/local/lib/flashtier/etcd-snapshot": (
            *PROGRAM,
            Tree("ansible/roles/etcd/files/etcd_snapshot.py"),
        ),
    },
)
