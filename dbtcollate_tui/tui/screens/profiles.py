"""The profiles, each with its state: switch, change, rename, duplicate, delete, begin a new one."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_end, cut_middle
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.widgets.chain import small_chain
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import ago

if TYPE_CHECKING:
    from dbtcollate_tui.checks.last_seen import LastSeen
    from dbtcollate_tui.settings.model import Profile

NUMBERED = 9
"""This many profiles have a digit that opens them at once."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one profile without asking a server; ``trouble`` is why its file cannot be read."""

    name: str
    profile: "Profile | None" = None
    trouble: str = ""
    seen: "LastSeen | None" = None


class ProfilesScreen(CardKeys, FittedScreen[None]):
    """Each profile as the last visit left it; a digit or enter opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="enter"),
        *(Binding(str(number), f"open_number({number})", show=False) for number in range(1, NUMBERED + 1)),
        Binding("n", "app.new_setup", "New"),
        Binding("e", "edit", "Edit setup"),
        Binding("m", "rename", "Rename"),
        Binding("c", "duplicate", "Copy"),
        Binding("d", "delete", "Delete"),
        Binding("escape", "dismiss", "Back"),
    ]
    DEFAULT_CSS = """
    ProfilesScreen #where { padding: 0 1; color: $text-muted; height: auto; }
    ProfilesScreen OptionList, ProfilesScreen OptionList:focus {
        height: 1fr; border: none; background: transparent; padding: 1;
    }
    """

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._names: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, list, where the files are."""
        yield TitleBar("profiles")
        yield ErrorCard()
        yield OptionList()
        yield Static(id="where", markup=False)
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Read them."""
        await self._fill()

    async def on_screen_resume(self) -> None:
        """One may be new, or changed."""
        await self._fill()

    def on_resize(self) -> None:
        """Lay the lines out again."""
        self.run_worker(self._fill(), group="fill", exclusive=True)

    async def _fill(self) -> None:
        try:
            read = await asyncio.to_thread(self._read)
        except ActionableError as error:
            await self.query_one(ErrorCard).show(error)
            return
        listing = self.query_one(OptionList)
        session = app_of(self).session
        opened = session.profile.name if session is not None else ""
        here = self.current or opened
        self._names = tuple(known.name for known in read)
        listing.clear_options()
        listing.add_options(
            Option(self._entry(known, number, known.name == opened), id=known.name)
            for number, known in enumerate(read, 1)
        )
        if read:
            listing.highlighted = self._names.index(here) if here in self._names else 0
        listing.focus()
        where = f"Files in {self._services.profiles.folder}; none contains a token."
        self.query_one("#where", Static).update(where if read else f"No profile yet. {where}")
        self.refresh_bindings()

    def _read(self) -> list[Known]:
        from dbtcollate_tui.checks.last_seen import load_last_seen

        store = self._services.profiles
        found = []
        for name in store.names():
            try:
                profile = store.load(name)
            except ActionableError as error:
                found.append(Known(name, trouble=error.title))
            else:
                found.append(Known(name, profile, seen=load_last_seen(self._services.state, name)))
        return found

    def _entry(self, known: Known, number: int, opened: bool) -> Text:
        room = max(40, self.size.width - 8)
        text = Text(f"{number if number <= NUMBERED else ' '} ", "dim").append(known.name, "bold not dim")
        if opened:
            text.append("   open", "dim")
        if known.profile is None:
            trouble = cut_end(known.trouble, room)
            return text.append(f"\n  {GLYPHS.states[CheckState.FAIL]} {trouble}\n", "dim")
        state = self._state(known)
        state.truncate(room, overflow="ellipsis")
        text.append("\n  ").append_text(state)
        side, collate = known.profile.dbt_cloud, known.profile.collate
        account = f"{side.account_name or side.account_id}, {side.job_name or 'any job'}"
        text.append(f"\n  from  {cut_middle(f'{side.base_url}  {account}', room)}", "dim")
        return text.append(f"\n  to    {cut_middle(f'{collate.base_url}  {collate.service}', room)}", "dim")

    def _state(self, known: Known) -> Text:
        """The chain's signs, how old they are, and when the next sync comes."""
        from dbtcollate_tui.checks.summary import next_sync

        seen = known.seen
        if seen is None:
            waiting = small_chain(self.app, [CheckState.WAITING] * len(Stage))
            return waiting.append("  not checked yet", "dim")
        now = datetime.now(UTC)
        text = small_chain(self.app, (seen.stages[stage].state for stage in Stage))
        text.append(f"  {ago(seen.at, now)}", "dim")
        coming = next_sync(seen.standing, now)
        if coming is not None:
            text.append(f", {coming.brief}", "dim")
        return text

    @property
    def current(self) -> str | None:
        """The profile under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._names[at] if at is not None and at < len(self._names) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a profile there is none to open, change or delete."""
        if action in ("open", "open_number", "edit", "rename", "duplicate", "delete"):
            return bool(self._names)
        return True

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        """Go home with the profile."""
        name = self.current
        if name is not None:
            app_of(self).go_home(name)

    def action_open_number(self, number: int) -> None:
        """Go home with the profile of that number."""
        if number <= len(self._names):
            app_of(self).go_home(self._names[number - 1])

    def action_edit(self) -> None:
        """Change its answers."""
        if self.current is not None:
            app_of(self).edit_setup(self.current)

    def action_rename(self) -> None:
        """Ask for another name, then move file, tokens and history to it."""
        from dbtcollate_tui.tui.screens.ask_name import AskName

        name = self.current
        if name is None:
            return
        if app_of(self).is_syncing and self._is_open(name):
            self.notify(f"A sync of {name} is running; rename the profile when it has finished.", timeout=4)
            return

        def answered(new: str | None) -> None:
            if new is not None and new != name:
                self._change(self._rename(name, new))

        taken = tuple(other for other in self._names if other != name)
        self.app.push_screen(AskName(f"Another name for {name}", taken, name), answered)

    def action_duplicate(self) -> None:
        """Ask for a name, then save the same answers and tokens under it."""
        from dbtcollate_tui.tui.screens.ask_name import AskName

        name = self.current
        if name is None:
            return

        def answered(new: str | None) -> None:
            if new is not None:
                self._change(self._duplicate(name, new))

        self.app.push_screen(AskName(f"A name for the copy of {name}", self._names, f"{name}-2"), answered)

    def action_delete(self) -> None:
        """Ask, then delete the profile with its kept tokens."""
        name = self.current
        if name is None:
            return

        def answered(delete: bool | None) -> None:
            if delete:
                self._change(self._delete(name))

        self.app.push_screen(
            Confirm(
                f"Delete the profile {name}?",
                "Delete it",
                "Keep it",
                detail="Its file, its tokens in the keyring, its history and what is remembered of it go. "
                "Nothing changes in dbt Cloud or Collate.",
            ),
            answered,
        )

    def _is_open(self, name: str) -> bool:
        session = app_of(self).session
        return session is not None and session.profile.name == name

    def _change(self, work: Awaitable[None]) -> None:
        self.run_worker(self._told(work), group="change", exclusive=True)

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except ActionableError as error:
            await self.query_one(ErrorCard).show(error)

    async def _rename(self, name: str, new: str) -> None:
        from dbtcollate_tui.setup.profile_care import rename_profile

        is_open = self._is_open(name)
        if is_open:
            self.app.workers.cancel_group(self.app, "checks")
        await rename_profile(self._services, name, new)
        if is_open:
            app_of(self).go_home(new)
        else:
            await self._fill()

    async def _duplicate(self, name: str, new: str) -> None:
        from dbtcollate_tui.setup.profile_care import duplicate_profile

        await duplicate_profile(self._services, name, new)
        await self._fill()
        self.query_one(OptionList).highlighted = self._names.index(new)

    async def _delete(self, name: str) -> None:
        from dbtcollate_tui.setup.profile_care import delete_profile

        await delete_profile(self._services, name)
        if not await app_of(self).profile_deleted(name):
            await self._fill()
