"""Root follows no link that an unprivileged account could have made, whatever it writes or reads."""

from __future__ import annotations

import grp
import pwd
import stat
from pathlib import Path

import pytest

from tests.support.host_modules import me, run


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of root's with a file, to which links of others lead."""
    made = tmp_path / "victim"
    made.mkdir()
    (made / "secret").write_text("kept\n")
    return made


def others_folder(tmp_path: Path, mode: int) -> Path:
    made = tmp_path / "others"
    made.mkdir()
    made.chmod(mode)
    return made


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
@pytest.mark.parametrize(
    "entry", [{"content": "written\n"}, {"state": "directory"}, {"target": "/x"}, {"state": "absent"}]
)
def test_a_link_on_the_way_is_refused_where_others_can_write(
    tmp_path: Path, victim: Path, mode: int, entry: dict[str, str]
) -> None:
    folder = others_folder(tmp_path, mode)
    (folder / "conf").symlink_to(victim)
    answer = run("host_files", {"files": [{"path": f"{folder}/conf/secret", **entry, **me()}]}, tmp_path)
    assert answer["failed"]
    assert "conf on the way is a link in a folder that others than root can write to" in answer["msg"]
    assert (victim / "secret").read_text() == "kept\n"
    assert sorted(path.name for path in victim.iterdir()) == ["secret"]


def test_a_link_on_the_way_is_followed_where_only_root_can_write(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "conf").symlink_to("victim")
    path = f"{tmp_path}/conf/../conf/new"
    assert run("host_files", {"files": [{"path": path, "content": "x", **me()}]}, tmp_path)["failed"]
    path = f"{tmp_path}/conf/new"
    run("host_files", {"files": [{"path": path, "content": "new\n", **me()}]}, tmp_path)
    assert (victim / "new").read_text() == "new\n"


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    answer = run("host_files", {"files": [{"path": f"{tmp_path}/a/x", "content": "x", **me()}]}, tmp_path)
    assert answer["failed"]


def test_a_file_is_replaced_and_not_what_a_link_in_its_place_leads_to(tmp_path: Path, victim: Path) -> None:
    folder = others_folder(tmp_path, 0o777)
    (folder / "conf").symlink_to(victim / "secret")
    run("host_files", {"files": [{"path": f"{folder}/conf", "content": "new\n", **me()}]}, tmp_path)
    assert (folder / "conf").read_text() == "new\n"
    assert not (folder / "conf").is_symlink()
    assert (victim / "secret").read_text() == "kept\n"


@pytest.mark.parametrize("place", ["others/conf", "others/way/secret"])
def test_root_reads_nothing_through_a_link_of_others(tmp_path: Path, victim: Path, place: str) -> None:
    folder = others_folder(tmp_path, 0o777)
    (folder / "conf").symlink_to(victim / "secret")
    (folder / "way").symlink_to(victim)
    answer = run("host_look", {"contents": {"it": f"{tmp_path}/{place}"}}, tmp_path)
    assert answer["failed"]
    assert "cannot be read" in answer["msg"]
    assert "kept" not in str(answer)


def test_the_root_folder_has_rights_as_any_other(tmp_path: Path) -> None:
    found = Path("/").stat()
    owner = {"owner": pwd.getpwuid(found.st_uid).pw_name, "group": grp.getgrgid(found.st_gid).gr_name}
    entry = {"path": "/", "state": "directory", "mode": f"{stat.S_IMODE(found.st_mode):04o}", **owner}
    answer = run("host_files", {"files": [entry]}, tmp_path, check=True)
    assert answer["changes"] == {}
    answer = run("host_files", {"files": [entry | {"mode": "0700"}]}, tmp_path, check=True)
    assert list(answer["changes"]) == ["/"]
