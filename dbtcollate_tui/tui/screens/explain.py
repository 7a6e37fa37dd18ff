"""Search all nodes and tables of the run, and explain one of them."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.plan.explanation.explain import Explanation
from dbtcollate_tui.plan.explanation.lookup import find_nodes
from dbtcollate_tui.plan.explanation.text import explanation_text
from dbtcollate_tui.plan.matching.matches import MatchReport
from dbtcollate_tui.sync.explain import explain_nodes
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.session import ProfileSession
from dbtcollate_tui.tui.theme import state_colour
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

MOST_SHOWN = 200
"""Nodes listed at a time; a longer search shows fewer."""
LEVELS = 2


class ExplainScreen(CardKeys, FittedScreen[None]):
    """Lists the nodes that a search fits; the chosen one is explained beside or below the list.

    ``only`` limits the list to these unique ids, such as the tables behind a number of the coverage;
    ``wanted`` is explained at once.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find"),
        Binding("o", "open('Collate')", "Open in Collate"),
        Binding("d", "open('dbt Cloud')", "In dbt Cloud"),
        Binding("y", "copy", "Copy"),
        Binding("r", "again", "Read again"),
        Binding("escape", "leave", "Back"),
    ]
    DEFAULT_CSS = """
    ExplainScreen Input { margin: 0 1; }
    ExplainScreen #parts { height: 1fr; layout: vertical; }
    ExplainScreen OptionList, ExplainScreen OptionList:focus {
        height: 8; border: none; background: transparent; overflow-x: hidden; padding: 0 1;
    }
    ExplainScreen #found { height: 1fr; border-top: solid $border-blurred; padding: 0 1; }
    ExplainScreen #found Static { height: auto; }
    ExplainScreen.-failed #parts { display: none; }
    ExplainScreen.-wide #parts, ExplainScreen.-widest #parts { layout: horizontal; }
    ExplainScreen.-wide OptionList, ExplainScreen.-widest OptionList { width: 2fr; height: 1fr; }
    ExplainScreen.-wide #found, ExplainScreen.-widest #found {
        width: 3fr; border-top: none; border-left: solid $border-blurred;
    }
    """

    def __init__(
        self, session: ProfileSession, *, wanted: str = "", only: Collection[str] = (), title: str = ""
    ) -> None:
        super().__init__()
        self._session = session
        self._wanted = wanted
        self._only = frozenset(only)
        self._title = title or "explain a table"
        self._project: Project | None = None
        self._report: MatchReport | None = None
        self._shown: tuple[Node, ...] = ()
        self.explanation: Explanation | None = None

    def compose(self) -> ComposeResult:
        """Title, search, nodes, the chosen one explained."""
        yield TitleBar(self._session.profile.name, self._title)
        yield Input(placeholder="table, model, unique id, FQN or page URL", id="search")
        yield ErrorCard()
        with Horizontal(id="parts"):
            yield OptionList()
            with VerticalScroll(id="found"):
                yield Static("Reading the run's artifacts and Collate's tables", id="text", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the project; the first request comes after the first paint."""
        self.call_after_refresh(self.action_again)

    def action_again(self) -> None:
        """Read the project and the tables again."""
        self.query_one(ErrorCard).clear()
        self.remove_class("-failed")
        self.run_worker(self._read(), group="read", exclusive=True)

    async def _read(self) -> None:
        context = self._session.context
        try:
            self._project, self._report = await context.project(), await context.report()
        except ActionableError as error:
            self.add_class("-failed")
            await self.query_one(ErrorCard).show(error)
            self.refresh_bindings()
            return
        search = self.query_one("#search", Input)
        if self._wanted and not search.value:
            search.value = self._wanted
        self._fill(search.value)
        if (self._wanted or len(self._only) == 1) and self._shown:
            self.query_one(OptionList).focus()
            self._explain(self._shown[0].unique_id)
        else:
            self._put("Choose a table, or type a part of its name.")
            (self.query_one(OptionList) if self._only else search).focus()
        self.refresh_bindings()

    def _fitting(self, text: str) -> Sequence[Node]:
        project = self._project
        if project is None:
            return ()
        nodes = {**project.nodes, **project.ephemeral}
        if self._only:
            nodes = {one: node for one, node in nodes.items() if one in self._only}
        if not text.strip():
            return list(nodes.values())
        exact = find_nodes(project, text, self._session.profile.options)
        found = [nodes[one] for one in (*exact.unique_ids, *exact.suggestions) if one in nodes]
        wanted = exact.name.casefold()
        found += [node for one, node in nodes.items() if wanted in one.casefold() or wanted in _label(node)]
        return list({node.unique_id: node for node in found}.values())

    def _fill(self, text: str) -> None:
        self._shown = tuple(self._fitting(text)[:MOST_SHOWN])
        listing = self.query_one(OptionList)
        listing.clear_options()
        listing.add_options(Option(self._line(node), id=node.unique_id) for node in self._shown)
        if self._shown:
            listing.highlighted = 0

    def _line(self, node: Node) -> Text:
        is_matched = self._report is not None and node.unique_id in self._report.matched
        state = CheckState.PASS if is_matched else CheckState.FAIL
        if self._project is not None and node.unique_id in self._project.ephemeral:
            state = CheckState.SKIPPED
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{GLYPHS.states[state]} ", state_colour(self.app, state, ""))
        line.append(_label(node))
        line.append(f"  {node.resource_type}", "dim")
        return line

    @on(Input.Changed, "#search")
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self._fill(event.value)

    @on(Input.Submitted, "#search")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._shown:
            self.query_one(OptionList).focus()
            self._explain(self._shown[0].unique_id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._explain(str(event.option.id))

    def _explain(self, unique_id: str) -> None:
        self._put(f"Reading what Collate has of {unique_id}")
        self.query_one("#found", VerticalScroll).scroll_home(animate=False)
        self.run_worker(self._read_one(unique_id), group="explain", exclusive=True)

    async def _read_one(self, unique_id: str) -> None:
        if self._project is None:
            return
        session = self._session
        try:
            found = await explain_nodes(
                await session.engine(),
                self._project,
                (unique_id,),
                levels=LEVELS,
                choice=await session.context.choice(),
                on_stage=self._show,
            )
        except ActionableError as error:
            self._put(error.as_text())
            return
        self.explanation = found
        self._show(found)
        self.refresh_bindings()

    def _show(self, found: Explanation) -> None:
        """What is known so far, the verdict first; the rest takes its place as it arrives."""
        self._put("\n".join(explanation_text(found)))

    def _put(self, text: str) -> None:
        self.query_one("#text", Static).update(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "open":
            return self.explanation is not None and parameters[0] in self.explanation.links
        if action == "copy":
            return self.explanation is not None
        return True

    def action_find(self) -> None:
        """Go to the search."""
        self.query_one("#search", Input).focus()

    def action_open(self, where: str) -> None:
        """Open the table's page in Collate, or the node's in dbt Cloud."""
        if self.explanation is not None and where in self.explanation.links:
            self.app.open_url(self.explanation.links[where])

    def action_copy(self) -> None:
        """Copy the explanation as text."""
        if self.explanation is not None:
            copy_text(self, "\n".join(explanation_text(self.explanation)), "the explanation")

    def action_leave(self) -> None:
        """From the search to the list, from the list back."""
        if self.query_one("#search", Input).has_focus and self._shown and self.explanation is not None:
            self.query_one(OptionList).focus()
        else:
            self.dismiss(None)


def _label(node: Node) -> str:
    return f"{node.schema}.{node.identifier}" if node.schema else node.identifier
