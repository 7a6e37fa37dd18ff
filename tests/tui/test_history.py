"""The history: every record listed, filtered, opened to plan and log, copied, exported."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.widgets import Static

from dbtcollate_tui.history.records import list_records
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.history import HistoryScreen, RecordList
from dbtcollate_tui.tui.screens.record import LineList, RecordLine, RecordScreen
from dbtcollate_tui.tui.theme import LIGHT
from tests.support.world import profile_for
from tests.tui.records import leave
from tests.tui.whole import SIZES, Whole, keep, whole


def shown(app: Whole) -> list[str]:
    return [record.id for record in app.top.query_one(RecordList).rows]


def exported(folder: Path) -> Any:
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text(encoding="utf-8"))


async def test_an_empty_history_says_what_will_be_there() -> None:
    services = Services()
    async with whole(services) as app:
        app.app.push_screen(HistoryScreen(services.state, "shop"))
        await app.on("HistoryScreen")
        await app.until(lambda: "Nothing yet." in app.drawn(), "the words")
        assert set(app.footer()) == {"escape", "question_mark"}


@pytest.mark.parametrize("size", SIZES)
async def test_records_are_listed_newest_first_filtered_and_opened(size: tuple[int, int]) -> None:
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        syncs = leave(services, profile, [("ok", 48.0), ("failed", 2.0), ("ok", 24.0)])
        looks = leave(services, profile, [("ok", 3.0)], action="verify")
        async with whole(services, size=size) as app:
            await app.press("h")
            await app.on("HistoryScreen")
            await app.until(lambda: len(shown(app)) == 4, "the records")
            assert set(shown(app)) == {record.id for record in (*syncs, *looks)}
            assert shown(app) == sorted(shown(app), reverse=True)
            assert "3, one failed, usually 36 s" in app.drawn()
            assert app.top.max_scroll_x == 0
            await app.press("slash", *"failed")
            await app.until(lambda: shown(app) == [syncs[1].id], "the failed one")
            assert "1 of 4 fit" in app.drawn()
            await app.press("enter", "enter")
            await app.on("RecordScreen")
            await app.until(lambda: "It is down." in app.drawn(), "what failed, first")
            opened = app.top
            assert isinstance(opened, RecordScreen)
            assert opened.part == "failures"
            await app.press("p")
            assert "One row per order, net of refunds." in app.drawn()
            assert len(opened.query_one(LineList).rows) == 2
            await app.press("l")
            assert "reading the run's files" in app.drawn()
            await app.press("slash", *"mart.orders")
            await app.until(lambda: len(opened.lines) == 1, "the fitting line")
            await app.press("escape", "escape")
            await app.on("HistoryScreen")
            await app.press("escape")
            await app.until(lambda: len(shown(app)) == 4, "all")


async def test_a_change_of_theme_leaves_a_long_line_where_it_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[RecordLine] = []

    def long_text(self: RecordScreen, line: RecordLine) -> Text:
        drawn.append(line)
        return Text("\n".join(map(str, range(200))))

    monkeypatch.setattr(RecordScreen, "_whole", long_text)
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        leave(services, profile, [("ok", 2.0)])
        async with whole(services) as app:
            app.app.push_screen(RecordScreen(services.state, list_records(services.state, profile.name)[0]))
            await app.on("RecordScreen")
            text = app.top.query_one("#whole")
            await app.until(lambda: text.max_scroll_y > 100, "the text")
            text.scroll_to(y=50, animate=False)
            await app.until(lambda: text.scroll_y == 50, "the middle")
            before = len(drawn)
            app.app.theme = LIGHT.name
            await app.until(lambda: len(drawn) > before, "the text in the new colours")
            await app.press("shift+f12")
            assert text.scroll_y == 50


async def test_a_record_is_copied_and_exported_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        leave(services, profile, [("failed", 2.0)])
        async with whole(services) as app:
            app.app.push_screen(HistoryScreen(services.state, profile.name))
            await app.on("HistoryScreen")
            await app.until(lambda: len(shown(app)) == 1, "the record")
            await app.press("y")
            await app.until(lambda: "One row per order" in app.app.clipboard, "the copy")
            assert "Collate answers 503" in app.app.clipboard
            await app.press("x")
            await app.until(lambda: len(list(tmp_path.glob("*.txt"))) == 1, "the files")
            held = exported(tmp_path)
            assert held["record"]["outcome"] == "failed"
            assert held["plan"]["summary"] == "12 changes of 40"
            assert len(held["log"]) == 2


async def test_a_verification_that_was_asked_for_leaves_a_record_and_a_look_of_home_does_not() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            assert list_records(services.state, "shop") == ()
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.until(lambda: list_records(services.state, "shop"), "the record")
            (record,) = list_records(services.state, "shop")
            assert record.action == "verify"
            assert sum(record.checks.values()) == len(record.verification)
            await app.press("escape", "h")
            await app.on("HistoryScreen")
            await app.until(lambda: shown(app) == [record.id], "the record in the list")
            assert "Nothing yet." not in app.drawn()
            await app.press("enter")
            await app.on("RecordScreen")
            await app.until(lambda: "dbt Cloud reachable" in app.drawn(), "the rows")
            assert app.top.query_one("#facts", Static).display
            assert f"Checks {len(record.verification)}" in app.drawn()
            assert "Plan" not in app.drawn()
            await app.press("p")
            assert "dbt Cloud reachable" in app.drawn()
            await app.press("right")
            await app.until(lambda: "Nothing failed." in app.drawn(), "the next part")
