"""How many writes go out at once, and how fast a phase is said to go."""

import asyncio

import pytest

from dbtcollate_tui.adaptive import AtOnce, PageSize
from dbtcollate_tui.events.speed import Speed
from dbtcollate_tui.events.types import Progress
from dbtcollate_tui.sync.writing.concurrency import MOST, START, Pace


def settled(pace: Pace, alone: float, served_at_once: float) -> int:
    """The limit after a thousand writes to a server that does so many at once, each in ``alone`` seconds."""
    pace.record(alone)
    for _ in range(1000):
        pace.record(alone * max(1.0, pace.limit / served_at_once))
    return pace.limit


@pytest.mark.parametrize(
    ("alone", "served_at_once", "least", "most"),
    [(0.2, 100, MOST, MOST), (0.5, 4, 6, 12), (0.5, 1, 1, 4), (0.002, 1, MOST, MOST)],
    ids=["a wide server", "four at once", "one after another", "too quick to matter"],
)
def test_the_limit_follows_what_the_server_does_at_once(
    alone: float, served_at_once: float, least: int, most: int
) -> None:
    assert least <= settled(Pace(lambda text: None), alone, served_at_once) <= most


def test_a_wide_server_is_given_the_most_from_few_writes() -> None:
    pace = Pace(lambda text: None)
    assert pace.limit == START
    for number in range(130):
        pace.record(0.4 if number % 8 else 0.05)
    assert pace.limit == MOST


def test_own_load_alone_does_not_lower_the_limit() -> None:
    """A busy client sees its writes take longer, ten times the quickest one, while more still get done."""
    pace = Pace(lambda text: None)
    settled(pace, 0.02, 100)
    for _ in range(200):
        pace.record(0.3)
    assert pace.limit == MOST


def test_one_slow_round_does_not_lower_the_limit() -> None:
    rule = AtOnce(MOST, most=MOST)
    for seconds in (0.2, 3.0, 0.2, 3.0, 0.2):
        for _ in range(MOST):
            rule.took(seconds)
    assert rule.now == MOST


def test_uneven_writes_of_a_wide_server_reach_the_most() -> None:
    """The quickest write says nothing of the others: more at once still brings more."""
    pace = Pace(lambda text: None)
    pace.record(0.05)
    for _ in range(400):
        pace.record(0.9)
    assert pace.limit == MOST


def test_an_old_server_is_never_sent_more_than_it_gains_from() -> None:
    assert settled(Pace(lambda text: None, most=8), 0.02, 100) == 8


def test_each_kind_of_write_has_a_limit_of_its_own() -> None:
    pace = Pace(lambda text: None)
    assert settled(pace, 0.02, 100) == MOST
    pace.begin("lineage", 2)
    assert pace.limit == 2


def test_a_slow_server_is_reported_once_a_kind() -> None:
    told: list[str] = []
    pace = Pace(told.append)
    for kind in ("tables", "lineage", "tables"):
        pace.begin(kind)
        for _ in range(50):
            pace.record(4.1)
    assert told == [
        "Collate takes 4.1 s a write (tables), 5 at once",
        "Collate takes 4.1 s a write (lineage), 5 at once",
    ]


def test_a_refusal_halves_the_limit_once_for_all_under_way() -> None:
    told: list[str] = []
    pace = Pace(told.append)
    settled(pace, 0.02, 100)
    for _ in range(MOST):
        pace.refused("answered 503")
    assert pace.limit == MOST // 2
    assert told == ["Collate refuses writes for now (answered 503): 8 at once from here on"]
    for _ in range(100):
        pace.refused("answered 503")
        for _ in range(pace.limit):
            pace.record(0.02)
    assert pace.limit <= 4


def test_a_page_grows_by_its_start_and_is_halved_when_slow() -> None:
    page = PageSize(100)
    for _ in range(3):
        page.took(0.5)
    assert page.now == 400
    page.took(5.0)
    assert page.now == 400
    page.took(12.0)
    assert page.now == 200
    for _ in range(9):
        page.less()
    assert page.now == 10
    for _ in range(200):
        page.took(0.1)
    assert page.now == 1000


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
