"""A fix without the app is a command: one that exists, with options that it has, for the named profile."""

from typing import Any, get_args

import click
import pytest

from dbtcollate_tui.cli import dbtcollate
from dbtcollate_tui.fix_commands import STEP_OPTIONS, TOKEN_VARIABLES, in_words
from dbtcollate_tui.fixes import (
    Advice,
    Argument,
    Copy,
    DeployPipeline,
    EnterToken,
    Fix,
    GoOnWithoutRun,
    GoToStep,
    OpenUrl,
    ProfileField,
    Retry,
    RunJob,
    SetField,
    Step,
    SyncNow,
    UseProfile,
)
from dbtcollate_tui.settings.secrets import ENV
from tests.support.fix_examples import KINDS, example

WITHOUT_COMMAND = (Advice, Argument, Copy, GoOnWithoutRun, Retry, OpenUrl, UseProfile)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_fix_names_a_command_that_exists(kind: Any) -> None:
    words = in_words(example(kind), "shop")
    assert ("dbtcollate " in words) is (kind not in WITHOUT_COMMAND)
    if kind in WITHOUT_COMMAND:
        return
    parts = words.partition("dbtcollate ")[2].split()
    place: click.Command = dbtcollate
    while parts and not parts[0].startswith("-"):
        if not isinstance(place, click.Group):
            break
        found = place.commands.get(parts.pop(0))
        assert found is not None, words
        place = found
    known = {name for option in place.params for name in option.opts}
    assert {part for part in parts if part.startswith("-")} <= known, words


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (SyncNow("Sync now"), "Sync now: dbtcollate sync"),
        (DeployPipeline("Deploy and run"), "Deploy and run: dbtcollate sync --engine collate"),
        (RunJob("Retry it", retry_of=7), "Retry it: dbtcollate run-job --wait --retry 7"),
        (RunJob("Run it", with_docs=True), "Run it: dbtcollate run-job --wait --generate-docs"),
        (UseProfile("Use 'shop'", "shop"), "Use 'shop': -p shop"),
        (OpenUrl("Open it", "https://a.example/b"), "Open it: https://a.example/b"),
        (Retry(), "Run the command again"),
        (Retry("Join the VPN"), "Join the VPN"),
        (GoToStep("Another job", Step.JOB), "Another job: dbtcollate setup --job ID --overwrite"),
        (
            EnterToken("Another token", "collate"),
            "Another token: set COLLATE_TOKEN, or save it in the app: dbtcollate",
        ),
        (
            SetField("Use pg", ProfileField.SERVICE, "pg"),
            'Use pg: collate.service = "pg", dbtcollate config edit PROFILE',
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, get_args(Fix)) else "",
)
def test_fix_in_words(fix: Fix, words: str) -> None:
    assert in_words(fix) == words


def test_fix_names_the_profile_that_was_named() -> None:
    assert in_words(SyncNow("Sync now"), "shop") == "Sync now: dbtcollate sync -p shop"


def test_tables_of_words_are_complete() -> None:
    assert TOKEN_VARIABLES == ENV
    assert set(STEP_OPTIONS) == set(Step) - {Step.DBT_TOKEN, Step.REVIEW}
