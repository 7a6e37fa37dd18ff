"""Answers as the real dbt Cloud gives them, over HTTP: refusals, nulls, odd elements, plans, jobs."""

from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.addresses import read_address
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.discovery import find_accounts, no_host_knows
from dbtcollate_tui.dbt_cloud.errors import HiddenOrMissing, IpRestricted, MissingPermission
from dbtcollate_tui.dbt_cloud.job_advice import advise, three_commands
from dbtcollate_tui.dbt_cloud.models import Account, Job, Run
from dbtcollate_tui.dbt_cloud.permissions import PermissionAnswer, advise_token, check_permissions
from dbtcollate_tui.dbt_cloud.run_notes import notes_of_run
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.transport.pacing import RetryPolicy, Unpaced
from tests.dbt_cloud.fake import ACCOUNT, HINT, JOB, TOKEN, envelope, job, refusal, run, serving, steps

PERSONAL = SecretStr("dbtu_PlantedFakePersonalToken0123456789")
BLOCKED = {
    "status": {
        "code": 403,
        "is_success": False,
        "user_message": "Forbidden: Access denied",
        "developer_message": None,
    },
    "data": {
        "account_id": ACCOUNT,
        "user_id": None,
        "is_service_token": True,
        "account_access_denied": True,
    },
}
SHOP: dict[str, Any] = {"id": ACCOUNT, "name": "Shop", "plan": "enterprise_2025"}


class Answers:
    """A dbt Cloud whose answers are named by the end of their path; the rest is a healthy account."""

    def __init__(self, **answers: Response) -> None:
        usual: dict[str, Response] = {
            "accounts": envelope([SHOP], 1),
            "account": envelope(SHOP),
            "projects": envelope([{"id": 1, "name": "p"}], 1),
            "jobs": envelope([job()], 1),
            "runs": envelope([run(5, 1), run(6, 0.5, 20)], 2),
            "artifacts": envelope(["manifest.json"]),
        }
        self._answers = usual | answers

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer)])

    async def _answer(self, request: Request) -> Response:
        parts = request.url.path.strip("/").split("/")
        last = parts[-1] if not parts[-1].isdecimal() else parts[-2].removesuffix("s")
        return self._answers.get(last) or refusal(404, HINT)


async def ask(answers: Answers, call: Any, token: SecretStr = TOKEN) -> Any:
    async with (
        serving(answers.app()) as url,
        DbtCloudClient(url, token, pacer=Unpaced(), retries=RetryPolicy(attempts=1)) as client,
    ):
        return await call(client)


async def card(answers: Answers, call: Any, token: SecretStr = TOKEN) -> ActionableError:
    with pytest.raises(ActionableError) as caught:
        await ask(answers, call, token)
    return caught.value


async def permissions(answers: Answers) -> dict[str, PermissionAnswer]:
    found = await ask(answers, lambda client: check_permissions(client, ACCOUNT))
    return {answer.resource: answer for answer in found}


@pytest.mark.parametrize("name", ["accounts", "projects", "jobs", "runs", "environments", "connections"])
async def test_a_list_whose_data_is_null_is_empty(name: str) -> None:
    calls: dict[str, Any] = {
        "accounts": lambda client: client.accounts(),
        "projects": lambda client: client.projects(ACCOUNT),
        "jobs": lambda client: client.jobs(ACCOUNT),
        "runs": lambda client: client.runs(ACCOUNT),
        "environments": lambda client: client.environments(ACCOUNT, 1),
        "connections": lambda client: client.connections(ACCOUNT),
    }
    assert await ask(Answers(**{name: envelope(None)}), calls[name]) == []


async def test_a_run_that_left_nothing_has_no_artifacts() -> None:
    nothing = Answers(artifacts=envelope(None))
    assert await ask(nothing, lambda client: client.artifact_names(ACCOUNT, 5)) == ()
    answers = await permissions(nothing)
    assert {answer.state for answer in answers.values()} == {"ok"}


async def test_an_odd_element_costs_itself_alone() -> None:
    odd = Answers(
        runs=envelope([run(5, 1), {"id": None}, None, run(6, 1) | {"status": "Succeeded"}, run(7, 1)], 5)
    )

    async def read(client: DbtCloudClient) -> tuple[list[int], int]:
        return [one.id for one in await client.runs(ACCOUNT)], client.left_out

    assert await ask(odd, read) == ([5, 6, 7], 2)


