"""The palette's commands: the places to go to, what the screen at hand can do, then Textual's own."""

from collections.abc import Iterable, Iterator
from functools import partial

from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

ROOM = __name__.rpartition(".")[0]


PLACES = (
    ("home", "Home", "The chain and its state"),
    ("sync", "Sync", "Plan a sync, or show the running one"),
    ("pipeline", "Pipeline in Collate", "Compare, deploy, run it there"),
    ("run_job", "Run the dbt Cloud job", "Run it now and follow it, or follow the run in progress"),
    ("ingest_tables", "Ingest missing tables", "Let the service's metadata agent bring them, then sync"),
    ("verify", "Verify", "Run the checklist"),
    ("troubleshoot", "Troubleshoot", "From what you see to its cause and fix"),
    ("explain", "Explain a table", "What dbt says, what Collate has, what the next sync does"),
    ("coverage", "Coverage", "How much of what dbt declares is in Collate"),
    ("history", "History", "Past syncs and checks, with plan and log"),
    ("edit_setup", "Edit setup", "Change this profile's answers"),
    ("new_setup", "New setup", "Set up another profile"),
    ("profiles", "Profiles", "Open or delete a profile"),
    ("requests", "Requests", "What was asked of the servers; copy as curl"),
    ("help", "Help", "This screen, its keys, the signs"),
)
"""The app's actions that lead to a place."""


def commands_of(screen: Screen[object], textuals: Iterable[SystemCommand]) -> Iterator[SystemCommand]:
    """Every command that works on this screen now; quitting asks where a sync is running."""
    yield from _actions_of(screen)
    app = screen.app
    for action, title, words in PLACES:
        if app.check_action(action, ()):
            yield SystemCommand(title, words, partial(app.run_action, action, app))
    for command in textuals:
        if command.title == "Quit":
            yield SystemCommand("Quit", "Leave the program", partial(app.run_action, "quit_asking", app))
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
