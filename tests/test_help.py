"""The help topics: each is complete, true to the code, and can be read in a terminal."""

import ast
import re
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.markdown import Markdown

import dbtcollate_tui
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.cli import dbtcollate
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.events.types import Event, SyncEvent
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.help import TOPICS, Topic, topic_named
from dbtcollate_tui.transport import bounds
from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS

PACKAGE = Path(dbtcollate_tui.__file__).parent
VARIABLE = re.compile(r"\b(?:DBTCOLLATE_[A-Z0-9_]+|(?:DBT_CLOUD|COLLATE)_TOKEN)\b")


def table_rows(topic: str) -> list[list[str]]:
    """The cells of every row of a topic's tables."""
    lines = topic_named(topic).text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_topic_is_drawn_within_80_columns(topic: Topic) -> None:
    out = StringIO()
    Console(file=out, width=80).print(Markdown(topic.text(), hyperlinks=False))
    lines = out.getvalue().splitlines()
    code = re.findall(r"```.*?```", topic.text(), re.DOTALL)
    assert len(lines) > 10
    assert max(len(line) for line in lines) <= 80
    assert topic.text().startswith("# ")
    assert all(block.count("```") == 2 for block in code)


def test_every_page_in_the_folder_is_a_topic() -> None:
    pages = {path.stem for path in (PACKAGE / "help").glob("*.md")}
    assert pages == {topic.name for topic in TOPICS}


def test_help_command_lists_the_topics() -> None:
    result = CliRunner().invoke(dbtcollate, ["help"])
    assert result.exit_code == 0
    assert all(f"  {topic.name} " in result.output for topic in TOPICS)


def test_help_command_prints_markdown_to_a_pipe() -> None:
    result = CliRunner().invoke(dbtcollate, ["help", "exit-codes"])
    assert result.exit_code == 0
    assert result.output.strip() == topic_named("exit-codes").text().strip()


def test_help_command_names_the_nearest_topic() -> None:
    error = CliRunner().invoke(dbtcollate, ["help", "exit-code"]).exception
    assert isinstance(error, UsageError)
    assert "dbtcollate help exit-codes" in error.as_text()


def test_exit_codes_topic_lists_every_code() -> None:
    listed = {int(cells[0]) for cells in table_rows("exit-codes") if cells[0].isdecimal()}
    assert listed == {int(code) for code in ExitCode}


def test_checks_topic_lists_every_check_in_order() -> None:
    listed = [(cells[0].strip("`"), cells[1]) for cells in table_rows("checks") if cells[0].startswith("`")]
    assert listed == [(check.id, check.title) for check in ALL_CHECKS]


def test_troubleshooting_topic_lists_every_symptom() -> None:
    listed = [cells[0].strip("`") for cells in table_rows("troubleshooting") if cells[0].startswith("`")]
    assert listed == [symptom.id for symptom in SYMPTOMS]


@pytest.mark.parametrize("event", get_args(SyncEvent), ids=lambda event: event.kind)
def test_json_topic_names_every_field_of_an_event(event: type[Event]) -> None:
    (row,) = [cells for cells in table_rows("json-events") if cells[0] == f"`{event.kind}`"]
    names = {field.name for field in fields(event)} - {"seq", "at"}
    assert [name for name in names if f"`{name}`" not in row[1]] == []


def test_environment_topic_names_every_own_variable() -> None:
    text = topic_named("environment").text()
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used |= set(VARIABLE.findall(node.value))
    used = {name for name in used if not name.endswith("_") and name != "DBTCOLLATE_COMPLETE"}
    assert len(used) > 6
    assert [name for name in sorted(used) if f"`{name}`" not in text] == []


def test_environment_topic_states_the_bounds() -> None:
    text = topic_named("environment").text()
    mebibytes = bounds.MOST_JSON_BYTES // 2**20
    assert f"{mebibytes} MiB, {bounds.WHOLE_ANSWER_SECONDS:.0f} s" in text
    gibibytes = bounds.MOST_DOWNLOAD_BYTES // 2**30
    assert f"{gibibytes} GiB, {bounds.DOWNLOAD_SECONDS / 60:.0f} minutes" in text
    assert f"{bounds.SLOWEST_BYTES_PER_SECOND // 1024} KiB a second" in text
    assert f"{bounds.MOST_PAUSE_SECONDS:.0f} s |" in text
    assert f"{bounds.MOST_PAGES:,} in Collate, {bounds.MOST_OBJECT_PAGES:,} in dbt Cloud" in text
