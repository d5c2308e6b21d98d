"""The module host_files on real files: what it makes, repairs, refuses, foretells and notifies."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.host_modules import AS_ROOT, me, program, run


def entry(path: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), **me(), **more}


def keep(
    folder: Path, *files: dict[str, Any], check: bool = False, diff: bool = False, **task: Any
) -> dict[str, Any]:
    return run("host_files", {"files": list(files), **task}, folder, check=check, diff=diff)


def mode(path: Path) -> str:
    return f"{path.lstat().st_mode & 0o7777:04o}"


def contents(folder: Path) -> dict[str, str]:
    """Every path below `folder` with what it is, to see that nothing changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = (
            f"-> {path.readlink()}" if path.is_symlink() else "folder" if path.is_dir() else path.read_text()
        )
        found[str(path.relative_to(folder))] = f"{mode(path)} {kind}"
    return found


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder that stands for the host's root; what the tests themselves need lies beside it."""
    root = tmp_path / "host"
    root.mkdir()
    return root


def test_a_set_is_made_in_its_order_and_a_second_run_changes_nothing(tmp_path: Path, host: Path) -> None:
    wanted = (
        entry(host / "etc", state="directory"),
        entry(host / "etc" / "secret", state="directory", mode="0700"),
        entry(host / "etc" / "secret" / "key", content="k", mode="0400"),
        entry(host / "etc" / "text", content="one\ntwo ä\n"),
        entry(host / "current", target="etc/text"),
        entry(host / "gone", state="absent"),
    )
    first = keep(tmp_path, *wanted)
    assert first["changed"] is True
    assert first["changes"] == {
        str(host / "etc"): "directory is made",
        str(host / "etc" / "secret"): "directory is made",
        str(host / "etc" / "secret" / "key"): "file is made",
        str(host / "etc" / "text"): "file is made",
        str(host / "current"): "link is made",
    }
    assert contents(host) == {
        "current": "0777 -> etc/text",
        "etc": "0755 folder",
        "etc/secret": "0700 folder",
        "etc/secret/key": "0400 k",
        "etc/text": "0644 one\ntwo ä\n",
    }
    inode = (host / "etc" / "text").stat().st_ino
    second = keep(tmp_path, *wanted)
    assert (second["changed"], second["changes"], second["notify"]) == (False, {}, [])
    assert (host / "etc" / "text").stat().st_ino == inode


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda host: (host / "file").write_text("by hand\n"), {"file": "content"}),
        (lambda host: (host / "file").chmod(0o666), {"file": "mode 0666 to 0640"}),
        (lambda host: (host / "file").chmod(0o4640), {"file": "mode 4640 to 0640"}),
        (lambda host: (host / "file").unlink(), {"file": "file is made"}),
        (lambda host: (host / "folder").chmod(0o777), {"folder": "mode 0777 to 0750"}),
        (lambda host: (host / "folder").rmdir(), {"folder": "directory is made"}),
        (lambda host: (host / "link").unlink(), {"link": "link is made"}),
        (
            lambda host: ((host / "link").unlink(), (host / "link").symlink_to("elsewhere")),
            {"link": "target"},
        ),
        (lambda host: ((host / "link").unlink(), (host / "link").write_text("x")), {"link": "link is made"}),
        (lambda host: (host / "gone").write_text("back"), {"gone": "is removed"}),
        (lambda host: (host / "gone").symlink_to("nowhere"), {"gone": "is removed"}),
        (lambda host: (host / "gone").mkdir(), {"gone": "is removed"}),
    ],
)
def test_what_was_changed_by_hand_is_named_and_repaired(
    tmp_path: Path, host: Path, spoil: Any, what: dict[str, str]
) -> None:
    wanted = (
        entry(host / "file", content="text\n", mode="0640"),
        entry(host / "folder", state="directory", mode="0750"),
        entry(host / "link", target="file"),
        entry(host / "gone", state="absent"),
    )
    keep(tmp_path, *wanted)
    right = contents(host)
    spoil(host)
    spoilt = contents(host)
    named = {str(host / name): change for name, change in what.items()}
    assert keep(tmp_path, *wanted, check=True)["changes"] == named
    assert contents(host) == spoilt
    assert keep(tmp_path, *wanted)["changes"] == named
    assert contents(host) == right
    assert keep(tmp_path, *wanted)["changed"] is False


