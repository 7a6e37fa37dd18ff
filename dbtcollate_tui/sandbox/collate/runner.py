"""Runs of ingestion pipelines: the worker's hook, states, log lines, progress, and their live streams."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import SecretStr

from dbtcollate_tui.sandbox.collate.identity import new_id, now_ms
from dbtcollate_tui.sandbox.collate.store import Entity, Store

TERMINAL = frozenset({"success", "failed", "partialSuccess", "stopped"})
HEARTBEAT_SECONDS = 25.0
UNKNOWN_RUN_SECONDS = 60.0
"""Silence before the stream of a run without a status is ended."""
_LINES_PER_EVENT = 1000


class PipelineRunFailed(Exception):
    """Raised by a worker to end its run as failed with this text, without a traceback in the log."""


@dataclass(slots=True)
class PipelineRunContext:
    """What a worker knows of its run, and how it reports."""

    pipeline: Entity
    """The ingestion pipeline, its secrets in clear."""
    run_id: str
    collate_url: str
    """Base address of this server, without ``/api``."""
    collate_token: SecretStr
    log: Callable[[str], None]
    """Adds one line to the run's log, with time and level INFO."""
    log_level: Callable[[str, str], None]
    """The same with a level: ``log_level("WARNING", text)``."""
    progress: Callable[[Entity], None]
    """Sends a ProgressUpdate; ``runId`` and ``timestamp`` are filled in."""
    report: Callable[[], None] = lambda: None
    """Puts the steps' counts so far into the run's status."""
    steps: dict[str, Entity] = field(default_factory=dict)

    def step(self, name: str, **counts: int) -> Entity:
        """The summary of a step, made or updated: ``records``, ``updated_records``, ``warnings``, …"""
        found = self.steps.setdefault(
            name,
            {"name": name, "records": 0, "updated_records": 0, "warnings": 0, "errors": 0, "filtered": 0},
        )
        found.update(counts)
        return found

    def failure(self, step: str, name: str, error: str) -> None:
        """Note that one asset failed in a step; the run then ends as partial success at best."""
        summary = self.step(step)
        summary["errors"] += 1
        summary.setdefault("failures", []).append({"name": name, "error": error})


PipelineWorker = Callable[[PipelineRunContext], Awaitable[None]]
"""Does the work of one run; raises to make it fail, is cancelled when the run is killed."""


async def no_worker(context: PipelineRunContext) -> None:
    """The worker of a server that nobody gave one."""
    context.log_level("ERROR", "This server's pipeline service has no worker for dbt pipelines.")
    raise PipelineRunFailed("no worker for dbt pipelines")


