"""How many writes go out at once, and how fast a phase is said to go."""

import asyncio

import pytest

from dbtcollate_tui.events.speed import Speed
from dbtcollate_tui.events.types import Progress
from dbtcollate_tui.sync.writing.concurrency import MOST, START, WINDOW, Pace


def settled(pace: Pace, alone: float, served_at_once: float) -> int:
    """The limit after a thousand writes to a server that does so many at once, each in ``alone`` seconds."""
    for _ in range(1000):
        pace.record(alone * max(1.0, pace.limit / served_at_once))
    return pace.limit


@pytest.mark.parametrize(
    ("served_at_once", "least", "most"),
    [(100, MOST, MOST), (4, 6, 10), (1, START, 6)],
    ids=["a wide server", "one that does four at once", "one that does one after another"],
)
def test_the_limit_follows_what_the_server_does_at_once(served_at_once: float, least: int, most: int) -> None:
    pace = Pace(lambda text: None)
    for limit in range(1, START):
        pace.record(0.02 * max(1.0, limit / served_at_once))
    assert least <= settled(pace, 0.02, served_at_once) <= most


def test_an_old_server_is_never_sent_more_than_it_gains_from() -> None:
    assert settled(Pace(lambda text: None, most=8), 0.02, 100) == 8


def test_a_slow_server_gets_four_at_once_until_it_is_quick_again() -> None:
    told: list[str] = []
    pace = Pace(told.append)
    settled(pace, 0.02, 100)
    pace.begin()
    for _ in range(WINDOW):
        pace.record(1.9)
    assert pace.limit == START
    assert told == ["Collate is slow (1.9 s a write): down to 4 at once"]
    for _ in range(100):
        pace.record(1.0)
    assert pace.limit <= START
    for _ in range(200):
        pace.record(0.1)
    assert pace.limit > START
    assert told[1:] == ["Collate is quick again (0.4 s a write)"]


def test_a_refusal_halves_the_limit_once_for_all_that_were_under_way() -> None:
    told: list[str] = []
    pace = Pace(told.append)
    settled(pace, 0.02, 100)
    pace.record(0.02)
    for _ in range(MOST):
        pace.refused("answered 503")
    assert pace.limit == MOST // 2
    assert told == ["Collate pushes back (answered 503): down to 8 at once"]
    for _ in range(100):
        pace.record(0.02)
        pace.refused("answered 503")
    assert pace.limit <= 2


def test_a_burst_is_spread_over_the_time_of_one_write() -> None:
    pace = Pace(lambda text: None)
    settled(pace, 0.02, 100)
    gap = 0.9 * 0.02 / MOST
    waits = [pace.wait(7.0) for _ in range(MOST)]
    assert waits == pytest.approx([gap * place for place in range(MOST)])
    assert max(waits) < 0.02
    assert pace.wait(7.0 + 0.02) == 0.0, "what is spread already waits no more"


def test_writes_of_a_new_kind_do_not_wait_before_one_is_answered() -> None:
    pace = Pace(lambda text: None)
    settled(pace, 0.02, 100)
    pace.begin()
    assert [pace.wait(7.0) for _ in range(START)] == [0.0] * START


async def test_a_write_that_was_cancelled_while_it_waited_gives_its_turn_back() -> None:
    pace = Pace(lambda text: None, most=1)
    pace.record(60.0)

    async def write() -> None:
        async with pace.turn():
            pass

    await write()
    waiting = asyncio.create_task(write())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pace.begin()
    async with asyncio.timeout(10):
        await write()


async def test_at_most_the_limit_runs_and_a_failed_write_gives_its_turn_back() -> None:
    pace = Pace(lambda text: None)
    running = most = 0

    async def write(number: int) -> None:
        nonlocal running, most
        async with pace.turn():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            if number % 3 == 0:
                raise ValueError

    results = await asyncio.gather(*(write(number) for number in range(60)), return_exceptions=True)
    assert sum(isinstance(item, ValueError) for item in results) == 20
    assert START <= most <= MOST


def progress(done: int, total: int | None = 100, unit: str = "changes") -> Progress:
    return Progress(phase="write", done=done, total=total, unit=unit)


def test_rate_and_estimate_come_from_the_last_seconds() -> None:
    speed = Speed()
    assert speed.measured(progress(0), 0.0).rate is None
    assert speed.measured(progress(5), 0.5).rate is None
    event = speed.measured(progress(20), 2.0)
    assert (event.rate, event.seconds_left) == (10.0, 8.0)
    for second in range(3, 20):
        event = speed.measured(progress(20 + 2 * (second - 2)), float(second))
    assert event.rate == 2.0
    assert event.seconds_left == pytest.approx((100 - event.done) / 2)
    assert speed.measured(progress(100), 20.0).seconds_left == 0


def test_each_unit_has_its_own_rate_and_an_unknown_whole_no_estimate() -> None:
    speed = Speed()
    speed.measured(progress(0, None), 0.0)
    event = speed.measured(progress(30, None), 3.0)
    assert (event.rate, event.seconds_left) == (10.0, None)
    assert speed.measured(progress(1, 4, "tables"), 3.1).rate is None
    assert speed.measured(progress(40, None), 4.0).rate == 10.0
    assert speed.measured(progress(2, None), 5.0).rate is None
