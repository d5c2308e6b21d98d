"""Who may log in and who may become root."""

import grp
import pathlib
import pwd

from tests.hosts.probe.base import lines, read, run


def accounts(question):
    shadow = dict(line.split(":")[:2] for line in read("/etc/shadow").splitlines())
    found = {}
    for user in pwd.getpwall():
        keys = pathlib.Path(user.pw_dir, ".ssh/authorized_keys")
        password = shadow.get(user.pw_name, "")
        found[user.pw_name] = {
            "uid": user.pw_uid,
            "shell": user.pw_shell,
            "password": "locked" if password[:1] in ("!", "*") else "set" if password else "empty",
            "keys": lines(keys.read_text()) if keys.is_file() else [],
            "groups": sorted(group.gr_name for group in grp.getgrall() if user.pw_name in group.gr_mem),
        }
    return found


def privileges(question):
    files = [pathlib.Path("/etc/sudoers"), *sorted(pathlib.Path("/etc/sudoers.d").iterdir())]
    return {str(path): lines(path.read_text()) for path in files if path.name != "README"}


def ssh_daemon(question):
    found = {}
    for line in run("/usr/sbin/sshd", "-T").splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found


def entries(question):
    """The account files as they are: NSS would hide a name or a number that is given twice."""
    return {
        "passwd": lines(read("/etc/passwd")),
        "group": lines(read("/etc/group")),
        "ending": sorted(line.split(":")[0] for line in lines(read("/etc/shadow")) if line.split(":")[7]),
        "lingering": sorted(item.name for item in pathlib.Path("/var/lib/systemd/linger").glob("*")),
    }