@pytest.mark.parametrize("size", [0, 1, 2])
async def test_pages_are_counted_by_all_their_elements(size: int) -> None:
    async def jobs(request: Request) -> Response:
        offset = int(request.query_params["offset"])
        items: list[Any] = [job(id=offset + n) if n > size else None for n in range(100)]
        return envelope(items, 200)

    app = Starlette(routes=[Route("/{path:path}", jobs)])
    async with serving(app) as url, DbtCloudClient(url, TOKEN, pacer=Unpaced()) as client:
        assert len(await client.jobs(ACCOUNT)) == 2 * (99 - size)


def test_null_and_unknown_values_leave_the_rest_readable() -> None:
    read = Run.model_validate(
        run(5, 1, status=77, blocked_by=None, trigger="x", environment=[1])
        | {"run_steps": ["", {"index": None, "name": "Invoke dbt with `dbt build`", "status": None}, None]}
    )
    assert read.outcome == "status 77"
    assert [(step.index, step.command) for step in read.run_steps] == [(2, "dbt build")]
    one = Job.model_validate(
        job(execute_steps=["dbt build", None], triggers="x", schedule=7, settings=None, name=None)
    )
    assert one.execute_steps == ("dbt build",)
    assert one.schedule_words == "on demand"


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("runs", lambda client: client.runs(ACCOUNT)),
        ("jobs", lambda client: client.jobs(ACCOUNT)),
        ("projects", lambda client: client.projects(ACCOUNT)),
        ("job", lambda client: client.job(ACCOUNT, JOB)),
        ("artifacts", lambda client: client.artifact_names(ACCOUNT, 5)),
    ],
)
async def test_a_404_with_the_hint_is_a_permission_first(name: str, call: Any) -> None:
    error = await card(Answers(**{name: refusal(404, HINT)}), call)
    assert isinstance(error, HiddenOrMissing)
    assert error.exit_code is ExitCode.AUTH
    assert "no permission" in error.causes[0]
    assert "Service tokens" in error.causes[0]
    assert "deleted" in error.causes[1]
    assert error.fixes[0].kind == "open_url"


@pytest.mark.parametrize("resource", ["projects", "jobs", "runs", "artifacts"])
@pytest.mark.parametrize("message", [HINT, "Not found."])
async def test_a_refused_read_is_a_missing_permission(resource: str, message: str) -> None:
    answers = await permissions(Answers(**{resource: refusal(404, message)}))
    assert answers[resource].state == "missing"
    assert answers[resource].error is not None


async def test_an_unusable_answer_is_not_a_permission() -> None:
    answers = await permissions(Answers(runs=refusal(400, "No.")))
    assert answers["runs"].state == "untried"
    assert answers["runs"].error is not None


async def test_an_account_is_found_in_the_list_too() -> None:
    answers = await permissions(Answers(account=refusal(403, "You do not have permission.")))
    assert answers["account"].state == "ok"


@pytest.mark.parametrize("token", [TOKEN, PERSONAL])
async def test_an_ip_restriction_is_named_as_such(token: SecretStr) -> None:
    blocked = Answers(runs=JSONResponse(BLOCKED, 403))
    error = await card(blocked, lambda client: client.runs(ACCOUNT), token)
    assert isinstance(error, IpRestricted)
    assert error.exit_code is ExitCode.AUTH
    assert str(ACCOUNT) in error.title
    assert "IP restrictions" in error.causes[0]
    assert "permission" not in error.as_text().lower().replace("ip restrictions", "")


async def test_an_account_left_out_of_the_list_is_asked_for() -> None:
    blocked = Answers(accounts=envelope([], 0), account=JSONResponse(BLOCKED, 403))
    async with serving(blocked.app()) as url:
        address = read_address(f"{url}/deploy/{ACCOUNT}")
        answers = [answer async for answer in find_accounts(TOKEN, address)]
    assert isinstance(no_host_knows(answers, TOKEN), IpRestricted)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            400,
            {
                "status": {"code": 400, "user_message": "The request was invalid."},
                "data": {"reason": "Audit logs are not enabled on this account"},
            },
            "Audit logs are not enabled on this account",
        ),
        (
            405,
            {
                "status": {"code": 405, "user_message": "node_selection are not valid features."},
                "data": {},
                "extra": {},
                "error_code": None,
            },
            "node_selection are not valid features.",
        ),
        (422, {"detail": "A field is missing."}, "A field is missing."),
    ],
)
async def test_a_refused_request_shows_dbts_own_reason(status: int, body: Any, said: str) -> None:
    error = await card(Answers(runs=JSONResponse(body, status)), lambda client: client.runs(ACCOUNT))
    assert error.causes[0] == said
    assert "another version" not in error.as_text()


