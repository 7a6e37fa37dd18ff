"""Run results of several steps become one result a test; freshness of sources."""

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Project, TestResult
from dbtcollate_tui.artifacts.times import to_ms
from tests.artifacts.making import ADDRESS, encoded, generic_test, manifest, model, result, run_results

TEST_ID = "test.shop.not_null_orders_id.abc"
MANIFEST = manifest(nodes={**model(), **generic_test()})


def load_steps(*steps: bytes) -> Project:
    return load_project(MANIFEST, None, [StepResults(4 + number, data) for number, data in enumerate(steps)])


def test_the_newest_executed_wins_over_order_and_over_compiled_ones() -> None:
    project = load_steps(
        run_results(
            result("fail", "2026-01-01T11:00:00Z", failures=3, message="Got 3 results"), invocation="a"
        ),
        run_results(result("pass", "2026-01-01T10:00:00Z", failures=0), invocation="b"),
        run_results(result("success", "2026-01-01T12:00:00Z"), invocation="c", which="generate"),
    )
    found = project.results[TEST_ID]
    assert (found.status, found.failures, found.message, found.step) == ("fail", 3, "Got 3 results", 4)
    assert found.completed_at_ms == to_ms("2026-01-01T11:00:00Z")
    assert project.notes == ()


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (result("pass", message=None), "pass"),
        (result("success", failures=0), "pass"),
        (result("success", message="PASS"), "pass"),
        (result("Success", adapter_response={"rows_affected": 1}), "pass"),
        (result("success"), None),
        (result("Success", message=""), None),
        (result("warn", failures=2), "warn"),
        (result("error", message="boom"), "error"),
        (result("error", failures=2), "fail"),
        (result("runtime error"), "error"),
        (result("skipped", None), "skipped"),
        (result("no-op", None), "skipped"),
    ],
)
def test_which_entries_are_results(entry: dict[str, object], status: str | None) -> None:
    found = load_steps(run_results(entry)).results.get(TEST_ID)
    assert (found.status if found else None) == status


@pytest.mark.parametrize("which", ["compile", "generate", "run", "seed", "list"])
def test_a_command_that_runs_no_tests_gives_no_results(which: str) -> None:
    assert load_steps(run_results(result("error", message="compilation"), which=which)).results == {}


def test_what_was_executed_wins_over_a_later_skip() -> None:
    project = load_steps(
        run_results(result("pass", "2026-01-01T10:00:00Z"), invocation="a"),
        run_results(result("skipped", None), invocation="b", which="build"),
    )
    assert (project.results[TEST_ID].status, project.results[TEST_ID].step) == ("pass", 4)


def test_without_an_execute_time_the_file_s_own_counts() -> None:
    found = load_steps(run_results(result("error", None))).results[TEST_ID]
    assert found.completed_at_ms == to_ms("2026-01-01T12:00:00Z")


def test_a_result_without_any_time_is_left_out_and_noted() -> None:
    data = encoded({"results": [{"unique_id": TEST_ID, "status": "pass"}]})
    project = load_steps(data)
    assert project.results == {}
    assert any("without a readable time" in note for note in project.notes)


def test_a_server_that_ignores_step_is_noticed() -> None:
    same = run_results(result("pass"), invocation="abc")
    project = load_steps(same, same)
    assert project.results[TEST_ID].step == 4
    (note,) = project.notes
    assert note.startswith("Steps 4 and 5 gave the same run_results.json (invocation_id abc)")
    assert "ignored `step`" in note


def test_a_result_of_an_unknown_test_and_an_unknown_status_are_noted() -> None:
    project = load_steps(run_results(result("pass", unique_id="test.shop.gone.x"), result("exploded")))
    assert project.results[TEST_ID].status == "error"
    assert list(project.results) == [TEST_ID]
    assert len(project.notes) == 2


def test_models_in_run_results_are_no_test_results() -> None:
    project = load_steps(
        run_results(result("success", unique_id="model.shop.orders", message="CREATE TABLE"))
    )
    assert (project.results, project.notes) == ({}, ())
    assert [test.unique_id for test in project.tests_without_result()] == [TEST_ID]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-22T09:27:12.979492347Z", 1784712432979),
        ("2026-07-22T09:27:12.979492Z", 1784712432979),
        ("2026-07-22T09:27:12Z", 1784712432000),
        ("2026-07-22T11:27:12.5+02:00", 1784712432500),
        ("2026-07-22T09:27:12.979", 1784712432979),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_of_six_and_of_nine_digits(text: str | None, expected: int | None) -> None:
    assert to_ms(text) == expected


