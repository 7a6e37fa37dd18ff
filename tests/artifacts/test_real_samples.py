"""One small project as real releases of dbt wrote it, and the recorded shop."""

import json

import pytest

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.sandbox.shop_data import RecordedRun, load_runs
from tests.artifacts.releases import RELEASES, sample

DATABASE = {"1.0": "main", "1.3": "main"}


def load_sample(release: str, *, manifest: bytes | None = None) -> Project:
    return load_project(
        manifest or sample(release, "manifest"),
        sample(release, "catalog"),
        [StepResults(step, sample(release, f"run_results_{step}")) for step in (4, 6)],
        sample(release, "sources"),
    )


def check_tiny_project(project: Project, database: str) -> None:
    """What the sample project says, whatever dbt wrote it down."""
    assert project.notes == ()
    assert (project.project_name, project.adapter_type, project.has_catalog) == ("tiny", "duckdb", True)
    assert sorted(project.nodes) == [
        "model.tiny.customers",
        "model.tiny.orders",
        "seed.tiny.raw_orders",
        "snapshot.tiny.orders_snapshot",
        "source.tiny.raw.orders",
    ]
    assert list(project.ephemeral) == ["model.tiny.stg_orders"]
    assert list(project.disabled) == ["model.tiny.retired"]
    assert not project.disabled["model.tiny.retired"].enabled

    customers = project.nodes["model.tiny.customers"]
    assert (customers.database, customers.schema, customers.identifier) == (database, "main", "dim_customers")
    assert customers.name == "customers"
    assert customers.owners == ("ann@example.com",)
    assert (customers.tier, customers.domain) == ("Tier.Tier2", "Sales")
    assert (customers.meta_tags, customers.glossary) == (("PII.None",), ("Shop.Customer",))
    assert customers.tags == ("nightly",)
    assert customers.description == "One row per customer."
    assert customers.compiled_code is not None
    assert "select distinct customer" in customers.compiled_code
    assert "ref('stg_orders')" in (customers.raw_code or "")
    assert customers.original_file_path == "models/customers.sql"
    (column,) = customers.columns
    assert (column.name, column.data_type, column.index) == ("customer", "VARCHAR", 1)
    assert (column.tags, column.meta_tags) == (("pii",), ("PII.Sensitive",))

    assert project.nodes["model.tiny.orders"].owners == ("finance-team",)
    assert [column.name for column in project.nodes["model.tiny.orders"].columns] == ["id", "customer"]
    assert project.nodes["snapshot.tiny.orders_snapshot"].schema == "history"
    source = project.nodes["source.tiny.raw.orders"]
    assert (source.name, source.identifier, source.source_name) == ("orders", "raw_orders", "raw")
    assert project.upstreams("model.tiny.customers") == ("source.tiny.raw.orders",)
    assert project.upstreams("exposure.tiny.weekly_report") == ("model.tiny.orders",)

    outcomes = {test.name: project.results[test.unique_id] for test in project.tests.values()}
    assert {name: (found.status, found.failures, found.step) for name, found in outcomes.items()}.items() >= {
        "unique_customers_Customer": ("pass", 0, 4),
        "no_large_orders": ("fail", 1, 4),
        "not_null_orders_customer": ("warn", 1, 4),
        "not_null_orders_id": ("pass", 0, 4),
        "accepted_values_orders_customer__ann__bob": ("pass", 0, 4),
    }.items()
    assert all(found.completed_at_ms > 1_700_000_000_000 for found in outcomes.values())
    assert list(project.tests_without_result()) == []

    tests = {test.test_name: test for test in project.tests.values() if test.kind == "generic"}
    assert tests["relationships"].attached_node == "model.tiny.orders"
    assert dict(tests["relationships"].kwargs) == {"to": "ref('customers')", "field": "customer"}
    assert dict(tests["accepted_values"].kwargs) == {"values": ["ann", "bob"]}
    assert (tests["unique"].attached_node, tests["unique"].column_name) == (
        "model.tiny.customers",
        "Customer",
    )
    singular = next(test for test in project.tests.values() if test.kind == "singular")
    assert singular.attached_node == "model.tiny.orders"
    assert {test.name for test in project.tests.values() if test.severity == "warn"} == {
        "not_null_orders_customer"
    }

    exposure = project.exposures["exposure.tiny.weekly_report"]
    assert (exposure.type, exposure.owners, exposure.open_metadata_fqn) == (
        "dashboard",
        ("ann@example.com",),
        "looker.weekly",
    )
    freshness = project.freshness["source.tiny.raw.orders"]
    assert freshness.status == "warn"
    assert (freshness.warn_after_seconds, freshness.error_after_seconds) == (86_400, 5_000 * 86_400)
    assert freshness.max_loaded_at_ms == 1_704_067_200_000


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_gives_the_same_project(release: str) -> None:
    project = load_sample(release)
    assert project.dbt_version.startswith(f"{release}.")
    assert project.schema_version == RELEASES[release]
    check_tiny_project(project, DATABASE.get(release, "tiny"))
    units = [test for test in project.tests.values() if test.kind == "unit"]
    assert len(units) == (RELEASES[release] >= 12)
    assert all(test.attached_node == "model.tiny.customers" for test in units)


