"""The palette's commands: the places to go to, what the screen at hand can do, then Textual's own."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

if TYPE_CHECKING:
    from dbtcollate_tui.tui.app import DbtCollateApp


def commands_of(
    app: "DbtCollateApp", screen: Screen[object], textuals: Iterable[SystemCommand]
) -> Iterator[SystemCommand]:
    """Every command that works on this screen now; quitting asks where a sync is running."""
    yield from _actions_of(screen)
    yield SystemCommand("Home", "The chain at rest", app.action_home)
    if app.session is not None:
        yield SystemCommand("Sync", "Plan a sync, or show the running one", app.action_sync)
        yield SystemCommand("Pipeline in Collate", "Compare, deploy, run it there", app.action_pipeline)
        yield SystemCommand("Verify", "Run the checklist", app.action_verify)
        yield SystemCommand("Edit setup", "Change this profile's answers", app.action_edit_setup)
    yield SystemCommand("New setup", "Set up another profile", app.action_new_setup)
    yield SystemCommand("Profiles", "Open or delete a profile", app.action_profiles)
    yield SystemCommand("Requests", "What was asked of the servers; copy as curl", app.action_requests)
    yield SystemCommand("Help", "This screen, its keys, the signs", app.action_help)
    for command in textuals:
        if command.title == "Quit":
            yield SystemCommand("Quit", "Leave the program", app.action_quit_asking)
        else:
            yield command


def _actions_of(screen: Screen[object]) -> Iterator[SystemCommand]:
    app, seen = screen.app, set()
    for node, binding, enabled, _ in screen.active_bindings.values():
        words = binding.description
        leads_away = node is app or binding.action.startswith("app.")
        if enabled and binding.show and words and not leads_away and words not in seen:
            seen.add(words)
            title = f"{words} ({app.get_key_display(binding)})"
            yield SystemCommand(title, "On this screen", partial(app.run_action, binding.action, node))
