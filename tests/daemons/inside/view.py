"""The view of a host's root, and its files."""

import os
import pathlib
import shutil

from tests.daemons.inside.base import must

HERE = pathlib.Path("/mnt")
PACKAGES = HERE / "packages"
#: All of /dev that a check finds: no disk of the host.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
FOLDERS = {"dev/shm": "1777", "run/lock": "0755", "run/sshd": "0755", "run/systemd": "0755"}


def begin(packages):
    """Mount memory that ends with this process; unpack packages of the host's own archive in it."""
    must("mount", "-t", "tmpfs", "none", str(HERE))
    if not packages:
        return
    for name in ("lists", "archives"):
        (PACKAGES / name / "partial").mkdir(parents=True)
    # Unpacked, not installed. The host's own lists, cache and locks do not change.
    options = {
        "Dir::State::lists": PACKAGES / "lists",
        "Dir::Cache": PACKAGES,
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", *(f"--option={key}={value}" for key, value in options.items())]
    must(*apt, "update")
    must(*apt, "install", "--yes", "--download-only", "--no-install-recommends", *packages)
    shutil.rmtree(PACKAGES / "lists")


def enter(address):
    """Make a new view the root of this process, with a network that has only `address`."""
    os.unshare(os.CLONE_NEWNS | os.CLONE_NEWNET)
    must("ip", "link", "set", "lo", "up")
    must("ip", "address", "add", address, "dev", "lo")
    folder = pathlib.Path(must("mktemp", "--directory", f"--tmpdir={HERE}").strip())
    root = folder / "root"
    for name in ("root", "upper", "work"):
        (folder / name).mkdir(mode=0o755)
    layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
    must("mount", "-t", "overlay", "-o", layers, "none", str(root))
    for package in (PACKAGES / "archives").glob("*.deb"):
        must("dpkg-deb", "--extract", str(package), str(root))
    must("mount", "-t", "proc", "none", f"{root}/proc")
    # A check can change no settings of the kernel but those of its own network.
    for place in ("proc/sys", "proc/sys/net"):
        must("mount", "--bind", f"{root}/{place}", f"{root}/{place}")
    must("mount", "-o", "remount,bind,ro", f"{root}/proc/sys")
    for place in ("dev", "run"):
        must("mount", "-t", "tmpfs", "-o", "mode=0755", "none", f"{root}/{place}")
    for name in DEVICES:
        (root / "dev" / name).touch()
        must("mount", "--bind", f"/dev/{name}", f"{root}/dev/{name}")
    os.chroot(root)
    os.chdir("/")
    for path, mode in FOLDERS.items():
        pathlib.Path(path).mkdir()
        give(path, mode, "root:root")


def lay(absent, folders, files):
    """Write the files of a question to their paths."""
    for path in absent:
        pathlib.Path(path).unlink(missing_ok=True)
    # At the mount points of volumes even root cannot write to the root disk.
    for path, own in folders.items():
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)
        must("mount", "-t", "tmpfs", "none", path)
        give(path, *own)
    for path, (mode, owner, text) in files.items():
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_text(text)
        give(path, mode, owner)


def give(path, mode, owner):
    pathlib.Path(path).chmod(int(mode, 8))
    shutil.chown(path, *owner.split(":"))
