from tests.hosts.components import Own
from tests.hosts.file_kinds import OWN as WRITTEN
from tests.hosts.file_kinds import template

OWN = Own(
    files={
        "/etc/flashtier/postgresql/postgresql.conf": template(
            "postgresql/postgresql.conf.j2", ("0640", "root:postgres")
        ),
        "/etc/flashtier/postgresql/system_identifier": ("0640", "root:postgres", WRITTEN),
    }
)
