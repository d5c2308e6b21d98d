"""Makes a project's archive. What is downloaded is what its uv.lock names, hash by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from .patches import rebuild
from .project import Failed, Project, cache

#: Debian 13 has glibc 2.41: every manylinux tag up to that will do. The newest first, as pip wants them.
GLIBC = (41, 40, 39, 38, 37, 36, 35, 34, 31, 28, 27, 24, 17, 12, 5)
#: Seconds for a download or build. The wheels are 40 MB.
DEADLINE = 300
REACHABLE = "is PyPI reachable from here (PIP_INDEX_URL, UV_DEFAULT_INDEX, HTTPS_PROXY)?"
#: Archives of other releases of a project that stay in the cache.
KEPT = 5
PIP = ("uv", "run", "--quiet", "--frozen", "--only-group", "wheels", "python", "-m", "pip")
CHECKED = ("--quiet", "--no-deps", "--require-hashes")


def run(project: Project, *command: str | Path) -> str:
    # A Python environment that happens to be active is not the project's.
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environment |= {"SOURCE_DATE_EPOCH": "1735689600", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # pip comes from the project's lock, into an environment outside the tree.
    environment["UV_PROJECT_ENVIRONMENT"] = str(cache() / project.folder.name / "pip")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE, env=environment, cwd=project.folder
        )
    except FileNotFoundError as error:
        raise Failed(f"{command[0]}: not on PATH; run `make setup` and source tools/env.sh") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(map(str, command))}: not done in {DEADLINE} s; {REACHABLE}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        fetches = any(word in ("download", "export", "build", "wheel") for word in command)
        raise Failed(f"{' '.join(map(str, command))}: {last}{f'; {REACHABLE}' if fetches else ''}")
    return done.stdout


def locked(project: Project) -> str:
    """The requirements of the hosts, for every system that the lock knows."""
    return run(project, "uv", "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header")


def needed(requirements: str, python: str, machine: str) -> dict[str, str]:
    """Name -> requirement with its hashes, for the hosts: pip reads markers for the Python it runs on."""
    from packaging.requirements import Requirement

    target = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": machine,
    }
    kept = {}
    # A requirement is one logical line: its hashes follow on continued ones.
    for line in requirements.replace("\\\n", " ").splitlines():
        text = line.split(" --hash", 1)[0].split("#", 1)[0].strip()
        if not text:
            continue
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(dict(target)):
            hashes = " ".join(part for part in line.split() if part.startswith("--hash"))
            kept[requirement.name] = f"{requirement.name}{requirement.specifier} {hashes}"
    return kept


def collect(project: Project, archive: Path, python: str, machine: str) -> None:
    """Make `archive`, whole or not at all."""
    for left in archive.parent.glob(".collecting-*"):  # of a run that was killed: forty megabytes each
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".collecting-") as work:
        wheels = Path(work) / "wheels"
        wheels.mkdir()
        requirements = needed(locked(project), python, machine)
        sources = [requirements.pop(name) for name in sorted(project.without_wheel() & set(requirements))]
        lines = list(requirements.values())
        download(project, _written(Path(work) / "download.txt", lines), wheels, python, machine)
        if project.patched:
            lines.remove(requirements[project.patched])
            (published,) = wheels.glob(
                f"{project.patched}-*.whl"
            )  # pip has compared its hash with the lock's
            lines.append(pinned(rebuild(published, project.patches(), project.version().partition("+")[2])))
        if sources:
            lines += build(project, _written(Path(work) / "build.txt", sources), wheels)
        if project.builds:
            run(project, "uv", "build", "--quiet", "--wheel", "--out-dir", wheels, project.folder)
            (own,) = wheels.glob(f"{project.builds}-*.whl")
            lines.append(pinned(own))
        _written(wheels / "requirements.txt", lines)
        made = Path(work) / archive.name
        with tarfile.open(made, "w") as tar:
            for path in sorted(wheels.iterdir()):
                if path.suffix in (".whl", ".txt"):
                    tar.add(path, path.name, filter=_plain)
        made.replace(archive)
    forget_old(archive)


def download(project: Project, requirements: Path, wheels: Path, python: str, machine: str) -> None:
    target = ["--python-version", python, "--implementation", "cp"]
    for abi in (f"cp{python.replace('.', '')}", "abi3", "none"):
        target += ["--abi", abi]
    for minor in GLIBC:
        target += ["--platform", f"manylinux_2_{minor}_{machine}"]
    target += ["--platform", f"manylinux2014_{machine}", "--platform", f"linux_{machine}"]
    run(
        project,
        *(*PIP, "download", *CHECKED, "--only-binary", ":all:", *target),
        *("--dest", wheels, "--requirement", requirements),
    )


def build(project: Project, requirements: Path, wheels: Path) -> list[str]:
    """Wheels of what comes as source, by the build backend in the same lock; how they are to be required."""
    before = set(wheels.iterdir())
    # Without isolation: an isolated build would fetch a backend that no lock names.
    run(
        project,
        *(*PIP, "wheel", *CHECKED, "--no-build-isolation", "--no-binary", ":all:"),
        *("--wheel-dir", wheels, "--requirement", requirements),
    )
    made = sorted(set(wheels.iterdir()) - before)
    for path in made:
        if not path.name.endswith("-py3-none-any.whl"):
            raise Failed(
                f"{path.name}: built for this machine; the hosts need one for any: pin one with wheels"
            )
    return [pinned(path) for path in made]


def pinned(wheel: Path) -> str:
    """The requirement that only this file meets."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name.replace('_', '-')}=={version} --hash=sha256:{digest}"


def _written(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o644
    return member


def forget_old(archive: Path) -> None:
    others = sorted(
        set(archive.parent.glob("*.tar")) - {archive}, key=lambda p: p.stat().st_mtime, reverse=True
    )
    for path in others[KEPT:]:
        path.unlink()
