"""``run_results.json`` of every step of a run, merged into one result for each test."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui.artifacts.lenient import EntryReader, read_metadata
from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.project import TestResult, TestStatus
from dbtcollate_tui.artifacts.reading import ArtifactError, decode_file
from dbtcollate_tui.artifacts.shapes import RunArgs, RunResult, RunResults
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
    {
        "clone",
        "compile",
        "docs",
        "docs generate",
        "freshness",
        "generate",
        "list",
        "ls",
        "parse",
        "run",
        "run-operation",
        "seed",
        "show",
        "snapshot",
        "source",
        "source freshness",
    }
)
_BUILDS = frozenset({"build", "run", "retry", "snapshot", "seed"})
"""Commands that build models, and so check their contracts."""
_TEST_PREFIXES = ("test.", "unit_test.")
_NO_MESSAGE = frozenset({*_STATUSES, "ok", "passed", "failed", "warning", "aborted", "none"})
"""Words that dbt Fusion writes as the message of a result: they repeat the status."""


@dataclass(frozen=True, slots=True)
class StepResults:
    """The run_results.json that one run step wrote; ``step`` is dbt's index of it, from 1."""

    step: int | None
    buffer: Buffer


@dataclass(frozen=True, slots=True)
class RunFindings:
    """What the run results of all steps say: results of tests and builds, and the SQL that nodes ran with."""

    results: dict[str, TestResult]
    compiled: dict[str, str]
    builds: dict[str, TestResult]


def read_run_results(
    steps: Iterable[StepResults], tests: Container[str], notes: Notes, contracted: Container[str] = ()
) -> RunFindings:
    """The latest executed result of each known test, and each node's compiled SQL, of the last step first.

    A compiled-only entry (``success`` and nothing to say, or any entry of a command that runs no tests) is no
    result, and so is every entry of a run on no rows or a few (``--empty``, ``--sample``). What was executed
    wins over what was skipped, then the later ``execute`` end, then the later step.
    ``contracted`` are the nodes whose builds are wanted.
    Two steps with one ``invocation_id`` mean that the server ignored ``step``; the second is left out, noted.
    """
    best: dict[str, tuple[tuple[bool, int, int], TestResult]] = {}
    builds: dict[str, TestResult] = {}
    compiled: dict[str, str] = {}
    invocations: dict[str, int | None] = {}
    for item in steps:
        file = FILE if item.step is None else f"{FILE} (step {item.step})"
        try:
            artifact = decode_file(_DECODER, item.buffer, file)
            metadata = read_metadata(artifact.metadata, file, notes)
            check_version(file, "run-results", metadata, notes)
        except ArtifactError as error:
            notes.add(f"{error.title}: it is left out, with the results in it ({error.evidence[0]}).")
            continue
        invocation = metadata.invocation_id
        if invocation and invocation in invocations:
            notes.add(
                f"Steps {invocations[invocation]} and {item.step} gave the same {FILE}"
                f" (invocation_id {invocation}): the server ignored `step`,"
                " so results of the job's other steps may be missing."
            )
            continue
        if invocation:
            invocations[invocation] = item.step
        args = _args(artifact.args, file, notes)
        if args.empty or args.sample:
            notes.add(
                f"{file} is of a dbt command with {'--empty' if args.empty else '--sample'}:"
                " its results say nothing about the data and are left out."
            )
            continue
        tested = args.which not in _NEVER_TEST
        generated_ms = to_ms(metadata.generated_at)
        reader = EntryReader(RunResult, file, notes)
        for number, raw in enumerate(artifact.results):
            entry, _ = reader.read(raw, f"$.results[{number}]")
            if entry is None:
                continue
            if entry.compiled_code and args.which != "show":
                compiled[entry.unique_id] = entry.compiled_code
            if args.which in _BUILDS and entry.unique_id in contracted and not _is_compiled_only(entry):
                build = _result(entry, generated_ms, item.step, notes)
                if build is not None and build.status != "skipped":
                    builds[entry.unique_id] = build
            if not tested or not entry.unique_id.startswith(_TEST_PREFIXES) or _is_compiled_only(entry):
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
    return RunFindings({unique_id: result for unique_id, (_, result) in best.items()}, compiled, builds)


def message_of(text: object, status: str) -> str | None:
    """A result's message; one that only repeats a status is none."""
    message = "" if text is None else str(text)
    word = message.strip().casefold()
    return None if not word or word in _NO_MESSAGE or word == status.casefold() else message


def _args(raw: msgspec.Raw, file: str, notes: Notes) -> RunArgs:
    if bytes(raw) in (b"", b"null"):
        return RunArgs()
    found, _ = EntryReader(RunArgs, file, notes).read(raw, "$.args")
    return found or RunArgs()


def _is_compiled_only(entry: RunResult) -> bool:
    said_nothing = not entry.message and entry.failures is None and not entry.adapter_response
    return said_nothing and entry.status.lower() == "success"


def _result(entry: RunResult, generated_ms: int | None, step: int | None, notes: Notes) -> TestResult | None:
    status = _STATUSES.get(entry.status.lower())
    if status is None:
        notes.count(f"Test status '{entry.status}' is not known and counts as an error", entry.unique_id)
        status = "error"
    message = message_of(entry.message, entry.status)
    if status == "error" and (entry.failures or (message is None and entry.unique_id.startswith("unit_"))):
        status = "fail"  # dbt Fusion calls a failed test, and a failed unit test, an error
    ended = next((to_ms(t.completed_at) for t in reversed(entry.timing or ()) if t.name == "execute"), None)
    completed_ms = ended if ended is not None else generated_ms
    if completed_ms is None:
        notes.count("Test results without a readable time are left out", entry.unique_id)
        return None
    return TestResult(
        unique_id=entry.unique_id,
        status=status,
        failures=None if entry.failures is None else int(entry.failures),
        message=message,
        completed_at_ms=completed_ms,
        step=step,
    )
