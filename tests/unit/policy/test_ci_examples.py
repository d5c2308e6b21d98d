"""The CI examples: concurrency, credentials, variables and tools. `make lint` checks their form."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from infra.paths import ROOT

GITHUB = ROOT / "docs/ci/github-actions.yml"
GITLAB = ROOT / "docs/ci/gitlab-ci.yml"
KEY = "$FLASHTIER_STATE/$FLASHTIER_STACK/ssh/id_ed25519"


@pytest.fixture(scope="module")
def workflow() -> Any:
    return yaml.safe_load(GITHUB.read_text())


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return yaml.safe_load(GITLAB.read_text())


def steps(job: Any) -> list[str]:
    """What each step of a job does: its command, or the action that it uses."""
    return [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]


def position(found: list[str], part: str) -> int:
    [index] = [index for index, step in enumerate(found) if part in step]
    return index


def test_a_pull_request_cancels_no_up_of_github(workflow: Any) -> None:
    assert "concurrency" not in workflow, "one group for all jobs: GitHub cancels what waits in it"
    preview, up = (workflow["jobs"][name]["concurrency"] for name in ("preview", "up"))
    assert up == {"group": "up-prod", "cancel-in-progress": False}
    assert "github.ref" in preview["group"], "a preview of another branch would cancel it"
    assert up["group"] not in preview["group"]


def test_a_merge_request_cancels_no_up_of_gitlab(pipeline: Any) -> None:
    assert pipeline["up"]["resource_group"] == "up-prod"
    assert pipeline["up"]["interruptible"] is False
    assert "resource_group" not in pipeline["preview"]


@pytest.mark.parametrize("name", ["preview", "up"])
def test_credentials_outlast_the_job(workflow: Any, name: str) -> None:
    job = workflow["jobs"][name]
    [credentials] = [step for step in job["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    assert credentials["with"]["role-duration-seconds"] > job["timeout-minutes"] * 60
    assert credentials["with"]["role-duration-seconds"] <= 12 * 3600, "AWS's longest session"
    assert "role-chaining" not in credentials["with"], "the session of a chained role ends after an hour"


@pytest.mark.parametrize("name", ["preview", "up"])
def test_gitlabs_token_is_valid_as_long_as_the_job(pipeline: Any, name: str) -> None:
    """GitLab makes it valid for the job's own timeout; the SDKs assume the role again with it."""
    assert re.fullmatch(r"(\d+h ?)?(\d+m)?", pipeline[name]["timeout"])
    assert pipeline["variables"]["AWS_WEB_IDENTITY_TOKEN_FILE"] == "/run/aws-token"  # noqa: S105 - a path


@pytest.mark.parametrize("name", ["preview", "up"])
def test_setup_runs_before_there_are_credentials(workflow: Any, name: str) -> None:
    found = steps(workflow["jobs"][name])
    setup = position(found, "tools/setup --aws")
    assert setup < position(found, "aws-actions/configure-aws-credentials")
    for variable in ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"):
        assert f"-u {variable} " in found[setup]


def test_gitlabs_setup_has_no_token(pipeline: Any) -> None:
    commands = pipeline[".aws"]["before_script"]
    assert position(commands, "env -u AWS_ID_TOKEN tools/setup --aws") < position(
        commands, "AWS_WEB_IDENTITY"
    )


def test_the_preview_has_the_public_key_and_no_private_one(workflow: Any, pipeline: Any) -> None:
    """`infra.paths.public_key` names the file; without it the program ends before its first resource."""
    preview = workflow["jobs"]["preview"]
    found = steps(preview)
    assert f'>"{KEY}.pub"' in found[position(found, "OPERATOR_SSH_PUBLIC_KEY")]
    assert "secrets." not in yaml.safe_dump(preview)
    assert any('>"$KEYS/id_ed25519.pub"' in command for command in pipeline["preview"]["script"])
    assert "OPERATOR_SSH_KEY" not in yaml.safe_dump(pipeline["preview"])


def test_variables_are_where_github_reads_them(workflow: Any) -> None:
    """The table at the top is complete. Before a job has started, only the repository's are known."""
    head = GITHUB.read_text().partition("\nname:")[0]
    table = dict(re.findall(r"#     (?:repository, variable|environment \S+) +(\w+)()", head))
    used = set(re.findall(r"(?:vars|secrets)\.(\w+)", GITHUB.read_text()))
    assert used == set(table)
    early = set(re.findall(r"vars\.(\w+)", yaml.safe_dump(workflow["env"])))
    assert all(re.search(rf"#     repository, variable +{name}\b", head) for name in early)
    environments = {job["environment"] for job in workflow["jobs"].values()}
    assert environments == {"prod-preview", "prod"}
    assert set(re.findall(r"#     environment (\S+) +AWS_ROLE\b", head)) == environments


def test_only_jobs_that_assume_a_role_may_ask_for_a_token(workflow: Any) -> None:
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read", "id-token": "write"}


@pytest.mark.parametrize(("debian", "has"), [("12", False), ("13", True)])
def test_setup_installs_the_aws_cli_where_debians_can_open_a_tunnel(debian: str, has: bool) -> None:
    """Debian 13 has 2.23.6, Debian 12 has 2.9.19; `infra.aws.cli` needs 2.12."""
    script = '. tools/lib/machine.sh; mapfile -t PACKAGE_LISTS < <(aws_package_lists "$1"); wanted_packages'
    done = subprocess.run(
        ["bash", "-euc", script, "-", debian],
        cwd=ROOT,
        env={"FLASHTIER_TREE": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    packages = done.stdout.split()
    assert "make" in packages
    assert ("awscli" in packages) is has


@pytest.mark.parametrize("file", [GITHUB, GITLAB])
def test_the_container_is_one_whose_aws_cli_setup_installs(file: Any) -> None:
    assert set(re.findall(r"debian:(\d+)", file.read_text())) == {"13"}
