"""The client against the sandbox, and against small apps for what the sandbox does not play."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.client import PAGE, DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import (
    MissingPermission,
    NotFound,
    TokenRefused,
    TooManyRequests,
    WrongAccount,
    WrongHost,
)
from dbtcollate_tui.dbt_cloud.run_notes import NoteKind, notes_of_run
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import EnterToken
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.transport.bounds import MOST_JSON_BYTES
from dbtcollate_tui.transport.pacing import Retrying, RetryPolicy, Timeouts, Unpaced
from dbtcollate_tui.transport.request_log import RequestLog
from tests.dbt_cloud.fake import ACCOUNT, PROJECT, TOKEN, envelope, job, refusal, run, serving

ONCE = RetryPolicy(attempts=1)
QUICK = RetryPolicy(attempts=4, first_wait=0.01, longest_wait=0.02)


def connect(url: str, token: SecretStr = TOKEN, **options: Any) -> DbtCloudClient:
    settings: dict[str, Any] = {"pacer": Unpaced(), "retries": ONCE} | options
    return DbtCloudClient(url, token, **settings)


def answering(response: Callable[[Request], Response]) -> Starlette:
    async def every(request: Request) -> Response:
        return response(request)

    return Starlette(routes=[Route("/{path:path}", every)])


async def card(
    response: Callable[[Request], Response], token: SecretStr = TOKEN, **options: Any
) -> ActionableError:
    async with serving(answering(response)) as url, connect(url, token, **options) as client:
        with pytest.raises(ActionableError) as caught:
            await client.jobs(ACCOUNT, PROJECT)
    assert token.get_secret_value() not in caught.value.as_text()
    return caught.value


async def test_everything_a_sync_reads() -> None:
    async with Sandbox() as sandbox, connect(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
        account = sandbox.account_id
        assert [one.id for one in await client.accounts()] == [account]
        assert (await client.account(account)).name == "Shop"
        assert [project.name for project in await client.projects(account)] == ["finance", "shop"]
        jobs = await client.jobs(account, sandbox.project_id)
        nightly = await client.job(account, sandbox.job_id)
        newest = await client.runs(account, job_id=sandbox.job_id, limit=5)
        one = await client.run(account, newest[0].id)
        environments = await client.environments(account, sandbox.project_id)
        connections = await client.connections(account)
        connection = await client.connection(account, connections[0].id)
        names = await client.artifact_names(account, newest[0].id)
    assert nightly.id in {found.id for found in jobs}
    assert {found.project_id for found in jobs} == {sandbox.project_id}
    assert nightly.environment is not None
    assert nightly.environment.is_production
    assert nightly.most_recent_run is not None
    assert nightly.most_recent_run.id == newest[0].id
    assert newest == sorted(newest, key=lambda found: -found.id)
    assert one.job is not None
    assert one.trigger is not None
    assert [step.index for step in one.run_steps] == list(range(1, len(one.run_steps) + 1))
    assert "Production" in {environment.name for environment in environments}
    assert connection.adapter == "duckdb"
    assert names


async def test_deleted_jobs_are_left_out() -> None:
    async with Sandbox() as sandbox, connect(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
        assert "nightly-2024" not in {found.name for found in await client.jobs(sandbox.account_id)}


async def test_300_projects_and_5000_jobs_come_whole_with_few_requests() -> None:
    async with (
        Sandbox(scale=True) as sandbox,
        connect(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client,
    ):
        projects = await client.projects(sandbox.account_id)
        jobs = await client.jobs(sandbox.account_id)
        requests = len(client.request_log.newest(500))
    assert len(projects) == 300
    assert len({found.id for found in jobs}) == len(jobs) >= 4_999
    assert requests <= 3 + 51


async def test_pages_are_fetched_as_they_are_needed() -> None:
    async with (
        Sandbox(scale=True) as sandbox,
        connect(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client,
    ):
        pages = client.iter_jobs(sandbox.account_id)
        first = await anext(pages)
        assert len(client.request_log.newest(500)) == 1
        await anext(pages)
        await pages.aclose()
        asked = len(client.request_log.newest(500))
    assert len(first) == PAGE
    assert asked <= 6


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 200, 250])
@pytest.mark.parametrize("told", [True, False])
async def test_paging_ends_with_and_without_a_total(total: int, told: bool) -> None:
    def page(request: Request) -> Response:
        offset, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        assert limit == PAGE
        found = [job(id=number) for number in range(1, total + 1)][offset : offset + limit]
        return envelope(found, total if told else None)

    async with serving(answering(page)) as url, connect(url) as client:
        assert {found.id for found in await client.jobs(ACCOUNT)} == set(range(1, total + 1))


async def test_a_server_with_smaller_pages_is_read_whole() -> None:
    def page(request: Request) -> Response:
        offset = int(request.query_params["offset"])
        return envelope([job(id=n) for n in range(1, 131)][offset : offset + 50], 130)

    async with serving(answering(page)) as url, connect(url) as client:
        assert len(await client.jobs(ACCOUNT)) == 130


async def test_a_page_that_shifts_gives_no_job_twice() -> None:
    def page(request: Request) -> Response:
        offset = max(0, int(request.query_params["offset"]) - 1)
        return envelope([job(id=n) for n in range(1, 151)][offset : offset + 100], 150)

    async with serving(answering(page)) as url, connect(url) as client:
        found = [one.id for one in await client.jobs(ACCOUNT)]
    assert len(found) == len(set(found)) == 150


@pytest.mark.parametrize("final_slash", [True, False])
async def test_both_slash_forms_are_tolerated(final_slash: bool) -> None:
    def strict(request: Request) -> Response:
        path = request.url.path
        if path.endswith("/") is not final_slash:
            return HTMLResponse("<h1>Not Found</h1>", 404)
        return Response(b"{}", media_type="application/json") if "manifest" in path else envelope(run(7, 1))

    pieces: list[bytes] = []
    async with serving(answering(strict)) as url, connect(url) as client:
        assert (await client.run(ACCOUNT, 7)).id == 7
        found = await client.download_artifact(ACCOUNT, 7, "manifest.json", 3, pieces.append, pieces.clear)
    assert found
    assert pieces == [b"{}"]


async def test_a_redirect_to_the_other_slash_form_is_followed() -> None:
    def redirecting(request: Request) -> Response:
        if request.url.path.endswith("/"):
            return RedirectResponse(f"{request.url.path.rstrip('/')}?{request.url.query}", 301)
        assert request.headers["authorization"] == f"Bearer {TOKEN.get_secret_value()}"
        return envelope([job(id=5)], 1)

    async with serving(answering(redirecting)) as url, connect(url) as client:
        assert [found.id for found in await client.jobs(ACCOUNT)] == [5]


async def test_what_is_asked_of_dbt() -> None:
    asked: list[str] = []

    def noting(request: Request) -> Response:
        asked.append(f"{request.url.path}?{dict(request.query_params)}")
        return envelope([], 0)

    async with serving(answering(noting)) as url, connect(url) as client:
        await client.runs(
            ACCOUNT, project_id=PROJECT, job_id=3, status_in=(10, 20), order_by="-finished_at", limit=500
        )
        await client.runs(ACCOUNT, status_in=(10,), limit=1)
    assert asked[0].startswith(f"/api/v2/accounts/{ACCOUNT}/runs/?")
    for part in (
        "'status__in': '[10,20]'",
        "'limit': '100'",
        "'job_definition_id': '3'",
        "'project_id': '11'",
    ):
        assert part in asked[0]
    assert "'status': '10'" in asked[1]
    assert "project_id" not in asked[1]


async def test_a_401_from_a_given_address_blames_the_token_first() -> None:
    error = await card(lambda _: refusal(401, "Invalid token."))
    assert isinstance(error, TokenRefused)
    assert error.exit_code is ExitCode.AUTH
    assert "revoked" in error.causes[0]
    assert "another host" in error.causes[1]
    assert "'Invalid token.'" in error.evidence[0]
    assert error.fixes[0] == EnterToken("Enter another token", "dbt_cloud")


async def test_a_401_from_a_guessed_address_says_both_causes_and_where_the_access_url_is() -> None:
    error = await card(lambda _: refusal(401, "Invalid token."), guessed=True)
    assert "host of its own" in error.causes[0]
    assert "Account settings → Account information → Access URL" in error.causes[0]
    assert "revoked" in error.causes[1]
    assert error.fixes[0].value == "address"


async def test_a_401_names_a_token_of_the_wrong_kind() -> None:
    error = await card(
        lambda _: refusal(401, "Invalid token."), SecretStr("0123456789abcdef" * 2 + "01234567")
    )
    assert "no longer works" in error.causes[0]


async def test_a_403_not_scoped_is_a_wrong_account() -> None:
    error = await card(lambda _: refusal(403, "Access denied: Token is not scoped to account."))
    assert isinstance(error, WrongAccount)
    assert str(ACCOUNT) in error.title
    assert error.fixes[0].value == "account"


@pytest.mark.parametrize(
    ("token", "place"),
    [("dbtc_" + "x" * 30, "API tokens → Service tokens"), ("dbtu_" + "x" * 30, "Groups & Licenses")],
)
async def test_another_403_names_the_permission_and_the_page(token: str, place: str) -> None:
    error = await card(lambda _: refusal(403, "You do not have permission."), SecretStr(token))
    assert isinstance(error, MissingPermission)
    assert isinstance(error, AuthError)
    assert "Job Viewer" in error.causes[0]
    assert place in error.causes[0]
    assert error.fixes[0].kind == "open_url"
    assert error.fixes[0].value.endswith(f"/settings/accounts/{ACCOUNT}")


async def test_a_404_names_what_is_not_there() -> None:
    async with (
        serving(answering(lambda _: refusal(404, "Not found."))) as url,
        connect(url) as client,
    ):
        with pytest.raises(NotFound, match=f"no run 7 of account {ACCOUNT}"):
            await client.run(ACCOUNT, 7)
        assert not await client.download_artifact(ACCOUNT, 7, "catalog.json", 1, len, lambda: None)


async def test_a_429_says_when_to_come_back() -> None:
    error = await card(lambda _: refusal(429, "Slow down.", Retry_After="42"))
    assert isinstance(error, TooManyRequests)
    assert "42 s" in error.fixes[0].label
    assert "5 minutes" in (await card(lambda _: refusal(429, "Slow down."))).causes[0]


@pytest.mark.parametrize(
    "answer",
    [HTMLResponse("<html>"), JSONResponse({"hello": "world"}), JSONResponse([1]), Response(b"")],
    ids=["page", "object", "list", "nothing"],
)
async def test_a_page_in_place_of_json_is_a_wrong_host(answer: Response) -> None:
    error = await card(lambda _: answer)
    assert isinstance(error, WrongHost)
    assert "Access URL" in error.fixes[0].label


async def test_an_artifact_that_is_a_page_is_a_wrong_host() -> None:
    async with serving(answering(lambda _: HTMLResponse("<html>"))) as url, connect(url) as client:
        with pytest.raises(WrongHost):
            await client.download_artifact(ACCOUNT, 7, "manifest.json", 1, len, lambda: None)


@pytest.mark.parametrize(
    ("location", "offers"),
    [
        ("https://ab123.us1.dbt.com/api/v2/", True),
        ("https://login.corp.example/?next=x", False),
        ("http://ab123.us1.dbt.com/", False),
        ("https://evildbt.com/", False),
    ],
)
async def test_a_foreign_redirect_is_named_and_offered_only_to_dbts_own_hosts(
    location: str, offers: bool
) -> None:
    error = await card(lambda _: RedirectResponse(location))
    assert isinstance(error, WrongHost)
    assert location.partition("?")[0] in error.evidence[0]
    assert "next=x" not in error.evidence[0]
    offered = [fix for fix in error.fixes if fix.kind == "set_field"]
    assert bool(offered) is offers
    if offers:
        assert offered[0].value == "dbt_cloud.base_url=https://ab123.us1.dbt.com"


async def test_a_failing_server_is_unreachable_after_retries() -> None:
    told: list[Retrying] = []
    error = await card(
        lambda _: HTMLResponse("<h1>Bad gateway</h1>", 502), retries=QUICK, on_retry=told.append
    )
    assert isinstance(error, UnreachableError)
    assert "502" in error.title
    assert len(told) == 3


async def test_missing_answer_is_named_by_kind() -> None:
    async with connect("http://127.0.0.1:9") as client:
        with pytest.raises(UnreachableError, match="refuses the connection"):
            await client.accounts()

    async def silent(_: Request) -> Response:
        await asyncio.sleep(5)
        return envelope([])

    app = Starlette(routes=[Route("/{path:path}", silent)])
    async with serving(app) as url, connect(url, timeouts=Timeouts(read=0.05)) as client:
        with pytest.raises(UnreachableError, match="did not answer in time"):
            await client.accounts()


async def test_a_field_of_the_wrong_type_is_named() -> None:
    error = await card(lambda _: envelope([job(id="x")], 1))
    assert "could not be read" in error.title
    assert error.causes[0].startswith("id: ")


async def test_an_unknown_field_is_no_matter() -> None:
    async with (
        serving(answering(lambda _: envelope([job(brand_new={"a": [1]})], 1))) as url,
        connect(url) as client,
    ):
        assert len(await client.jobs(ACCOUNT)) == 1


@pytest.mark.parametrize("scenario", ["flaky", "rate-limited"])
async def test_a_shaky_server_is_read_all_the_same(scenario: str) -> None:
    policy = RetryPolicy(attempts=6, first_wait=0.01, longest_wait=0.05)
    async with (
        Sandbox(scenario) as sandbox,
        connect(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token, retries=policy) as client,
    ):
        await asyncio.gather(*(client.account(sandbox.account_id) for _ in range(6)))
        assert len(await client.projects(sandbox.account_id)) == 2
        assert await client.jobs(sandbox.account_id)
        assert await client.runs(sandbox.account_id)


async def test_the_log_is_shared_and_its_curls_name_the_variable() -> None:
    log = RequestLog()
    async with (
        Sandbox() as sandbox,
        connect(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token, request_log=log) as client,
    ):
        await client.runs(sandbox.account_id, status_in=(10, 20), limit=1)
    curl = log.newest(1)[0].as_curl("DBT_CLOUD_TOKEN")
    assert "${DBT_CLOUD_TOKEN}" in curl
    assert sandbox.dbt_cloud_token.get_secret_value() not in curl
    assert log.newest(1)[0].status == 200
    assert log.newest(1)[0].received > 0


LOG_LINE = "10:38:31  1 of 2425 OK created sql view model db.schema.m  [\x1b[32mSUCCESS 1\x1b[0m in 1.24s]\n"


def steps_with_logs(size: int) -> Starlette:
    """A run of eight steps whose logs have so many bytes together; only where steps are asked for."""
    line, repeated = json.dumps(LOG_LINE)[1:-1].encode(), size // 80 // len(LOG_LINE)

    async def parts(with_steps: bool) -> AsyncIterator[bytes]:
        yield b'{"status": {"code": 200}, "data": {"id": 5, "status": 10, "run_steps": ['
        for index in range(1, 9 if with_steps else 1):
            name = f"Invoke dbt with `dbt build -s m{index}`"
            head = f'{"," if index > 1 else ""}{{"index": {index}, "name": "{name}", "status": 10, "logs": "'
            yield head.encode()
            for _ in range(10):
                yield line * repeated
            yield b'"}'
        yield b"]}}"

    async def answer(request: Request) -> Response:
        with_steps = "run_steps" in request.query_params["include_related"]
        return StreamingResponse(parts(with_steps), media_type="application/json")

    return Starlette(routes=[Route("/{path:path}", answer)])


async def test_step_logs_of_30_mb_are_read_in_one_answer() -> None:
    size = 30_000_000
    async with serving(steps_with_logs(size)) as url, connect(url) as client:
        tracemalloc.start()
        try:
            read = await client.run(ACCOUNT, 5)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [one.command for one in read.run_steps] == [f"dbt build -s m{n}" for n in range(1, 9)]
    assert all(one.logs == LOG_LINE * (len(one.logs) // len(LOG_LINE)) for one in read.run_steps)
    assert sum(len(one.logs) for one in read.run_steps) > 0.9 * size
    assert peak < 4 * size


async def test_a_run_with_logs_above_the_bound_is_read() -> None:
    async with serving(steps_with_logs(MOST_JSON_BYTES + 10_000_000)) as url, connect(url) as client:
        read = await client.run(ACCOUNT, 5)
    assert (read.id, read.is_success, read.run_steps) == (5, True, ())
    assert [note.kind for note in notes_of_run(read)] == [NoteKind.STEPS_LEFT_OUT]


EMPTY_ENVELOPE = '{"status": {"code": 200, "is_success": true, "user_message": "Success!"}}'


@pytest.mark.parametrize("content", ["", "{}", EMPTY_ENVELOPE])
async def test_one_answer_without_data_is_asked_for_again(content: str) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.url.path)
        if len(asked) == 1:
            return Response(content, media_type="application/json")
        return envelope([job()], 1)

    async with serving(answering(answer)) as url, connect(url) as client:
        assert len(await client.jobs(ACCOUNT, PROJECT)) == 1
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "an empty answer, twice"), (EMPTY_ENVELOPE, "an answer without data, twice")],
)
async def test_two_answers_without_data_are_named(content: str, said: str) -> None:
    error = await card(lambda _: Response(content, media_type="application/json"))
    assert isinstance(error, UnreachableError)
    assert not isinstance(error, WrongHost)
    assert error.title.startswith("dbt Cloud gave no data about jobs")
    assert error.evidence[0].endswith(said)
