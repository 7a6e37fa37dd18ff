"""The bounds on a download and on an answer: rate, whole time, size, and how far it was packed."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from dbtcollate_tui.transport import bounds, client
from dbtcollate_tui.transport.client import Transport, _Rate, _within
from dbtcollate_tui.transport.errors import NoAnswer
from dbtcollate_tui.transport.request_log import RequestRecord
from tests.transport.serving import QUICK, TOKEN, http, serving

ENOUGH_BYTES = int(bounds.SLOWEST_BYTES_PER_SECOND * bounds.RATE_SECONDS)


class Clock:
    """The time that the transport's bounds see."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(client, "time", found)
    return found


def record_of() -> RequestRecord:
    return RequestRecord(
        method="GET",
        url="https://dbt.example/manifest.json",
        host="dbt.example",
        path="/manifest.json",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_download_at_the_least_rate_goes_on(clock: Clock) -> None:
    record = record_of()
    rate = _Rate(record)
    for _ in range(10):
        clock.now += bounds.RATE_SECONDS
        record.received += ENOUGH_BYTES
        assert rate.seconds_left() > 0


@pytest.mark.parametrize("brings", [0, 1, ENOUGH_BYTES - 1])
def test_download_below_the_least_rate_ends(clock: Clock, brings: int) -> None:
    record = record_of()
    rate = _Rate(record)
    record.received += ENOUGH_BYTES
    clock.now += bounds.RATE_SECONDS
    assert rate.seconds_left() > 0
    record.received += brings
    clock.now += bounds.RATE_SECONDS
    assert rate.seconds_left() == 0


def test_download_has_a_whole_time(clock: Clock) -> None:
    record = record_of()
    rate = _Rate(record)
    for _ in range(int(bounds.DOWNLOAD_SECONDS / bounds.RATE_SECONDS)):
        assert rate.seconds_left() > 0
        clock.now += bounds.RATE_SECONDS
        record.received += 100 * ENOUGH_BYTES
    assert rate.seconds_left() <= 0


async def test_dripping_download_is_a_timeout(clock: Clock) -> None:
    record = record_of()

    async def drip() -> AsyncIterator[bytes]:
        while True:
            clock.now += 1.0
            record.received += 1
            await asyncio.sleep(0)
            yield b"x"

    async def all_of_it() -> None:
        async for _ in _within(drip(), _Rate(record)):
            pass

    with pytest.raises(NoAnswer, match="stalled after") as caught:
        await all_of_it()
    assert caught.value.kind == record.failure == "timeout"
    assert record.received <= 2 * bounds.RATE_SECONDS


async def test_download_above_its_size_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_DOWNLOAD_BYTES", 100_000)
    got: list[int] = []
    keep: Callable[[bytes], object] = lambda piece: got.append(len(piece))  # noqa: E731
    async with (
        serving(http(200, b"x" * 1_000_000)) as server,
        Transport(server.url, TOKEN, retries=QUICK) as transport,
    ):
        with pytest.raises(NoAnswer) as caught:
            await transport.download("/manifest.json", keep, restart=got.clear)
    assert caught.value.kind == "too large"
    assert sum(got) <= 100_000 + 64 * 1024
    assert len(server.requests) == 1


@pytest.mark.parametrize("bound", ["MOST_JSON_BYTES", "UNPACKED_FREELY_BYTES"])
async def test_answer_above_its_size_ends(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """By its unpacked size, and below that by how far it was packed."""
    monkeypatch.setattr(bounds, bound, 50_000)
    packed = gzip.compress(b'"' + b"x" * 5_000_000 + b'"')
    async with (
        serving(http(200, packed, Content_Encoding="gzip")) as server,
        Transport(server.url, TOKEN, retries=QUICK) as transport,
    ):
        with pytest.raises(NoAnswer) as caught:
            await transport.request("GET", "/x")
    assert caught.value.kind == "too large"


async def test_download_within_its_bounds_arrives_whole() -> None:
    got: list[bytes] = []
    async with serving(http(200, b"x" * 300_000)) as server, Transport(server.url, TOKEN) as transport:
        await transport.download("/manifest.json", got.append, restart=got.clear)
    assert b"".join(got) == b"x" * 300_000
