"""Where secrets may be: processes whose environment contains them, and files of hosts."""

from __future__ import annotations

from infra.stack.secret_table import SECRET_NAMES

#: Processes whose environment holds a secret, because the program reads it nowhere else. Only root and the
#: account of the process can read it.
ALLOWED_PROCESSES = {
    # The S3 gateway reads its root account from flags or variables only.
    ("environment", "versitygw", "s3_root_access_key"),
    ("environment", "versitygw", "s3_root_secret_key"),
    # Pulumi passes a program its configuration this way; child processes of the program do not get it.
    *(("environment", "pulumi-language-python-exec", name) for name in SECRET_NAMES),
}


Right = tuple[str, str, str]


#: What files of a host may hold a secret: component -> path -> owner, group, mode.
ALLOWED_FILES: dict[str, dict[str, Right]] = {
    "ssh": {
        "/etc/ssh/ssh_host_ed25519_key": ("root", "root", "0600"),
        "/etc/flashtier/tls/host.key": ("root", "ssl-cert", "0640"),
    },
    "photo_api": {
        f"/etc/photo-api/credentials/{name}": ("root", "root", "0400")
        for name in ("s3_access_key", "s3_secret_key")
    }
    # Passed by systemd to the process, in memory that is not swapped: only its account reads them (an ACL).
    | {
        f"/run/credentials/photo-api.service/{name}": ("root", "root", "0440")
        for name in ("s3_access_key", "s3_secret_key")
    },
    "pgbouncer": {"/etc/pgbouncer/userlist.txt": ("root", "pgbouncer", "0640")},
    "follower": {
        f"/etc/flashtier/follower/{name}": ("root", "root", "0400")
        for name in ("etcd_password", "database_password")
    }
    | {
        f"/run/credentials/flashtier-follower.service/{name}": ("root", "root", "0440")
        for name in ("etcd_password", "database_password")
    },
    "patroni": {"/etc/patroni/patroni.yml": ("root", "postgres", "0640")},
    "etcd": {"/etc/flashtier/etcd/snapshot_password": ("root", "root", "0600")},
    "s3": {
        "/etc/flashtier/s3/environment": ("root", "root", "0600"),
        "/etc/flashtier/s3/s3cfg": ("root", "root", "0600"),
        "/etc/flashtier/s3/iam/users.json": ("root", "versitygw", "0640"),
        # The app's access key names the principal of the policy.
        "/etc/flashtier/s3/policy.json": ("root", "root", "0600"),
    },
}
#: What Patroni writes for a server that follows; one that has only led has none.
MAY_HOLD: dict[str, Right] = {"/run/patroni/pgpass": ("postgres", "postgres", "0600")}
