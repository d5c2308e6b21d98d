"""Every file of the root disk that is not as a package brought it: changed, added, missing, of other rights.

Packages' files are known by dpkg's lists and checksums. Those under /usr are summed only when the kernel says
that they were touched after their package was unpacked (ctime, which no program sets); those of /etc always.
"""

import fcntl
import fnmatch
import grp
import hashlib
import os
import pathlib
import pwd
import stat
import struct

from tests.hosts.probe.base import read

INFO = pathlib.Path("/var/lib/dpkg/info")
#: Read whole, as /usr is: what lies here is in effect, or will be at the next boot.
ROOTS = (
    "/etc", "/opt", "/boot", "/root", "/home", "/srv", "/mnt", "/media", "/var/spool",
    "/var/lib/systemd/linger", "/run/systemd/system", "/run/systemd/system.control",
    "/run/systemd/transient", "/run/systemd/network",
    "/run/systemd/system.attached", "/run/udev/rules.d", "/run/sysctl.d", "/run/tmpfiles.d",
    "/run/modprobe.d",
    "/run/systemd/journald.conf.d", "/run/systemd/resolved.conf.d", "/run/systemd/system-preset",
)  # fmt: skip
#: Releases of the app and of Patroni are held against their own checksums elsewhere.
LEFT_OUT = ("/opt/photo-api/releases", "/opt/patroni/releases")
#: Of a home, /root or /home/<account>, only what a login reads counts: hidden files but for these.
HISTORY = (".ansible", ".cache", ".local", ".bash_history", ".lesshst", ".viminfo", ".psql_history",
           ".python_history", ".wget-hsts", ".sudo_as_admin_successful")  # fmt: skip
#: Caches that programs write next to what they read.
CACHES = ("*/__pycache__", "/usr/share/info/dir")
LARGEST = 64 << 10  # bytes of a text that is reported whole
GETFLAGS, IMMUTABLE, APPEND_ONLY = 0x80086601, 0x10, 0x20


class Packages:
    """Which package owns a path, and the checksum it came with."""

    def __init__(self):
        self.owner, self.sums, self.unpacked = {}, {}, {}
        for names in INFO.glob("*.list"):
            package = names.name.removesuffix(".list")
            self.unpacked[package] = names.stat().st_ctime
            self.owner.update(dict.fromkeys(read(names).splitlines(), package))
        for sums in INFO.glob("*.md5sums"):
            for line in read(sums).splitlines():
                value, _, path = line.partition("  ")
                self.sums[f"/{path}"] = value
        conffiles = False
        for line in read("/var/lib/dpkg/status").splitlines():
            if conffiles and line.startswith(" "):
                path, value, *gone = line.split()
                if gone:
                    self.sums.pop(path, None)
                else:
                    self.sums[path] = value
            else:
                conffiles = line == "Conffiles:"
        moved = read("/var/lib/dpkg/diversions").splitlines()
        self.diverted = {*moved[0::3], *moved[1::3]}
        settings = pathlib.Path("/etc/dpkg/dpkg.cfg.d").glob("*")
        self.excluded = [
            line.partition("=")[2].strip()
            for file in settings
            for line in read(file).splitlines()
            if line.startswith("path-exclude=")
        ]

    def touched(self, path, status):
        return status.st_ctime > self.unpacked.get(self.owner.get(path), 0) + 1

    def missing(self):
        """Paths that a package brought and that are not there, but for what dpkg is set to leave out."""
        gone = [path for path in self.sums if path not in self.diverted and not os.path.lexists(path)]
        return sorted(path for path in gone if not any(fnmatch.fnmatch(path, rule) for rule in self.excluded))


def files(question):
    """{"missing": [path], "found": {path: what it is}}; of `question["texts"]` the text as well."""
    packages = Packages()
    found = {}
    for path, status in walk():
        entry = describe(path, status, packages, question["texts"])
        if entry:
            found[path] = entry
    return {"missing": packages.missing(), "found": found}


