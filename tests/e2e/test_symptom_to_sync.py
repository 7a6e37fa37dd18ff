"""From a symptom to synced tables in a real terminal, by keys alone, the dbt Cloud job run on the way."""

import pytest

from tests.e2e.commands import tokens
from tests.e2e.shop import shop
from tests.support.terminal import Terminal, terminal


def troubleshoot(tty: Terminal, symptom: int, found: str, run_key: str, fix: str = "Run the job now") -> None:
    """Choose the symptom, wait for what is found, and take the fix of its card."""
    tty.press("t")
    tty.until("What do you see?")
    tty.press(*["down"] * symptom, "enter")
    tty.until(found, f" {run_key}  {fix}")
    tty.press(run_key)


def run_to_plan(tty: Terminal, *, in_collate: bool = False) -> None:
    """Say yes to the job run, wait for its end, and plan what it built."""
    tty.until("Nothing is started yet", "commands", "started by")
    tty.press("enter")
    tty.until("succeeded after", "Sync what it built")
    tty.press("enter")
    if in_collate:
        tty.until("Sync in Collate, because this profile has a deployed pipeline")
        tty.press("i")


def run_and_sync(tty: Terminal, *, in_collate: bool = False) -> None:
    """Run the job, and write what it built."""
    run_to_plan(tty, in_collate=in_collate)
    tty.until("Plan for run", "Write ")
    tty.press("w")


@pytest.mark.parametrize(
    ("scenario", "symptom", "found", "run_key"),
    [
        ("no-runs", 1, "Broken at run: No successful run", "u"),
        ("only-failed", 1, "Broken at run: No successful run", "n"),
        ("missing-catalog", 3, "This run has no catalog.json", "u"),
    ],
)
def test_a_symptom_becomes_synced_tables(scenario: str, symptom: int, found: str, run_key: str) -> None:
    with (
        shop(scenario, 0.2) as sandbox,
        terminal(["--no-animation"], size=(110, 36), environment=tokens(sandbox)) as tty,
    ):
        tty.until("Troubleshoot")
        troubleshoot(tty, symptom, found, run_key)
        run_and_sync(tty)
        tty.until("after 2 fixes", "Sync of what the run built", "written")


def test_old_metadata_becomes_synced_tables_by_two_fixes() -> None:
    """The pipeline is paused and the run is stale: the pipeline is deployed first, then the job is run."""
    with (
        shop("stale", 0.2) as sandbox,
        terminal(["--no-animation"], size=(110, 40), environment=tokens(sandbox)) as tty,
    ):
        tty.until("Troubleshoot")
        troubleshoot(tty, 5, "Broken at pipeline: dbt_cloud_sync is paused", "d", "Deploy it again")
        tty.until("Deploy and run", "will be changed")
        tty.press("d")
        tty.until("after 1 fix", "at run: Stale: the latest usable run", " u  Run the job now")
        tty.press("u")
        run_to_plan(tty, in_collate=True)
        tty.until("Plan for run", "no change, 20 tables unchanged")


def test_a_stale_run_on_home_becomes_synced_tables() -> None:
    with (
        shop("stale", 0.2) as sandbox,
        terminal(["--no-animation"], size=(110, 36), environment=tokens(sandbox)) as tty,
    ):
        tty.until("Needs attention", "Stale: the latest usable run", "25 of 26 tables")
        for _ in range(10):
            if "Run is fresh  warn" in tty.drawn():
                break
            tty.press("down")
            tty.settle()
        tty.until("Run is fresh  warn", " u  Run the job now")
        tty.press("u")
        run_and_sync(tty, in_collate=True)
        tty.until("Done", "equal")
