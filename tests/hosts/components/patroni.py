from infra.paths import ROOT
from infra.topology.components import port
from tests.hosts.components import Own
from tests.hosts.file_kinds import LIBRARY, PROGRAM, Release, modules, template

UNITS = "/etc/systemd/system"
PYTHON = Release("patroni", "bin/python")
#: What runs when the server ends, module by module; how it reaches etcd is the follower's.
CODE = (
    *sorted((ROOT / "ansible/roles/patroni/files").glob("*/*.py")),
    *(
        ROOT / "ansible/roles/follower/files/follower" / name
        for name in ("__init__.py", "access.py", "etcd.py")
    ),
)
OWN = Own(
    files={
        "/etc/patroni/patroni.yml": template(
            "patroni/patroni.yml.j2", ("0640", "root:postgres"), patroni_python=PYTHON
        ),
        f"{UNITS}/flashtier-postmaster.service": template(
            "patroni/flashtier-postmaster.service.j2", patroni_python=PYTHON
        ),
        **modules(CODE),
        f"{UNITS}/patroni.service": template(
            "patroni/patroni.service.j2", patroni_program=Release("patroni", "bin/patroni")
        ),
        f"{UNITS}/flashtier-move.service": template("patroni/flashtier-move.service.j2"),
        f"{LIBRARY}/move-data": template("patroni/move-data.j2", PROGRAM, patroni_python=PYTHON),
        f"{UNITS}/flashtier-member.service": template("patroni/flashtier-member.service.j2"),
        "/usr/local/lib/flashtier/check-member": template("patroni/check-member.j2", PROGRAM),
    },
    runtime={
        "/run/patroni": ("0700", "postgres:postgres"),
        f"/run/postgresql/.s.PGSQL.{port('postgresql').number}": ("0777", "postgres:postgres"),
    },
    folders={
        "/etc/patroni": ("0750", "root:postgres"),
        f"{LIBRARY}/follower": ("0755", "root:root"),
        f"{LIBRARY}/holding": ("0755", "root:root"),
        f"{LIBRARY}/moving": ("0755", "root:root"),
    },
)
