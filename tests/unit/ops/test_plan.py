"""`flashtier plan`: what it reports to people and to programs, and its exit code."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from infra.environment import Environment
from ops import plan, plan_view
from ops.plan_command import PIPE_WIDTH
from tests.support.aws_environments import STACKS, aws_environment, changed, on_ebs, parsed
from tests.support.declared import TREE
from tests.support.plans import TODAY, run, settings_file


@pytest.mark.parametrize("stack", STACKS)
def test_the_stacks_of_the_kit_have_a_plan(stack: str) -> None:
    result = run("-s", stack, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["stack"] == stack
    assert report["faults"] == []
    assert report["cost"]["usd_month"] == pytest.approx(sum(i["usd_month"] for i in report["cost"]["items"]))


def test_programs_and_people_get_the_same() -> None:
    report = json.loads(run("-s", "prod", "--json").output)
    text = run("-s", "prod").output
    for limit in report["limits"]:
        assert f"{limit['breaks_at']:,.2f}x" in text
    for item in report["cost"]["items"]:
        assert f"{item['usd_month']:,.0f}" in text
    assert (
        f"First: {report['breaks_first']['what']}, at {report['breaks_first']['breaks_at']:.2f} times" in text
    )
    assert f"Take {report['takes']}: " in text
    assert "Not counted: " in text


def test_the_story_in_figures() -> None:
    report = plan.make("prod", parsed(), TODAY).report
    rows = {row["what"]: row for row in report["traffic"]}
    assert [round(rows["calls"][when]) for when in ("average", "peak", "burst")] == [1157, 4051, 4051]
    assert [round(rows["SQL statements"][when]) for when in ("average", "peak", "burst")] == [
        1470,
        5145,
        19_728,
    ]
    assert [round(rows["database writes"][when]) for when in ("average", "peak", "burst")] == [
        1134,
        3970,
        39_699,
    ]
    assert [round(rows["WAL"][when], 1) for when in ("average", "peak", "burst")] == [2.0, 6.9, 69.3]
    database = report["database"]
    assert database["days_until_full"] == pytest.approx((4961.25 - 1958.625 - 111 * 1.073741824) / 3.362)
    assert database["hot_share_in_cache"] == 1
    assert database["copy_h"] == pytest.approx(1958.625 * 8 / 15 / 3600)
    assert report["breaks_first"]["what"] == "web processors at peak, one zone gone"
    assert report["takes"] == "instance-store"


def test_the_loss_of_a_zone() -> None:
    lost = plan.make("prod", parsed(), TODAY).report["zone_loss"]
    assert (lost["web_left"], lost["members_left"], lost["control_left"]) == (6, 2, 2)
    assert lost["writes_go_on"]
    assert lost["etcd_majority"]
    assert lost["carries_peak"]
    small = plan.make("prod", parsed(web__count=8), TODAY).report["zone_loss"]
    assert (small["web_left"], small["carries_peak"]) == (5, False)
    # Two of three members in one zone: if it goes, one is left, and no standby is there to wait for.
    two = changed(on_ebs("io2"), aws__zones=["us-east-1a", "us-east-1b"], aws__nat_gateways=1, web__count=12)
    halved = plan.make("prod", Environment.parse(two), TODAY).report["zone_loss"]
    assert (halved["members_left"], halved["writes_go_on"]) == (1, False)
    assert (halved["control_left"], halved["etcd_majority"]) == (1, False)
    dev = plan.make("dev", parsed("dev"), TODAY).report["zone_loss"]
    keys = ("planned_for", "carries_peak", "writes_go_on", "etcd_majority")
    assert {key: dev[key] for key in keys} == dict.fromkeys(keys, False)


def test_old_undated_and_unread_figures_are_in_the_notes() -> None:
    notes = plan.make("prod", parsed(), TODAY).report["notes"]
    assert any(note.startswith("io2 limits: 1274 days old (AWS23, 2023-05-31)") for note in notes)
    assert any(note.startswith("price nat_hour: undated") for note in notes)
    assert any(note.startswith("price kms_key_month: from memory") for note in notes)
    assert not any("(NFLX, 2026-10-14)" in note for note in notes)
    later = plan.make("prod", parsed(), date(2028, 1, 1)).report["notes"]
    assert any("(NFLX, 2026-10-14)" in note for note in later)
    assert len(later) > len(notes)


def test_a_plan_without_a_cdn_says_what_the_web_hosts_send_instead() -> None:
    assert not any("cdn is none" in note for note in plan.make("prod", parsed(), TODAY).report["notes"])
    notes = plan.make("prod", parsed(aws__cdn="none"), TODAY).report["notes"]
    [line] = [note for note in notes if "cdn is none" in note]
    assert "912.5 million photos a month, 186,880 GB or $15,936 to the internet" in line


def test_what_is_not_known_of_a_choice_is_in_the_notes() -> None:
    def notes(**values: Any) -> str:
        return "\n".join(plan.make("prod", parsed(**values), TODAY).report["notes"])

    assert "runs on processor credits" not in notes()
    assert "control.instance_type t4g.small runs on processor credits" in notes(
        control__instance_type="t4g.small"
    )
    assert "no durable write was measured on i7ie" in notes(database__instance_type="i7ie.6xlarge")
    estimated = notes(database__instance_type="r8gd.48xlarge")
    assert "its drives were not measured; the plan rests on an ESTIMATE" in estimated
    abroad = notes(aws__region="eu-west-1", aws__zones=["eu-west-1a", "eu-west-1b", "eu-west-1c"])
    assert "prices are those of us-east-1; the environment is in eu-west-1" in abroad


def test_an_environment_that_does_not_carry_its_traffic_is_said_and_exits_with_1(tmp_path: Path) -> None:
    path = settings_file(tmp_path, changed(aws_environment(), web__count=6))
    result = run("-s", "unit", "--config-file", path, "--json")
    assert result.exit_code == 1
    (fault,) = json.loads(result.output)["faults"]
    assert fault.startswith("flashtier:environment.web.count = 6: ")
    text = run("-s", "unit", "--config-file", path)
    assert text.exit_code == 1
    assert "Does not carry its traffic" in text.output


def test_a_class_that_no_single_volume_serves_is_shown_as_that(tmp_path: Path) -> None:
    declared = changed(aws_environment(), traffic__write_burst=30, app__pool_size=40)
    result = run("-s", "unit", "--config-file", settings_file(tmp_path, declared), "--json")
    gp3 = json.loads(result.output)["options"][2]
    assert (gp3["instance_type"], gp3["usd_month"], gp3["carries"]) == (None, None, False)
    text = run("-s", "unit", "--config-file", settings_file(tmp_path, declared)).output
    assert "one volume has at most 80,000 IOPS" in " ".join(text.split())


shares = st.floats(0, 1)


@given(
    st.fixed_dictionaries(
        {
            "calls_per_day": st.integers(1, 10**10),
            "users": st.integers(1, 5 * 10**9),
            "write_share": shares,
            "photo_kib": st.floats(0, 10_000),
            "growth_days": st.integers(0, 3650),
            "durable_write_p99_ms": st.floats(0.001, 1000),
        }
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "app_cache_hit": shares,
            "daily_users_share": shares,
            "upload_share": shares,
            "copy_share": st.floats(0.01, 1),
        },
    ),
    st.sampled_from(STACKS),
)
@example({"write_share": 0.0}, {"app_cache_hit": 1.0, "daily_users_share": 0.0}, "prod")
@example({"calls_per_day": 1, "users": 1, "write_share": 1.0}, {}, "dev")
@settings(max_examples=10)
def test_whatever_may_be_declared_has_a_plan(declared: Any, assumed: Any, stack: str) -> None:
    environment = aws_environment(stack)
    environment["traffic"] |= declared | {"assumptions": assumed}
    report = plan.make("unit", Environment.parse(environment), TODAY).report
    json.dumps(report, allow_nan=False)
    plan_view.show(report, Console(file=StringIO(), width=100))
    carried = all(limit["carries"] for limit in report["limits"])
    assert carried or report["faults"]


@pytest.mark.parametrize("width", [60, 130, 200])
def test_no_figure_is_cut_at_any_width(width: int) -> None:
    for environment in (parsed(), parsed("dev")):
        report = plan.make("unit", environment, TODAY).report
        out = StringIO()
        plan_view.show(report, Console(file=out, width=width))
        assert "…" not in out.getvalue()
        assert all(f"{i['usd_month']:,.0f}" in out.getvalue() for i in report["cost"]["items"])


def test_the_page_on_plans_shows_what_is_printed() -> None:
    page = (TREE / "docs/tasks/plan.md").read_text()
    shown = page.split("```\n")[1].splitlines()
    day = date.fromisoformat(shown[0].split()[-1])
    out = StringIO()
    plan_view.show(plan.make("prod", parsed(), day).report, Console(file=out, width=PIPE_WIDTH))
    assert shown == [line.rstrip() for line in out.getvalue().rstrip().splitlines()]
