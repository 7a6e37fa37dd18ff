"""Every field of a recorded answer replaced by every odd value: the rest is read as before."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.job_advice import advise, rank, three_commands
from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions, JobRunPlan
from dbtcollate_tui.dbt_cloud.models import Account, Connection, DbtProject, Environment, Job, Run
from dbtcollate_tui.dbt_cloud.other_jobs import completes, parts_of
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice, choose_run
from dbtcollate_tui.dbt_cloud.run_notes import missed_since, notes_of_age, notes_of_others, notes_of_reference
from dbtcollate_tui.dbt_cloud.run_notes import notes_of_run as run_notes
from dbtcollate_tui.dbt_cloud.schedules import propose_schedule
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.headless.job_follow import run_facts
from dbtcollate_tui.setup.rows import job_rows
from dbtcollate_tui.transport.pacing import RetryPolicy, Unpaced
from tests.dbt_cloud.fake import ACCOUNT, TOKEN, serving
from tests.support.odd_values import ODD, odd_ones

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SCHEDULE = {
    "cron": "6 */12 * * 0,1,2,3,4,5,6",
    "date": {"type": "interval_cron", "days": [0, 1, 2, 3, 4, 5, 6], "cron": "6 */12 * * 0,1,2,3,4,5,6"},
    "time": {"type": "every_hour", "interval": 12},
}
ENVIRONMENT = {
    "id": 222601,
    "project_id": 1,
    "name": "Production",
    "dbt_version": "1.6.0-latest",
    "type": "deployment",
    "deployment_type": "production",
    "connection_id": 3,
    "state": 1,
}
JOB = {
    "id": 70403103000011,
    "account_id": 70403103000001,
    "project_id": 70403103000002,
    "environment_id": 70403103000003,
    "name": "Nightly",
    "description": None,
    "dbt_version": "latest",
    "execution": {"timeout_seconds": 0},
    "execute_steps": ["dbt source freshness", "dbt build --select +a"],
    "generate_docs": True,
    "run_generate_sources": False,
    "generate_sources": False,
    "job_type": "scheduled",
    "state": 1,
    "deactivated": True,
    "run_failure_count": 100,
    "deferring_job_definition_id": None,
    "deferring_environment_id": 0,
    "job_completion_trigger_condition": {"condition": {"job_id": 1, "project_id": 2, "statuses": [10, 20]}},
    "triggers": {"github_webhook": False, "git_provider_webhook": None, "schedule": True, "on_merge": False},
    "settings": {"threads": 4, "target_name": "default"},
    "schedule": SCHEDULE,
    "environment": ENVIRONMENT,
    "cron_humanized": "Every 12 hours",
    "next_run": "2026-11-25T00:06:00Z",
}
STEP = {
    "id": 1,
    "run_id": 70403110000001,
    "index": 4,
    "name": "Invoke dbt with `dbt build --select +a`",
    "status": 20,
    "status_humanized": "Error",
    "started_at": "2024-05-27 10:42:20.621788+00:00",
    "finished_at": "2024-05-27 10:52:52.622408+00:00",
    "run_step_command": {"dbt_command": "dbt build --select +a"},
    "logs": "one\ntwo\n",
    "truncated_debug_logs": "one\n",
}
RUN = {
    "id": 70403110000001,
    "account_id": 70403103000001,
    "project_id": 70403103000002,
    "environment_id": 70403103000003,
    "job_definition_id": 70403103000011,
    "status": 20,
    "status_humanized": "Error",
    "status_message": "dbt command failed",
    "dbt_version": "1.9.8",
    "git_branch": "main",
    "git_sha": "0123456",
    "deferring_run_id": None,
    "can_retry": True,
    "retry_not_supported_reason": None,
    "retrying_run_id": None,
    "blocked_by": [7],
    "has_docs_generated": False,
    "has_sources_generated": True,
    "artifacts_saved": True,
    "created_at": "2024-05-27 10:42:16.179903+00:00",
    "started_at": "2024-05-27T10:42:20Z",
    "finished_at": "2024-05-27 10:52:52.622408+00:00",
    "href": "https://abc12.us1.dbt.com/deploy/1/projects/3/runs/1/",
    "trigger": {
        "cause": "Triggered by Harness",
        "cause_category": "api",
        "git_branch": "main",
        "github_pull_request_id": None,
        "schema_override": None,
        "target_name_override": None,
        "steps_override": ["dbt build"],
    },
    "job": JOB,
    "environment": ENVIRONMENT,
    "run_steps": [{"id": 9, "index": 1, "name": "Clone git repository", "status": 10}, STEP],
}
ACCOUNT_SEEN = {
    "id": ACCOUNT,
    "name": "Shop",
    "plan": "enterprise",
    "state": 1,
    "locked": False,
    "lock_reason": None,
    "lock_cause": None,
    "identifier": "act_1",
    "static_subdomain": "ab123",
    "vanity_subdomain": None,
}
PROJECT = {"id": 1, "name": "shop", "account_id": 7, "state": 1, "connection_id": 3, "docs_job_id": None}
CONNECTION = {"id": 3, "name": "sf", "adapter_version": "snowflake_v0", "config": {"database": "analytics"}}
SAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    Account: ACCOUNT_SEEN,
    DbtProject: PROJECT,
    Environment: ENVIRONMENT,
    Connection: CONNECTION,
    Job: JOB,
    Run: RUN,
}
LISTS: dict[str, tuple[dict[str, Any], Callable[[DbtCloudClient], Any]]] = {
    "accounts": (ACCOUNT_SEEN, lambda client: client.accounts()),
    "projects": (PROJECT, lambda client: client.projects(ACCOUNT)),
    "environments": (ENVIRONMENT, lambda client: client.environments(ACCOUNT, 1)),
    "connections": (CONNECTION, lambda client: client.connections(ACCOUNT)),
    "jobs": (JOB, lambda client: client.jobs(ACCOUNT)),
    "runs": (RUN, lambda client: client.runs(ACCOUNT)),
}


def use(read: BaseModel) -> None:
    """All that the program asks of an object."""
    for name, member in vars(type(read)).items():
        if isinstance(member, property):
            getattr(read, name)
    if isinstance(read, Job):
        for advice in (advise(read), *rank([read])):
            assert advice.reason
        three_commands(read)
        assert propose_schedule(read, []).cron
        for row in job_rows([read], {}, None, NOW):
            assert row.details
        JobRunPlan(1, read, JobRunOptions(), "Production").facts("ana")
    if isinstance(read, Run):
        good = Run.model_validate(RUN)
        for note in (
            *run_notes(read),
            *notes_of_others(good, [read], None),
            *notes_of_others(read, [good], 1),
            *notes_of_age(read, missed_since(read, NOW), NOW),
            *notes_of_reference(good, read),
        ):
            assert note.text
        completes(good, read)
        parts_of(read.job or Job.model_validate(JOB), read)
        run_facts(read)
        RunChoice(read, (), None, "", "", None, (), (read,), None).other_runs(NOW)
        for moment in (read.created_at, read.started_at, read.finished_at):
            assert moment is None or 2009 < moment.astimezone().year < 2201
        for step in read.run_steps:
            use(step)
        for part in (read.job, read.trigger):
            if part is not None:
                use(part)


@pytest.mark.parametrize("model", SAMPLES, ids=lambda model: model.__name__)
def test_an_odd_value_costs_its_own_field_alone(model: type[BaseModel]) -> None:
    good = model.model_validate(SAMPLES[model])
    use(good)
    count = 0
    for at, body in odd_ones(SAMPLES[model]):
        count += 1
        try:
            read = model.model_validate(body)
        except ValidationError:
            assert at == ("id",), at
            continue
        use(read)
        for name in model.model_fields:
            if name != at[0]:
                assert getattr(read, name) == getattr(good, name), (at, name)
    assert count > len(SAMPLES[model]) * len(ODD)


@pytest.mark.parametrize("name", LISTS)
async def test_odd_elements_never_cost_the_list(name: str) -> None:
    """Pages of odd elements between good ones: as many are read or counted as were sent."""
    sample, call = LISTS[name]
    bodies = [body for _, body in odd_ones(sample)]
    every = [*ODD, *(body for body in bodies if not isinstance(body.get("id"), int))]
    pages = [every[at : at + 98] for at in range(0, len(every), 98)]
    asked = 0

    async def answer(_: Request) -> Response:
        first, last = ({**sample, "id": 10**6 + 2 * asked + n} for n in (0, 1))
        data = [first, *pages[asked], last]
        extra = {"pagination": {"count": len(data), "total_count": len(data)}}
        text = json.dumps({"status": {"code": 200, "is_success": True}, "data": data, "extra": extra})
        return Response(text, media_type="application/json")

    app = Starlette(routes=[Route("/{path:path}", answer)])
    async with serving(app) as url, DbtCloudClient(url, TOKEN, pacer=Unpaced()) as client:
        for asked, page in enumerate(pages):
            before = client.left_out
            found = await call(client)
            assert found[0].id == 10**6 + 2 * asked
            assert found[-1].id == 10**6 + 2 * asked + 1
            left_out = client.left_out - before
            assert left_out >= sum(not isinstance(one, dict) or one.get("id") is None for one in page)
            assert len({one.id for one in found}) - 2 <= len(page) - left_out < len(page)


ENVELOPES: tuple[Any, ...] = (
    None,
    [],
    {},
    "odd",
    7,
    {"data": None},
    {"data": {}},
    {"data": "odd"},
    {"data": 7},
    {"data": [[]], "extra": None},
    {"data": [], "extra": [], "status": None},
    {"data": [], "extra": {"pagination": None}},
    {"data": [], "extra": {"pagination": {"count": None, "total_count": "many"}}},
    {"data": [], "extra": {"pagination": {"count": 0, "total_count": 10**30}}},
    {"data": [RUN], "extra": {"pagination": {"count": -1, "total_count": -1}}},
    {"status": {"code": 200, "is_success": False, "user_message": None}, "data": None},
    {"status": "odd", "data": [RUN]},
)
CALLS: tuple[Callable[[DbtCloudClient], Any], ...] = (
    *(call for _, call in LISTS.values()),
    lambda client: client.account(ACCOUNT),
    lambda client: client.job(ACCOUNT, 1),
    lambda client: client.run(ACCOUNT, 1),
    lambda client: client.artifact_names(ACCOUNT, 1),
    lambda client: client.cancel_run(ACCOUNT, 1),
    lambda client: client.retry_run(ACCOUNT, 1),
    lambda client: choose_run(client, ACCOUNT, 1, None),
)


@pytest.mark.parametrize("status", [200, 400, 404, 500])
async def test_odd_envelopes_end_as_values_or_cards(status: int) -> None:
    body: Any = None

    async def answer(_: Request) -> Response:
        return JSONResponse(body, status)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    async with (
        serving(app) as url,
        DbtCloudClient(url, TOKEN, pacer=Unpaced(), retries=RetryPolicy(attempts=1)) as client,
    ):
        for number, body in enumerate(ENVELOPES):
            for call in (CALLS[number % len(CALLS)], CALLS[(number + 7) % len(CALLS)]):
                try:
                    await call(client)
                except ActionableError as error:
                    assert error.title  # noqa: PT017
                else:
                    assert status == 200, (status, body)
