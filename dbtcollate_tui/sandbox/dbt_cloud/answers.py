"""The form of the sandbox's dbt Cloud answers: envelope, errors, and runs as the API gives them."""

import json
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response

from dbtcollate_tui.sandbox.dbt_cloud.content import recorded
from dbtcollate_tui.sandbox.dbt_cloud.history import CANCELLED, ERROR, QUEUED, RUNNING, SUCCESS
from dbtcollate_tui.sandbox.dbt_cloud.store import FIRST_TRIGGER_ID, Row

STATUS_WORDS = {1: "Queued", 2: "Starting", 3: "Running", 10: "Success", 20: "Error", 30: "Cancelled"}
_COLORS = {10: "green", 20: "red", 30: "gray"}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LOG_TAIL_LINES = 1_000

UNKNOWN_CALLER = "Invalid token."
NO_CREDENTIALS = "Authentication credentials were not provided."
NOT_SCOPED = "Access denied: Token is not scoped to account."
NOT_FOUND = (
    "The requested resource was not found. Please check that you have the proper permissions. "
    "If you are seeing this in error, please contact support!"
)
"""For what does not exist and for what the token may not see alike."""
ADDRESS_BLOCKED = "Forbidden: Access denied"
TOO_MANY = "Request was throttled."


class ApiError(Exception):
    """An answer of 400 or more, with dbt Cloud's ``user_message``."""

    def __init__(
        self, code: int, message: str, *, headers: dict[str, str] | None = None, data: Any = None
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.headers = headers
        self.data = data

    def response(self) -> Response:
        """The error in dbt Cloud's envelope; ``code`` is nested under ``status``."""
        return answer(self.data, code=self.code, message=self.message, headers=self.headers)


def answer(
    data: Any,
    *,
    code: int = 200,
    message: str = "Success!",
    extra: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """``data`` in the envelope. ``extra`` is there for lists only."""
    good = code < 400
    status = {
        "code": code,
        "is_success": good,
        "user_message": message,
        "developer_message": "" if good or code == 404 else None,
    }
    body: dict[str, Any] = {"status": status, "data": data}
    if extra is not None:
        body["extra"] = extra
    return Response(msgspec.json.encode(body), code, headers, "application/json")


def too_many(retry_after: int) -> Response:
    """429, with ``Retry-After`` in seconds unless that is 0."""
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return ApiError(429, TOO_MANY, headers=headers).response()


def timestamp(seconds: float | None) -> str | None:
    """A time as dbt Cloud writes it: UTC, with a space and microseconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(" ", "microseconds")


def clock(seconds: float) -> str:
    """A duration as ``HH:MM:SS``."""
    whole = max(0, round(seconds))
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def in_words(seconds: float) -> str:
    """A duration in its two greatest units: "2 hours, 3 minutes"."""
    rest, words = max(0, round(seconds)), []
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(words[:2]) or "0 seconds"


def run_body(row: Row, now: float, *, account_id: int, origin: str) -> dict[str, Any]:
    """A run without related objects, in its state at ``now``; ``origin`` is the server's own address."""
    status, finished = row["status"], row["finished_now"]
    dequeued, started = (row[key] if row[key] <= now else None for key in ("dequeued", "started"))
    ended = finished if finished is not None else now
    duration = ended - row["created"]
    queued = (dequeued or ended) - row["created"]
    running = ended - started if started else 0.0
    saved = bool(row["artifacts_saved"]) and finished is not None
    return {
        "id": row["id"],
        "trigger_id": FIRST_TRIGGER_ID + row["id"] % 100_000,
        "account_id": account_id,
        "environment_id": row["environment_id"],
        "project_id": row["project_id"],
        "job_definition_id": row["job_id"],
        "job_id": row["job_id"],
        "status": status,
        "status_humanized": STATUS_WORDS[status],
        "status_message": row["status_message"] if finished is not None else None,
        "dbt_version": row["dbt_version"],
        "git_branch": row["git_branch"],
        "git_sha": row["git_sha"] if started else None,
        "owner_thread_id": None,
        "executed_by_thread_id": None,
        "deferring_run_id": row["deferring_run_id"],
        "artifacts_saved": saved,
        "artifact_s3_path": f"prod-us-c1/runs/{row['id']}/artifacts/target" if saved else None,
        "has_docs_generated": bool(row["docs_now"]),
        "has_sources_generated": bool(row["sources_now"]),
        "notifications_sent": finished is not None,
        "blocked_by": json.loads(row["blocked_by"]) if status == QUEUED else [],
        "created_at": timestamp(row["created"]),
        "updated_at": timestamp(finished or started or dequeued or row["created"]),
        "dequeued_at": timestamp(dequeued),
        "started_at": timestamp(started),
        "finished_at": timestamp(finished),
        "last_checked_at": None,
        "last_heartbeat_at": None,
        "should_start_at": None,
        "trigger": None,
        "job": None,
        "environment": None,
        "run_steps": [],
        "deprecation": None,
        "in_progress": status <= RUNNING,
        "is_complete": status >= SUCCESS,
        "is_success": status == SUCCESS,
        "is_error": status == ERROR,
        "is_cancelled": status == CANCELLED,
        "is_running": status == RUNNING,
        "duration": clock(duration),
        "queued_duration": clock(queued),
        "run_duration": clock(running),
        "duration_humanized": in_words(duration),
        "queued_duration_humanized": in_words(queued),
        "run_duration_humanized": in_words(running),
        "created_at_humanized": f"{in_words(now - row['created'])} ago",
        "finished_at_humanized": None if finished is None else f"{in_words(now - finished)} ago",
        "retrying_run_id": row["retrying_run_id"],
        "can_retry": status == ERROR,
        "retry_not_supported_reason": None if status == ERROR else "RETRY_NOT_FAILED_RUN",
        "href": f"{origin}/deploy/{account_id}/projects/{row['project_id']}/runs/{row['id']}/",
        "used_repo_cache": None,
        "audit": None,
    }


def trigger_body(row: Row) -> dict[str, Any]:
    """The run's trigger, for ``include_related=trigger``."""
    return {
        "id": FIRST_TRIGGER_ID + row["id"] % 100_000,
        "job_definition_id": row["job_id"],
        "created_at": timestamp(row["created"]),
        **json.loads(row["trigger"]),
    }


def run_steps(
    run: Row, steps: Sequence[Row], now: float, *, account_id: int, related: Container[str]
) -> list[dict[str, Any]]:
    """The run's steps in their state at ``now``, for ``include_related=run_steps``."""
    ended = run["finished_now"] is not None
    return [step_body(step, now, ended, account_id=account_id, related=related) for step in steps]


def step_body(
    row: Row, now: float, run_ended: bool, *, account_id: int, related: Container[str]
) -> dict[str, Any]:
    """One step; its log once it has ended, the debug log whole only if it is asked for."""
    begin, end = row["begin"], row["end"]
    if begin is None:
        status = CANCELLED if run_ended else QUEUED
    elif now >= end:
        status = row["final"]
    else:
        status = RUNNING if now >= begin else QUEUED
    started = begin if status != QUEUED else None
    finished = end if status >= SUCCESS else None
    seconds = (finished or now) - started if started is not None else 0.0
    log = log_so_far(row, now) if started is not None else ""
    tail = "\n".join(log.splitlines()[-_LOG_TAIL_LINES:])
    command = None if row["command"] is None else {"run_step_id": row["id"], "dbt_command": row["command"]}
    return {
        "id": row["id"],
        "run_id": row["run_id"],
        "account_id": account_id,
        "index": row["position"],
        "status": status,
        "status_humanized": STATUS_WORDS[status],
        "status_color": _COLORS.get(status, "yellow"),
        "name": row["name"],
        "logs": log,
        "debug_logs": log if "debug_logs" in related else "",
        "log_path": None,
        "debug_log_path": None,
        "truncated_debug_logs": tail,
        "started_at": timestamp(started),
        "finished_at": timestamp(finished),
        "created_at": timestamp(started or end),
        "updated_at": timestamp(finished or started),
        "duration": clock(seconds),
        "duration_humanized": in_words(seconds),
        "run_step_command": command,
        "run_step_invocation": {"run_step_id": row["id"], "run_id": row["run_id"]},
    }


def log_so_far(row: Row, now: float) -> str:
    """The part of the step's log that it has printed by ``now``: whole lines, spread over its length."""
    log, begin, end = step_log(row), row["begin"], row["end"]
    if now >= end:
        return log
    lines = log.splitlines(keepends=True)
    return "".join(lines[: int(len(lines) * (now - begin) / (end - begin))])


def job_in_run(raw: bytes) -> dict[str, Any]:
    """A job as a run holds it: its schedule's types as texts, its times with T and Z."""
    body: dict[str, Any] = msgspec.json.decode(raw)
    schedule = body["schedule"]
    body["schedule"] = {
        "cron": schedule["cron"],
        "date": schedule["date"]["type"],
        "time": schedule["time"]["type"],
    }
    for name in ("created_at", "updated_at"):
        body[name] = body[name].replace(" ", "T").replace("+00:00", "Z")
    return body


def step_log(row: Row) -> str:
    """What the recorded step printed."""
    if not json.loads(row["files"]) and row["command"] not in (None, "dbt deps"):
        return f"Ran {row['command']}\n"
    position: int = row["source_step"] - 1
    return recorded(row["source_run"]).steps[position].log
