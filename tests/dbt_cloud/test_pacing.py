import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import TooManyRequests
from dbtcollate_tui.dbt_cloud.pacing import SharedPacer, requests_per_minute, shared_pacer
from dbtcollate_tui.transport.pacing import Retrying, RetryPolicy
from tests.conftest import Places
from tests.dbt_cloud.fake import TOKEN, refusal, serving


def most_in_a_window(moments: list[float], window: float) -> int:
    return max(sum(1 for other in moments if moment <= other < moment + window) for moment in moments)


async def acquire(pacer: SharedPacer, times: int) -> list[float]:
    moments: list[float] = []

    async def one() -> None:
        await pacer.acquire()
        moments.append(time.time())

    await asyncio.gather(*(one() for _ in range(times)))
    return moments


async def told_wait(pacer: SharedPacer) -> float:
    """How long the next request would have to wait; it is then given up."""
    told: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(pacer.acquire(told.set_result))
    seconds = await told
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    return seconds


async def test_no_window_holds_more_than_the_ceiling(tmp_path: Path) -> None:
    for path in (tmp_path / "pace.json", None):
        moments = await acquire(SharedPacer(path, 10, window=0.3), 25)
        assert len(moments) == 25
        assert most_in_a_window(moments, 0.25) <= 10


async def test_two_pacers_of_one_file_share_the_ceiling(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    both = await asyncio.gather(
        acquire(SharedPacer(path, 10, window=0.3), 12), acquire(SharedPacer(path, 10, window=0.3), 12)
    )
    assert most_in_a_window([*both[0], *both[1]], 0.25) <= 10


async def test_a_second_process_counts_too(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from dbtcollate_tui.dbt_cloud.pacing import SharedPacer\n"
        "async def go():\n"
        "    pacer = SharedPacer(Path(sys.argv[1]), 5)\n"
        "    for _ in range(5): await pacer.acquire()\n"
        "asyncio.run(go())\n"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, str(path)], check=True)
    assert 0 < await told_wait(SharedPacer(path, 5)) <= 60


async def test_a_cancelled_wait_gives_its_place_back(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    pacer = SharedPacer(path, 1)
    await pacer.acquire()
    first = await told_wait(pacer)
    second = await told_wait(pacer)
    assert second <= first
    assert len(json.loads(path.read_text())["taken"]) == 1


async def test_a_hold_is_seen_by_other_pacers(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    began = time.time()
    await SharedPacer(path, 100).hold(0.3)
    await SharedPacer(path, 100).acquire()
    assert time.time() - began >= 0.29


@pytest.mark.parametrize(
    "content", ["", "garbage", "[]", '{"taken": "x", "held_until": 0}', '{"taken": [], "held_until": 1e300}']
)
async def test_a_damaged_file_holds_nobody(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pace.json"
    path.write_text(content)
    await asyncio.wait_for(SharedPacer(path, 5).acquire(), 5)
    assert len(json.loads(path.read_text())["taken"]) == 1


async def test_a_clock_that_was_set_back_holds_nobody(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    path.write_text(json.dumps({"taken": [time.time() + 86_400] * 10, "held_until": 0}))
    await asyncio.wait_for(SharedPacer(path, 5).acquire(), 5)


async def test_without_a_folder_the_process_keeps_to_the_ceiling_by_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    moments = await acquire(SharedPacer(tmp_path / "file" / "pace.json", 5, window=0.2), 8)
    assert most_in_a_window(moments, 0.15) <= 5


async def test_one_pacer_a_host_and_token_and_no_token_on_disk(places: Places) -> None:
    pacer = shared_pacer("https://ab123.us1.dbt.com/", TOKEN)
    assert shared_pacer("https://AB123.us1.dbt.com", TOKEN) is pacer
    assert shared_pacer("https://ab124.us1.dbt.com", TOKEN) is not pacer
    assert shared_pacer("https://ab123.us1.dbt.com", SecretStr("dbtc_other")) is not pacer
    await pacer.acquire()
    files = [path for path in places.state.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert TOKEN.get_secret_value() not in path.read_text() + path.name
        assert "ab123" not in path.name


def test_ceiling_is_the_guides_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBTCOLLATE_REQUESTS_PER_MINUTE", raising=False)
    assert requests_per_minute() == 100
    for given, rate in (("600", 600), ("0", 100), ("-3", 100), ("many", 100), ("", 100)):
        monkeypatch.setenv("DBTCOLLATE_REQUESTS_PER_MINUTE", given)
        assert requests_per_minute() == rate


async def test_the_client_keeps_to_it_and_a_429_stops_every_client(places: Places) -> None:
    asked = 0

    async def every(_: Request) -> Response:
        nonlocal asked
        asked += 1
        return refusal(429, "Slow down.")

    async with serving(Starlette(routes=[Route("/{path:path}", every)])) as url:
        once = RetryPolicy(attempts=1, default_retry_after=300)
        async with DbtCloudClient(url, TOKEN, retries=once) as client:
            with pytest.raises(TooManyRequests):
                await client.account(1)
        told: asyncio.Future[Retrying] = asyncio.get_running_loop().create_future()
        async with DbtCloudClient(url, TOKEN, retries=once, on_retry=told.set_result) as client:
            waiting = asyncio.create_task(client.account(1))
            event = await told
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    assert asked == 1
    assert 290 < event.wait_seconds <= 300
    assert "limit of requests" in event.reason
