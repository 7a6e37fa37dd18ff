"""A pipeline's run as a person reads it: log lines with their level, counts, and why it failed."""

import re
from collections import deque
from collections.abc import Sequence

from dbtcollate_tui import wording
from dbtcollate_tui.collate.models import PipelineStatus, StepSummary
from dbtcollate_tui.collate.server_words import CollateSays, collate_says
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import Level
from dbtcollate_tui.fixes import RETRY, Advice, Fix, OpenUrl

_LEVEL = re.compile(r"\b(DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b")
_LEVELS: dict[str, Level] = {
    "DEBUG": "debug",
    "INFO": "info",
    "WARN": "warn",
    "WARNING": "warn",
    "ERROR": "error",
    "CRITICAL": "error",
    "FATAL": "error",
}
_LEVEL_WITHIN = 160


def line_level(line: str) -> Level:
    """The level that a worker's log line states near its beginning; ``info`` where it states none."""
    found = _LEVEL.search(line[:_LEVEL_WITHIN])
    return _LEVELS[found.group(1)] if found is not None else "info"


class RunMemory:
    """What to keep of a run that is being followed, to say at its end how it went."""

    def __init__(self) -> None:
        self.steps: tuple[StepSummary, ...] = ()
        self.errors: deque[str] = deque(maxlen=5)
        self.lines = 0

    def take(self, line: str) -> Level:
        """Note a log line; gives its level."""
        self.lines += 1
        level = line_level(line)
        if level == "error":
            self.errors.append(" ".join(line.split())[:300])
        return level

    @property
    def records(self) -> int:
        """Records that got furthest: those of the last step that has any."""
        return next((step.records for step in reversed(self.steps) if step.records), 0)

    def words(self) -> str:
        """``Source 22 records, Sink 20 records, 2 errors``; empty where no step gave its counts."""
        parts = []
        for step in self.steps:
            text = f"{step.name} {wording.count(step.records, 'record')}"
            for count, word in ((step.errors, "error"), (step.warnings, "warning")):
                if count:
                    text += f", {count} {word}{'' if count == 1 else 's'}"
            parts.append(text)
        return "; ".join(parts)

    def counts(self) -> Counts:
        """The run in a sync's counts: records as what was written, errors as what failed."""
        failed = sum(step.errors for step in self.steps)
        filtered = sum(step.filtered for step in self.steps)
        return Counts(planned=self.records + failed, written=self.records, failed=failed, skipped=filtered)

    def why(self, run: PipelineStatus, pipeline: str, page: str, *, own_token: bool) -> ActionableError:
        """The card of a run that did not end well; ``own_token`` is whether our token was just written."""
        reasons = _failures(run.status or self.steps)
        refused = any(
            CollateSays.DBT_TOKEN_REFUSED in collate_says(text) for text in (*reasons, *self.errors)
        )
        fixes: list[Fix] = [OpenUrl("Open the run's log in Collate", page)]
        if refused and not own_token:
            fixes.insert(0, Advice("Write your own token into it: dbtcollate deploy"))
            reasons.insert(0, "dbt Cloud refuses the token that is stored in the pipeline.")
        fixes += [RETRY, Advice("Or sync from here: dbtcollate sync --engine direct")]
        words = {"failed": "failed", "stopped": "was stopped", "partialSuccess": "had errors"}
        return ActionableError(
            f"The run of {pipeline} {words.get(run.pipelineState, run.pipelineState)} in Collate",
            causes=reasons[:5] or ["The run's log says why."],
            evidence=[f"run {run.runId} ended as {run.pipelineState}", *self.errors],
            fixes=fixes,
        )


def _failures(steps: Sequence[StepSummary]) -> list[str]:
    found = [
        f"{failure.name or step.name}: {failure.error}" if failure.error else failure.name
        for step in steps
        for failure in step.failures
    ]
    return list(dict.fromkeys(text for text in found if text))