@pytest.mark.parametrize("release", RELEASES)
def test_a_step_that_only_compiled_is_no_result(release: str) -> None:
    project = load_project(
        sample(release, "manifest"), None, [StepResults(6, sample(release, "run_results_6"))]
    )
    assert project.results == {}
    assert len(list(project.tests_without_result())) == len(project.tests) >= 6


def test_a_fusion_manifest_of_v20_with_its_gaps() -> None:
    """What dbt Fusion leaves out or writes as null, on a real manifest."""
    artifact = json.loads(sample("1.12", "manifest"))
    artifact["metadata"]["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/manifest/v20.json"
    for part in ("groups", "metrics", "parent_map", "child_map", "group_map"):
        artifact[part] = None
    for entry in (*artifact["nodes"].values(), *artifact["sources"].values()):
        if "meta" in entry.get("config", {}):
            entry["meta"] = None
        for gone in ("checksum", "fqn", "docs", "created_at", "language", "refs", "build_path"):
            entry.pop(gone, None)
    project = load_sample("1.12", manifest=json.dumps(artifact).encode())
    assert project.schema_version == 20
    check_tiny_project(project, "tiny")


def recorded(name: str) -> RecordedRun:
    return next(run for run in load_runs() if run.name == name)


def load_recorded(run: RecordedRun) -> Project:
    manifest = run.artifact(None, "manifest.json")
    assert manifest is not None
    steps = [(step.index, run.artifact(step.index, "run_results.json")) for step in run.steps]
    return load_project(
        manifest,
        run.artifact(None, "catalog.json"),
        [StepResults(index, buffer) for index, buffer in steps if buffer is not None],
        run.artifact(None, "sources.json"),
    )


def test_the_shop_keeps_the_results_of_a_step_before_the_last() -> None:
    run = recorded("nightly-success")
    project = load_recorded(run)
    assert project.notes == ()
    assert list(project.tests_without_result()) == []
    (test_step,) = [step.index for step in run.steps if step.command == "dbt test"]
    assert {result.step for result in project.results.values()} == {test_step}
    assert project.has_catalog
    assert all(node.in_catalog for node in project.nodes.values())
    assert project.freshness
    assert all(
        parent in project.nodes for unique_id in project.nodes for parent in project.upstreams(unique_id)
    )
    assert project.nodes["source.shop.erp.customers"].identifier == "raw_customers"


def test_a_failed_run_has_its_failures_and_a_selective_one_only_its_own() -> None:
    failed = load_recorded(recorded("nightly-failed"))
    assert "fail" in {result.status for result in failed.results.values()}
    assert not failed.has_catalog
    selective = load_recorded(recorded("ci"))
    assert 0 < len(selective.results) < len(selective.tests)
