"""The module host_look on real files, and on a dpkg and a systemd that answer what the tests say."""

from __future__ import annotations

import os
import platform
import pwd
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.host_modules import AS_ROOT, program, run


def look(folder: Path, *, check: bool = False, **asked: Any) -> dict[str, Any]:
    answer = run("host_look", asked, folder, check=check)
    assert answer.get("changed", False) is False
    return answer


def test_paths_are_reported_without_following_links(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("four")
    file.chmod(0o4640)
    os.utime(file, (1000, 1000))
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    names = ("file", "folder", "link", "pipe", "none", "file/below")
    paths = look(tmp_path, paths={name: str(tmp_path / name) for name in names})["paths"]
    found = file.stat()
    told = paths["file"]
    assert told["exists"] is True
    assert (told["type"], told["mode"], told["size"], told["mtime"]) == ("file", "4640", 4, 1000)
    assert (told["uid"], told["gid"], told["device"]) == (found.st_uid, found.st_gid, found.st_dev)
    assert (told["rdev"], told["target"]) == (0, "")
    assert (paths["folder"]["type"], paths["folder"]["mode"]) == ("directory", "0700")
    assert (paths["link"]["type"], paths["link"]["target"]) == ("link", "nowhere")
    assert paths["pipe"]["type"] == "other"
    assert paths["none"] == paths["file/below"] == {"exists": False}


@pytest.mark.skipif(not AS_ROOT, reason="only root can give files to others")
def test_paths_tell_whose_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.chown(tmp_path / "file", 54321, 54322)
    told = look(tmp_path, paths={"file": str(tmp_path / "file")})["paths"]["file"]
    assert (told["uid"], told["gid"]) == (54321, 54322)


def test_contents_are_texts_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one\ntwo ä\n")
    (tmp_path / "most").write_text("x" * 65536)
    told = look(tmp_path, contents={name: str(tmp_path / name) for name in ("text", "none", "most")})
    assert told["contents"] == {"text": "one\ntwo ä\n", "none": None, "most": "x" * 65536}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"x" * 65537, "has more than 65536 characters"), (b"\xff\xfe", "cannot be read")],
)
def test_what_is_not_a_small_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(content)
    refused = look(tmp_path, contents={"file": str(tmp_path / "file")})
    assert refused["failed"] is True
    assert refused["msg"].startswith(f"{tmp_path / 'file'} {message}")


def test_a_package_counts_when_it_is_whole(tmp_path: Path) -> None:
    program(
        tmp_path,
        "dpkg-query",
        f'echo "$@" >{tmp_path}/asked\n'
        "echo whole installed; echo half half-configured; echo left config-files; echo kept not-installed\n"
        "echo dpkg-query: no packages found matching none >&2; exit 1",
    )
    told = look(tmp_path, packages=["whole", "half", "left", "kept", "none"])
    assert told["missing"] == ["half", "left", "kept", "none"]
    assert (tmp_path / "asked").read_text().split()[-5:] == ["whole", "half", "left", "kept", "none"]


def unit(**more: str) -> str:
    state = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NeedDaemonReload": "no",
    }
    return "".join(f"{key}={value}\n" for key, value in (state | more).items())


@pytest.mark.parametrize(
    ("state", "idle"),
    [
        ({}, False),
        ({"UnitFileState": "static"}, False),
        ({"ActiveState": "inactive"}, True),
        ({"ActiveState": "failed"}, True),
        ({"ActiveState": "activating"}, True),
        ({"UnitFileState": "disabled"}, True),
        ({"UnitFileState": "enabled-runtime"}, True),
        ({"UnitFileState": ""}, True),
        ({"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}, True),
        ({"LoadState": "masked", "UnitFileState": "masked"}, True),
        ({"LoadState": "bad-setting"}, True),
        ({"NeedDaemonReload": "yes"}, True),
    ],
)
def test_a_unit_is_idle_if_something_is_left_to_do(tmp_path: Path, state: dict[str, str], idle: bool) -> None:
    (tmp_path / "units").write_text(f"{unit()}\n{unit(**state)}")
    program(tmp_path, "systemctl", f"cat {tmp_path}/units")
    told = look(tmp_path, units=["good.service", "other.port_name"])
    assert told["idle"] == (["other.port_name"] if idle else [])
    assert told["units"]["good.service"] == {
        "load": "loaded",
        "active": "active",
        "enabled": "enabled",
        "reload": "no",
        "command": [],
    }
    assert told["units"]["other.port_name"]["active"] == state.get("ActiveState", "active")


@pytest.mark.parametrize(
    ("pid", "command"),
    [(str(os.getpid()), Path("/proc/self/cmdline").read_text().split("\0")[:-1]), ("0", []), ("", [])],
)
def test_a_unit_comes_with_the_words_of_its_main_process(
    tmp_path: Path, pid: str, command: list[str]
) -> None:
    (tmp_path / "units").write_text(unit(MainPID=pid))
    program(tmp_path, "systemctl", f"cat {tmp_path}/units")
    assert look(tmp_path, units=["one.service"])["units"]["one.service"]["command"] == command


@pytest.mark.parametrize(
    "answer", ["exit 1", "true", "echo LoadState=loaded", "echo a=b; echo; echo c=d; exit 1"]
)
def test_a_systemd_that_does_not_tell_of_each_unit_is_refused(tmp_path: Path, answer: str) -> None:
    program(tmp_path, "systemctl", answer)
    refused = look(tmp_path, units=["a.service", "b.service"])
    assert refused["failed"] is True
    assert refused["msg"].startswith("systemctl show a.service b.service ended with ")


@pytest.mark.skipif(not AS_ROOT, reason="only root may read /etc/shadow")
def test_accounts_are_reported_as_the_host_has_them(tmp_path: Path) -> None:
    told = look(tmp_path, accounts=["daemon", "nobody-here"])["accounts"]
    entry = pwd.getpwnam("daemon")
    assert told["nobody-here"] is None
    assert {key: told["daemon"][key] for key in ("uid", "gid", "comment", "home", "shell", "locked")} == {
        "uid": entry.pw_uid,
        "gid": entry.pw_gid,
        "comment": entry.pw_gecos,
        "home": entry.pw_dir,
        "shell": entry.pw_shell,
        "locked": True,
    }


def test_commands_are_run_as_words_and_their_results_are_reported(tmp_path: Path) -> None:
    told = look(
        tmp_path,
        commands={
            "words": ["printf", "%s|", "a b", "$HOME", ";"],
            "end": ["sh", "-c", "echo out; echo why >&2; exit 3"],
            "none": ["no-such-program"],
        },
    )["commands"]
    assert told["words"] == {"code": 0, "stdout": "a b|$HOME|;|", "stderr": ""}
    assert told["end"] == {"code": 3, "stdout": "out", "stderr": "why"}
    assert told["none"]["code"] == 127


def test_the_system_is_reported(tmp_path: Path) -> None:
    release = platform.freedesktop_os_release()
    assert look(tmp_path)["system"] == {
        "distribution": release["ID"],
        "version": release.get("VERSION_ID", ""),
        "hostname": platform.node(),
        "machine": platform.machine(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def test_check_mode_reads_too(tmp_path: Path) -> None:
    told = look(tmp_path, check=True, paths={"here": str(tmp_path)}, commands={"say": ["echo", "it"]})
    assert told["paths"]["here"]["exists"] is True
    assert told["commands"]["say"]["stdout"] == "it"


@pytest.mark.parametrize("wrong", [{"path": {}}, {"paths": ["/x"]}, {"commands": "true"}])
def test_arguments_that_it_does_not_know_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert look(tmp_path, **wrong)["failed"] is True
