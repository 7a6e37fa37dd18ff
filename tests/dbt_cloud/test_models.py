from datetime import UTC, datetime
from typing import Any

import pytest

from dbtcollate_tui.dbt_cloud.models import Account, Connection, Job, Run, RunStep
from tests.dbt_cloud.fake import NOW, job, run


def test_nulls_and_missing_fields_are_empty() -> None:
    nothing = dict.fromkeys(Job.model_fields)
    for body in ({}, nothing | {"environment": None}):
        read = Job.model_validate(body)
        assert (read.id, read.name, read.commands, read.cron) == (0, "", (), None)
        assert not read.is_ci
        assert not read.makes_docs
    read_run = Run.model_validate(dict.fromkeys(Run.model_fields) | {"id": 1})
    assert read_run.outcome == "status 0"
    assert read_run.seconds is None
    assert read_run.age_seconds(NOW) is None


def test_times_are_utc_whatever_dbt_writes() -> None:
    for text in (
        "2026-11-24 11:00:00.000000+00:00",
        "2026-11-24T11:00:00Z",
        "2026-11-24T12:00:00+01:00",
        "2026-11-24 11:00:00",
    ):
        read = Run.model_validate({"id": 1, "finished_at": text})
        assert read.finished_at == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert Run.model_validate(run(1, 2.0)).age_seconds(NOW) == 7200


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (1, "queued"),
        (2, "starting"),
        (3, "running"),
        (10, "success"),
        (20, "failed"),
        (30, "cancelled"),
        (40, "paused"),
    ],
)
def test_a_run_says_its_outcome(status: int, word: str) -> None:
    read = Run.model_validate({"id": 1, "status": status, "status_humanized": "Paused"})
    assert read.outcome == word
    assert read.is_completed is (status in (10, 20))
    assert read.in_progress is (status in (1, 2, 3))
    assert (read.is_success, read.is_error, read.is_cancelled) == (status == 10, status == 20, status == 30)


def test_switches_add_their_commands() -> None:
    read = Job.model_validate(
        job(execute_steps=[" dbt run ", "", "dbt test"], generate_docs=True, run_generate_sources=True)
    )
    assert read.commands == ("dbt source freshness", "dbt run", "dbt test", "dbt docs generate")
    assert read.runs_models
    assert read.runs_tests
    assert read.makes_docs
    assert read.makes_freshness
    spelt_out = Job.model_validate(job(execute_steps=["dbt docs generate"], generate_docs=True))
    assert spelt_out.commands == ("dbt docs generate",)


@pytest.mark.parametrize(
    ("fields", "ci"),
    [
        ({"job_type": "ci"}, True),
        ({"job_type": "merge"}, True),
        ({"job_type": "other", "triggers": {"github_webhook": True}}, False),
        ({"job_type": None, "triggers": {"github_webhook": True}}, True),
        ({"job_type": None, "triggers": {"git_provider_webhook": True}}, True),
        ({"job_type": None, "triggers": {"schedule": True}}, False),
    ],
)
def test_ci_run_is_known_by_type_or_trigger(fields: dict[str, Any], ci: bool) -> None:
    assert Job.model_validate(job(**fields)).is_ci is ci


def schedule(date: dict[str, Any], time: dict[str, Any], cron: str = "1 2 3 * *") -> dict[str, Any]:
    return {"cron": cron, "date": date, "time": time}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "daily 06:00"),
        ({"triggers": {"schedule": False}}, "on demand"),
        ({"triggers": {}, "job_type": "ci"}, "on pull request"),
        ({"triggers": {}, "job_type": "merge"}, "on merge"),
        (
            {"triggers": {}, "job_completion_trigger_condition": {"condition": {"job_id": 1}}},
            "after another job",
        ),
        ({"schedule": schedule({"type": "every_day"}, {"type": "every_hour", "interval": 1})}, "hourly"),
        ({"schedule": schedule({"type": "every_day"}, {"type": "every_hour", "interval": 6})}, "every 6 h"),
        (
            {
                "schedule": schedule(
                    {"type": "days_of_week", "days": [0, 3]}, {"type": "at_exact_hours", "hours": [16, 4]}
                )
            },
            "Sundays, Wednesdays 04:00, 16:00",
        ),
        (
            {
                "schedule": schedule(
                    {"type": "days_of_week", "days": list(range(7))}, {"type": "at_exact_hours", "hours": [4]}
                )
            },
            "daily 04:00",
        ),
        (
            {"schedule": schedule({"type": "custom_cron", "cron": "1 2 3 * *"}, {"type": "every_hour"})},
            "cron 1 2 3 * *",
        ),
    ],
)
def test_a_schedule_in_words(fields: dict[str, Any], words: str) -> None:
    assert Job.model_validate(job(**fields)).schedule_words == words


def test_a_schedule_inside_a_run_has_names_alone() -> None:
    inside = {"cron": "0 6 * * *", "date": "every_day", "time": "at_exact_hours"}
    read = Run.model_validate(run(1, 1, job=job(schedule=inside)))
    assert read.job is not None
    assert (read.job.cron, read.job.schedule_words) == ("0 6 * * *", "daily at 06:00 UTC")


def test_a_schedule_that_is_off_has_no_cron() -> None:
    assert Job.model_validate(job()).cron == "0 6 * * *"
    assert Job.model_validate(job(triggers={"schedule": False})).cron is None


def test_steps_know_whether_they_ran() -> None:
    read = RunStep.model_validate(
        {"index": 4, "name": "x", "status": 20, "run_step_command": {"dbt_command": "dbt run"}}
    )
    assert read.has_run
    assert not read.is_success
    assert read.dbt.verb == "run"
    assert not RunStep.model_validate({"index": 5, "name": "x", "status": 30}).has_run


@pytest.mark.parametrize(
    ("plan", "has"),
    [
        ("enterprise_2025", True),
        ("", True),
        ("starter_2025", False),
        ("developer_2022", False),
        ("usage_managed_2026", True),
        ("team_annual", True),
        ("free", False),
    ],
)
def test_plans_with_service_tokens(plan: str, has: bool) -> None:
    assert Account(id=1, plan=plan).has_service_tokens is has


def test_a_connections_adapter_has_no_version() -> None:
    assert Connection(id=1, adapter_version="snowflake_v0").adapter == "snowflake"
    assert Connection(id=1, adapter_version="apache_spark_v0").adapter == "apache_spark"
