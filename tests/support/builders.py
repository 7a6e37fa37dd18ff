"""Small projects and servers made by hand."""

from collections.abc import Sequence
from typing import Any

from dbtcollate_tui.artifacts.project import (
    Column,
    DbtTest,
    Exposure,
    FreshnessResult,
    Node,
    Project,
    ResourceType,
    TestResult,
)
from dbtcollate_tui.collate import models
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.plan.build import build_plan
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.matching.nodes import Inventory, match
from dbtcollate_tui.plan.model import Change, Plan
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.reading.server import table_ref

NEWEST = Dialect.of("2.0.7")
OLD = Dialect.of("1.1.0-SNAPSHOT")


def node(
    name: str,
    *,
    kind: ResourceType = "model",
    database: str | None = "wh",
    schema: str = "marts",
    identifier: str = "",
    description: str = "",
    columns: Sequence[Column] = (),
    tags: Sequence[str] = (),
    owners: Sequence[str] = (),
    depends_on: Sequence[str] = (),
    compiled_code: str | None = None,
    **more: Any,
) -> Node:
    values: dict[str, Any] = {
        "database": database,
        "schema": schema,
        "description": description,
        "columns": tuple(columns),
        "tags": tuple(tags),
        "owners": tuple(owners),
        "depends_on": tuple(depends_on),
        "compiled_code": compiled_code,
        "package_name": "shop",
        **more,
    }
    return Node(f"{kind}.shop.{name}", kind, name, identifier or name, **values)


def project(
    *nodes: Node,
    ephemeral: Sequence[Node] = (),
    disabled: Sequence[Node] = (),
    tests: Sequence[DbtTest] = (),
    results: Sequence[TestResult] = (),
    freshness: Sequence[FreshnessResult] = (),
    exposures: Sequence[Exposure] = (),
    adapter: str = "postgres",
) -> Project:
    return Project(
        project_name="shop",
        dbt_version="1.10.0",
        schema_version=12,
        adapter_type=adapter,
        invocation_id="i",
        generated_at="2026-11-24T00:00:00Z",
        nodes={item.unique_id: item for item in nodes},
        ephemeral={item.unique_id: item for item in ephemeral},
        disabled={item.unique_id: item for item in disabled},
        tests={item.unique_id: item for item in tests},
        results={item.unique_id: item for item in results},
        freshness={item.unique_id: item for item in freshness},
        exposures={item.unique_id: item for item in exposures},
        has_catalog=True,
    )


def column(name: str, description: str = "", tags: Sequence[models.TagLabel] = ()) -> models.Column:
    return models.Column(name=name, dataType="INT", description=description, tags=tuple(tags))


def label(fqn: str) -> models.TagLabel:
    return models.TagLabel(tagFQN=fqn)


def table(
    name: str,
    *columns: models.Column,
    service: str = "pg",
    database: str = "wh",
    schema: str = "marts",
    **more: Any,
) -> models.Table:
    fqn = join_fqn(service, database, schema, name)
    return models.Table.model_validate(
        {"id": f"id-{fqn}", "name": name, "fullyQualifiedName": fqn, "columns": columns, **more}
    )


def refs(*tables: models.Table) -> tuple[TableRef, ...]:
    return tuple(table_ref(item) for item in tables)


def inventory(*tables: models.Table, kind: str = "Postgres", service: str = "pg") -> Inventory:
    found = refs(*tables)
    return Inventory(service, kind, tuple(dict.fromkeys(ref.database for ref in found)), found)


def plan_of(
    dbt: Project,
    *tables: models.Table,
    options: SyncOptions | None = None,
    dialect: Dialect = NEWEST,
    only: frozenset[str] | None = None,
    **state: Any,
) -> Plan:
    chosen = options or SyncOptions()
    report: MatchReport = match(dbt, inventory(*tables), chosen)
    held = ServerState(tables={item.fullyQualifiedName: item for item in tables}, **state)
    return build_plan(dbt, held, report, chosen, dialect, only=only)


def of_kind(plan: Plan, kind: str) -> list[Change]:
    return [change for change in plan.changes if change.kind == kind]
