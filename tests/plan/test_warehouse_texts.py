"""The warehouse's comment is no person's text, and an edge that the connector drew keeps its SQL."""

from dataclasses import replace
from typing import Any

import pytest

from dbtcollate_tui.artifacts.project import Column
from dbtcollate_tui.collate.models import ColumnLineage, EntityReference, LineageEdge, Table
from dbtcollate_tui.plan.build import build_plan
from dbtcollate_tui.plan.matching.matches import MatchReport, SqlRead
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.plan.model import LineageChange, Plan
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.reading.text_authors import author_of
from tests.support.builders import NEWEST, column, inventory, node, of_kind, plan_of, project, refs, table

PAST: dict[str, Any] = {"version": 0.2, "updatedBy": "ingestion-bot"}


def texts_of(plan: Plan) -> dict[str, str]:
    return {change.label: change.new for change in of_kind(plan, "description")}


def test_text_that_is_the_warehouses_comment_gives_way() -> None:
    source = node(
        "customers",
        kind="source",
        description="dbt's words",
        comment="As the shop writes them",
        columns=[Column("email", "dbt's column", comment="Address")],
    )
    there = table("customers", column("email", "Address"), description="As the shop writes them", **PAST)
    plan = plan_of(project(source), there)
    assert texts_of(plan) == {"marts.customers": "dbt's words", "marts.customers.email": "dbt's column"}
    assert plan.conflicts == ()


def test_text_unlike_the_comment_stays_a_conflict() -> None:
    source = node("customers", kind="source", description="dbt's words", comment="An older comment")
    there = table("customers", description="A person's words", **PAST)
    plan = plan_of(project(source), there)
    assert texts_of(plan) == {}
    assert [conflict.server for conflict in plan.conflicts] == ["A person's words"]


@pytest.mark.parametrize(("author", "replaced"), [("ingestion-bot", True), ("ana", False)])
def test_version_history_tells_whose_text_it_is(author: str, replaced: bool) -> None:
    model = node("orders", description="dbt's words")
    there = table("orders", description="Somebody's words", **PAST)
    plan = plan_of(project(model), there, text_authors={(there.fullyQualifiedName, ""): author})
    assert bool(texts_of(plan)) is replaced
    assert [conflict.by for conflict in plan.conflicts] == ([] if replaced else ["ana"])


@pytest.mark.parametrize(("person", "replaced"), [("", True), ("ana", False)])
def test_a_persons_own_edit_is_kept_under_their_token(person: str, replaced: bool) -> None:
    """With a personal access token a sync and its person write under one name; an edit is an edit."""
    model = node("orders", description="dbt's words")
    there = table("orders", description="Somebody's words", **PAST)
    authors = {(there.fullyQualifiedName, ""): "ana"}
    own = frozenset({"ana"})
    plan = plan_of(project(model), there, text_authors=authors, own_names=own, person=person)
    assert bool(texts_of(plan)) is replaced
    assert [conflict.by for conflict in plan.conflicts] == ([] if replaced else ["ana"])


def versions(*pairs: tuple[str, str]) -> list[Table]:
    return [table("t", column("c", text), description=text, updatedBy=author) for text, author in pairs]


def test_author_is_who_brought_the_text_and_not_who_came_last() -> None:
    history = versions(("now", "ana"), ("now", "ingestion-bot"), ("before", "bob"))
    assert author_of("now", "", history) == "ingestion-bot"
    assert author_of("now", "c", history) == "ingestion-bot"
    assert author_of("other", "", history) == ""


UP = table("orders", column("id"), column("tags"), schema="raw")
DOWN = table("tagged", column("order_id"), column("tag"))


def lineage_plan(edge: LineageEdge) -> Plan:
    dbt = project(
        node("orders", kind="source", schema="raw"),
        node("tagged", depends_on=["source.shop.orders"], compiled_code="select dbts"),
    )
    read = SqlRead(
        refs(UP)[0],
        (
            ColumnLineage(fromColumns=("pg.wh.raw.orders.id",), toColumn="pg.wh.marts.tagged.order_id"),
            ColumnLineage(fromColumns=("pg.wh.raw.orders.tags",), toColumn="pg.wh.marts.tagged.tag"),
        ),
    )
    report: MatchReport = replace(
        match(dbt, inventory(UP, DOWN), SyncOptions()), reads={"model.shop.tagged": (read,)}
    )
    state = ServerState(
        tables={item.fullyQualifiedName: item for item in (UP, DOWN)}, edges={(UP.id, DOWN.id): edge}
    )
    return build_plan(dbt, state, report, SyncOptions(), NEWEST)


def test_connectors_edge_gets_the_columns_it_lacks() -> None:
    agents = LineageEdge(
        fromEntity=EntityReference(id=UP.id),
        toEntity=EntityReference(id=DOWN.id),
        source="ViewLineage",
        sqlQuery="create view agents",
        columnsLineage=(
            ColumnLineage(fromColumns=("pg.wh.raw.orders.id",), toColumn="pg.wh.marts.tagged.order_id"),
        ),
    )
    (change,) = of_kind(lineage_plan(agents), "lineage")
    assert isinstance(change, LineageChange)
    assert change.sql == "create view agents"
    assert [item.toColumn for item in change.columns] == [
        "pg.wh.marts.tagged.order_id",
        "pg.wh.marts.tagged.tag",
    ]
    held = replace(agents, columnsLineage=change.columns)
    assert of_kind(lineage_plan(held), "lineage") == []
