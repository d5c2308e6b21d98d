from infra.topology.components import port
from tests.hosts.components import Own
from tests.hosts.file_kinds import OWN as WRITTEN

OWN = Own(
    files={"/etc/flashtier/postgresql/system_identifier": ("0640", "root:postgres", WRITTEN)},
    runtime={f"/run/postgresql/.s.PGSQL.{port('postgresql').number}": ("0777", "postgres:postgres")},
)
