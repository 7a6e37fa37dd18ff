"""Connection tests that a killed process left in Collate, which hold dbt's token, are removed."""

import os
import subprocess
import sys
import time

from dbtcollate_tui.collate.automations import (
    NAME_PREFIX,
    STILL_RUNNING_SECONDS,
    _this_host,
    is_left_behind,
    remove_left_tests,
)
from tests.collate.server import FakeCollate, connected, refuse, say

ROOT = "/automations/workflows"


def listed(*names: str) -> dict[str, object]:
    return {"data": [{"id": f"id-{number}", "name": name} for number, name in enumerate(names)]}


async def test_left_connection_tests_are_removed() -> None:
    old = f"{NAME_PREFIX}{int(time.time() - 2 * STILL_RUNNING_SECONDS)}-aa"
    running = f"{NAME_PREFIX}{int(time.time())}-bb"
    from_the_future = f"{NAME_PREFIX}{int(time.time() + 10 * STILL_RUNNING_SECONDS)}-cc"
    without_time = f"{NAME_PREFIX}dd"
    fake = FakeCollate(
        answers={
            f"GET {ROOT}": say(listed(old, running, from_the_future, without_time, "test-connection-of-ana")),
            **{f"DELETE {ROOT}/id-{number}": say({}) for number in range(5)},
        }
    )
    async with connected(fake) as client:
        await remove_left_tests(client)
    removed = {asked.path for asked in fake.asked if asked.method == "DELETE"}
    assert removed == {f"{ROOT}/id-{number}" for number in (0, 2, 3)}
    assert all(
        asked.query["hardDelete"].lower() == "true" for asked in fake.asked if asked.method == "DELETE"
    )


def test_a_test_of_an_ended_process_here_is_left_behind() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    now, here = 1_000_000.0, _this_host()
    name = f"{NAME_PREFIX}999990-{here}-{{}}-aa"
    assert is_left_behind(name.format(ended.pid), now)
    assert not is_left_behind(name.format(os.getpid()), now)
    assert not is_left_behind(name.format(ended.pid).replace(here, "0" * 8), now)
    assert is_left_behind(name.format(os.getpid()), now + STILL_RUNNING_SECONDS)


async def test_left_tests_that_cannot_be_listed_stop_nothing() -> None:
    fake = FakeCollate(answers={f"GET {ROOT}": refuse(403, "no")})
    async with connected(fake) as client:
        await remove_left_tests(client)
    assert [asked.method for asked in fake.asked if asked.path.startswith(ROOT)] == ["GET"]


async def test_left_test_that_cannot_be_removed_is_tried_thrice() -> None:
    old = f"{NAME_PREFIX}{int(time.time() - 2 * STILL_RUNNING_SECONDS)}-aa"
    fake = FakeCollate(answers={f"GET {ROOT}": say(listed(old)), f"DELETE {ROOT}/id-0": refuse(500, "no")})
    async with connected(fake) as client:
        await remove_left_tests(client)
    assert sum(asked.method == "DELETE" for asked in fake.asked) == 3
