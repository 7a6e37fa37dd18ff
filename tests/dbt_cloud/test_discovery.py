import asyncio

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.addresses import DbtCloudAddress, read_address
from dbtcollate_tui.dbt_cloud.discovery import HostAnswer, find_accounts, no_host_knows
from dbtcollate_tui.dbt_cloud.errors import MissingPermission, TokenRefused, TooManyRequests, WrongHost
from dbtcollate_tui.dbt_cloud.pacing import shared_pacer
from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.errors import UnreachableError
from dbtcollate_tui.sandbox.server import Sandbox
from tests.dbt_cloud.fake import TOKEN, envelope, refusal, serving


def host(response: Response, asked: list[str], wait: asyncio.Event | None = None) -> Starlette:
    async def every(request: Request) -> Response:
        asked.append(request.headers["authorization"])
        if wait is not None:
            await wait.wait()
        return response

    return Starlette(routes=[Route("/{path:path}", every)])


async def ask(
    *regions: Region,
    address: DbtCloudAddress | None = None,
    token: SecretStr = TOKEN,
    give_up_after: float = 10.0,
) -> list[HostAnswer]:
    return [
        answer async for answer in find_accounts(token, address, regions=regions, give_up_after=give_up_after)
    ]


async def test_every_region_is_asked_at_once_and_answers_stream_as_they_come() -> None:
    asked: list[str] = []
    late = asyncio.Event()
    known = envelope([{"id": 70403, "name": "acme", "state": 1}])
    async with (
        serving(host(known, asked, late)) as slow,
        serving(host(refusal(401, "Invalid token."), asked)) as quick,
        serving(host(HTMLResponse("<html>"), asked)) as page,
    ):
        regions = (Region("EMEA", slow), Region("North America", quick), Region("APAC", page))
        seen: list[HostAnswer] = []
        async for answer in find_accounts(TOKEN, None, regions=regions):
            seen.append(answer)
            if len(seen) == 5:
                late.set()
    assert [answer.state for answer in seen[:3]] == ["asking"] * 3
    assert {answer.state for answer in seen[3:5]} == {"refused", "other"}
    assert (seen[5].state, seen[5].region, seen[5].words) == ("ok", "EMEA", "acme (account 70403)")
    assert len(asked) == 3


async def test_a_given_address_is_the_only_host_that_sees_the_token() -> None:
    elsewhere: list[str] = []
    async with Sandbox() as sandbox, serving(host(envelope([]), elsewhere)) as other:
        address = read_address(f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}")
        answers = await ask(Region("EMEA", other), address=address, token=sandbox.dbt_cloud_token)
    assert [answer.state for answer in answers] == ["asking", "ok"]
    assert [account.id for account in answers[1].accounts] == [sandbox.account_id]
    assert elsewhere == []


async def test_the_common_login_page_is_no_host_so_the_regions_are_asked() -> None:
    asked: list[str] = []
    async with serving(host(envelope([]), asked)) as url:
        answers = await ask(Region("EMEA", url), address=read_address("https://login.dbt.com/"))
    assert answers[-1].words == "accepts the token, shows no account"


async def test_silence_ends_after_one_timeout_for_all() -> None:
    asked: list[str] = []
    never = asyncio.Event()
    async with (
        serving(host(envelope([]), asked, never)) as one,
        serving(host(envelope([]), asked, never)) as two,
    ):
        began = asyncio.get_running_loop().time()
        answers = await ask(Region("EMEA", one), Region("APAC", two), give_up_after=0.3)
        took = asyncio.get_running_loop().time() - began
        never.set()
    assert [answer.state for answer in answers[2:]] == ["unreachable"] * 2
    assert took < 0.6 + 2.0
    assert len(asked) == 2
    assert isinstance(no_host_knows(answers, TOKEN), UnreachableError)


async def test_a_failing_host_is_asked_once() -> None:
    asked: list[str] = []
    async with serving(host(refusal(503, "down"), asked)) as url:
        answers = await ask(Region("EMEA", url))
    assert answers[-1].state == "unreachable"
    assert len(asked) == 1


async def test_a_token_that_cannot_list_accounts_is_tried_on_the_addresss_account() -> None:
    async def every(request: Request) -> Response:
        if request.url.path.rstrip("/").endswith("accounts"):
            return refusal(403, "You do not have permission.")
        return envelope({"id": 7, "name": "acme"})

    async with serving(Starlette(routes=[Route("/{path:path}", every)])) as url:
        answers = await ask(address=read_address(f"{url}/deploy/7"))
        without = await ask(address=read_address(url))
    assert answers[-1].words == "acme (account 7)"
    assert without[-1].state == "other"
    assert without[-1].words.startswith("The token may not read")


async def test_a_host_that_rests_is_not_waited_for() -> None:
    asked: list[str] = []
    async with serving(host(envelope([]), asked)) as url:
        await shared_pacer(url, TOKEN).hold(60)
        answers = await ask(Region("EMEA", url), give_up_after=0.2)
    assert asked == []
    assert answers[-1].state == "other"
    assert isinstance(answers[-1].error, TooManyRequests)


async def test_no_shared_host_knows_the_token() -> None:
    refused = [
        HostAnswer(f"https://{name}.example", name, "refused", 0.3, error=TokenRefused("x")) for name in "abc"
    ]
    error = no_host_knows([HostAnswer("https://a.example", "a", "asking"), *refused], TOKEN)
    assert isinstance(error, TokenRefused)
    assert error.title == "No shared dbt Cloud host accepts this token"
    assert "host of its own" in error.causes[0]
    assert "revoked" in error.causes[1]
    assert error.evidence[0] == '3 hosts asked, all 401 "Invalid token."'
    assert [fix.kind for fix in error.fixes[:2]] == ["go_to_step", "enter_token"]
    jwt = SecretStr("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2ln")
    assert "Collate's kind" in no_host_knows(refused, jwt).causes[0]


async def test_one_host_alone_shows_its_own_card() -> None:
    card = WrongHost("x is not dbt Cloud's API")
    assert no_host_knows([HostAnswer("https://x", "", "other", 0.1, error=card)]) is card


async def test_a_host_that_knows_the_token_has_the_say_over_the_others() -> None:
    asked: list[str] = []
    forbids = refusal(403, "You do not have permission.")
    moved = Response(status_code=301, headers={"location": "https://ab123.us1.dbt.com/api/v3/accounts/"})
    for told, kind in ((forbids, MissingPermission), (moved, WrongHost)):
        async with (
            serving(host(refusal(401, "Invalid token."), asked)) as one,
            serving(host(told, asked)) as two,
        ):
            answers = await ask(Region("North America", one), Region("EMEA", two))
        error = no_host_knows(answers, TOKEN)
        assert isinstance(error, kind)
    assert error.fixes[0].value == "dbt_cloud.base_url=https://ab123.us1.dbt.com"


async def test_scenarios_of_one_host() -> None:
    for scenario, state, kind in (
        ("expired-token", "refused", TokenRefused),
        ("html", "other", WrongHost),
        ("moved", "other", WrongHost),
        ("down", "unreachable", UnreachableError),
    ):
        async with Sandbox(scenario) as sandbox:
            answers = await ask(address=read_address(sandbox.dbt_cloud_url), token=sandbox.dbt_cloud_token)
        assert answers[-1].state == state, scenario
        assert isinstance(answers[-1].error, kind)
