"""The profiles: open, change, delete, begin a new one."""

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.setup.services import Services
from dbtcollate_tui.tui.owner import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.title_bar import TitleBar


class ProfilesScreen(CardKeys, Screen[None]):
    """Each profile with its two ends; the file of one that cannot be read says why."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="enter"),
        Binding("n", "app.new_setup", "New"),
        Binding("e", "edit", "Edit setup"),
        Binding("d", "delete", "Delete"),
        Binding("escape", "dismiss", "Back"),
    ]
    DEFAULT_CSS = """
    ProfilesScreen #where { padding: 0 1; color: $text-muted; height: auto; }
    ProfilesScreen OptionList { height: 1fr; border: none; background: transparent; padding: 1 0; }
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
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Read them."""
        await self._fill()

    async def on_screen_resume(self) -> None:
        """One may be new, or changed."""
        await self._fill()

    async def _fill(self) -> None:
        try:
            read = await asyncio.to_thread(self._read)
        except ActionableError as error:
            await self.query_one(ErrorCard).show(error)
            return
        listing = self.query_one(OptionList)
        at = listing.highlighted or 0
        self._names = tuple(name for name, _ in read)
        listing.clear_options()
        listing.add_options(Option(text, id=name) for name, text in read)
        if read:
            listing.highlighted = min(at, len(read) - 1)
        listing.focus()
        where = f"Files in {self._services.profiles.folder}; tokens are in none of them."
        self.query_one("#where", Static).update(where if read else f"No profile yet. {where}")
        self.refresh_bindings()

    def _read(self) -> list[tuple[str, Text]]:
        store = self._services.profiles
        last = store.default_name()
        rows = []
        for name in store.names():
            text = Text(name, "bold", no_wrap=True, overflow="ellipsis")
            text.append("   last used\n" if name == last else "\n", "dim")
            try:
                profile = store.load(name)
            except ActionableError as error:
                text.append(f"  {error.title}\n", "dim")
            else:
                side, job = profile.dbt_cloud, profile.dbt_cloud.job_name or "any job"
                account = side.account_name or str(side.account_id)
                text.append(f"  from  {side.base_url}  {account}, {job}\n", "dim")
                text.append(f"  to    {profile.collate.base_url}  {profile.collate.service}", "dim")
            rows.append((name, text))
        return rows

    @property
    def current(self) -> str | None:
        """The profile under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._names[at] if at is not None and at < len(self._names) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a profile there is none to open, change or delete."""
        return bool(self._names) if action in ("open", "edit", "delete") else True

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        """Go home with the profile."""
        name = self.current
        if name is not None:
            app_of(self).go_home(name)

    def action_edit(self) -> None:
        """Change its answers."""
        if self.current is not None:
            app_of(self).edit_profile(self.current)

    def action_delete(self) -> None:
        """Ask, then delete the profile with its kept tokens."""
        name = self.current
        if name is None:
            return

        def answered(delete: bool | None) -> None:
            if delete:
                self.run_worker(self._delete(name), group="delete", exclusive=True)

        self.app.push_screen(
            Confirm(
                f"Delete the profile {name}?",
                "Delete it",
                "Keep it",
                detail="Its file, its tokens in the keyring and what is remembered of it go. "
                "Nothing changes in dbt Cloud or Collate.",
            ),
            answered,
        )

    async def _delete(self, name: str) -> None:
        try:
            await self._services.secrets.forget(name, "dbt_cloud")
            await self._services.secrets.forget(name, "collate")
            await asyncio.to_thread(self._services.profiles.delete, name)
            await asyncio.to_thread(self._services.state.delete, name)
        except ActionableError as error:
            await self.query_one(ErrorCard).show(error)
        if not await app_of(self).profile_deleted(name):
            await self._fill()
