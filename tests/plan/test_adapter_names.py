"""Names as each adapter and OpenMetadata's connector for it give them."""

import pytest

from dbtcollate_tui.artifacts.project import Node
from dbtcollate_tui.collate.fqn import plain_name, stored_name
from dbtcollate_tui.plan.matching.matches import MatchReport, Unmatched
from dbtcollate_tui.plan.matching.nodes import match, wanted_databases
from dbtcollate_tui.plan.matching.placing import ColumnNames
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import column, inventory, node, project, table


def report_of(
    dbt: Node, *databases: str, adapter: str, database_map: dict[str, str] | None = None
) -> MatchReport:
    """The node matched with a table of its name in each of these databases."""
    there = [table(dbt.identifier, database=database) for database in databases]
    options = SyncOptions(database_map=database_map or {})
    return match(project(dbt, adapter=adapter), inventory(*there), options)


def found_in(report: MatchReport) -> list[str]:
    return [ref.database for ref in report.matched.values()]


@pytest.mark.parametrize(
    ("adapter", "given", "service"),
    [
        ("spark", None, ("hive_metastore", "main")),
        ("databricks", None, ("hive_metastore", "main")),
        ("mysql", None, ("default", "other")),
        ("starrocks", "default_catalog", ("default",)),
        ("clickhouse", "", ("default",)),
        ("clickhouse", "raw", ("default",)),
        ("athena", "awsdatacatalog", ("default",)),
        ("oracle", "FREEPDB1", ("default",)),
        ("trino", "lake", ("default",)),
    ],
)
def test_table_is_found_where_the_service_has_it_once(
    adapter: str, given: str | None, service: tuple[str, ...]
) -> None:
    dbt = node("orders", database=given)
    there = [table("orders", database=service[0]), *(table("x", database=name) for name in service[1:])]
    report = match(project(dbt, adapter=adapter), inventory(*there), SyncOptions())
    assert found_in(report) == [service[0]]
    assert wanted_databases(project(dbt, adapter=adapter), SyncOptions(), service) >= {service[0]}


def test_two_databases_with_the_table_name_the_mapping_that_works() -> None:
    dbt = node("orders", database=None)
    report = report_of(dbt, "hive_metastore", "main", adapter="spark")
    (lost,) = report.unmatched
    assert lost.cause == "ambiguous"
    assert 'database_map, default = "hive_metastore"' in lost.fix
    mapped = report_of(dbt, "hive_metastore", "main", adapter="spark", database_map={"default": "main"})
    assert found_in(mapped) == ["main"]


def test_default_goes_before_other_databases() -> None:
    assert found_in(report_of(node("orders", database=None), "default", "old", adapter="hive")) == ["default"]


def test_warehouse_with_databases_never_guesses_one() -> None:
    report = report_of(node("orders", database="dev"), "prod", adapter="postgres")
    (lost,) = report.unmatched
    assert lost.cause == "database_not_ingested"
    assert "database_map, dev =" in lost.fix


def unmatched(dbt: Node, *names: str, adapter: str = "postgres") -> Unmatched:
    report = match(project(dbt, adapter=adapter), inventory(*(table(name) for name in names)), SyncOptions())
    (lost,) = report.unmatched
    return lost


@pytest.mark.parametrize("identifier", ["events_*", "events_", "events"])
def test_sharded_source_names_its_latest_shard(identifier: str) -> None:
    source = node("events", kind="source", identifier=identifier)
    lost = unmatched(source, "events_20261128", "events_20261129", "users", adapter="bigquery")
    assert lost.cause == "wildcard"
    assert lost.candidates[0] == "pg.wh.marts.events_20261129"
    assert "events_20261129" in lost.fix


def test_name_with_the_schema_in_front_is_a_near_miss() -> None:
    lost = unmatched(node("t1"), "marts.t1", adapter="athena")
    assert (lost.cause, lost.candidates) == ("name_differs", ('pg.wh.marts."marts.t1"',))


@pytest.mark.parametrize(("database", "schema", "name"), [(" wh", "marts", "t"), ("wh", "marts ", "t")])
def test_blank_around_a_name_is_a_near_miss(database: str, schema: str, name: str) -> None:
    lost = unmatched(node(name, database=database, schema=schema), "t")
    assert lost.cause == "name_differs"
    assert lost.candidates == ("pg.wh.marts.t",)
    assert lost.fix.startswith("Remove the blank")


def test_partition_differs_from_a_table_not_ingested() -> None:
    lost = unmatched(node("events_2026"), "events")
    assert lost.cause == "table_not_ingested"
    assert "partition of events" in lost.fix
    assert "partition" not in unmatched(node("events_2026"), "events", adapter="snowflake").fix


@pytest.mark.parametrize("name", ["a::b", "in>out", 'say "hi"', "two\nlines", "a\tb\r"])
def test_names_that_connectors_change_are_found(name: str) -> None:
    stored = stored_name(name)
    assert stored != name
    assert plain_name(stored) == name
    dbt = node("odd", identifier=name)
    there = table(stored, column(stored))
    report = match(project(dbt), inventory(there), SyncOptions())
    assert report.matched[dbt.unique_id].name == stored
    assert not report.by_case
    assert ColumnNames(there).find(name) == stored
    assert report.matched[dbt.unique_id].short == f"marts.{name}"
