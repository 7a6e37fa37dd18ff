"""Exposures as edges to dashboards: planned, written, read back, and not written twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from dbtcollate_tui.artifacts.project import Exposure
from dbtcollate_tui.plan.matching.matches import AssetRef
from dbtcollate_tui.plan.model import ExposureChange, Plan
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import node, of_kind, plan_of, project, table
from tests.support.direct_sync import ends, finished

BOARD = AssetRef("d1", "dashboard", "bi.weekly_board")
ORDERS = table("orders")


def exposure(name: str, kind: str = "dashboard", fqn: str | None = "bi.weekly_board") -> Exposure:
    return Exposure(
        f"exposure.shop.{name}", name, kind, depends_on=("model.shop.orders",), open_metadata_fqn=fqn
    )


def planned(*exposures: Exposure, edges: frozenset[tuple[str, str]] = frozenset(), **more: Any) -> Plan:
    dbt = project(node("orders"), node("other"), exposures=exposures)
    assets = {"exposure.shop.board": BOARD, "exposure.shop.again": BOARD}
    return plan_of(dbt, ORDERS, table("other"), assets=assets, asset_edges=edges, **more)


def test_an_exposure_is_an_edge_to_what_its_meta_names() -> None:
    plan = planned(exposure("board"), exposure("again"))
    (change,) = of_kind(plan, "exposure")
    assert isinstance(change, ExposureChange)
    assert (change.target, change.label) == (
        "pg.wh.marts.orders -> bi.weekly_board",
        "bi.weekly_board from marts.orders",
    )
    assert (change.old, change.new, change.group) == ("", "edge to the dashboard", "lineage")
    assert [(above.fqn, below.fqn) for above, below in plan.expected.edges] == [
        ("pg.wh.marts.orders", "bi.weekly_board")
    ]


def test_an_edge_that_is_there_is_not_written_and_lineage_can_be_left_out() -> None:
    there = planned(exposure("board"), edges=frozenset({(ORDERS.id, BOARD.id)}))
    assert (of_kind(there, "exposure"), there.unchanged["lineage"]) == ([], 1)
    without = planned(exposure("board"), options=SyncOptions(include_lineage=False))
    assert of_kind(without, "exposure") == []
    assert of_kind(planned(exposure("board"), only=frozenset({"model.shop.other"})), "exposure") == []


def test_exposures_without_an_edge_are_counted() -> None:
    plan = planned(
        exposure("gone", "ml", "models.churn"),
        exposure("unnamed", fqn=None),
        exposure("book", "notebook"),
        exposure("study", "analysis", fqn=None),
        replace(exposure("board"), depends_on=("model.shop.gone",)),
    )
    assert of_kind(plan, "exposure") == []
    assert [note for note in plan.notes if "exposure" in note] == [
        "5 exposures without an edge (first: exposure gone: Collate has no mlmodel models.churn)."
    ]


async def test_the_shops_board_gets_its_edges_once(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        wanted = {change.key for change in of_kind(plan, "exposure")}
        assert len(wanted) == 2
        end = finished(await both.sync(plan=plan, selection=wanted))
        assert (end.outcome, dict(end.counts.written_by_group)) == ("ok", {"lineage": 2})
        board = await both.collate.asset("dashboard", "shop_bi.weekly_sales_board")
        assert board is not None
        assert len(await both.collate.asset_upstream(board)) == 2
        again = await both.plan()
        assert of_kind(again, "exposure") == []
        assert end.verification is not None
        assert end.verification.ok