def walk():
    device = os.lstat("/").st_dev
    yield "/", os.lstat("/")
    for root in ("/usr", *ROOTS):
        for folder, folders, names in os.walk(root):
            at_home = folder == "/root" or (folder.startswith("/home/") and folder.count("/") == 2)
            for name in [*folders, *names]:
                path = f"{folder}/{name}"
                skipped = path in LEFT_OUT or any(fnmatch.fnmatch(path, cache) for cache in CACHES)
                if at_home and (name in HISTORY or not name.startswith(".")):
                    skipped = True
                status = None if skipped else os.lstat(path)
                if skipped or (stat.S_ISDIR(status.st_mode) and status.st_dev != device and root != "/run"):
                    if name in folders:
                        folders.remove(name)
                    continue
                yield path, status
            folders[:] = [name for name in folders if not pathlib.Path(folder, name).is_symlink()]


def describe(path, status, packages, texts):
    """What is unusual about a path; None where nothing is."""
    kind = stat.S_IFMT(status.st_mode)
    entry = {
        "kind": {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}.get(kind, "special"),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": f"{name(pwd.getpwuid, status.st_uid)}:{name(grp.getgrgid, status.st_gid)}",
        "package": packages.owner.get(path, ""),
    }
    plain = entry["owner"] == "root:root" and entry["mode"] in ("0644", "0755")
    if entry["kind"] == "link":
        entry["target"] = str(pathlib.Path(path).readlink())
        ours = path in packages.owner or (
            os.path.realpath(path) in packages.owner and not path.startswith("/etc/systemd/")
        )
        return None if ours and not lies_open(path) else entry
    if extra := attributes(path, entry["kind"]):
        entry["attributes"] = extra
    if entry["kind"] == "folder":
        unknown = not entry["package"] and path.startswith("/usr/local/")
        return None if entry["mode"] == "0755" and plain and not extra and not unknown else entry
    if entry["kind"] != "file":
        return entry
    entry["state"] = state(path, status, packages)
    if entry["state"] == "as packaged" and plain and not extra:
        return None
    if entry["state"] != "as packaged":
        content = pathlib.Path(path).read_bytes()
        entry["sha256"] = hashlib.sha256(content).hexdigest()
        if path in texts and len(content) <= LARGEST:
            entry["text"] = content.decode(errors="replace")
    return entry


def lies_open(path):
    """Links whose target is a setting: which zone, which resolver, which name of the system."""
    return path.startswith("/etc/") and path.count("/") == 2 and not path.startswith("/etc/rc")


def state(path, status, packages):
    known = packages.sums.get(path)
    if known is None:
        return "of a package, without checksum" if path in packages.owner else "of no package"
    if path.startswith("/usr/") and not packages.touched(path, status):
        return "as packaged"
    with pathlib.Path(path).open("rb") as content:
        same = hashlib.file_digest(content, "md5").hexdigest() == known
    return "as packaged" if same else "changed"


def attributes(path, kind):
    """Rights that a mode does not show: ACLs and capabilities by their names, and the flags of chattr."""
    found = os.listxattr(path, follow_symlinks=False)
    if kind == "file" and path.startswith("/etc/"):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            flags = struct.unpack("l", fcntl.ioctl(handle, GETFLAGS, struct.pack("l", 0)))[0]
        except OSError:
            flags = 0  # the file system has none
        finally:
            os.close(handle)
        found += ["immutable"] * bool(flags & IMMUTABLE) + ["append-only"] * bool(flags & APPEND_ONLY)
    return sorted(found)


def name(lookup, number):
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def suid(question):
    """Files that give their owner's or group's rights away, wherever they lie on the root disk."""
    device, found = os.lstat("/").st_dev, []
    for folder, folders, names in os.walk("/"):
        folders[:] = [item for item in folders if os.lstat(f"{folder}/{item}").st_dev == device]
        for item in names:
            path = f"{folder.rstrip('/')}/{item}"
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(path)
    return sorted(found)


def authorities(question):
    """Certificates that the system trusts and no package brought: by their first line of base64."""
    known = set()
    for path in pathlib.Path("/usr/share/ca-certificates").rglob("*.crt"):
        known |= blocks(read(path))
    bundle = blocks(read("/etc/ssl/certs/ca-certificates.crt"))
    return {"trusted": len(bundle), "foreign": sorted(block[:64] for block in bundle - known)}


def blocks(text):
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return {"".join(part.partition(end)[0].split()) for part in text.split(begin)[1:]}


def sums(question):
    """SHA-256 of the files in `question["sums"]`: what packages' scripts made others from."""
    return {
        path: hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
        for path in question["sums"]
        if pathlib.Path(path).is_file()
    }