@pytest.mark.skipif(not AS_ROOT, reason="only root can give files to others")
@pytest.mark.parametrize("kind", [{"content": "x"}, {"state": "directory"}])
def test_the_owner_is_kept(tmp_path: Path, host: Path, kind: dict[str, str]) -> None:
    wanted = {"path": str(host / "it"), "owner": "daemon", "group": "daemon", **kind}
    keep(tmp_path, wanted)
    assert pwd.getpwuid((host / "it").stat().st_uid).pw_name == "daemon"
    os.chown(host / "it", 0, -1)
    assert keep(tmp_path, wanted)["changes"] == {str(host / "it"): "owner root:daemon to daemon:daemon"}
    assert (host / "it").stat().st_uid == pwd.getpwnam("daemon").pw_uid
    os.chown(host / "it", -1, 54321)
    assert keep(tmp_path, wanted)["changes"] == {str(host / "it"): "owner daemon:54321 to daemon:daemon"}


def test_a_file_is_replaced_and_not_written_into(tmp_path: Path, host: Path) -> None:
    (host / "file").write_text("old\n")
    with (host / "file").open() as reader:
        keep(tmp_path, entry(host / "file", content="new\n"))
        assert reader.read() == "old\n"
    assert (host / "file").read_text() == "new\n"


def test_a_link_in_a_file_s_place_makes_way_and_its_target_stays(tmp_path: Path, host: Path) -> None:
    (host / "other").write_text("other\n")
    (host / "file").symlink_to("other")
    keep(tmp_path, entry(host / "file", content="new\n"))
    assert (host / "other").read_text() == "other\n"
    assert not (host / "file").is_symlink()
    assert (host / "file").read_text() == "new\n"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            {"state": "absent"},
            "should be absent but is a folder with files in it; look at them and remove it",
        ),
        ({"content": "x"}, "should be a file, and what is there is not; look at it and remove it"),
        ({"target": "x"}, "should be a link, and what is there is not; look at it and remove it"),
    ],
)
def test_a_folder_with_files_is_never_touched(
    tmp_path: Path, host: Path, kind: dict[str, str], message: str
) -> None:
    (host / "folder").mkdir()
    (host / "folder" / "data").write_text("precious")
    before = contents(host)
    refused = keep(tmp_path, entry(host / "first", content="x"), entry(host / "folder", **kind))
    assert (refused["failed"], refused["msg"]) == (True, f"{host / 'folder'} {message}")
    assert contents(host) == before


def test_a_file_in_a_folder_s_place_is_refused(tmp_path: Path, host: Path) -> None:
    (host / "it").write_text("precious")
    refused = keep(tmp_path, entry(host / "it", state="directory"))
    assert refused["msg"].startswith(f"{host / 'it'} should be a directory, and what is there is not")
    assert (host / "it").read_text() == "precious"


@pytest.mark.parametrize("check", [False, True])
def test_one_refused_file_keeps_the_whole_set_from_being_written(
    tmp_path: Path, host: Path, check: bool
) -> None:
    (host / "second").write_text("good\n")
    before = contents(host)
    judge = program(tmp_path, "judge", 'grep -q good "$1" || { echo "$1: not" >&2; echo good >&2; exit 3; }')
    refused = keep(
        tmp_path,
        entry(host / "first", content="good\n", validate=f"{judge} %s"),
        entry(host / "second", content="bad\n", validate=f"{judge} %s"),
        entry(host / "third", content="x"),
        check=check,
    )
    assert refused["failed"] is True
    second = host / "second"
    assert refused["msg"] == f"{second}: {judge} refuses the new content (exit code 3): {second}: not good"
    assert contents(host) == before
    assert list((tmp_path / "remote").rglob("*second*")) == []


