"""The plan's screen: by kind and table, folded, filtered, left out, exported, quick with thousands."""

import json
from pathlib import Path

import pytest
from rich.text import Text

from dbtcollate_tui.events.types import Applied
from dbtcollate_tui.plan.model import Conflict, Plan
from dbtcollate_tui.plan.rules.text import plan_text
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.widgets.change_list import ChangeList
from dbtcollate_tui.tui.widgets.change_rows import (
    FILTERED_OPEN_AT_MOST,
    BranchRow,
    LeafRow,
    OutlineRow,
    PlanOutline,
)
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.plans import many, screen_of
from tests.tui.whole import keep, whole


def titles(rows: list[OutlineRow]) -> list[str]:
    return [row.title if isinstance(row, BranchRow) else row.label for row in rows]


def test_changes_of_one_table_stand_below_it_and_single_ones_for_themselves() -> None:
    outline = PlanOutline(many(2, 2))
    assert titles(outline.rows()) == [
        "descriptions",
        "marts.model_0000",
        "the table itself",
        "column_1",
        "marts.model_0001",
        "the table itself",
        "column_1",
    ]
    assert titles(PlanOutline(many(2)).rows()) == ["descriptions", "marts.model_0000", "marts.model_0001"]


def test_by_table_each_change_begins_with_its_kind() -> None:
    outline = PlanOutline(many(1, 2))
    outline.arrangement = "table"
    assert titles(outline.rows()) == [
        "marts.model_0000",
        "descriptions  the table itself",
        "descriptions  column_1",
    ]


def test_a_branch_stays_as_it_was_folded() -> None:
    outline = PlanOutline(many(20, 1))
    first = outline.rows()[0]
    assert isinstance(first, BranchRow)
    assert first.is_open
    outline.fold(first, False)
    assert len(outline.rows()) == 1
    outline.filter("model_0003")
    assert len(outline.rows()) == 1
    again = PlanOutline(many(20, 1))
    again.take_over(outline)
    assert len(again.rows()) == 1


def test_a_filter_opens_what_fits_unless_that_is_very_much() -> None:
    outline = PlanOutline(many(400, 13))
    outline.read_texts()
    outline.filter("model_")
    rows = outline.rows()
    assert len(outline.shown) > FILTERED_OPEN_AT_MOST
    assert not any(row.is_open for row in rows[1:] if isinstance(row, BranchRow))
    outline.filter("model_00")
    assert len(outline.shown) == 1300
    assert all(row.is_open for row in outline.rows() if isinstance(row, BranchRow))


def test_what_fits_has_its_keys_and_a_branch_those_below_it() -> None:
    plan = many(3, 2)
    outline = PlanOutline(plan)
    assert outline.shown_keys == {change.key for change in plan.changes}
    outline.filter("model_0001")
    below = {change.key for change in plan.changes if "model_0001" in change.key}
    assert outline.shown_keys == below
    assert [row.keys for row in outline.rows() if isinstance(row, BranchRow)] == [below, below]
    outline.filter("")
    assert outline.shown_keys == {change.key for change in plan.changes}


def test_a_branch_tells_what_is_kept_and_what_is_only_said() -> None:
    plan = many(1)
    kept = Conflict(
        group="descriptions", target="t", label="marts.model_0000: it", server="a", dbt="b", reason="edited"
    )
    plan = Plan(plan.changes, plan.match, conflicts=(kept,), notes=("said", "said too"))
    first, notes = [row for row in PlanOutline(plan).rows() if isinstance(row, BranchRow) and not row.depth]
    assert (len(first.keys), first.others[True], first.others.total()) == (1, 1, 1)
    assert (len(notes.keys), notes.others[True], notes.others.total()) == (0, 0, 2)


def test_the_filter_looks_at_old_and_new_and_widens_again() -> None:
    outline = PlanOutline(many(20))
    outline.filter("OLD model_0003")
    assert [leaf.table for leaf in outline.shown] == ["marts.model_0003"]
    outline.filter("old model_000")
    assert len(outline.shown) == 10
    outline.filter("nothing like it")
    assert outline.rows() == []
    outline.filter("")
    assert len(outline.shown) == 20


def test_conflict_is_among_the_changes_of_its_kind() -> None:
    plan = many(1)
    kept = Conflict(
        "descriptions", "x", "marts.other", "Ana's text", "dbt's text", "edited in Collate by ana"
    )
    rows = PlanOutline(Plan(plan.changes, plan.match, conflicts=(kept,))).rows()
    assert titles(rows) == ["descriptions", "marts.other", "marts.model_0000"]
    marked = rows[1]
    assert isinstance(marked, LeafRow)
    assert marked.keys == frozenset()


