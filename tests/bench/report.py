"""What was measured, as a table for a person and as values for a program, and beside it the aims."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.serving import Tally
from tests.bench.sides import Ended

HEAD = (
    *("models", "ms", "sync", "who", "wall s", "wire s", "cpu s", "peak MB", "calls", "writes"),
    *("sent MB", "got MB", "at once", "server ms/call"),
)


@dataclass(frozen=True)
class Measured:
    """One side in one row."""

    models: int
    latency_ms: int
    row: str
    who: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    trouble: str
    failed: bool
    tally: Tally

    @classmethod
    def of(cls, models: int, latency_ms: int, row: str, who: str, ended: Ended, tally: Tally) -> "Measured":
        """What a side cost, with what the server saw of it."""
        cost = ended.cost
        failed = ended.failed or bool(tally.refused and who != "reference")
        return cls(
            models,
            latency_ms,
            row,
            who,
            cost.seconds,
            cost.cpu_seconds,
            cost.peak_mb,
            ended.trouble,
            failed,
            tally,
        )

    def cells(self) -> tuple[str, ...]:
        """The line of the table."""
        tally = self.tally
        return (
            f"{self.models:,}",
            str(self.latency_ms),
            self.row,
            self.who,
            f"{self.seconds:.1f}",
            f"{tally.seconds:.1f}",
            f"{self.cpu_seconds:.1f}",
            f"{self.peak_mb:.0f}",
            f"{tally.total:,}",
            f"{tally.writes:,}",
            f"{tally.received / 1e6:.1f}",
            f"{tally.sent / 1e6:.1f}",
            str(tally.at_once),
            f"{1000 * tally.cpu_seconds / max(tally.total, 1):.2f}",
        )

    def line(self) -> str:
        """The line of the table, as a sentence."""
        text = (
            f"{self.models:,} models, {self.latency_ms} ms, {self.row}, {self.who}: {self.seconds:.1f} s, "
            f"{self.peak_mb:.0f} MB, {self.tally.total:,} calls, {self.tally.writes:,} writes"
        )
        return text + (f"; {self.note.splitlines()[0]}" if self.note else "")

    @property
    def note(self) -> str:
        """What went wrong; a failed measurement is held to no aim."""
        refused = f"{self.tally.refused:,} calls refused" if self.tally.refused else ""
        return "; ".join(filter(None, (refused, self.trouble)))


def table(found: Sequence[Measured], left_out: Sequence[str]) -> str:
    """Everything: the rows, the calls by kind, the aims, and what was not measured."""
    parts = [_grid(HEAD, [item.cells() for item in found])]
    parts.append(
        "wall: the whole process with its imports. wire: first request to last answer. cpu, peak:\n"
        "processor time and resident memory of the process and its children. sent, got: bodies, as the\n"
        "client sees them. at once: connections that bring writes within a second, the median second.\n"
        "server: the sandbox's own processor time."
    )
    parts += [f"{title}\n{text}" for title, text in _by_kind(found)]
    aims = list(_aims(found))
    if aims:
        parts.append("Aims\n" + _grid(("", "aim", "measured", ""), aims))
    parts += [f"Not measured: {text}" for text in left_out]
    parts += [
        f"{'Failed' if item.failed else 'Said'}: {item.line()}\n{item.trouble}" for item in found if item.note
    ]
    return "\n\n".join(parts) + "\n"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [
            text.rjust(width) if text[:1].isdigit() and " " not in text else text.ljust(width)
            for text, width in zip(row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _by_kind(found: Sequence[Measured]) -> Iterator[tuple[str, str]]:
    """Calls by kind for each size, at the latency that was measured first."""
    for models in dict.fromkeys(item.models for item in found):
        items = [item for item in found if item.models == models]
        items = [item for item in items if item.latency_ms == items[0].latency_ms]
        kinds = sorted(
            {kind for item in items for kind in item.tally.calls},
            key=lambda kind: -max(item.tally.calls.get(kind, 0) for item in items),
        )
        head = ("", *(f"{item.who} {item.row}" for item in items))
        rows = [(kind, *(f"{item.tally.calls.get(kind, 0):,}" for item in items)) for kind in kinds]
        yield f"Calls by kind, {models:,} models", _grid(head, rows)


def _aims(found: Sequence[Measured]) -> Iterator[tuple[str, str, str, str]]:
    sound = [item for item in found if not item.failed]
    known = {(item.models, item.latency_ms, item.row, item.who): item for item in sound}
    for models, latency in dict.fromkeys((item.models, item.latency_ms) for item in sound):

        def get(row: str, who: str, at: tuple[int, int] = (models, latency)) -> Measured | None:
            return known.get((*at, row, who))

        where = f"{models:,} models, {latency} ms"
        share = 10 if latency < 10 else 20
        for text, aim, ours, other, value in _pairs(get, share):
            if ours is not None and other is not None:
                measured = value(ours) / max(value(other), 1e-9)
                shown = f"{measured:.3f}" if aim >= 1 else f"1/{1 / measured:.1f}" if measured else "0"
                wanted = f"<= {aim:.2f}" if aim >= 1 else f"<= 1/{1 / aim:.0f}"
                yield f"{where}: {text}", wanted, shown, "met" if measured <= aim else "missed"
        again = get("unchanged", "ours")
        if again is not None:
            writes = again.tally.writes
            yield f"{where}: writes of an unchanged sync", "0", f"{writes:,}", "missed" if writes else "met"


Pair = tuple[str, float, Measured | None, Measured | None, Callable[[Measured], float]]


def _pairs(get: Callable[[str, str], Measured | None], share: int) -> Iterator[Pair]:
    """The aims: ours against the floor, then against the reference."""
    first, floor, theirs = get("first", "ours"), get("first", "floor"), get("first", "reference")
    again, theirs_again = get("unchanged", "ours"), get("unchanged", "reference")
    yield "first sync, time against the floor", 1.3, first, floor, _seconds
    yield "first sync, calls against the floor", 1.3, first, floor, _calls
    yield "first sync, time against the reference", 1 / share, first, theirs, _seconds
    yield "first sync, calls against the reference", 1 / 6, first, theirs, _calls
    yield "first sync, memory against the reference", 1 / 5, first, theirs, _memory
    yield "unchanged sync, time against the reference", 1 / 20, again, theirs_again, _seconds
    yield "unchanged sync, calls against the reference", 1 / 100, again, theirs_again, _calls


def _seconds(item: Measured) -> float:
    return item.seconds


def _calls(item: Measured) -> float:
    return item.tally.total


def _memory(item: Measured) -> float:
    return item.peak_mb
