"""The machine's root file system: Debian 13 with the cloud kernel, made once per recipe and cached.

It is the hosts' image (tools/image) with what a machine needs in addition: kernel, udev, the drives' plug.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.local.image import RECIPE, recipe_hash
from infra.paths import cache_dir

HERE = Path(__file__).parent
#: Seconds for the whole build, download included (measured: 110 s on 2 cores).
DEADLINE = 1200
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRRORS = tuple(
    f"deb [signed-by={KEYRING}] http://deb.debian.org/{suite} main"
    for suite in ("debian trixie", "debian trixie-updates", "debian-security trixie-security")
)


@dataclass(frozen=True)
class Image:
    """A finished build. `keys` holds operator, operator.pub, host and host.pub."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"


def image(say: Callable[[str], None]) -> Image:
    """The image of this recipe, built where there is none. Older ones are removed."""
    folder = cache_dir() / "drill-machine" / _hash()
    if not folder.is_dir():
        say("building the machine's root file system, about two minutes")
        shutil.rmtree(folder.parent, ignore_errors=True)
        work = folder.with_suffix(".tmp")
        work.mkdir(parents=True)
        _build(work)
        work.rename(folder)
    return Image(folder)


def _hash() -> str:
    digest = hashlib.sha256(recipe_hash().encode())
    for path in sorted(path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        if path == HERE / "image.py" or "guest" in path.parts or path.suffix in ("", ".txt"):
            digest.update(str(path.relative_to(HERE)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(work: Path) -> None:
    keys = work / "keys"
    keys.mkdir(mode=0o700)
    for name in ("operator", "host"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(keys / name))
    packages = [*_names(RECIPE / "packages.txt"), *_names(HERE / "packages.txt")]
    tree = work / "tree"
    _run(
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        f"--aptopt={RECIPE / 'files/etc/apt/apt.conf.d/00flashtier'}",
        f"--dpkgopt={RECIPE / 'files/etc/dpkg/dpkg.cfg.d/flashtier'}",
        "--dpkgopt=force-unsafe-io",
        f'--essential-hook={RECIPE / "essential"} "$1"',
        f'--customize-hook={RECIPE / "customize"} "$1"',
        f'--customize-hook={HERE / "customize"} "$1" {keys}',
        "trixie",
        str(tree),
        *MIRRORS,
    )
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(next((tree / "boot").glob(f"{name}-*")), work / name)
    with (work / "root.ext4").open("wb") as file:
        file.truncate(6 << 30)
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(work / "root.ext4"))
    shutil.rmtree(tree)


def _names(path: Path) -> list[str]:
    return [name for line in path.read_text().splitlines() if (name := line.partition("#")[0].strip())]


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env={**os.environ, "TMPDIR": str(cache_dir()), "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise RuntimeError(f"{command[0]} ended with {done.returncode}; its last lines:\n{tail}")
