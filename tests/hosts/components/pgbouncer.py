from tests.hosts.components import Own
from tests.hosts.file_kinds import template

PRIVATE = ("0640", "root:pgbouncer")

OWN = Own(
    files={
        **{
            f"/etc/pgbouncer/{name}": template(f"pgbouncer/{name}.j2", PRIVATE)
            for name in ("fixed.ini", "hba.conf", "ident.conf", "pgbouncer.ini", "userlist.txt")
        },
        "/etc/systemd/system/pgbouncer.service.d/flashtier.conf": template("pgbouncer/unit.conf.j2"),
    },
    runtime={
        "/run/pgbouncer": ("0755", "pgbouncer:pgbouncer"),
        "/run/pgbouncer/.s.PGSQL.6432": ("0770", "pgbouncer:pgbouncer"),
    },
    accounts=frozenset({"pgbouncer"}),
)
