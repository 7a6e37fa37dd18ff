"""Shell completion: the script for each shell, and the words that options and arguments take."""

from collections.abc import Callable, Iterable
from typing import Literal

import click
from click.shell_completion import CompletionItem, get_completion_class

COMPLETE_VARIABLE = "_DBTCOLLATE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
Words = Literal["profiles", "scenarios", "symptoms", "checks", "jobs", "topics"]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def script_for(command: click.Command, shell: str) -> str:
    """Return the script that a shell evaluates to complete ``dbtcollate``."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    return kind(command, {}, "dbtcollate", COMPLETE_VARIABLE).source()


def complete_from(words: Words) -> Complete:
    """Complete a parameter with the words of that kind that begin with what was typed.

    Only files are read; no server is asked. Anything that cannot be read completes to nothing.
    """

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        try:
            found = list(_FOUND[words]())
        except Exception:  # noqa: BLE001 - the shell would print the trace into the line that is typed
            return []
        return [CompletionItem(word, help=about) for word, about in found if word.startswith(typed)]

    return complete


def _profiles() -> Iterable[tuple[str, str]]:
    from dbtcollate_tui.settings.store import ProfileStore

    return [(name, "profile") for name in ProfileStore().names()]


def _scenarios() -> Iterable[tuple[str, str]]:
    from dbtcollate_tui.sandbox.scenarios import SCENARIOS

    return [(scenario.name, scenario.sentence) for scenario in SCENARIOS.values()]


def _symptoms() -> Iterable[tuple[str, str]]:
    from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS

    return [(symptom.id, symptom.seen) for symptom in SYMPTOMS]


def _topics() -> Iterable[tuple[str, str]]:
    from dbtcollate_tui.help import TOPICS

    return [(topic.name, topic.summary) for topic in TOPICS]


def _checks() -> Iterable[tuple[str, str]]:
    from dbtcollate_tui.checks.registry import ALL_CHECKS

    return [(check.id, check.title) for check in ALL_CHECKS]


def _jobs() -> Iterable[tuple[str, str]]:
    """The jobs of the profiles, as their last setup named them."""
    from dbtcollate_tui.settings.store import ProfileStore

    store = ProfileStore()
    for name in store.names():
        dbt_cloud = store.load(name).dbt_cloud
        if dbt_cloud.job_id is not None and dbt_cloud.job_name:
            yield dbt_cloud.job_name, f"job {dbt_cloud.job_id}, profile {name}"


_FOUND: dict[Words, Callable[[], Iterable[tuple[str, str]]]] = {
    "profiles": _profiles,
    "scenarios": _scenarios,
    "symptoms": _symptoms,
    "checks": _checks,
    "jobs": _jobs,
    "topics": _topics,
}
