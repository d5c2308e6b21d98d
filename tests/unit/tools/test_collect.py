"""What an archive holds: wheels downloaded or built, and the patched one instead of the published."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.wheelhouse import collect as module
from tools.wheelhouse.project import Failed, Project

EXPORTED = """\
pack==1.2 \\
    --hash=sha256:aa
other==3.0 --hash=sha256:bb
source-only==0.4 \\
    --hash=sha256:cc
"""
LOCK = """\
version = 1
[[package]]
name = "ours"
source = { virtual = "." }
[[package]]
name = "pack"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://x/pack-1.2-py3-none-any.whl", hash = "sha256:aa" }]
[[package]]
name = "source-only"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://x/source_only-0.4.tar.gz", hash = "sha256:cc" }
"""
PATCH = "--- a/pack/one.py\n+++ b/pack/one.py\n@@ -1,1 +1,1 @@\n-one\n+two\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "ours"
    (folder / "patches").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('version = "1.2+ours.1"\n')
    (folder / "uv.lock").write_text(LOCK)
    (folder / "patches/1-one.patch").write_text(PATCH)
    return Project(folder, None, ("pyproject.toml", "uv.lock", "patches"), patched="pack")


class Pip:
    """Stands for uv and pip: writes down what it is asked, and puts wheels where they would."""

    def __init__(self, built: str) -> None:
        self.built = built
        self.asked: dict[str, str] = {}

    def __call__(self, project: Project, *command: str | Path) -> str:
        words = [str(word) for word in command]
        if "export" in words:
            return EXPORTED
        verb = "download" if "download" in words else "wheel"
        assert "--require-hashes" in words
        assert "--no-deps" in words
        self.asked[verb] = Path(words[words.index("--requirement") + 1]).read_text()
        folder = Path(words[words.index("--dest" if verb == "download" else "--wheel-dir") + 1])
        if verb == "download":
            with zipfile.ZipFile(folder / "pack-1.2-py3-none-any.whl", "w") as wheel:
                wheel.writestr("pack/one.py", "one\n")
                wheel.writestr("pack-1.2.dist-info/METADATA", "Name: pack\nVersion: 1.2\n")
                wheel.writestr("pack-1.2.dist-info/RECORD", "")
            (folder / "other-3.0-py3-none-any.whl").touch()
        else:
            assert "--no-build-isolation" in words
            (folder / self.built).touch()
        return ""


def test_every_wheel_of_the_archive_is_required_by_its_hash(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip("source_only-0.4-py3-none-any.whl")
    monkeypatch.setattr(module, "run", pip)
    archive = tmp_path / "cache/x.tar"
    archive.parent.mkdir()
    module.collect(project, archive, "3.13", "x86_64")
    assert pip.asked == {
        "download": "pack==1.2 --hash=sha256:aa\nother==3.0 --hash=sha256:bb\n",
        "wheel": "source-only==0.4 --hash=sha256:cc\n",
    }
    with tarfile.open(archive) as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    required = dict(
        line.split(" --hash=sha256:") for line in content.pop("requirements.txt").decode().splitlines()
    )
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    assert required == {
        "pack==1.2+ours.1": digests["pack-1.2+ours.1-py3-none-any.whl"],
        "other==3.0": "bb",
        "source-only==0.4": digests["source_only-0.4-py3-none-any.whl"],
    }
    assert len(content) == 3


def test_what_was_built_for_the_controllers_machine_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run", Pip("source_only-0.4-cp311-cp311-linux_x86_64.whl"))
    archive = tmp_path / "cache/x.tar"
    archive.parent.mkdir()
    with pytest.raises(Failed, match=r"source_only-0.4-cp311-cp311-linux_x86_64.whl: built for this machine"):
        module.collect(project, archive, "3.13", "x86_64")
    assert list(archive.parent.iterdir()) == []


def test_a_patch_changes_the_name_of_the_release(project: Project) -> None:
    before = project.release_name("3.13", "x86_64")
    (project.folder / "patches/1-one.patch").write_text(PATCH.replace("two", "three"))
    assert project.release_name("3.13", "x86_64") != before
