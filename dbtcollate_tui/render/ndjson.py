"""``--json``: one event a line on standard output, nothing else there."""

import json
from collections.abc import Mapping
from typing import TextIO

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.redact import redact
from dbtcollate_tui.sync.events import SCHEMA_VERSION, SyncEvent


class NdjsonRenderer:
    """Writes each event as one JSON object and flushes it at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def event(self, event: SyncEvent) -> None:
        """One sync event."""
        self._write(event.as_dict())

    def check(self, result: CheckResult) -> None:
        """One check that has ended; waiting and running rows are for screens."""
        if result.state not in (CheckState.WAITING, CheckState.RUNNING):
            self._write({"schema": SCHEMA_VERSION, "event": "check", **result.as_dict()})

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
        self._stream.write(redact(json.dumps(values, ensure_ascii=False)) + "\n")
        self._stream.flush()
