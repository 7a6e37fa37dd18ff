"""``help``: the documentation by topic, drawn on a terminal, as Markdown elsewhere."""

import sys

import click

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.help import TOPICS, topic_named
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.printable import safe


def show(name: str) -> None:
    """Print a topic, or the list of topics for an empty name. Raises `UsageError` for an unknown one."""
    if not name:
        width = max(len(topic.name) for topic in TOPICS)
        click.echo("Topics of dbtcollate help TOPIC:\n")
        for topic in TOPICS:
            click.echo(safe(f"  {topic.name:{width}}  {topic.summary}"))
        click.echo("\nCommands and their options: dbtcollate --help, dbtcollate COMMAND --help.")
        return
    try:
        text = topic_named(name).text()
    except KeyError:
        raise UsageError(f'There is no help topic "{name}"', fixes=_nearest(name)) from None
    if not sys.stdout.isatty():
        click.echo(safe(text.rstrip()))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=min(Console().width, 100)).print(Markdown(text, hyperlinks=False))


def _nearest(name: str) -> list[Advice]:
    names = [topic.name for topic in TOPICS]
    fixes = [Advice(f"Topics: {', '.join(names)}.")]
    for near in nearest(name, names, most=1, in_part=True):
        fixes.insert(0, Advice(f"Nearest: dbtcollate help {near}"))
    return fixes
