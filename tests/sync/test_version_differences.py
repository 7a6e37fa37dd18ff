"""What a sync leaves on each server version, and on the latest: every difference has a reason."""

import re
from pathlib import Path
from typing import Any

import pytest

from dbtcollate_tui.sandbox.collate.releases import numbers_of, release_of
from tests.support.interrupted_sync import differences, ends
from tests.support.server_versions import IN_CI, OTHERS

DATA_MODEL = "entity/data/table#DataModel"
ALLOWED: tuple[tuple[str, tuple[int, ...]], ...] = (
    # One owner, not a list, up to 1.4.
    (r"/table/.*/owners: ", (1, 5)),
    # A data model cannot be without SQL up to 1.4.
    (r"/table/.*/dataModel/sql: '' in place of None", (1, 5)),
    # A table's own suite is named after the table in quotes up to 1.1, with a part of its own.
    (r"/(table|testCase)/.*/testSuite/fullyQualifiedName: |/testSuite/", (1, 2)),
)
"""Differences, and the release from which on there is none of them."""


def unexplained(lines: list[str], version: str) -> list[str]:
    """The differences that neither the release's schema nor a known reason explains."""
    numbers, known = numbers_of(version), release_of(version).fields(DATA_MODEL)

    def has_reason(line: str) -> bool:
        lacks = re.fullmatch(r"/table/.*/dataModel/(\w+): None in place of .*", line)
        if lacks is not None and lacks.group(1) not in known:
            return True
        return any(re.match(pattern, line) and numbers < until for pattern, until in ALLOWED)

    return [line for line in lines if not has_reason(line)]


async def state_on(folder: Path, version: str) -> dict[str, Any]:
    folder.mkdir()  # noqa: ASYNC240
    async with ends(folder, "1.1", version) as both:
        plan = await both.plan()
        await both.write(plan)
        assert (await both.plan()).changes == ()
        state = both.server.state()
    for results in state["results"].values():
        for result in results:
            result.pop("testCaseFQN", None)
    return state


@pytest.mark.parametrize(
    "version",
    [
        "1.1.0",
        "1.6.1",
        *(pytest.param(v, marks=pytest.mark.slow) for v in (*IN_CI, *OTHERS) if v not in ("1.1.0", "1.6.1")),
    ],
)
async def test_each_version_ends_as_the_latest_does(tmp_path: Path, version: str) -> None:
    latest = await state_on(tmp_path / "latest", "latest")
    assert len(latest["edges"]) > 20
    assert sum(map(len, latest["results"].values())) > 30
    found = differences(await state_on(tmp_path / "old", version), latest)
    assert unexplained(found, version) == []


def test_a_difference_without_a_reason_is_reported() -> None:
    lost = "/table/s.d.m.t/description: '' in place of 'Orders'"
    model = "/table/s.d.m.t/dataModel/dbtSourceProject: None in place of 'shop'"
    assert unexplained([lost, model], "1.6.1") == [lost]
    assert unexplained([model], "2.0.7") == [model]
