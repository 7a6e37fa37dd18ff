from typing import Any

import pytest

from dbtcollate_tui.dbt_cloud.job_advice import advise, rank, three_commands
from dbtcollate_tui.dbt_cloud.models import Job
from tests.dbt_cloud.fake import job, run


def read(**fields: Any) -> Job:
    return Job.model_validate(job(**fields))


PRODUCTION = {"name": "Production", "deployment_type": "production"}


def test_production_on_a_schedule_with_docs_is_best() -> None:
    jobs = [
        read(id=1, name="ci", job_type="ci"),
        read(id=2, name="weekly", environment=PRODUCTION, schedule={"cron": "0 4 * * 0"}),
        read(id=3, name="nightly", environment=PRODUCTION, most_recent_run=run(1, 1, 20)),
        read(id=4, name="no docs", environment=PRODUCTION, generate_docs=False),
        read(id=5, name="gone", environment=PRODUCTION, state=2),
    ]
    ranked = rank(jobs)
    assert [(advice.job.id, advice.label) for advice in ranked] == [
        (3, "best"),
        (2, "good"),
        (4, "good"),
        (1, "poor"),
    ]
    assert (
        ranked[0].reason
        == "production environment, on a schedule, makes docs, runs tests, its last run failed"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"job_type": "ci"}, "CI job: each pull request builds changed models into a schema of its own"),
        ({"job_type": "merge"}, "CI job: each merge"),
        ({"execute_steps": ["dbt seed"]}, "builds no models"),
        ({"execute_steps": ["dbt build --select marts"]}, "works on a part of the project (--select marts)"),
    ],
)
def test_a_poor_job_says_why(fields: dict[str, Any], words: str) -> None:
    advice = advise(read(**fields))
    assert advice.label == "poor"
    assert words in advice.reason


def test_deferred_and_staging_jobs_are_marked() -> None:
    advice = advise(read(deferring_environment_id=9, environment={"deployment_type": "staging"}))
    assert "deferred" in advice.reason
    assert "staging environment" in advice.reason
    assert (
        "started by another job"
        in advise(read(triggers={}, job_completion_trigger_condition={"condition": {}})).reason
    )


def test_nothing_is_best_among_poor_jobs() -> None:
    assert [advice.label for advice in rank([read(job_type="ci"), read(id=3, job_type="ci")])] == [
        "poor",
        "poor",
    ]
    assert rank([]) == []


@pytest.mark.parametrize(
    ("fields", "present"),
    [
        (
            {"execute_steps": ["dbt run", "dbt test", "dbt docs generate"], "generate_docs": False},
            (True, True, True),
        ),
        ({"execute_steps": ["dbt build"], "generate_docs": True}, (True, True, True)),
        ({"execute_steps": ["dbt build"], "generate_docs": False}, (True, True, False)),
        ({"execute_steps": ["dbt run"], "generate_docs": False}, (True, False, False)),
        ({"execute_steps": [], "generate_docs": False}, (False, False, False)),
    ],
)
def test_the_guides_three_commands(fields: dict[str, Any], present: tuple[bool, ...]) -> None:
    checks = three_commands(read(**fields))
    assert tuple(check.present for check in checks) == present
    assert all(check.found if check.present else check.fix for check in checks)
