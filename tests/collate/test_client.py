"""Connecting, errors, capabilities and lists, over real HTTP."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from dbtcollate_tui.collate.capabilities import read_capabilities
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import (
    ConflictError,
    ForbiddenError,
    GuardFailedError,
    InvalidRequestError,
    NotFoundError,
    NotSpokenError,
    PlanLimitError,
    ServerFailedError,
    TokenError,
    TooManyRequestsError,
)
from dbtcollate_tui.collate.server import SlowPage
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.transport.pacing import Retrying, Timeouts
from dbtcollate_tui.transport.request_log import RequestLog
from tests.collate.server import (
    QUICK,
    TOKEN,
    Asked,
    FakeCollate,
    Handler,
    connected,
    jwt,
    missing_call,
    refuse,
    say,
    serving,
)


async def test_connect_reads_version_and_proves_the_token() -> None:
    fake = FakeCollate("1.1.0-SNAPSHOT")
    async with serving(fake), CollateClient(fake.url, TOKEN) as client:
        dialect = await client.connect()
        assert dialect.version == (1, 1, 0)
        assert not dialect.many_owners
    assert fake.paths() == ["/system/version", "/users/loggedInUser"]
    assert fake.asked[0].headers["authorization"] == f"Bearer {TOKEN.get_secret_value()}"


@pytest.mark.parametrize(
    ("token", "title"),
    [(jwt(exp=1_700_000_000), "has expired"), (SecretStr("dbtc_PlantedWrongSide00"), "not a Collate token")],
)
async def test_unusable_token_is_found_before_a_request(token: SecretStr, title: str) -> None:
    fake = FakeCollate()
    async with serving(fake), CollateClient(fake.url, token) as client:
        with pytest.raises(AuthError) as caught:
            await client.connect()
    assert title in caught.value.title
    assert caught.value.exit_code is ExitCode.AUTH
    assert token.get_secret_value() not in caught.value.as_text()
    assert fake.asked == []


@pytest.mark.parametrize(
    ("message", "title"), [("Invalid token", "does not accept"), ("Expired token!", "expired")]
)
async def test_a_refused_token(message: str, title: str) -> None:
    fake = FakeCollate(answers={"GET /users/loggedInUser": refuse(401, message)})
    async with serving(fake), CollateClient(fake.url, TOKEN) as client:
        with pytest.raises(TokenError, match=title) as caught:
            await client.connect()
    assert message in caught.value.evidence[0]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: HTMLResponse("<!doctype html><title>Collate</title>"),
        lambda _: PlainTextResponse("hello"),
        lambda _: RedirectResponse("https://login.example.com/"),
    ],
)
async def test_wrong_address_is_named(answer: Handler) -> None:
    fake = FakeCollate(answers={"GET /system/version": answer})
    async with serving(fake), CollateClient(fake.url, TOKEN) as client:
        with pytest.raises(UnreachableError) as caught:
            await client.connect()
    assert any(fix.value == "collate" for fix in caught.value.fixes)


async def test_nobody_there() -> None:
    fake = FakeCollate()
    async with serving(fake):
        pass
    async with CollateClient(fake.url, TOKEN, retries=QUICK) as client:
        with pytest.raises(UnreachableError, match="refuses connections"):
            await client.connect()


@pytest.mark.parametrize(("old", "version"), [(True, (1, 1, 0)), (False, (2, 0, 0))])
async def test_unreadable_version_names_the_field(old: bool, version: tuple[int, int, int]) -> None:
    empty = say({"data": [], "paging": {"total": 0}})

    def tables(asked: Asked) -> Response | Awaitable[Response]:
        unknown = old and "owners" in asked.query.get("fields", "")
        return refuse(400, "Invalid field name owners")(asked) if unknown else empty(asked)

    fake = FakeCollate("unknown", answers={"GET /tables": tables})
    async with connected(fake) as client:
        assert client.dialect.version == version
        assert client.dialect.warning is not None


ERRORS = [
    (refuse(404, "table instance for x not found"), None),
    (missing_call(405), NotSpokenError),
    (missing_call(404), NotSpokenError),
    (refuse(405, "HTTP 405 Method Not Allowed"), NotSpokenError),
    (refuse(400, 'Unrecognized field "zzz"'), InvalidRequestError),
    (refuse(409, "Entity already exists"), ConflictError),
    (refuse(412, "precondition"), ConflictError),
    (refuse(429, "Feature limit exceeded"), PlanLimitError),
    (refuse(429, "Hard limit of the plan reached for ingestionPipeline"), PlanLimitError),
    (refuse(429, "Too many requests"), TooManyRequestsError),
    (refuse(500, "boom"), ServerFailedError),
    (refuse(503, "busy"), ServerFailedError),
]


@pytest.mark.parametrize(("answer", "kind"), ERRORS[1:])
async def test_refusals_by_kind(answer: Handler, kind: type[ActionableError]) -> None:
    fake = FakeCollate("1.1.0", answers={"PUT /lineage": answer})
    async with connected(fake) as client:
        with pytest.raises(kind) as caught:
            await client.call("PUT", "/lineage", body={}, doing="write the lineage")
    assert "write the lineage" in caught.value.title
    assert caught.value.evidence
    again = kind is TooManyRequestsError or "answered 503" in caught.value.evidence[0]
    tries = 2 if again else 1
    assert len(fake.asked) == tries


LOST_RACES = [
    refuse(500, "[JsonPatch.Operation.TEST fails! Values are not equal]"),
    say({"responseMessage": "'[]' contains no element for index 0"}, 500),
    say(
        {"responseMessage": '\'{"name":"' + "x" * 9000 + "\"}' contains no value for name 'description'"}, 500
    ),
    refuse(400, "The JSON Patch operation 'test' failed for path '/description', value '\"a\"'"),
    refuse(500, "Non-existing name/value pair in the object for key description"),
    refuse(500, "An array item index is out of range. Index: 3, Size: 2"),
]


@pytest.mark.parametrize("answer", LOST_RACES)
async def test_a_lost_race_is_recognised_in_every_form(answer: Handler) -> None:
    fake = FakeCollate(answers={"PATCH /tables/t": answer})
    async with connected(fake) as client:
        with pytest.raises(GuardFailedError):
            await client.patch_table("t", [{"op": "test", "path": "/name", "value": "n"}])
    assert len(fake.asked) == 1


OTHER_TOKENS = [
    say({"responseMessage": "com.auth0.jwk.SigningKeyNotFoundException: JWT Token keyID doesn't match"}, 500),
    refuse(401, "Token verification failed. Public key mismatch."),
]


@pytest.mark.parametrize("answer", OTHER_TOKENS)
async def test_a_token_of_another_server_is_a_token_problem(answer: Handler) -> None:
    fake = FakeCollate(answers={"GET /users/loggedInUser": answer})
    async with serving(fake), CollateClient(fake.url, TOKEN, retries=QUICK) as client:
        with pytest.raises(TokenError) as caught:
            await client.connect()
    assert caught.value.title == "The Collate token belongs to another server"
    assert caught.value.exit_code == ExitCode.AUTH


INSIDE_500 = [
    ("HTTP 401 Unauthorized", TokenError),
    ("com.auth0.jwt.exceptions.JWTDecodeException: wrong parts", TokenError),
    ("HTTP 403 Forbidden", ForbiddenError),
    ("table instance for a.b not found", NotFoundError),
    ("HTTP 404 Not Found", NotSpokenError),
    ("HTTP 405 Method Not Allowed", NotSpokenError),
]


@pytest.mark.parametrize(("inside", "kind"), INSIDE_500)
async def test_a_500_means_what_it_carries(inside: str, kind: type[ActionableError]) -> None:
    text = f"An exception with message [{inside}] was thrown while processing request."
    fake = FakeCollate(answers={"PUT /lineage": say({"responseMessage": text}, 500)})
    async with connected(fake) as client:
        with pytest.raises(kind):
            await client.call("PUT", "/lineage", body={}, doing="write the lineage")
    assert len(fake.asked) == 1


async def test_what_came_too_fast_is_sent_again_as_often_as_the_server_says_also_a_result() -> None:
    wait = Response('{"code": 429, "message": "Feature limit of the proxy"}', 429, {"Retry-After": "0"})
    path = "/dataQuality/testCases/testCaseResults/a"
    fake = FakeCollate(answers={f"POST {path}": [*[lambda _: wait] * 5, say({"id": "r"})]})
    told: list[Retrying] = []
    async with connected(fake) as client:
        client.transport.on_retry = told.append
        assert await client.add_test_case_result("a", {"timestamp": 1, "testCaseStatus": "Success"})
    assert [item.reason for item in told] == ["answered 429"] * 5


async def test_a_call_that_the_version_does_not_have_names_the_version() -> None:
    fake = FakeCollate("1.1.0", answers={"GET /lineage/getLineageEdge/a/b": missing_call()})
    async with connected(fake) as client:
        with pytest.raises(NotSpokenError, match=r"OpenMetadata 1\.1\.0 cannot"):
            await client.call("GET", "/lineage/getLineageEdge/a/b", doing="show the edge")


async def test_a_policy_names_the_operation() -> None:
    words = "Principal: CatalogPrincipal{name='bot'} operations [EditDescription] not allowed"
    fake = FakeCollate(answers={"PATCH /tables/t": refuse(403, words)})
    async with connected(fake) as client:
        with pytest.raises(ForbiddenError, match="operation EditDescription"):
            await client.patch_table("t", [{"op": "add", "path": "/description", "value": "x"}])


async def test_what_the_server_says_is_redacted() -> None:
    fake = FakeCollate(
        answers={"GET /tables/name/x": refuse(400, f"bad header Bearer {TOKEN.get_secret_value()}")}
    )
    async with connected(fake) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.table("x")
    assert TOKEN.get_secret_value() not in caught.value.as_text()


async def test_an_answer_that_is_no_entity() -> None:
    fake = FakeCollate(answers={"GET /tables/name/x": say({"id": "t"})})
    async with connected(fake) as client:
        with pytest.raises(ServerFailedError, match="is unreadable"):
            await client.table("x")


async def test_pages_follow_the_cursor_with_one_page_in_memory() -> None:
    def page(asked: Asked) -> Response | Awaitable[Response]:
        start = int(asked.query.get("after", "0"))
        names = [
            {"id": str(n), "name": f"t{n}", "fullyQualifiedName": f"s.d.a.t{n}"} for n in (start, start + 1)
        ]
        paging = {"total": 6, **({"after": str(start + 2)} if start < 4 else {})}
        return say({"data": names, "paging": paging})(asked)

    fake = FakeCollate(answers={"GET /tables": page})
    async with connected(fake) as client:
        names = [table.name async for table in client.tables("s.d")]
    assert names == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert [asked.query["limit"] for asked in fake.asked] == ["100", "200", "300"]
    assert fake.asked[0].query["fields"] == "columns,tags,owners,dataModel"


@pytest.mark.parametrize(
    "refusal", [refuse(413, "too large"), refuse(400, "query param limit"), refuse(500, "oom")]
)
async def test_a_page_that_is_too_large_is_asked_for_smaller(refusal: Handler) -> None:
    empty = say({"data": [], "paging": {"total": 0}})
    fake = FakeCollate(answers={"GET /tables": [refusal, refusal, empty]})
    async with connected(fake) as client:
        assert [table async for table in client.tables("s.d")] == []
    assert [asked.query["limit"] for asked in fake.asked] == ["100", "50", "25"]


async def never(asked: Asked) -> Response:
    """Longer than the read timeout of the test."""
    del asked
    await asyncio.sleep(0.5)
    return PlainTextResponse("too late")


async def test_the_size_that_a_server_bears_is_remembered() -> None:
    empty = say({"data": [], "paging": {"total": 0}})
    fake = FakeCollate(answers={"GET /tables": [refuse(413, "too large"), empty, empty]})
    async with connected(fake) as client:
        for database in ("s.d", "s.e"):
            assert [table async for table in client.tables(database)] == []
    assert [asked.query["limit"] for asked in fake.asked] == ["100", "50", "50"]


async def test_a_page_that_timed_out_is_halved_after_a_pause() -> None:
    empty = say({"data": [], "paging": {"total": 0}})
    fake = FakeCollate(answers={"GET /tables": [never, empty]})
    slow: list[SlowPage] = []
    async with connected(fake, timeouts=Timeouts(read=0.1)) as client:
        client.pause_after_timeout, client.on_slow_page = 0.0, slow.append
        assert [table async for table in client.tables("s.d")] == []
    assert [asked.query["limit"] for asked in fake.asked] == ["100", "50"]
    assert [(page.what, page.rows, page.timed_out) for page in slow] == [("tables", 100, True)]


async def test_a_refused_field_is_asked_for_once() -> None:
    def tables(asked: Asked) -> Response | Awaitable[Response]:
        if "owners" in asked.query["fields"]:
            return refuse(400, "Invalid field name owners")(asked)
        return say({"data": [], "paging": {"total": 0}})(asked)

    fake = FakeCollate(answers={"GET /tables": tables})
    async with connected(fake) as client:
        for _ in range(2):
            assert [table async for table in client.tables("s.d")] == []
    assert ["owners" in asked.query["fields"] for asked in fake.asked] == [True, False, False]


def permissions(**resources: list[str]) -> dict[str, Any]:
    return {
        "data": [
            {"resource": name, "permissions": [{"operation": op, "access": "allow"} for op in operations]}
            for name, operations in resources.items()
        ]
    }


async def test_what_a_token_may_do() -> None:
    names = ("table", "lineage", "tag", "classification", "testCase", "ingestionPipeline")
    bot = permissions(**{name: ["All"] for name in names})
    async with connected(FakeCollate(answers={"GET /permissions": say(bot)})) as client:
        may = await client.capabilities()
    assert may.read_only is False
    assert may.can_write_tables
    assert may.can_write_lineage
    assert may.can_manage_pipelines
    assert may.missing == ()


def test_a_token_that_may_only_read() -> None:
    names = ("table", "lineage", "tag", "classification", "testCase", "ingestionPipeline")
    body = permissions(**{name: ["ViewAll"] for name in names})
    may = read_capabilities(body)
    assert may.read_only is True
    assert may.can_read_tables
    assert "EditLineage on lineage" in may.missing
    assert "EditDescription on table" in may.missing


def test_a_denied_operation_is_not_granted() -> None:
    body = permissions(table=["ViewAll", "EditTags", "EditOwners"])
    body["data"][0]["permissions"].append({"operation": "EditDescription", "access": "deny"})
    assert read_capabilities(body).can_write_tables is False


@pytest.mark.parametrize("answer", [missing_call(), refuse(403, "no"), say({"data": 1}), say([])])
async def test_a_server_that_does_not_tell(answer: Handler) -> None:
    async with connected(FakeCollate(answers={"GET /permissions": answer})) as client:
        may = await client.capabilities()
    assert may.read_only is None
    assert may.can_write_tables is None


async def test_requests_are_recorded_without_the_token() -> None:
    log = RequestLog()
    fake = FakeCollate()
    async with serving(fake), CollateClient(fake.url, TOKEN, request_log=log) as client:
        await client.connect()
    curl = log.newest(1)[0].as_curl("COLLATE_TOKEN")
    assert "${COLLATE_TOKEN}" in curl
    assert TOKEN.get_secret_value() not in curl


async def test_nothing_is_known_before_connecting() -> None:
    fake = FakeCollate()
    async with serving(fake), CollateClient(fake.url, TOKEN) as client:
        with pytest.raises(RuntimeError, match="connect"):
            _ = client.me
        with pytest.raises(RuntimeError, match="connect"):
            _ = client.dialect
        await client.connect()
        assert client.me.name == "ingestion-bot"
