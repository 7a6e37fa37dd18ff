"""What servers say is only ever text: no markup, no terminal control, no turned direction, on any screen."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from textual.widgets import OptionList

from dbtcollate_tui.printable import CONTROL
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from tests.support.world import profile_for
from tests.tui.driving import LARGE, offer_of, page_of
from tests.tui.whole import Whole, keep, whole

HOSTILE = "[b]x[/nowhere] [@click=app.quit]q[/] \x1b]0;t\x07\x1b[31m\x9b2J \u202eexe.gnp"
SAID = "[b]x[/nowhere]"
TEXTS = frozenset({"description", "displayName", "message", "status_message", "fullName", "git_branch"})
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def poisoned(value: Any) -> Any:
    """The answer with hostile text in every place that a person, not a program, fills in."""
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, held in value.items():
        hostile = isinstance(held, str) and (key in TEXTS or (key == "name" and "job_type" in value))
        made[key] = f"{HOSTILE} {held}" if hostile else poisoned(held)
    return made


@asynccontextmanager
async def between(url: str) -> AsyncIterator[str]:
    """A server that hands on to ``url`` and poisons what it answers."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:

        async def hand_on(request: Request) -> Response:
            headers = {
                name: text
                for name, text in request.headers.items()
                if name not in ("host", "content-length", "accept-encoding")
            }
            answer = await client.request(
                request.method,
                request.url.path,
                params=request.url.query,
                headers=headers,
                content=await request.body(),
            )
            body = answer.content
            if answer.is_success and body[:1] in (b"{", b"["):
                body = json.dumps(poisoned(json.loads(body))).encode()
            return Response(body, answer.status_code, media_type=answer.headers.get("content-type"))

        app = Starlette(routes=[Route("/{path:path}", hand_on, methods=METHODS)])
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            serving = asyncio.create_task(server.serve([bound]))
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The test runner's signals stay its own."""
        yield


def harmless(app: Whole) -> str:
    """The screen's text, which is only that."""
    drawn = app.drawn()
    assert not CONTROL.search(drawn.replace("\n", "")), app.name
    assert app.app.return_code is None
    return drawn


async def test_what_servers_say_is_only_text_on_every_screen() -> None:
    services = Services()
    seen: dict[str, str] = {}
    async with (
        Sandbox() as sandbox,
        between(sandbox.dbt_cloud_url) as dbt,
        between(sandbox.collate_url) as collate,
    ):
        profile = profile_for(sandbox)
        side = profile.dbt_cloud.model_copy(update={"base_url": dbt, "job_name": f"{HOSTILE} nightly"})
        other = profile.collate.model_copy(update={"base_url": collate})
        await keep(services, sandbox, profile.model_copy(update={"dbt_cloud": side, "collate": other}))
        async with whole(services, profile="shop", size=LARGE) as app:
            await app.checked()
            seen["home"] = harmless(app)
            app.app.show_checklist()
            await app.on("ChecklistScreen")
            for _ in range(app.top.query_one("#rows", OptionList).option_count):
                seen["checklist"] = seen.get("checklist", "") + harmless(app)
                await app.press("down")
            await app.press("s")
            await app.planned()
            for _ in range(12):
                await app.press("down")
                seen["plan"] = seen.get("plan", "") + harmless(app)
            await app.press("w")
            await app.synced()
            seen["sync"] = harmless(app)
            await app.press("l")
            seen["log"] = harmless(app)
            await app.press("escape", "escape", "p")
            await app.on("ProfilesScreen")
            await app.until(lambda: SAID in app.drawn(), "the profile")
            seen["profiles"] = harmless(app)
            app.app.action_requests()
            await app.on("RequestsScreen")
            seen["requests"] = harmless(app)
            app.app.action_edit_setup()
            await app.on("SetupScreen")
            seen["setup"] = harmless(app)
    assert {name for name, drawn in seen.items() if SAID in drawn} >= {
        "checklist",
        "plan",
        "sync",
        "profiles",
    }


async def test_hostile_job_names_are_picked_like_others() -> None:
    async with Sandbox() as sandbox, between(sandbox.dbt_cloud_url) as dbt:
        offer = offer_of(
            sandbox, page_of(sandbox).replace(sandbox.dbt_cloud_url, dbt).rpartition("/jobs/")[0]
        )
        async with whole(offer=offer, size=LARGE) as app:
            await app.press("s")
            await app.until(lambda: "The URL of any dbt Cloud page" in app.drawn(), "the address")
            await app.press("enter")
            await app.until(lambda: "dbt Cloud token" in app.drawn(), "the token")
            await app.press("s")
            await app.until(lambda: SAID in app.drawn(), "the jobs")
            await app.pilot.pause()
            assert "nightly" in harmless(app)
