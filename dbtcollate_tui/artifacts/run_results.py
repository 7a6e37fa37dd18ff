"""``run_results.json`` of every step of a run, merged into one result for each test."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.project import TestResult, TestStatus
from dbtcollate_tui.artifacts.reading import decode_file
from dbtcollate_tui.artifacts.shapes import RunResult, RunResults
from dbtcollate_tui.artifacts.times import to_ms
from dbtcollate_tui.artifacts.versions import check_version

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "run_results.json"
_DECODER = msgspec.json.Decoder(RunResults)
_STATUSES: dict[str, TestStatus] = {
    "pass": "pass",
    "success": "pass",
    "fail": "fail",
    "failure": "fail",
    "warn": "warn",
    "error": "error",
    "runtime error": "error",
    "skipped": "skipped",
    "no-op": "skipped",
    "cancelled": "skipped",
    "reused": "skipped",
}
_NEVER_TEST = frozenset(
    {"compile", "generate", "docs", "docs generate", "parse", "list", "ls", "run", "seed"}
)
_TEST_PREFIXES = ("test.", "unit_test.")


@dataclass(frozen=True, slots=True)
class StepResults:
    """The run_results.json that one run step wrote; ``step`` is dbt's index of it, from 1."""

    step: int | None
    buffer: Buffer


def read_run_results(
    steps: Iterable[StepResults], tests: Container[str], notes: Notes
) -> dict[str, TestResult]:
    """The newest executed result of each known test.

    A compiled-only entry (``success`` and nothing to say, or any entry of a command that runs no tests) is no
    result. What was executed wins over what was skipped, then the later ``execute`` end, then the later step.
    Two steps with one ``invocation_id`` mean that the server ignored ``step``; the second is left out, noted.
    """
    best: dict[str, tuple[tuple[bool, int, int], TestResult]] = {}
    invocations: dict[str, int | None] = {}
    for item in steps:
        file = FILE if item.step is None else f"{FILE} (step {item.step})"
        artifact = decode_file(_DECODER, item.buffer, file)
        check_version(file, "run-results", artifact.metadata, notes)
        invocation = artifact.metadata.invocation_id if artifact.metadata else None
        if invocation and invocation in invocations:
            notes.add(
                f"Steps {invocations[invocation]} and {item.step} gave the same {FILE}"
                f" (invocation_id {invocation}): the server ignored `step`,"
                " so results of the job's other steps may be missing."
            )
            continue
        if invocation:
            invocations[invocation] = item.step
        if artifact.args is not None and artifact.args.which in _NEVER_TEST:
            continue
        generated_ms = to_ms(artifact.metadata.generated_at if artifact.metadata else None)
        for entry in artifact.results:
            if not entry.unique_id.startswith(_TEST_PREFIXES) or _is_compiled_only(entry):
                continue
            if entry.unique_id not in tests:
                notes.count("Test results without their test in manifest.json are left out", entry.unique_id)
                continue
            result = _result(entry, generated_ms, item.step, notes)
            if result is None:
                continue
            rank = (result.status != "skipped", result.completed_at_ms, item.step or 0)
            if entry.unique_id not in best or rank >= best[entry.unique_id][0]:
                best[entry.unique_id] = (rank, result)
    return {unique_id: result for unique_id, (_, result) in best.items()}


def _is_compiled_only(entry: RunResult) -> bool:
    said_nothing = not entry.message and entry.failures is None and not entry.adapter_response
    return said_nothing and entry.status.lower() == "success"


def _result(entry: RunResult, generated_ms: int | None, step: int | None, notes: Notes) -> TestResult | None:
    status = _STATUSES.get(entry.status.lower())
    if status is None:
        notes.count(f"Test status '{entry.status}' is not known and counts as an error", entry.unique_id)
        status = "error"
    if status == "error" and entry.failures:  # dbt Fusion's word for a failed test
        status = "fail"
    ended = next((to_ms(t.completed_at) for t in reversed(entry.timing or ()) if t.name == "execute"), None)
    completed_ms = ended if ended is not None else generated_ms
    if completed_ms is None:
        notes.count("Test results without a readable time are left out", entry.unique_id)
        return None
    return TestResult(
        unique_id=entry.unique_id,
        status=status,
        failures=None if entry.failures is None else int(entry.failures),
        message=None if entry.message is None else str(entry.message),
        completed_at_ms=completed_ms,
        step=step,
    )
