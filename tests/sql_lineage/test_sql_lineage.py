"""Compiled SQL as tables and columns of Collate: the workers, the names, and what a plan makes of it."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.models import ColumnLineage, EntityReference, LineageEdge, Table
from dbtcollate_tui.plan.build import build_plan
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.plan.model import LineageChange, Plan
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sql_lineage.cache import SqlCache
from dbtcollate_tui.sql_lineage.column_lineage import Failure, SqlJob, SqlLineage
from dbtcollate_tui.sql_lineage.reading import SqlCatalog, SqlReading
from dbtcollate_tui.sql_lineage.workers import read_queries, worker_environment
from tests.support.builders import NEWEST, column, inventory, node, of_kind, project, table

BOMB = (
    "select " + " || ".join(f"(select max(x) from (select {i} as x) t{i})" for i in range(40_000)) + " as y"
)
"""A query that the parser needs far longer for than these tests allow."""


async def test_one_slow_query_costs_its_limit_and_the_others_are_read() -> None:
    jobs = {
        "slow": SqlJob(BOMB),
        "good": SqlJob("select a from t", "", "d", "s", {}, [(("d", "s", "t"), ["a"])]),
    }
    found = await read_queries(jobs, seconds=1)
    assert found["slow"].error == "it took longer than 1 s to read"
    assert found["good"].columns == {"a": [(("d", "s", "t"), "a")]}


async def test_the_event_loop_goes_on_meanwhile_and_a_cancelled_reading_ends() -> None:
    started = asyncio.create_task(read_queries({"slow": SqlJob(BOMB)}, seconds=60))
    for _ in range(30):
        await asyncio.sleep(0.01)
        assert not started.done()
    started.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder holds files named like the libraries that a worker imports."""
    for name in ("sqlglot.py", "msgspec.py"):
        (tmp_path / name).write_text("raise SystemExit\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("hostile_folder")
async def test_a_worker_is_given_no_token_and_imports_nothing_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLLATE_TOKEN", "secret")
    assert "secret" not in worker_environment().values()
    assert (await read_queries({"q": SqlJob("select 1 as a")}))["q"].error == ""


async def test_without_a_worker_every_query_has_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", os.devnull)
    found = await read_queries({"q": SqlJob("select 1 as a")})
    assert found["q"].error.startswith("the process that reads SQL ended")


UP = table("orders", column("ID"), column("Amount"), schema="raw")
AUDIT = table("audit", column("at"), schema="ops")
DOWN = table("orders_clean", column("id"), column("amount"), column("seen"), schema="marts")
SQL = 'select o.id, o.amount * 2 as amount, a.at as seen from "wh"."raw"."orders" o, wh.ops.audit a'


def shop(sql: str | None = SQL) -> Project:
    return project(
        node("orders", kind="source", schema="raw"),
        node("orders_clean", depends_on=["source.shop.orders"], compiled_code=sql),
    )


async def report_of(
    dbt: Project,
    tables: Sequence[Table],
    known: Sequence[Table],
    fetched: list[str] | None = None,
    cache: SqlCache | None = None,
) -> MatchReport:
    """The report with SQL; only ``known`` tables come with their columns, the others must be fetched."""
    by_fqn = {item.fullyQualifiedName: item for item in tables}
    asked = fetched if fetched is not None else []

    async def fetch(ref: TableRef) -> Table | None:
        asked.append(ref.fqn)
        return by_fqn[ref.fqn]

    listed = inventory(*tables)
    report = match(dbt, listed, SyncOptions())
    held = {item.fullyQualifiedName: item for item in known}
    async with SqlReading(dbt, report, [listed], held, SyncOptions(), fetch, cache=cache) as sql:
        return await sql.report()


def planned(dbt: Project, report: MatchReport, *edges: LineageEdge) -> Plan:
    state = ServerState(
        tables={item.fullyQualifiedName: item for item in (UP, DOWN)},
        edges={(edge.fromEntity.id, edge.toEntity.id): edge for edge in edges},
    )
    return build_plan(dbt, state, report, SyncOptions(), NEWEST)


def edges_of(plan: Plan) -> dict[str, dict[str, list[str]]]:
    found = {}
    for change in of_kind(plan, "lineage"):
        assert isinstance(change, LineageChange)
        found[change.label] = {item.toColumn: list(item.fromColumns) for item in change.columns}
    return found


async def test_columns_have_collates_names_and_a_table_read_without_ref_is_fetched_once() -> None:
    fetched: list[str] = []
    report = await report_of(shop(), [UP, AUDIT, DOWN], [UP, DOWN], fetched)
    assert fetched == ["pg.wh.ops.audit"]
    assert edges_of(planned(shop(), report)) == {
        "marts.orders_clean from raw.orders": {
            "pg.wh.marts.orders_clean.id": ["pg.wh.raw.orders.ID"],
            "pg.wh.marts.orders_clean.amount": ["pg.wh.raw.orders.Amount"],
        },
        "marts.orders_clean from ops.audit": {"pg.wh.marts.orders_clean.seen": ["pg.wh.ops.audit.at"]},
    }


async def test_the_change_tells_the_columns_before_the_sql() -> None:
    report = await report_of(shop(), [UP, DOWN], [UP, DOWN])
    (change,) = of_kind(planned(shop(), report), "lineage")
    assert change.new.splitlines() == ["id from ID", "amount from Amount", SQL]


async def test_an_edge_that_holds_the_same_sql_and_columns_is_not_written_again() -> None:
    report = await report_of(shop(), [UP, DOWN], [UP, DOWN])
    (change,) = of_kind(planned(shop(), report), "lineage")
    assert isinstance(change, LineageChange)
    held = LineageEdge(
        fromEntity=EntityReference(id=UP.id),
        toEntity=EntityReference(id=DOWN.id),
        source="DbtLineage",
        sqlQuery=SQL,
        columnsLineage=tuple(reversed(change.columns)),
    )
    assert of_kind(planned(shop(), report, held), "lineage") == []
    (again,) = of_kind(planned(shop(), report, replace(held, columnsLineage=())), "lineage")
    assert isinstance(again, LineageChange)
    assert (again.action, again.columns) == ("replace", change.columns)
    assert again.old == SQL


async def test_columns_that_a_person_drew_stay_beside_dbts() -> None:
    report = await report_of(shop(), [UP, DOWN], [UP, DOWN])
    drawn = ColumnLineage(fromColumns=("pg.wh.raw.orders.ID",), toColumn="pg.wh.marts.orders_clean.amount")
    held = LineageEdge(
        fromEntity=EntityReference(id=UP.id), toEntity=EntityReference(id=DOWN.id), columnsLineage=(drawn,)
    )
    assert edges_of(planned(shop(), report, held)) == {
        "marts.orders_clean from raw.orders": {
            "pg.wh.marts.orders_clean.amount": ["pg.wh.raw.orders.ID"],
            "pg.wh.marts.orders_clean.id": ["pg.wh.raw.orders.ID"],
        }
    }


async def test_sql_that_cannot_be_read_is_a_note_and_takes_no_columns_away() -> None:
    dbt = shop("selec oops")
    report = await report_of(dbt, [UP, DOWN], [UP, DOWN])
    there = ColumnLineage(fromColumns=("pg.wh.raw.orders.ID",), toColumn="pg.wh.marts.orders_clean.id")
    held = LineageEdge(
        fromEntity=EntityReference(id=UP.id),
        toEntity=EntityReference(id=DOWN.id),
        source="DbtLineage",
        sqlQuery="selec oops",
        columnsLineage=(there,),
    )
    plan = planned(dbt, report, held)
    assert of_kind(plan, "lineage") == []
    (note,) = [note for note in plan.notes if "could not be read" in note]
    assert "first: model.shop.orders_clean:" in note
    assert edges_of(planned(dbt, report)) == {"marts.orders_clean from raw.orders": {}}


async def test_a_model_that_reads_itself_has_no_edge_to_itself() -> None:
    dbt = shop("select id from raw.orders where id > (select max(id) from marts.orders_clean)")
    report = await report_of(dbt, [UP, DOWN], [UP, DOWN])
    assert set(edges_of(planned(dbt, report))) == {"marts.orders_clean from raw.orders"}


async def test_python_models_and_names_that_differ_in_case() -> None:
    dbt = shop("def model(dbt, session): return dbt.ref('orders')")
    python = replace(dbt.nodes["model.shop.orders_clean"], original_file_path="models/orders_clean.py")
    dbt = replace(dbt, nodes={**dbt.nodes, python.unique_id: python})
    assert (await report_of(dbt, [UP, DOWN], [UP, DOWN])).reads == {}
    twice = table("orders", column("id"), column("ID"), column("amount"), schema="raw")
    report = await report_of(shop(), [twice, DOWN], [twice, DOWN])
    assert edges_of(planned(shop(), report)) == {
        "marts.orders_clean from raw.orders": {
            "pg.wh.marts.orders_clean.id": ["pg.wh.raw.orders.id"],
            "pg.wh.marts.orders_clean.amount": ["pg.wh.raw.orders.amount"],
        }
    }


async def test_what_was_read_is_kept_for_the_next_sync_and_a_damaged_file_is_none(tmp_path: Path) -> None:
    jobs = {"q": SqlJob("select a from t", "", "d", "s", {}, [(("d", "s", "t"), ["a"])])}
    answers = await read_queries(jobs)
    cache = SqlCache(tmp_path / "sql", "shop", 1)
    assert cache.read(jobs) == {}
    cache.write({**jobs, "slow": SqlJob("select 2")}, {**answers, "slow": SqlLineage(error="it took long")})
    assert SqlCache(tmp_path / "sql", "shop", 1).read(jobs) == answers
    assert SqlCache(tmp_path / "sql", "other", 1).read(jobs) == {}
    wider = {"q": SqlJob("select a from t", "", "d", "s", {}, [(("d", "s", "t"), ["a", "b"])])}
    assert SqlCache(tmp_path / "sql", "shop", 1).read(wider) == {}
    (file,) = (tmp_path / "sql").iterdir()
    file.write_bytes(b"\x00 damaged")
    assert SqlCache(tmp_path / "sql", "shop", 1).read(jobs) == {}


def test_failure_of_the_query_itself_is_remembered(tmp_path: Path) -> None:
    failures: dict[str, Failure] = {"a": "sql", "b": "time", "c": "crash", "d": "start", "e": "budget"}
    jobs = {name: SqlJob(f"select {name}") for name in failures}
    answers = {name: SqlLineage(error="no", failure=failure) for name, failure in failures.items()}
    SqlCache(tmp_path).write(jobs, answers)
    assert set(SqlCache(tmp_path).read(jobs)) == {"a", "b", "c"}


async def test_all_queries_together_have_a_bound() -> None:
    jobs = {name: SqlJob("select 1 as x") for name in ("a", "b")}
    found = await read_queries(jobs, all_seconds=-1)
    assert [answer.failure for answer in found.values()] == ["budget", "budget"]
    assert (await read_queries(jobs))["b"].failure == ""


async def test_an_unchanged_project_is_not_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await report_of(shop(), [UP, DOWN], [UP, DOWN], cache=SqlCache(tmp_path))
    monkeypatch.setattr(sys, "executable", os.devnull)
    again = await report_of(shop(), [UP, DOWN], [UP, DOWN], cache=SqlCache(tmp_path))
    assert (again.reads, again.unread) == (first.reads, {})
    changed = shop("select id from raw.orders")
    assert (await report_of(changed, [UP, DOWN], [UP, DOWN], cache=SqlCache(tmp_path))).unread


def test_a_job_names_its_tables_in_one_order_in_every_process() -> None:
    names = [f"t{number}" for number in range(40)]
    tables = [table(name, column("id"), schema="raw") for name in names]
    dbt = project(node("orders_clean", compiled_code=f"select * from raw.{', raw.'.join(names)}"))
    listed = inventory(DOWN, *tables)
    report = match(dbt, listed, SyncOptions())
    catalog = SqlCatalog(report, [listed], {item.fullyQualifiedName: item for item in tables}, SyncOptions())
    (job,) = catalog.jobs(dbt, None).values()
    assert [key[2] for key, _ in job.tables] == sorted(names)
