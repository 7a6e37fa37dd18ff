"""The palette's commands: the places to go to, what the screen at hand can do, then Textual's own."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

if TYPE_CHECKING:
    from dbtcollate_tui.tui.app import DbtCollateApp

ROOM = __name__.rpartition(".")[0]


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
        yield SystemCommand(
            "Troubleshoot", "From what you see to its cause and cure", app.action_troubleshoot
        )
        yield SystemCommand("History", "Former syncs and checks, with plan and log", app.action_history)
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
    for node, binding in offered(screen):
        words = binding.description
        leads_away = node is app or binding.action.startswith("app.")
        if not leads_away and words not in seen:
            seen.add(words)
            title = f"{words} ({app.get_key_display(binding)})"
            yield SystemCommand(title, "On this screen", partial(app.run_action, binding.action, node))


def offered(screen: Screen[object]) -> Iterator[tuple[DOMNode, Binding]]:
    """What works on the screen now and has words: what the footer shows, then the rest of the app's own."""
    active = [(node, binding) for node, binding, enabled, _ in screen.active_bindings.values() if enabled]
    yield from ((node, binding) for node, binding in active if binding.show and binding.description)
    for node, binding in active:
        if not binding.show and binding.description and _is_own(node, binding):
            yield node, binding


def _is_own(node: DOMNode, binding: Binding) -> bool:
    kinds = (kind for kind in type(node).__mro__ if kind.__module__.startswith(ROOM))
    declared = (each for kind in kinds for each in Binding.make_bindings(vars(kind).get("BINDINGS", ())))
    return any(each.action == binding.action for each in declared)