MOMENTS = st.integers(0, 5).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
ENTRIES = st.tuples(st.sampled_from(["pass", "fail", "warn", "error", "skipped", "success"]), MOMENTS)


@given(st.lists(ENTRIES, min_size=1, max_size=4))
def test_the_merge_rule_holds_in_any_order(entries: list[tuple[str, datetime]]) -> None:
    steps = [
        StepResults(4 + number, run_results(result(status, moment.isoformat()), invocation=f"i{number}"))
        for number, (status, moment) in enumerate(entries)
    ]
    expected = max(
        (
            (status != "skipped", int(moment.timestamp() * 1000), 4 + number, status)
            for number, (status, moment) in enumerate(entries)
            if status != "success"
        ),
        default=None,
    )
    answers: set[TestResult | None] = set()
    for order in itertools.permutations(steps):
        answers.add(load_project(MANIFEST, None, order).results.get(TEST_ID))
    (answer,) = answers
    assert (answer and (answer.status, answer.completed_at_ms, answer.step)) == (
        expected and (expected[3], expected[1], expected[2])
    )


def sources_file(version: int, *entries: Mapping[str, object]) -> bytes:
    metadata = {
        "dbt_schema_version": ADDRESS.format("sources", version),
        "generated_at": "2026-01-01T12:00:00Z",
    }
    return encoded({"metadata": metadata, "results": list(entries), "elapsed_time": 1.0})


@pytest.mark.parametrize("version", [1, 2, 3])
def test_freshness_of_every_version(version: int) -> None:
    measured = {
        "unique_id": "source.shop.raw.orders",
        "status": "Warn",
        "max_loaded_at": "2026-01-01T00:00:00Z",
        "snapshotted_at": "2026-01-01T11:00:00.123456789Z",
        "max_loaded_at_time_ago_in_s": 39600,
        "criteria": {
            "warn_after": {"count": 6, "period": "hour"},
            "error_after": {"count": None, "period": None},
        },
        "timing": [],
    }
    broken = {"unique_id": "source.shop.raw.b", "status": "runtime error", "error": "no such table"}
    project = load_project(MANIFEST, sources=sources_file(version, measured, broken))
    orders, b = project.freshness["source.shop.raw.orders"], project.freshness["source.shop.raw.b"]
    assert (orders.status, orders.age_seconds, orders.warn_after_seconds) == ("warn", 39600, 21600)
    assert orders.error_after_seconds is None
    assert orders.completed_at_ms == orders.snapshotted_at_ms == to_ms("2026-01-01T11:00:00.123Z")
    assert (b.status, b.message, b.completed_at_ms) == (
        "runtime error",
        "no such table",
        to_ms("2026-01-01T12:00:00Z"),
    )
    assert project.notes == ()


@pytest.mark.parametrize("flag", [{"empty": True}, {"sample": {"start": "2026-01-01"}}])
def test_run_on_no_or_few_rows_gives_no_results(flag: dict[str, object]) -> None:
    data = json.loads(run_results(result("pass"), which="build"))
    data["args"] |= flag
    project = load_steps(json.dumps(data).encode())
    assert project.results == {}
    (note,) = project.notes
    assert note.startswith(f"run_results.json (step 4) is of a dbt command with --{next(iter(flag))}:")


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Error", None),
        ("Pass", None),
        ("error", None),
        ("Skipped", None),
        (" ", None),
        ("Got 2 results", "Got 2 results"),
    ],
)
def test_message_that_repeats_a_status_is_none(message: str, kept: str | None) -> None:
    assert load_steps(run_results(result("error", message=message))).results[TEST_ID].message == kept


def test_failed_unit_test_of_fusion_is_a_failure() -> None:
    unit = "unit_test.shop.orders.sums"
    tests = {unit: {"name": "sums", "model": "orders", "depends_on": {"nodes": ["model.shop.orders"]}}}
    run = run_results(result("error", message="Error", unique_id=unit), which="build")
    project = load_project(manifest(nodes=model(), unit_tests=tests), run_results=[StepResults(1, run)])
    assert project.results[unit].status == "fail"
