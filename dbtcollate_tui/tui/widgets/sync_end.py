"""How a sync ended: what was verified, what was not changed and why; each line opens its page in Collate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dbtcollate_tui import wording
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Verification
from dbtcollate_tui.events.types import Failed, RunFinished, Skipped, SyncEvent
from dbtcollate_tui.fixes import OpenUrl, Retry
from dbtcollate_tui.plan.model import Change, Plan
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_end, cut_middle
from dbtcollate_tui.tui.theme import state_colour

VERIFICATION_STATES = {
    "ok": CheckState.PASS,
    "warn": CheckState.WARN,
    "failed": CheckState.FAIL,
    "skipped": CheckState.SKIPPED,
}
NAMED_AT_MOST = 200
"""This many exceptions of one row, and this many lines of one reason, are listed."""


@dataclass(frozen=True, slots=True)
class EndLine:
    """One line: a heading has no state; ``url`` is its page in Collate, empty where there is none."""

    title: str
    text: str = ""
    state: CheckState | None = None
    url: str = ""
    indent: int = 0

    @property
    def is_heading(self) -> bool:
        """Whether it only names what follows."""
        return self.state is None and not self.indent


def end_lines(finished: RunFinished, plan: Plan | None, history: Iterable[SyncEvent]) -> list[EndLine]:
    """What the end of a run says below its first line."""
    lines: list[EndLine] = []
    happened = list(history)
    unwritten = [e for e in happened if isinstance(e, Failed) and e.change is not None]
    failed = [(e.change, e.error) for e in unwritten if e.change is not None and not e.unsure]
    unsure = [(e.change, e.error) for e in unwritten if e.change is not None and e.unsure]
    skipped = [(e.change, e.reason) for e in happened if isinstance(e, Skipped)]
    if failed:
        lines.append(EndLine("Not written"))
        lines.extend(_failures(failed))
    if unsure:
        lines.append(EndLine("Not known whether it is written"))
        lines.extend(_failures(unsure, "not known", CheckState.WARN))
    if finished.verification is not None:
        lines.append(EndLine("Verified in Collate"))
        lines.extend(_verification(finished.verification))
    if finished.not_kept:
        lines.append(EndLine("History"))
        lines.append(
            EndLine("not kept", f"No whole record of this sync: {finished.not_kept}", CheckState.WARN)
        )
    left = [*_skipped(skipped), *(_left(plan) if plan is not None else ())]
    if left:
        lines.append(EndLine("Unchanged, and why"))
        lines.extend(left)
    return lines


def _failures(
    failed: Sequence[tuple[Change, ActionableError]],
    word: str = "failed",
    state: CheckState = CheckState.FAIL,
) -> Iterable[EndLine]:
    by_title: dict[str, tuple[ActionableError, list[Change]]] = {}
    for change, error in failed:
        by_title.setdefault(error.title, (error, []))[1].append(change)
    for error, changes in by_title.values():
        yield EndLine(f"{len(changes)} of {len(failed)} {word}", error.title, state)
        for number, cause in enumerate(error.causes):
            yield EndLine("cause" if number == 0 else "or", cause, indent=1)
        for fix in error.fixes:
            if not isinstance(fix, Retry):
                url = fix.url if isinstance(fix, OpenUrl) else ""
                yield EndLine("fix", fix.label, url=url, indent=1)
        for change in changes[:NAMED_AT_MOST]:
            yield EndLine(change.group, change.label, indent=1)
        yield from _more(len(changes))


def _verification(verification: Verification) -> Iterable[EndLine]:
    for row in verification.rows:
        yield EndLine(row.title, row.summary, VERIFICATION_STATES[row.state], row.url)
        for item in row.exceptions[:NAMED_AT_MOST]:
            text = f"{item.found}; expected {item.expected}" if item.found else f"expected {item.expected}"
            yield EndLine(item.target, text, url=item.url, indent=1)
        yield from _more(len(row.exceptions))


def _skipped(skipped: Sequence[tuple[Change, str]]) -> Iterable[EndLine]:
    for change, reason in skipped[:NAMED_AT_MOST]:
        yield EndLine(change.label, f"{change.group}: {reason}", CheckState.SKIPPED)
    yield from _more(len(skipped))


def _left(plan: Plan) -> Iterable[EndLine]:
    for group in plan.match.groups():
        state = CheckState.SKIPPED if group.harmless else CheckState.WARN
        count = len(group.nodes)
        yield EndLine(f"{wording.count(count, 'node')} without table", group.words, state)
        for node in group.nodes[:NAMED_AT_MOST]:
            yield EndLine(node.unique_id, f"{node.detail}. {node.fix}".strip(". "), indent=1)
        yield from _more(count)
    for kept in plan.conflicts[:NAMED_AT_MOST]:
        yield EndLine(kept.label, f"{kept.group}: {kept.words}", CheckState.WARN)
    yield from _more(len(plan.conflicts))
    for owner in plan.unmapped_owners:
        near = f"; nearest: {', '.join(owner.suggestions)}" if owner.suggestions else ""
        count = len(owner.unique_ids)
        text = f"no such user or team; owner of {wording.count(count, 'node')}{near}"
        yield EndLine(f"owner {owner.owner}", text, CheckState.WARN)


def _more(count: int) -> Iterable[EndLine]:
    if count > NAMED_AT_MOST:
        yield EndLine(f"and {count - NAMED_AT_MOST} more", indent=1)


class SyncEnd(OptionList):
    """The lines as a list; ``current`` is the one under the cursor."""

    DEFAULT_CSS = """
    SyncEnd, SyncEnd:focus { height: 1fr; border: none; padding: 0 1; background: transparent; }
    SyncEnd > .option-list--option-disabled { color: $foreground; text-style: bold; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Go on", key_display="enter"),
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]

    class Left(Message):
        """Going on was chosen where no line is."""

    def action_select(self) -> None:
        """Choose the line under the cursor, or go on where there is none."""
        if self.highlighted is None:
            self.post_message(self.Left())
        else:
            super().action_select()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: list[EndLine] = []
        self._name_width = 24

    def show(self, lines: Sequence[EndLine]) -> None:
        """Show these lines."""
        self.lines = list(lines)
        self.redraw()

    @property
    def current(self) -> EndLine | None:
        """The line under the cursor."""
        at = self.highlighted
        return self.lines[at] if at is not None and at < len(self.lines) else None

    def as_text(self) -> str:
        """The lines as text."""
        return "\n".join(f"{'  ' * line.indent}{line.title}  {line.text}".rstrip() for line in self.lines)

    def on_resize(self, _: events.Resize) -> None:
        """Cut the lines again."""
        self.redraw()

    def redraw(self) -> None:
        """The same lines as the width and the theme are now."""
        at = self.highlighted
        width = max(20, (self.size.width or self.app.size.width) - 4)
        longest = max((len(line.title) for line in self.lines if not line.is_heading), default=0)
        self._name_width = max(24, min(longest + 2, width * 2 // 5))
        self.clear_options()
        self.add_options(Option(self._prompt(line, width), disabled=line.is_heading) for line in self.lines)
        if self.lines:
            self.highlighted = at if at is not None else min(1, len(self.lines) - 1)

    def _prompt(self, line: EndLine, width: int) -> Text:
        if line.is_heading:
            return Text(line.title, "bold")
        text = Text()
        if line.state is not None:
            text.append(f"{GLYPHS.states[line.state]} ", state_colour(self.app, line.state))
        else:
            text.append("    ")
        name = self._name_width - len(text.plain)
        text.append(cut_middle(line.title, name).ljust(name) + "  ", "dim" if line.indent else "")
        return text.append(cut_end(line.text, max(4, width - self._name_width - 2)), "dim")
