"""The account of a sync's writes: what may be written now, what was, what failed and what that means."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbtcollate_tui.collate.errors import (
    ExclusiveTagsError,
    ForbiddenError,
    NotSpokenError,
    PlanLimitError,
    SearchDownError,
    ServerFailedError,
    TooManyRequestsError,
)
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.events.types import Applied, Event, Failed, Progress, Skipped
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Retry
from dbtcollate_tui.plan.model import (
    Change,
    DataModelChange,
    Group,
    NewTag,
    OwnersChange,
    Plan,
    TagsChange,
)

Tell = Callable[[Event], object]

PROGRESS_SECONDS = 0.1
"""Progress is reported no more often than this, the end of a stage always."""
SILENT_WRITES = 2
"""After this many writes without an answer, each already tried several times, no other is tried."""


@dataclass(slots=True)
class Tally:
    """What became of the changes.

    ``partly`` are the keys of those written that lack a part; ``unsure`` were sent without a usable answer.
    """

    planned: int = 0
    written: Counter[Group] = field(default_factory=Counter)
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    partly: set[str] = field(default_factory=set)
    unsure: list[Change] = field(default_factory=list)
    done: list[Change] = field(default_factory=list)
    worst: ActionableError | None = None

    @property
    def settled(self) -> int:
        """How many changes are written, failed, skipped, or sent without an answer."""
        return self.written.total() + self.failed + self.skipped + len(self.unsure)


NOT_SHOWN = ActionableError(
    "Collate accepted it, and does not show it",
    causes=(
        "Its search index or a cache is behind: the next sync finds it there.",
        "The server, or a proxy before it, did not carry it out.",
    ),
    fixes=(Retry("Sync again"),),
    exit_code=ExitCode.PARTIAL,
)
NOT_READ = ActionableError(
    "Collate accepted it, and it could not be verified",
    causes=("Its answer holds no content, and what would show it could not be read.",),
    fixes=(Retry("Sync again"),),
    exit_code=ExitCode.PARTIAL,
)


class Account:
    """Says of each change whether it may be written now, then records and reports its outcome.

    ``present`` are the keys of changes of the plan that are written already, so that others may need them.
    """

    def __init__(
        self,
        plan: Plan,
        changes: Sequence[Change],
        tell: Tell,
        cancel: asyncio.Event,
        present: Collection[str],
    ) -> None:
        self.tally = Tally(planned=len(changes))
        self._tell = tell
        self._cancel = cancel
        self._absent: dict[str, str] = {}
        self._absent_tags: set[str] = set()
        self._refused_tags: set[str] = set()
        self._lacks: dict[str, tuple[str, ...]] = {}
        self._left_out: dict[str, list[OwnersChange | TagsChange]] = {}
        self._refused: dict[str, list[TagsChange]] = {}
        self._blocked: dict[str, str] = {}
        self._causes: Counter[str] = Counter()
        self._sent: dict[str, Change] = {}
        self._silent = 0
        self._stop = ""
        self._stage = ""
        self._stage_total = 0
        self._stage_done = 0
        self._last_progress = 0.0
        chosen = {change.key for change in changes}.union(present)
        for change in plan.changes:
            if change.key not in chosen:
                self._lack(change, "it was left out")
                if isinstance(change, OwnersChange | TagsChange):
                    self._left_out.setdefault(change.table.fqn, []).append(change)

    def begin(self, stage: str, total: int) -> None:
        """A stage of this many changes begins."""
        self._stage, self._stage_total, self._stage_done = stage, total, 0

    def ready(self, change: Change) -> Change | None:
        """The change as it can be written now; ``None`` where it is skipped or the person cancelled."""
        if self._cancel.is_set():
            return None
        if self._stop:
            self.skipped(change, self._stop)
            return None
        blocked = self._blocked.get(change.kind)
        if blocked is not None:
            self.skipped(change, blocked)
            return None
        lost = [key for key in change.requires if key in self._absent]
        if not lost:
            return change
        if isinstance(change, TagsChange):
            gone = {key.partition(":")[2] for key in lost}
            left = tuple(fqn for fqn in change.added if fqn not in gone)
            if left:
                self._lacks[change.key] = tuple(
                    fqn for fqn in change.added if fqn in gone & self._refused_tags
                )
                return replace(change, added=left)
        needed = lost[0].partition(":")[2]
        self.skipped(change, f"it needs {needed}: {self._absent[lost[0]]}")
        return None

    @contextlib.contextmanager
    def in_hand(self, changes: Sequence[Change]) -> Iterator[None]:
        """Changes that are being sent: where a cancel cuts them off, the server may have them or not."""
        self._sent.update((change.key, change) for change in changes)
        try:
            yield
        except asyncio.CancelledError:
            self.tally.unsure += [
                self._sent.pop(change.key) for change in changes if change.key in self._sent
            ]
            raise
        finally:
            for change in changes:
                self._sent.pop(change.key, None)

    def model_body(self, change: DataModelChange) -> dict[str, object]:
        """The data model without the tags and owners that were left out, and tags that could not be made.

        The server puts a data model's tags and owners on the table itself, those too that exclude others
        there, and refuses every later patch of such a table: tags that it refused for that are not sent.
        """
        body = dict(change.body)
        fqn = change.table.fqn
        gone = self._absent_tags
        by_place: dict[str, set[str]] = {}
        for other in (*self._left_out.get(fqn, ()), *self._refused.get(fqn, ())):
            if isinstance(other, TagsChange):
                by_place.setdefault(other.column, set()).update(other.added)
            else:
                body.pop("owners", None)
        lacks = gone & self._refused_tags
        for refused in self._refused.get(fqn, ()):
            lacks = lacks.union(refused.added)
        self._lacks[change.key] = tuple(sorted(lacks & _tags_of(change.body)))
        body["tags"] = _without(body.get("tags"), gone | by_place.get("", set()))
        columns = body.get("columns")
        if isinstance(columns, list):
            body["columns"] = [
                {**column, "tags": _without(column.get("tags"), gone | by_place.get(column["name"], set()))}
                for column in columns
            ]
        return body

    def _lack(self, change: Change, reason: str) -> None:
        """Note that a change is not on the server, so that what needs it is skipped or written without it."""
        self._absent[change.key] = reason
        if isinstance(change, NewTag):
            self._absent_tags.add(change.fqn)

    def applied(self, change: Change) -> None:
        """It is written, but for the parts that were refused."""
        lacks = self._lacks.get(change.key, ())
        if lacks:
            self.tally.partly.add(change.key)
        self._silent = 0
        self._sent.pop(change.key, None)
        self.tally.written[change.group] += 1
        self.tally.done.append(change)
        self._tell(Applied(change=change, lacks=lacks))
        self._progress()

    def not_verified(self, change: Change, *, was_read: bool) -> None:
        """It was accepted, and is not known to be there: no longer counted as written.

        ``was_read``: the server was asked and does not show it; else the verification could not be done.
        """
        self.tally.written -= Counter({change.group: 1})
        self.tally.partly.discard(change.key)
        self.tally.unsure.append(change)
        error = NOT_SHOWN if was_read else NOT_READ
        self.tally.worst = self.tally.worst or error
        repeats = self._causes[error.title]
        self._causes[error.title] += 1
        self._tell(Failed(change=change, error=error, repeats=repeats, unsure=True, retracts=True))

    def skipped(self, change: Change, reason: str) -> None:
        """It was not tried."""
        self.tally.skipped += 1
        self._lack(change, reason)
        self._refuse_tag(change)
        self._tell(Skipped(change=change, reason=reason))
        self._progress()

    def failed(self, change: Change, error: ActionableError) -> None:
        """It could not be written, or may be; what that rules out for others is taken down too."""
        unsure = is_unknown(error)
        if unsure:
            self.tally.unsure.append(change)
        else:
            self.tally.failed += 1
        self._sent.pop(change.key, None)
        self._lack(change, error.title)
        self._refuse_tag(change)
        if self.tally.worst is None or isinstance(error, AuthError | UnreachableError):
            self.tally.worst = error
        if isinstance(change, TagsChange) and isinstance(error, ExclusiveTagsError):
            self._refused.setdefault(change.table.fqn, []).append(change)
        repeats = self._causes[error.title]
        self._causes[error.title] += 1
        if isinstance(error, ForbiddenError | NotSpokenError | PlanLimitError | SearchDownError):
            self._blocked[change.kind] = error.title
        elif isinstance(error, AuthError):
            self._stop = error.title
        elif is_silence(error):
            self._silent += 1
            if self._silent >= SILENT_WRITES:
                self._stop = error.title
        self._tell(Failed(change=change, error=error, repeats=repeats, unsure=unsure))
        self._progress()

    def _refuse_tag(self, change: Change) -> None:
        """Note a tag that is not there although it was to be: what names it is then written in part."""
        if isinstance(change, NewTag):
            self._refused_tags.add(change.fqn)

    def _progress(self) -> None:
        self._stage_done += 1
        now = time.monotonic()
        last = self._stage_done == self._stage_total or self.tally.settled == self.tally.planned
        if not last and now - self._last_progress < PROGRESS_SECONDS:
            return
        self._last_progress = now
        self._tell(
            Progress(
                phase="write",
                done=self.tally.settled,
                total=self.tally.planned,
                unit="changes",
                text=f"{self._stage} {self._stage_done} of {self._stage_total}",
                text_has_count=True,
            )
        )


def is_silence(error: ActionableError) -> bool:
    """Whether the server took nothing: no connection, a gateway spoke in its place, or it wants a pause."""
    gateway = isinstance(error, ServerFailedError) and error.status in (502, 503, 504)
    return gateway or isinstance(error, UnreachableError | TooManyRequestsError)


def is_unknown(error: ActionableError) -> bool:
    """Whether the server may have done it: the answer was lost, or it was no answer to this request."""
    if isinstance(error, ServerFailedError):
        return error.status < 300 or error.status in (502, 504)
    return isinstance(error, UnreachableError) and error.kind in (
        "timeout",
        "closed",
        "unreadable",
        "too large",
    )


def _tags_of(body: Mapping[str, object]) -> set[str]:
    """The FQNs of the tags that a data model names for its table and columns."""
    columns = body.get("columns")
    holders = (body, *columns) if isinstance(columns, list | tuple) else (body,)
    return {label["tagFQN"] for holder in holders for label in holder.get("tags") or ()}


def _without(labels: object, gone: set[str]) -> list[Mapping[str, object]]:
    if not isinstance(labels, tuple):
        return []
    return [label for label in labels if label["tagFQN"] not in gone]