def test_a_file_is_judged_under_its_name_beside_the_new_versions_of_the_others(
    tmp_path: Path, host: Path
) -> None:
    (host / "part.yml").write_text("old\n")
    seen = tmp_path / "seen"
    judge = program(
        tmp_path,
        "judge",
        f'cd "$(dirname "$1")"; {{ basename "$1"; cat part.yml; stat -c %a main.yml; echo "$2"; }} >{seen}',
    )
    wanted = (
        entry(host / "main.yml", content="part.yml\n", validate=f"{judge} %s $HOME"),
        entry(host / "part.yml", content="new\n"),
    )
    keep(tmp_path, *wanted)
    assert seen.read_text().split() == ["main.yml", "new", "600", "$HOME"]
    assert list((tmp_path / "remote").rglob("*.yml")) == []
    seen.unlink()
    assert keep(tmp_path, *wanted)["changed"] is False
    assert not seen.exists(), "a file that does not change needs no judge"


def test_a_judge_that_is_not_installed_yet_is_left_out_in_check_mode_only(tmp_path: Path, host: Path) -> None:
    wanted = entry(host / "file", content="x", validate="/nowhere/judge %s")
    assert keep(tmp_path, wanted, check=True)["changes"] == {str(host / "file"): "file is made"}
    assert keep(tmp_path, wanted)["msg"].startswith(
        f"{host / 'file'}: /nowhere/judge refuses the new content (exit code 127)"
    )
    assert contents(host) == {}


def test_in_check_mode_what_is_refused_already_proves_nothing_against_the_new_content(
    tmp_path: Path, host: Path
) -> None:
    """A daemon that misses a certificate refuses every configuration; the run itself mends that first."""
    refuses_all = program(tmp_path, "refuses_all", "exit 1")
    refuses_new = program(tmp_path, "refuses_new", 'grep -q old "$1"')
    (host / "file").write_text("old")
    spoiled = entry(host / "file", content="new", validate=f"{refuses_all} %s")
    assert keep(tmp_path, spoiled, check=True)["changes"] == {str(host / "file"): "content"}
    assert keep(tmp_path, spoiled)["failed"]
    wrong = entry(host / "file", content="new", validate=f"{refuses_new} %s")
    assert "refuses the new content" in keep(tmp_path, wrong, check=True)["msg"]
    assert contents(host) == {"file": "0644 old"}


def test_check_mode_writes_nothing_and_foretells_the_same(tmp_path: Path, host: Path) -> None:
    (host / "changed").write_text("old")
    (host / "gone").write_text("x")
    before = contents(host)
    wanted = (
        entry(host / "folder", state="directory"),
        entry(host / "folder" / "new", content="x", notify=["new"]),
        entry(host / "changed", content="new"),
        entry(host / "gone", state="absent"),
        entry(host / "link", target="changed"),
    )
    foretold = keep(tmp_path, *wanted, check=True, diff=True, notify=["all"])
    assert contents(host) == before
    done = keep(tmp_path, *wanted, diff=True, notify=["all"])
    for key in ("changed", "changes", "notify", "outdated", "diff"):
        assert foretold[key] == done[key]
    assert len(done["changes"]) == 5


def test_the_difference_is_told_where_it_is_asked_for(tmp_path: Path, host: Path) -> None:
    (host / "file").write_text("old\n")
    (host / "mode").write_text("same\n")
    (host / "mode").chmod(0o600)
    wanted = (entry(host / "file", content="new\n"), entry(host / "mode", content="same\n"))
    assert "diff" not in keep(tmp_path, *wanted, check=True)
    assert keep(tmp_path, *wanted, check=True, diff=True)["diff"] == [
        {
            "before_header": str(host / "file"),
            "after_header": f"{host / 'file'} (content)",
            "before": "old\n",
            "after": "new\n",
        },
        {"prepared": f"{host / 'mode'}: mode 0600 to 0644\n"},
    ]