def test_the_text_to_read_has_every_value_in_full_and_says_what_is_left_out() -> None:
    plan = many(2)
    text = plan_text(plan, {plan.changes[0].key})
    assert "1 of 2 changes left out" in text
    assert "~ marts.model_0000  (left out)" in text
    assert "- old text of model_0001" in text
    assert "+ new text of model_0001, 0" in text


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_what_fits_the_filter_is_left_out_at_one_key_and_taken_in_again(size: tuple[int, int]) -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=size) as app:
            await app.press("s")
            await app.planned()
            screen = screen_of(app)
            everything = len(screen.plan.changes) if screen.plan is not None else 0
            await app.shows("w", f"Write {everything} changes")
            assert "minus" not in app.footer()
            await app.press("slash", *"lineage")
            outline = screen.changes.outline
            assert outline is not None
            shown = len({leaf.key for leaf in outline.shown if leaf.key})
            assert 0 < shown < everything
            await app.press("enter", "minus")
            await app.shows("minus", f"Include {shown}")
            await app.shows("w", f"Write {everything - shown} changes")
            assert f"{shown} left out" in app.drawn()
            await app.press("escape")
            assert screen.changes.outline is not None
            assert len(screen.changes.outline.shown) > shown
            await app.shows("w", f"Write {everything - shown} changes")
            await app.press("slash", *"lineage", "enter", "minus", "escape")
            await app.shows("w", f"Write {everything} changes")


async def test_branches_close_and_open_by_arrows_enter_and_mouse() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("s")
            await app.planned()
            changes = screen_of(app).changes
            whole_length = len(changes.rows)
            await app.press("j", "j", "left")
            branch = changes.current
            assert isinstance(branch, BranchRow)
            assert branch.depth == 1
            assert not branch.is_open
            assert len(changes.rows) == whole_length - len(branch.leaves)
            await app.press("right")
            assert len(changes.rows) == whole_length
            await app.press("home", "enter")
            assert isinstance(changes.rows[1], BranchRow)
            assert changes.rows[1].depth == 0
            await app.pilot.click(ChangeList, offset=(3, 0))
            assert len(changes.rows) == whole_length
            await app.press("t")
            assert isinstance(changes.current, OutlineRow)
            assert "descriptions " in app.drawn()
            first = changes.rows[0]
            assert isinstance(first, BranchRow)
            assert first.title.count(".") == 1


async def test_the_plan_is_exported_as_json_and_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("s")
            await app.planned()
            await app.press("space", "x")
            await app.until(lambda: list(Path.cwd().glob("plan-run-*.txt")), "the files")
            values = json.loads(next(Path.cwd().glob("plan-run-*.json")).read_text(encoding="utf-8"))
            assert len(values["left_out"]) == values["counts"]["descriptions"]
            text = next(Path.cwd().glob("plan-run-*.txt")).read_text(encoding="utf-8")
            assert text.startswith("Plan for run #")
            assert f"{len(values['left_out'])} of {len(values['changes'])} changes left out" in text
            assert sandbox.collate_token.get_secret_value() not in text


class Counting(ChangeList):
    """Counts the lines that it draws."""

    drawn = 0

    def line(self, row: OutlineRow, width: int) -> Text:
        self.drawn += 1
        return super().line(row, width)


async def test_of_thousands_of_changes_a_screenful_is_drawn_and_no_more() -> None:
    async with whole(Services()) as app:
        listing = Counting()
        await app.top.mount(listing)
        listing.show(many(5_000))
        await app.pilot.pause()
        assert len(listing.rows) == 5_001
        listing.drawn = 0
        listing.filter("model_49")
        await app.pilot.pause()
        assert len(listing.rows) == 101
        listing.filter("nothing like it")
        await app.pilot.pause()
        assert "Nothing fits the filter." in app.drawn()
        listing.filter("model_49")
        await app.pilot.pause()
        assert 0 < listing.drawn <= 3 * app.app.size.height


async def test_a_conflict_is_kept_until_one_key_decides_it_for_dbt() -> None:
    services = Services()
    async with Sandbox("edited") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("s")
            await app.planned()
            screen = screen_of(app)
            assert screen.plan is not None
            before = len(screen.plan.changes)
            assert "conflicts kept" in app.drawn()
            await app.press("slash", *"board", "enter", "down")
            await app.shows("u", "Use dbt's")
            await app.press("u")
            assert app.changes == before + 1
            await app.shows("u", "Keep Collate's")
            await app.shows("w", f"Write {before + 1} changes")
            assert "Written over what ana edited in Collate" in app.drawn()
            await app.press("u")
            assert app.changes == before
            await app.press("u", "escape", "w")
            await app.synced()
            run = app.app.sync_run
            assert run is not None
            assert run.finished is not None
            assert run.finished.counts.planned == before + 1
            written = [e.change for e in run.history if isinstance(e, Applied)]
            assert any(c.label == "marts.fct_orders" and "board" in c.old for c in written)
