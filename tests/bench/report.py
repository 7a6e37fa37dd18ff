"""What was measured, as a table for a person and as values for a program, and beside it the aims."""

from collections.abc import Iterator, Sequence
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
    """Each aim that the measured rows allow, with the ratio and whether it is met."""
    known = {(item.models, item.latency_ms, item.row, item.who): item for item in found if not item.failed}
    wires = list(dict.fromkeys(who.split()[1] for *_, who in known if who.startswith("ours ")))
    for models in dict.fromkeys(key[0] for key in known):
        latencies = list(dict.fromkeys(key[1] for key in known if key[0] == models))
        for wire in wires:
            for latency in latencies:
                where = f"{models:,} models, {latency} ms, {wire}"

                def get(row: str, who: str, at: tuple[int, int] = (models, latency)) -> Measured | None:
                    return known.get((*at, row, who))

                first, today = get("first", f"ours {wire}"), get("first", "today h2")
                floor, again = get("first", f"floor of ours {wire}"), get("unchanged", f"ours {wire}")
                before, changed = get("unchanged", "today h2"), get("changed", f"ours {wire}")
                for text, aim, one, other, value in (
                    ("first sync, wall against its floor", 1.15, first, floor, _seconds),
                    ("first sync, processor against its floor", 1.35, first, floor, _processor),
                    ("first sync, memory against today's build", 1.0, first, today, _memory),
                    ("unchanged sync, wall against today's build", 0.25, again, before, _seconds),
                    ("unchanged sync, processor against today's build", 0.25, again, before, _processor),
                    ("unchanged sync, memory against today's build", 1 / 3, again, before, _memory),
                    ("one model changed, wall against unchanged", 1.3, changed, again, _seconds),
                    ("one model changed, processor against unchanged", 1.3, changed, again, _processor),
                ):
                    if one is not None and other is not None:
                        yield _judged(f"{where}: {text}", aim, value(one) / max(value(other), 1e-9))
                if again is not None:
                    yield _judged(f"{where}: writes of an unchanged sync", 0, again.tally.writes)
                if first is not None:
                    most = 5970 * models / 1000
                    yield _judged(f"{where}: writes of a first sync", most, first.tally.writes)
            for text, aim, value in (("processor", 0.7, _processor), ("wall", 1.0, _seconds)):
                ours, former = (models, "first", f"ours {wire}"), (models, "first", "today h2")
                pairs = [
                    (known.get((ours[0], at, *ours[1:])), known.get((former[0], at, *former[1:])))
                    for at in latencies
                ]
                whole = [(one, other) for one, other in pairs if one is not None and other is not None]
                if whole:
                    ratio = sum(value(one) for one, _ in whole) / sum(value(other) for _, other in whole)
                    summed = "+".join(str(one.latency_ms) for one, _ in whole)
                    where = f"{models:,} models, {summed} ms, {wire}"
                    yield _judged(f"{where}: first sync, {text} against today's build", aim, ratio)


def _judged(text: str, aim: float, measured: float) -> tuple[str, str, str, str]:
    shown = f"{measured:,.0f}" if aim == 0 or aim > 100 else f"{measured:.2f}"
    wanted = f"<= {aim:,.0f}" if aim == 0 or aim > 100 else f"<= {aim:.2f}"
    return text, wanted, shown, "met" if measured <= aim else "missed"


def _seconds(item: Measured) -> float:
    return item.seconds


def _processor(item: Measured) -> float:
    return item.cpu_seconds


def _memory(item: Measured) -> float:
    return item.peak_mb