def test_what_a_killed_run_left_on_its_way_is_removed(tmp_path: Path, host: Path) -> None:
    left = host / ".file.4711.flashtier~"
    left.write_text("half")
    (host / ".other").write_text("not ours")
    wanted = entry(host / "file", content="whole")
    keep(tmp_path, wanted, check=True)
    assert left.exists()
    keep(tmp_path, wanted)
    assert sorted(contents(host)) == [".other", "file"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "give one of template, content, target and state, not none"),
        (
            {"content": "x", "target": "y"},
            "give one of template, content, target and state, not content and target",
        ),
        ({"content": "x", "mode": "rw"}, "mode rw is not octal; write it in quotes, such as '0644'"),
        (
            {"content": "x", "validate": "true"},
            "validate needs %s where the file's path belongs: true",
        ),
        (
            {"content": "x", "owner": "nobody-here"},
            "the host has no account nobody-here; its package or role comes first",
        ),
        (
            {"content": "x", "group": "no-group"},
            "the host has no group no-group; its package or role comes first",
        ),
    ],
)
def test_a_wrong_entry_is_refused_by_name(
    tmp_path: Path, host: Path, wrong: dict[str, str], message: str
) -> None:
    refused = keep(tmp_path, entry(host / "first", content="x"), entry(host / "file", **wrong))
    assert (refused["failed"], refused["msg"]) == (True, f"{host / 'file'}: {message}")
    assert contents(host) == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"files": [{"content": "x"}]}, "path"),
        ({"files": [{"path": "/x", "state": "file"}]}, "state"),
        ({"files": [{"path": "/x", "content": "", "taken_by": "magic"}]}, "taken_by"),
        ({"files": [], "modes": "0644"}, "modes"),
        ({}, "files"),
    ],
)
def test_arguments_that_it_does_not_know_are_refused(
    tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    refused = run("host_files", wrong, tmp_path)
    assert refused["failed"] is True
    assert message in refused["msg"]


def systemctl(folder: Path, *units: tuple[str, float, float]) -> None:
    """A systemctl that knows units by state, seconds since the start and since the last change of state."""
    blocks = []
    for state, started, changed in units:
        at = [int((time.monotonic() - ago) * 1e6) for ago in (started, changed)]
        blocks.append(
            f"StateChangeTimestampMonotonic={at[1]}\nActiveState={state}\nActiveEnterTimestampMonotonic={at[0]}"
        )
    (folder / "units").write_text("\n\n".join(blocks) + "\n")
    program(folder, "systemctl", f'echo "$@" >>{folder}/asked; cat {folder}/units')


def written(path: Path, ago: float, text: str = "x") -> Path:
    """A file that was written some seconds ago."""
    path.write_text(text)
    os.utime(path, (time.time() - ago, time.time() - ago))
    return path


@pytest.mark.parametrize(
    ("taken_by", "state", "ago", "late"),
    [
        # Started 100 s ago, reloaded 50 s ago.
        ("restart", "active", 75, True),
        ("restart", "active", 125, False),
        ("reload", "active", 75, False),
        ("reload", "active", 25, True),
        ("reload", "inactive", 25, False),
        ("restart", "failed", 25, False),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_a_file_that_its_unit_has_not_taken_notifies_again(
    tmp_path: Path, host: Path, taken_by: str, state: str, ago: float, late: bool, check: bool
) -> None:
    file = written(host / "file", ago)
    systemctl(tmp_path, (state, 100, 50))
    answer = keep(
        tmp_path,
        entry(file, content="x", unit="it.service", taken_by=taken_by),
        notify=["Restart it"],
        check=check,
        diff=True,
    )
    assert answer["changes"] == {}
    assert answer["changed"] is late
    assert answer["outdated"] == ([str(file)] if late else [])
    assert answer["notify"] == (["Restart it"] if late else [])
    expected = [{"prepared": f"{file} is newer than what it.service has taken\n"}]
    assert answer["diff"] == (expected if late else [])
    assert "it.service" in (tmp_path / "asked").read_text()


def test_a_watched_file_is_compared_and_never_written(tmp_path: Path, host: Path) -> None:
    key = written(host / "key", 10, "of another role")
    missing = host / "missing"
    systemctl(tmp_path, ("active", 100, 50))
    answer = keep(
        tmp_path,
        entry(key, state="watched", mode="0600"),
        entry(missing, state="watched"),
        unit="it.service",
        taken_by="reload",
        notify=["Reload it"],
    )
    assert (answer["changes"], answer["outdated"], answer["notify"]) == ({}, [str(key)], ["Reload it"])
    assert (mode(key), key.read_text(), missing.exists()) == ("0644", "of another role", False)


def test_a_link_is_as_new_as_what_it_leads_to(tmp_path: Path, host: Path) -> None:
    target = written(host / "release", 75)
    link = host / "current"
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    systemctl(tmp_path, ("active", 100, 100))
    wanted = entry(link, target=str(target), unit="it.service")
    assert keep(tmp_path, wanted)["outdated"] == [str(link)]
    written(host / "release", 125)
    assert keep(tmp_path, wanted)["outdated"] == []
    os.utime(link, (time.time() - 75, time.time() - 75), follow_symlinks=False)
    assert keep(tmp_path, wanted)["outdated"] == [str(link)]


def test_each_entry_is_compared_with_its_own_unit_and_notifies_its_own_handlers(
    tmp_path: Path, host: Path
) -> None:
    # In the order of their names, as systemctl is asked: a.service is old, b.service is new.
    systemctl(tmp_path, ("active", 100, 100), ("active", 10, 10))
    for name in ("first", "second", "third", "fourth"):
        written(host / name, 50)
    answer = keep(
        tmp_path,
        entry(host / "first", content="x"),
        entry(host / "second", content="x", unit="a.service", notify=["Restart a"]),
        entry(host / "third", content="y", unit="a.service", notify=[]),
        entry(host / "fourth", content="y"),
        unit="b.service",
        notify=["Restart b"],
    )
    assert answer["outdated"] == [str(host / "second"), str(host / "third")]
    assert sorted(answer["changes"]) == [str(host / "fourth"), str(host / "third")]
    assert answer["notify"] == ["Restart a", "Restart b"]


def test_an_entry_may_notify_nobody(tmp_path: Path, host: Path) -> None:
    answer = keep(tmp_path, entry(host / "file", content="x", notify=[]), notify=["Restart it"])
    assert (answer["changed"], answer["notify"]) == (True, [])


def test_a_new_file_is_no_old_debt(tmp_path: Path, host: Path) -> None:
    systemctl(tmp_path, ("active", 100, 100))
    answer = keep(tmp_path, entry(host / "file", content="x", unit="it.service", notify=["Restart it"]))
    assert (answer["outdated"], answer["notify"]) == ([], ["Restart it"])


def test_a_systemd_that_does_not_answer_ends_it_before_anything_is_written(
    tmp_path: Path, host: Path
) -> None:
    program(tmp_path, "systemctl", "echo Failed to connect to bus >&2; exit 1")
    refused = keep(tmp_path, entry(host / "file", content="x", unit="it.service"))
    assert refused["msg"] == "systemctl show it.service ended with 1: Failed to connect to bus"
    assert contents(host) == {}


def test_without_a_unit_systemd_is_not_asked(tmp_path: Path, host: Path) -> None:
    systemctl(tmp_path)
    keep(tmp_path, entry(host / "file", content="x"))
    assert not (tmp_path / "asked").exists()
