"""``--json``: one event a line on standard output, nothing else there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.types import SCHEMA_VERSION, SyncEvent
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.printable import json_safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.standard_streams import write_utf8

PART = 500
"""Items of a list that become text together."""


class NdjsonRenderer:
    """Writes each event as one JSON object and flushes it at once.

    A plan may be of many thousand changes. It is written in parts, so that a thread which does that (as
    `headless.common.follow` has it) never holds up the others for long.
    """

    def __init__(self, stream: TextIO) -> None:
        write_utf8(stream)
        self._stream = stream

    def event(self, event: SyncEvent) -> None:
        """One sync event."""
        self._write(event.as_dict())

    def check(self, result: CheckResult) -> None:
        """One check that has ended; waiting and running rows are for screens."""
        if result.state not in (CheckState.WAITING, CheckState.RUNNING):
            self._write({"schema": SCHEMA_VERSION, "event": "check", **result.as_dict()})

    def failed_tests(self, names: Sequence[str]) -> None:
        """The tests that failed in the dbt run."""
        self.facts("failed_tests", {"tests": list(names)})

    def checks_done(self, counts: Mapping[str, int], exit_code: ExitCode) -> None:
        """How the whole checklist ended."""
        self._write(
            {
                "schema": SCHEMA_VERSION,
                "event": "checks_finished",
                "counts": dict(counts),
                "exit_code": int(exit_code),
            }
        )

    def say(self, text: str) -> None:
        """A line for people; left out of the stream of events."""

    def lines(self, text: str) -> None:
        """A text for people; left out of the stream of events."""

    def note(self, text: str) -> None:
        """A line of progress for people; left out of the stream of events."""

    def facts(self, kind: str, values: Mapping[str, object]) -> None:
        """A named object, such as the status of a profile."""
        self._write({"schema": SCHEMA_VERSION, "event": kind, **values})

    def error(self, error: ActionableError) -> None:
        """The error that ended the command."""
        self._write(
            {
                "schema": SCHEMA_VERSION,
                "event": "error",
                "exit_code": int(error.exit_code),
                **error.as_dict(),
            }
        )

    def _write(self, values: Mapping[str, object]) -> None:
        for text in _texts(values):
            self._stream.write(json_safe(redact(text)))
        self._stream.write("\n")
        self._stream.flush()


def _texts(value: object) -> Iterator[str]:
    """The value's JSON text, whole or, where a list in it is long, in parts that end between two items."""
    if not _is_long(value):
        yield json.dumps(value, ensure_ascii=False)
    elif isinstance(value, Mapping):
        between = "{"
        for key, item in value.items():
            if _is_long(item):
                yield f"{between}{json.dumps(key)}: "
                yield from _texts(item)
            else:
                yield between + json.dumps({key: item}, ensure_ascii=False)[1:-1]
            between = ", "
        yield "}"
    elif isinstance(value, list):
        between = "["
        for start in range(0, len(value), PART):
            yield between + json.dumps(value[start : start + PART], ensure_ascii=False)[1:-1]
            between = ", "
        yield "]"


def _is_long(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_long(item) for item in value.values())
    return isinstance(value, list) and len(value) > PART
