"""``receive``: dbt Cloud's webhook for completed jobs starts a sync of the profile.

dbt Cloud signs each request: the header ``Authorization`` is the HMAC-SHA256 of the body, in hexadecimal
(docs.getdbt.com/docs/deploy/webhooks). What is not signed with the secret starts nothing.
"""

import asyncio
import contextlib
import hashlib
import hmac
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import uvicorn
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import ActionableError, UsageError, cannot_listen
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import load_profile
from dbtcollate_tui.headless.sync import sync
from dbtcollate_tui.plan.selection.scope import Scope
from dbtcollate_tui.printable import one_line, safe
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile

SECRET_VARIABLE = "DBT_CLOUD_WEBHOOK_SECRET"  # noqa: S105
COMPLETED = "job.run.completed"
MOST_BYTES = 1_000_000
Wanted = Literal["auto", "direct", "collate"]


class _Run(BaseModel):
    jobId: int
    jobName: str = ""
    runId: int
    runStatus: str = ""
    projectId: int | None = None


class _Event(BaseModel):
    eventType: str
    accountId: int
    data: _Run


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a request is answered with, whether it starts a sync, and why, in words."""

    status: int
    words: str
    starts: bool = False


def judge(body: bytes, signature: str, secret: str, profile: Profile) -> Verdict:
    """Whether the body is signed with the secret and tells of a run that the profile's sync would take."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), expected.encode()):
        return Verdict(401, "refused: not signed with this webhook's secret")
    try:
        event = _Event.model_validate_json(body)
    except ValidationError:
        return Verdict(202, "ignored: no event of a dbt Cloud run")
    run, side = event.data, profile.dbt_cloud
    name = f"run {run.runId} of job {run.jobId}"
    if event.eventType != COMPLETED:
        return Verdict(202, f"ignored: {name}, {event.eventType}")
    if event.accountId != side.account_id:
        return Verdict(202, f"ignored: {name} is of account {event.accountId}")
    if side.job_id is None:
        if side.project_id is not None and run.projectId not in (None, side.project_id):
            return Verdict(202, f"ignored: {name} is of project {run.projectId}")
    elif run.jobId not in (side.job_id, *side.jobs):
        return Verdict(202, f"ignored: {name} is not the profile's")
    if run.runStatus != "Success" and side.run_rule == "newest_successful":
        return Verdict(202, f"ignored: {name} ended as {run.runStatus}")
    return Verdict(202, f"{name} ended as {run.runStatus}: syncing", starts=True)


def receiver(
    secret: str, profile: Profile, start: Callable[[], object], say: Callable[[str], object]
) -> Starlette:
    """The web application: one POST, answered before the sync that it starts."""

    async def answer(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                return PlainTextResponse("too large\n", 413)
        verdict = judge(bytes(body), request.headers.get("authorization", ""), secret, profile)
        say(verdict.words)
        if verdict.starts:
            start()
        return PlainTextResponse(f"{verdict.words}\n", verdict.status)

    return Starlette(routes=[Route("/", answer, methods=["POST"])])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command's."""
        yield


async def receive(common: Common, *, host: str, port: int, yes: bool, engine: Wanted) -> ExitCode:
    """Listen until interrupted. One sync at a time; what arrives during one starts one more after it."""
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise UsageError(
            "The webhook's secret is missing",
            causes=["dbt Cloud shows it once, when the webhook is created: Account settings → Webhooks."],
            fixes=[Advice(f"Set {SECRET_VARIABLE} to it.")],
        )
    if not yes:
        raise UsageError(
            "Nothing is written without a yes",
            causes=["Each event writes to Collate, and nobody can be asked then."],
            fixes=[Advice("Add --yes. What a sync would write now: dbtcollate plan.")],
        )
    profile = await load_profile(Services(), common.profile)
    wanted = asyncio.Event()
    try:
        listening = socket.create_server((host, port), backlog=128)
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    app = receiver(secret, profile, wanted.set, _say)
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    _say(f"Webhooks for {profile.name}: http://{host}:{listening.getsockname()[1]}/")
    try:
        await _sync_when(wanted, common, engine)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        listening.close()
    return ExitCode.OK


async def _sync_when(wanted: asyncio.Event, common: Common, engine: Wanted) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            code = await sync(common, yes=True, run_id=None, scope=Scope(), engine=engine)
        except ActionableError as error:
            code = error.exit_code
            _say(error.as_text(common.profile or ""))
        _say(f"Sync ended with exit code {int(code)}: {code.meaning}")


def _say(text: str) -> None:
    for line in text.splitlines():
        sys.stderr.write(safe(one_line(line)) + "\n")
    sys.stderr.flush()
