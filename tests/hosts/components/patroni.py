from infra.topology.components import port
from tests.hosts.components import Own
from tests.hosts.file_kinds import PROGRAM, Release, template

UNITS = "/etc/systemd/system"
OWN = Own(
    files={
        "/etc/patroni/patroni.yml": template("patroni/patroni.yml.j2", ("0640", "root:postgres")),
        f"{UNITS}/patroni.service": template(
            "patroni/patroni.service.j2", patroni_program=Release("patroni", "bin/patroni")
        ),
        f"{UNITS}/flashtier-member.service": template("patroni/flashtier-member.service.j2"),
        "/usr/local/lib/flashtier/check-member": template("patroni/check-member.j2", PROGRAM),
    },
    runtime={
        "/run/patroni": ("0700", "postgres:postgres"),
        f"/run/postgresql/.s.PGSQL.{port('postgresql').number}": ("0777", "postgres:postgres"),
    },
    folders={"/etc/patroni": ("0750", "root:postgres")},
)
