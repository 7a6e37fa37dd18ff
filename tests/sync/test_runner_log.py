"""What is kept of a followed run: levels, counts, and the card of a run that failed."""

import pytest

from dbtcollate_tui.collate.models import PipelineStatus, StackTraceError, StepSummary
from dbtcollate_tui.sync.runner_log import RunMemory, line_level

PAGE = "https://acme.getcollate.io/logs"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[2026-11-24 06:00:01.123] WARNING  no catalog.json", "warn"),
        ("[2026-11-24T06:00:01] ERROR {workflow:42} - boom", "error"),
        ("DEBUG asking", "debug"),
        ("Traceback (most recent call last):", "info"),
        ("INFO a table that is named ERROR", "info"),
    ],
)
def test_the_level_is_the_first_one_that_a_line_states(line: str, level: str) -> None:
    assert line_level(line) == level


def test_counts_are_those_of_the_step_that_got_furthest() -> None:
    memory = RunMemory()
    memory.steps = (
        StepSummary(name="Source", records=22, filtered=3),
        StepSummary(name="Sink", records=20, errors=2),
    )
    counts = memory.counts()
    assert (counts.written, counts.failed, counts.skipped, counts.planned) == (20, 2, 3, 22)
    assert memory.words() == "Source 22 records; Sink 20 records, 2 errors"


@pytest.mark.parametrize(("own_token", "first"), [(False, "advice"), (True, "open_url")])
def test_a_refused_token_that_is_not_ours_is_fixed_by_a_deploy(own_token: bool, first: str) -> None:
    memory = RunMemory()
    memory.take("ERROR dbt Cloud answered 401 Unauthorized")
    step = StepSummary(name="Source", errors=1, failures=(StackTraceError(name="dbt", error="no access"),))
    run = PipelineStatus(runId="r1", pipelineState="failed", status=(step,))
    card = memory.why(run, "nightly", PAGE, own_token=own_token)
    assert card.title == "The run of nightly failed in Collate"
    assert card.causes[-1] == "dbt: no access"
    assert card.evidence == ("run r1 ended as failed", "ERROR dbt Cloud answered 401 Unauthorized")
    assert card.fixes[0].kind == first
    assert ("dbtcollate deploy" in card.fixes[0].label) is not own_token
