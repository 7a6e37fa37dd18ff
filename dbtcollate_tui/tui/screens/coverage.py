"""How much of what dbt declares is in Collate: bars for the project, a row for each part."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui import wording
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.plan.explanation.coverage import (
    FACTS,
    GROUPINGS,
    TITLES,
    Cell,
    Coverage,
    CoverageRow,
    FactName,
    Grouping,
)
from dbtcollate_tui.sync.coverage import read_coverage
from dbtcollate_tui.tui.glyphs import cut_end, cut_middle
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.explain import ExplainScreen
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.session import ProfileSession
from dbtcollate_tui.tui.widgets.durations import trend
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

BAR = 20


class CoverageScreen(CardKeys, FittedScreen[None]):
    """The numbers of the whole project, then each part's with its largest gaps; enter lists the tables."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "tables", "Tables behind it", priority=True),
        Binding("b", "by", "Group by"),
        Binding("r", "again", "Read again"),
        Binding("escape", "dismiss(None)", "Back"),
    ]
    DEFAULT_CSS = """
    CoverageScreen #head { height: auto; padding: 0 1; }
    CoverageScreen OptionList, CoverageScreen OptionList:focus {
        height: 1fr; border: none; background: transparent; overflow-x: hidden; padding: 0 1;
    }
    CoverageScreen.-failed OptionList, CoverageScreen.-failed #head { display: none; }
    """

    def __init__(self, session: ProfileSession) -> None:
        super().__init__()
        self._session = session
        self._by: Grouping = "schema"
        self.coverage: Coverage | None = None
        self._missing: dict[str, tuple[str, tuple[str, ...]]] = {}

    def compose(self) -> ComposeResult:
        """Title, what is being read, the numbers."""
        yield TitleBar(self._session.profile.name, "coverage")
        yield Static("Reading the run's artifacts and Collate's tables", id="head", markup=False)
        yield ErrorCard()
        yield OptionList()
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read after the first paint."""
        self.call_after_refresh(self.action_again)

    def action_again(self) -> None:
        """Read both sides again."""
        self.query_one(ErrorCard).clear()
        self.remove_class("-failed")
        self.query_one("#head", Static).update("Reading the run's artifacts and Collate's tables")
        self.run_worker(self._read(), group="read", exclusive=True)

    async def _read(self) -> None:
        session = self._session
        try:
            found = await read_coverage(await session.engine(), self._by)
        except ActionableError as error:
            self.add_class("-failed")
            await self.query_one(ErrorCard).show(error)
            self.refresh_bindings()
            return
        self.coverage = found
        self._draw(found)

    def _draw(self, found: Coverage) -> None:
        head = f"{found.whole.tables} tables. In Collate, of what dbt has; the largest gaps first."
        if line := trend(self._session.syncs):
            head += f"\nSo far  {line}"
        self.query_one("#head", Static).update(head)
        self._list(found)
        self.query_one(OptionList).focus()
        self.refresh_bindings()

    def on_resize(self) -> None:
        """Cut the lines again, once the new width is laid out."""
        self.call_after_refresh(self._list_again)

    def _list_again(self) -> None:
        if self.coverage is not None:
            self._list(self.coverage)

    def _list(self, found: Coverage) -> None:
        self._missing = {}
        options = [self._fact_option("", "", fact, cell) for fact, cell in found.whole.cells.items()]
        options.append(Option(Text(f"By {found.grouping}", "bold"), disabled=True))
        for number, row in enumerate(found.rows):
            options.append(self._row_option(f"row{number}", row))
        listing = self.query_one(OptionList)
        at = listing.highlighted or 0
        listing.clear_options()
        listing.add_options(options)
        listing.highlighted = min(at, len(options) - 1)

    def _fact_option(self, prefix: str, name: str, fact: FactName, cell: Cell) -> Option:
        key = f"{prefix}{fact}"
        self._missing[key] = (f"{TITLES[fact]}{f' in {name}' if name else ''}", cell.missing)
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{TITLES[fact]:<28}")
        full = int(BAR * cell.percent / 100) if cell.dbt else 0
        line.append("━" * full, "bold")
        line.append("╌" * (BAR - full), "dim")
        line.append(f"  {cell.collate or 0} of {cell.dbt}")
        if cell.gap:
            line.append(f"   {cell.gap} missing", "bold")
        return Option(line, id=key)

    def _row_option(self, key: str, row: CoverageRow) -> Option:
        missing = tuple(
            dict.fromkeys(one for fact in FACTS if fact in row.cells for one in row.cells[fact].missing)
        )
        self._missing[key] = (row.name, missing)
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{cut_middle(row.name, 26):<28}")
        line.append(f"{wording.count(row.tables, 'table'):>12}  ", "dim")
        worst = max(row.cells.items(), key=lambda item: item[1].gap, default=None)
        if worst is None or not worst[1].gap:
            line.append("nothing missing")
        else:
            fact, cell = worst
            text = f"{row.gap} missing; most: {TITLES[fact]} {cell.collate} of {cell.dbt}"
            line.append(cut_end(text, self.app.size.width - 4 - line.cell_len))
        return Option(line, id=key)

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_tables()

    def _behind(self) -> tuple[str, tuple[str, ...]]:
        listing = self.query_one(OptionList)
        option = listing.highlighted_option
        return self._missing.get(str(option.id), ("", ())) if option is not None else ("", ())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "tables":
            return bool(self._behind()[1])
        if action == "by":
            return self.coverage is not None
        return True

    def action_tables(self) -> None:
        """List the tables that dbt has something for and Collate lacks it."""
        title, missing = self._behind()
        if missing:
            self.app.push_screen(ExplainScreen(self._session, only=missing, title=title))

    def action_by(self) -> None:
        """Group the rows by the next part: schema, folder, group, owner, tag."""
        self._by = GROUPINGS[(GROUPINGS.index(self._by) + 1) % len(GROUPINGS)]
        self.action_again()