async def test_a_team_plans_token_gets_the_plans_own_sets() -> None:
    team = envelope(SHOP | {"plan": "team_2022"})

    async def read(client: DbtCloudClient) -> None:
        await client.account(ACCOUNT)
        await client.runs(ACCOUNT)

    error = await card(Answers(account=team, runs=refusal(403, "No.")), read)
    assert isinstance(error, MissingPermission)
    assert "Read-Only, Member or Job Admin" in error.causes[0]
    assert "Viewer" not in error.as_text()
    advice = advise_token("https://ab123.us1.dbt.com", Account(id=7, plan="team"))
    assert advice.kind == "service"
    assert "Read-Only" in advice.permission


async def test_a_refused_connection_names_a_set_that_may_read_it() -> None:
    refused = Answers(connections=refusal(403, "No."))
    error = await card(refused, lambda client: client.connections(ACCOUNT))
    assert "Database Admin" in error.causes[0]


@pytest.mark.parametrize(
    ("failures", "why"), [(100, "after 100 failed runs in a row"), (0, "for inactivity"), (4, "inactivity")]
)
def test_a_deactivated_job_is_poor_and_says_why(failures: int, why: str) -> None:
    off = Job.model_validate(
        job(deactivated=True, run_failure_count=failures, most_recent_run=run(9, 24, 20))
    )
    assert why in off.deactivation
    assert "2026-11-23" in off.deactivation
    assert advise(off).label == "poor"
    assert off.schedule_words == "deactivated"


@pytest.mark.parametrize(
    ("version", "fusion"),
    [
        ("latest-fusion", True),
        ("fusion-stable", True),
        ("fusion-nightly", True),
        ("2.0.0-preview.196", True),
        ("2.1", True),
        ("latest", False),
        ("versionless", False),
        ("compatible", False),
        ("1.12.0-latest", False),
        ("", False),
    ],
)
def test_a_dbt_2_job_needs_no_docs_step(version: str, fusion: bool) -> None:
    found = Job.model_validate(job(dbt_version=version, generate_docs=False))
    assert found.is_fusion is fusion
    assert three_commands(found)[2].present is fusion
    assert "dbt docs generate" not in found.commands
    noted = notes_of_run(Run.model_validate(run(5, 1, has_docs_generated=False, dbt_version=version)))
    assert any("docs generate" in note.text for note in noted) is not fusion


def test_a_jobs_version_may_be_its_environments() -> None:
    found = Job.model_validate(job(dbt_version=None, environment={"id": 1, "dbt_version": "latest-fusion"}))
    assert found.is_fusion


def test_a_runs_own_reason_is_shown() -> None:
    message = "This run timed out after running for 1 day, which exceeded the configured timeout."
    timed_out = Run.model_validate(run(5, 1, 30, status_message=message))
    assert timed_out.outcome_words == f"cancelled: {message.rstrip('.')}"
    assert any(message in note.text for note in notes_of_run(timed_out))


def test_a_queued_run_is_not_missing_its_catalog() -> None:
    queued = Run.model_validate(run(5, 1, 1, has_docs_generated=False, run_steps=steps()))
    assert not any("catalog" in note.text for note in notes_of_run(queued))


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("https://ab123.metadata.us1.dbt.com/graphql", "https://ab123.us1.dbt.com"),
        ("metadata.cloud.getdbt.com", "https://cloud.getdbt.com"),
        ("https://semantic-layer.emea.dbt.com/api/graphql", "https://emea.dbt.com"),
        (
            "jdbc:arrow-flight-sql://ab123.semantic-layer.us1.dbt.com:443?&environmentId=2&token=dbtc_SECRET",
            "https://ab123.us1.dbt.com",
        ),
        ("https://semantic-layer.dbt.acme.com", "https://dbt.acme.com"),
    ],
)
def test_another_apis_host_becomes_the_right_one(text: str, base: str) -> None:
    address = read_address(text)
    assert address.base_url == base
    assert address.instead_of


@pytest.mark.parametrize("host", ["us1.dbt.com", "login.us1.dbt.com", "eu2.dbt.com", "ap9.dbt.com"])
def test_a_regions_log_in_page_is_refused_by_name(host: str) -> None:
    with pytest.raises(UsageError, match="log-in page"):
        read_address(f"https://{host}/deploy/70403103000001/projects/2/jobs/3")
