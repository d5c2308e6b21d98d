"""The module host_files on real files: what it makes, repairs, refuses, foretells and notifies."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.support.host_modules import AS_ROOT, contents, entry, keep, program


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
            "should be absent but is a folder with files in it; check them and remove it",
        ),
        ({"content": "x"}, "should be a file, and what is there is not; check it and remove it"),
        ({"target": "x"}, "should be a link, and what is there is not; check it and remove it"),
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


def test_a_file_is_validated_under_its_name_with_the_new_versions_of_the_others(
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


def test_check_mode_writes_nothing_and_predicts_the_same(tmp_path: Path, host: Path) -> None:
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


def test_the_difference_is_shown_where_it_is_asked_for(tmp_path: Path, host: Path) -> None:
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
