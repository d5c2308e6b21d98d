from tests.hosts.components import Own
from tests.hosts.file_kinds import template

OWN = Own(
    files={
        f"/etc/flashtier/postgresql/{name}": template(f"postgresql/{name}.j2", ("0640", "root:postgres"))
        for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    },
    runtime={"/run/postgresql": ("2775", "postgres:postgres")},
    folders={"/etc/flashtier/postgresql": ("0750", "root:postgres")},
)