class Runner:
    """The pipeline service: takes triggers, runs the worker, keeps what it reports."""

    def __init__(self, store: Store, token: SecretStr, *, trigger_refusals: int, fails: bool) -> None:
        self.worker: PipelineWorker = no_worker
        self.ingest: Callable[[PipelineRunContext], None] = lambda _: None
        self.closed = False
        self._store = store
        self._token = token
        self._trigger_refusals = trigger_refusals
        self._fails = fails
        self._refuse: dict[str, int] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._progress: dict[str, list[Entity]] = {}
        self._changed = asyncio.Event()
        self._others: set[asyncio.Task[None]] = set()

    def deployed(self, pipeline: Entity) -> None:
        """A deploy: the next triggers are refused, as Airflow does until it has seen the file."""
        self._refuse[pipeline["id"]] = self._trigger_refusals

    def refuses(self, pipeline: Entity) -> bool:
        """Whether a trigger is refused now: right after a deploy, or while a run is at work."""
        left = self._refuse.get(pipeline["id"], 0)
        if left:
            self._refuse[pipeline["id"]] = left - 1
            return True
        return any(
            fqn == pipeline["fullyQualifiedName"] and not task.done()
            for (fqn, _), task in self._tasks.items()
        )

    def trigger(self, pipeline: Entity, collate_url: str) -> str:
        """Start a run; answers its id."""
        fqn, run_id = pipeline["fullyQualifiedName"], new_id()
        now = now_ms()
        self.put_status(fqn, {"runId": run_id, "pipelineState": "queued", "startDate": now, "timestamp": now})

        def log_level(level: str, text: str) -> None:
            stamp = datetime.now(UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "")
            self.append_log(fqn, run_id, [f"[{stamp}] {level:<8} {line}" for line in text.splitlines()])

        context = PipelineRunContext(
            pipeline=pipeline,
            run_id=run_id,
            collate_url=collate_url,
            collate_token=self._token,
            log=lambda text: log_level("INFO", text),
            log_level=log_level,
            progress=lambda update: self.put_progress(
                run_id, {"runId": run_id, "timestamp": now_ms()} | update
            ),
        )

        def report() -> None:
            status = self._store.status(fqn, run_id) or {}
            self.put_status(fqn, status | {"status": [dict(step) for step in context.steps.values()]})

        context.report = report
        self._tasks[fqn, run_id] = asyncio.get_running_loop().create_task(self._run(fqn, context))
        return run_id

    async def _run(self, fqn: str, context: PipelineRunContext) -> None:
        await asyncio.sleep(0)
        status = self._store.status(fqn, context.run_id) or {}
        self.put_status(fqn, status | {"pipelineState": "running"})
        context.log(f"Starting the ingestion pipeline {fqn}, run {context.run_id}")
        context.progress({"updateType": "DISCOVERY", "stepName": "Source", "message": "Run started"})
        state = "failed"
        try:
            if self._fails:
                context.log_level("ERROR", "dbt Cloud answered 401 Unauthorized: Invalid token.")
                raise PipelineRunFailed("dbt Cloud answered 401 Unauthorized: Invalid token.")
            if context.pipeline["pipelineType"] == "metadata":
                self.ingest(context)
            else:
                await self.worker(context)
            errors = any(step["errors"] for step in context.steps.values())
            state = "partialSuccess" if errors else "success"
        except asyncio.CancelledError:
            state = "stopped"
            context.log_level("WARNING", "The run was stopped.")
        except PipelineRunFailed as error:
            context.failure("Source", fqn, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a worker raises ends its run, not the server
            context.log_level("ERROR", "".join(traceback.format_exception(error)))
            context.failure("Source", fqn, str(error) or type(error).__name__)
        context.log(f"Workflow finished with the state {state}")
        update = "PIPELINE_COMPLETE" if state in ("success", "partialSuccess") else "ERROR"
        context.progress({"updateType": update, "message": f"Run ended: {state}"})
        steps = list(context.steps.values())
        ended: Entity = {"pipelineState": state, "endDate": now_ms()} | ({"status": steps} if steps else {})
        self.put_status(fqn, status | ended)
        self._tasks.pop((fqn, context.run_id), None)

    def kill(self, fqn: str) -> int:
        """Stop all runs of a pipeline; answers how many there were."""
        tasks = [task for (name, _), task in self._tasks.items() if name == fqn and not task.done()]
        for task in tasks:
            task.cancel()
        return len(tasks)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the requests."""
        task = asyncio.get_running_loop().create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    def close(self) -> None:
        """Stop every run and end every stream; nothing is kept from then on."""
        self.closed = True
        for task in [*self._tasks.values(), *self._others]:
            if not task.get_loop().is_closed():
                task.cancel()
        self._notify()

    # what is reported, by this runner's workers or from outside

    def put_status(self, fqn: str, status: Entity) -> None:
        """Keep the status of a run."""
        if not self.closed:
            self._store.save_status(fqn, status)
            self._notify()

    def append_log(self, fqn: str, run_id: str, lines: list[str]) -> None:
        """Add lines to a run's log."""
        if not self.closed:
            self._store.append_log(fqn, run_id, lines)
            self._notify()

    def put_progress(self, run_id: str, update: Entity) -> None:
        """Keep a progress update."""
        self._progress.setdefault(run_id, []).append(update)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # live

    async def stream_log(self, fqn: str, run_id: str, after: str) -> AsyncIterator[str]:
        """Server-sent events, each an unnamed one with a LogStreamEvent; ends with ``complete``."""
        offset = int(after) if after.isdigit() else 0
        truncated = bool(after) and not after.isdigit()
        while not self.closed:
            changed = self._changed
            lines = self._store.log(fqn, run_id, offset, _LINES_PER_EVENT)
            if lines:
                offset += len(lines)
                yield _frame(
                    {
                        "eventType": "logs",
                        "runId": run_id,
                        "logs": "\n".join(lines),
                        "after": str(offset),
                        "replay": False,
                        "truncated": truncated,
                    }
                )
                truncated = False
                continue
            status = self._store.status(fqn, run_id)
            if status is not None and status["pipelineState"] in TERMINAL:
                yield _frame(_complete(run_id, offset))
                return
            if not await _waited(changed, HEARTBEAT_SECONDS if status else UNKNOWN_RUN_SECONDS):
                if status is None:
                    yield _frame(_complete(run_id, offset))
                    return
                yield ": heartbeat\n\n"

    async def stream_progress(self, fqn: str, run_id: str) -> AsyncIterator[str]:
        """Server-sent events, each with a ProgressUpdate; ends when the run has."""
        sent = 0
        while not self.closed:
            changed = self._changed
            updates = self._progress.get(run_id, [])
            for update in updates[sent:]:
                yield _frame(update)
            sent = len(updates)
            status = self._store.status(fqn, run_id)
            if status is not None and status["pipelineState"] in TERMINAL:
                return
            if not await _waited(changed, HEARTBEAT_SECONDS):
                yield ": heartbeat\n\n"


def error_frame(run_id: str, message: str) -> str:
    """The one event of a log stream that cannot be served."""
    return _frame({"eventType": "error", "runId": run_id, "message": message})


def _complete(run_id: str, offset: int) -> dict[str, Any]:
    return {"eventType": "complete", "runId": run_id, "after": str(offset), "reason": "runFinished"}


def _frame(event: Entity) -> str:
    return f"data: {msgspec.json.encode(event).decode()}\n\n"


async def _waited(changed: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return False
    return True
