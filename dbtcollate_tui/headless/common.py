"""What the commands without the app share: the profile, its clients, and the way events are reported."""

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator
from typing import TypeVar

from pydantic import SecretStr

from dbtcollate_tui import wording
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UnreachableError, UsageError
from dbtcollate_tui.events.types import PipelinePlanReady, PlanReady, RunFinished, SyncEvent
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.printable import one_line, safe
from dbtcollate_tui.render.ndjson import NdjsonRenderer
from dbtcollate_tui.render.plain import PlainRenderer
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import ENV, LABELS, PERSON_TIMEOUT, WAITING, Side
from dbtcollate_tui.standard_streams import is_terminal
from dbtcollate_tui.transport.pacing import Retrying

Renderer = PlainRenderer | NdjsonRenderer
Ready = TypeVar("Ready", PlanReady, PipelinePlanReady)


def renderer(as_json: bool, *, verbose: bool = False, profile: str | None = None) -> Renderer:
    """Render to standard output: one JSON object a line, or plain lines with progress on standard error."""
    if as_json:
        return NdjsonRenderer(sys.stdout)
    return PlainRenderer(sys.stdout, progress=sys.stderr, verbose=verbose, profile=profile or "")


async def load_profile(services: Services, name: str | None) -> Profile:
    """The named profile, else the default one; raises `UsageError` where there is none.

    A command never changes which one is the default.
    """
    chosen = name or await asyncio.to_thread(services.profiles.default_name)
    if chosen is None:
        names = await asyncio.to_thread(services.profiles.names)
        raise UsageError(
            "No profile is selected" if names else "There is no profile yet",
            causes=[f"There are {len(names)}: {', '.join(names)}."] if names else [],
            fixes=[Advice("Name one with --profile, or choose one: dbtcollate profiles default NAME")]
            if names
            else [
                Advice("In a terminal: dbtcollate"),
                Advice("In a script: dbtcollate setup --dbt-cloud URL --collate URL"),
                Advice("With sample data: dbtcollate demo"),
            ],
        )
    return await asyncio.to_thread(services.profiles.load, chosen)


def connect(
    common: Common, services: Services, profile: Profile, *, report_waits: bool = False
) -> Connections:
    """Both clients for the profile; asks for a token only where a person is there.

    ``report_waits`` says each wait for a server on standard error; a sync emits events for them.
    """

    say_waits_for_keyring(services)

    async def ask(side: Side) -> SecretStr | None:
        trouble = services.secrets.trouble(profile.name, side)
        if trouble is not None:
            sys.stderr.write(safe(f"{trouble.as_sentence()} {trouble.fix()}, or enter the token here.\n"))
        prompt = f"{LABELS[side]} for {profile.name} (not shown; {ENV[side]} is not set): "
        return SecretStr(await asyncio.to_thread(getpass.getpass, prompt))

    return Connections(
        profile, services, ask=ask if common.may_ask else None, on_retry=_say_wait if report_waits else None
    )


def say_waits_for_keyring(services: Services) -> None:
    """Report on standard error that the keyring is being waited for, and give a person time to answer it."""
    secrets = services.secrets
    if is_terminal():
        secrets.timeout = PERSON_TIMEOUT

    def say(waiting: bool) -> None:
        if waiting:
            sys.stderr.write(safe(f"{WAITING}\n"))
            sys.stderr.flush()

    secrets.on_waiting = say


def _say_wait(wait: Retrying) -> None:
    request = f"{wait.record.method} {wait.record.host}{wait.record.path}"
    sys.stderr.write(safe(one_line(f"Waiting {wait.wait_seconds:.0f} s for {request}: {wait.reason}")) + "\n")
    sys.stderr.flush()


async def follow_or_cancel(
    out: Renderer,
    events: AsyncIterator[SyncEvent],
    wanted: type[Ready],
    cancel: asyncio.Event,
    *,
    limit_seconds: float | None = None,
) -> tuple[Ready | None, RunFinished]:
    """The same as `follow`; an interrupt sets ``cancel``, and the engine then reports what it has written.

    So does the end of ``limit_seconds``, which then raises `UnreachableError` with what goes on without us.
    """
    following = asyncio.ensure_future(follow(out, events, wanted))
    try:
        async with asyncio.timeout(limit_seconds):
            return await asyncio.shield(following)
    except TimeoutError:
        cancel.set()
        await following
        raise UnreachableError(
            f"The run did not finish within {wording.span(limit_seconds or 0)}",
            causes=["It takes longer than usual, or it hangs. It continues in Collate."],
            fixes=[Advice("Follow it in Collate, or allow more time: --timeout MINUTES.")],
        ) from None
    except asyncio.CancelledError:
        cancel.set()
        return await following


async def follow(
    out: Renderer, events: AsyncIterator[SyncEvent], wanted: type[Ready]
) -> tuple[Ready | None, RunFinished]:
    """Render an engine's events to their end; gives the latest of the wanted kind, and the last event."""
    found: Ready | None = None
    finished: RunFinished | None = None
    async for event in events:
        if isinstance(event, PlanReady):
            await asyncio.to_thread(out.event, event)
        else:
            out.event(event)
        if isinstance(event, wanted):
            found = event
        elif isinstance(event, RunFinished):
            finished = event
    if finished is None:
        raise AssertionError("an engine ended without its last event")
    return found, finished
