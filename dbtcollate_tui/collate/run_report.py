"""A run from outside, reported to the server so that Collate's own page shows it."""

import time
import uuid
from collections.abc import Sequence
from typing import Any, Literal

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError, ForbiddenError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import PipelineState, StepSummary
from dbtcollate_tui.redact import redact

ROOT = "/services/ingestionPipelines"
ProgressKind = Literal["DISCOVERY", "PROCESSING", "STEP_COMPLETE", "PIPELINE_COMPLETE", "ERROR"]


class RunReport:
    """One run of ours under an existing pipeline. Nothing here raises for what the server does not take.

    Every method says whether the server took it; after a refusal that kind of report is not sent again.
    Raises `UnreachableError` and `TokenError` like every call.
    """

    def __init__(self, client: CollateClient, pipeline_fqn: str, run_id: str | None = None) -> None:
        self.run_id = run_id if run_id is not None else str(uuid.uuid4())
        self.refusals: list[str] = []
        self._client = client
        self._fqn = path_segment(pipeline_fqn)
        self._started_ms = _now_ms()
        self._refused: set[str] = set()

    async def start(self) -> bool:
        """Tell that the run is running."""
        self._started_ms = _now_ms()
        return await self._status("running", (), None)

    async def steps(self, steps: Sequence[StepSummary]) -> bool:
        """Tell the counts so far."""
        return await self._status("running", steps, None)

    async def finish(self, state: PipelineState, steps: Sequence[StepSummary] = ()) -> bool:
        """Tell how the run ended, and close its log."""
        sent = await self._status(state, steps, _now_ms())
        kind: ProgressKind = "ERROR" if state == "failed" else "PIPELINE_COMPLETE"
        await self.progress(kind, "dbt", "")
        if self._client.dialect.streams_logs and "logs" not in self._refused:
            await self._send("POST", "logs", f"{ROOT}/logs/{self._fqn}/{self.run_id}/close", None)
        return sent

    async def progress(self, kind: ProgressKind, step: str, message: str) -> bool:
        """Tell how far the run is."""
        if not self._client.dialect.tracks_progress:
            return False
        body = {"runId": self.run_id, "timestamp": _now_ms(), "updateType": kind, "stepName": step}
        if message:
            body["message"] = redact(message)
        return await self._send("PUT", "progress", f"{ROOT}/progress/{self._fqn}/{self.run_id}", body)

    async def log(self, lines: Sequence[str]) -> bool:
        """Append lines to the run's log, secrets removed."""
        if not self._client.dialect.streams_logs or not lines:
            return False
        body = {
            "logs": redact("\n".join(lines)) + "\n",
            "timestamp": _now_ms(),
            "connectorId": "dbtcollate",
            "compressed": False,
            "lineCount": len(lines),
        }
        return await self._send("POST", "logs", f"{ROOT}/logs/{self._fqn}/{self.run_id}", body)

    async def _status(self, state: PipelineState, steps: Sequence[StepSummary], end_ms: int | None) -> bool:
        body: dict[str, Any] = {
            "runId": self.run_id,
            "pipelineState": state,
            "startDate": self._started_ms,
            "timestamp": self._started_ms,
        }
        if end_ms is not None:
            body["endDate"] = end_ms
        if steps and self._client.dialect.status_has_steps:
            body["status"] = [_step_body(step) for step in steps]
        return await self._send("PUT", "status", f"{ROOT}/{self._fqn}/pipelineStatus", body)

    async def _send(self, method: str, kind: str, path: str, body: dict[str, Any] | None) -> bool:
        if kind in self._refused:
            return False
        try:
            await self._client.call(method, path, body=body, doing=f"take the {kind} of this run")
        except (CollateError, ForbiddenError) as error:
            self._refused.add(kind)
            self.refusals.append(error.title)
            return False
        return True


def _step_body(step: StepSummary) -> dict[str, Any]:
    body = step.model_dump(exclude={"failures"})
    if step.failures:
        body["failures"] = [
            {key: redact(value) for key, value in failure.model_dump().items() if value}
            for failure in step.failures
        ]
    return body


def _now_ms() -> int:
    return int(time.time() * 1000)
