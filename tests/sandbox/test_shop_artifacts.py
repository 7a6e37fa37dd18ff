"""The recorded shop holds what the sandbox promises: every kind of node, test outcome and artifact, and no
trace of the machine that made it."""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dbtcollate_tui.sandbox.shop_data import (
    NOT_INGESTED_SCHEMAS,
    RecordedRun,
    RecordedStep,
    load_runs,
    load_warehouse,
)

PROJECT = Path(__file__).parents[1] / "shop"
RUNS = {run.name: run for run in load_runs()}
WARNING = "test.shop.not_null_stg_customers_EMAIL.e9e86ddd77"
FAILURE = "test.shop.accepted_values_stg_orders_status__placed__shipped__completed__returned.7511f2d274"


def document(run: str, name: str, step: int | None = None) -> dict[str, Any]:
    content = RUNS[run].artifact(step, name)
    assert content is not None, f"{run} has no {name} at step {step}"
    loaded: dict[str, Any] = json.loads(content)
    return loaded


def every_artifact() -> list[tuple[RecordedRun, RecordedStep, str, bytes]]:
    found = []
    for run in load_runs():
        for step in run.steps:
            for name in step.files:
                content = run.artifact(step.index, name)
                assert content is not None
                found.append((run, step, name, content))
    return found


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return document("nightly-success", "manifest.json")


def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {n["name"]: n for n in manifest["nodes"].values() if n["resource_type"] == "model"}


def outcomes(results: dict[str, Any]) -> Counter[str]:
    return Counter(entry["status"] for entry in results["results"])


# -- the runs ------------------------------------------------------------------------------------------------


def test_the_runs_stand_oldest_first_and_the_pull_request_is_newest() -> None:
    runs = load_runs()
    assert [(run.name, run.job, run.status) for run in runs] == [
        ("nightly-success", "nightly", 10),
        ("nightly-failed", "nightly", 20),
        ("ci", "ci", 10),
    ]
    assert all(one.finished_at <= two.started_at for one, two in pairwise(runs))
    assert len({run.git_sha for run in runs}) == 3
    assert all(re.fullmatch(r"[0-9a-f]{40}", run.git_sha) for run in runs)


def test_only_the_pull_request_overrides_the_schema() -> None:
    assert [(run.schema_override, run.pull_request) for run in load_runs()] == [
        (None, None),
        (None, None),
        ("dbt_cloud_pr_1002_42", 42),
    ]
    nodes = document("ci", "manifest.json")["nodes"].values()
    assert all(node["schema"].startswith("dbt_cloud_pr_1002_42") for node in nodes)


def test_own_commands_begin_at_step_four_behind_clone_profile_and_deps() -> None:
    for run in load_runs():
        assert [step.index for step in run.steps] == list(range(1, len(run.steps) + 1))
        assert [step.command for step in run.steps[:3]] == [None, None, "dbt deps"]
        assert not any(step.files for step in run.steps[:3])
        for step in run.steps[2:]:
            assert step.name == f"Invoke dbt with `{step.command}`"
    assert RUNS["nightly-success"].commands == (
        "dbt seed",
        "dbt snapshot",
        "dbt run",
        "dbt test",
        "dbt source freshness",
        "dbt docs generate",
    )
    assert RUNS["nightly-failed"].commands == RUNS["nightly-success"].commands
    assert RUNS["ci"].commands == ("dbt build --select stg_orders+",)


def test_a_failing_step_ends_the_run() -> None:
    steps = RUNS["nightly-failed"].steps
    assert [step.status for step in steps] == [10, 10, 10, 10, 10, 10, 20, 30, 30]
    for skipped in steps[7:]:
        assert skipped.files == {}
        assert (skipped.log, skipped.started_at, skipped.finished_at, skipped.duration) == (
            "",
            None,
            None,
            0.0,
        )


def test_each_step_lasted_as_long_as_its_stamps_say_inside_its_run() -> None:
    for run in load_runs():
        begun = [step for step in run.steps if step.started_at is not None]
        for step in begun:
            assert step.started_at is not None
            assert step.finished_at is not None
            assert run.started_at <= step.started_at <= step.finished_at <= run.finished_at
            assert step.started_at.tzinfo == UTC
            measured = step.finished_at - step.started_at
            assert abs(measured - timedelta(seconds=step.duration)) < timedelta(milliseconds=1)
            assert step.log


def test_which_step_wrote_which_artifact() -> None:
    both = {"manifest.json", "run_results.json"}
    written = {
        run.name: {step.index: set(step.files) for step in run.steps if step.files} for run in load_runs()
    }
    assert written == {
        "nightly-success": {
            4: both,
            5: both,
            6: both,
            7: both,
            8: {"manifest.json", "sources.json"},
            9: both | {"catalog.json"},
        },
        "nightly-failed": {4: both, 5: both, 6: both, 7: both},
        "ci": {4: both},
    }
    for run in load_runs():
        assert run.has_docs_generated == ("catalog.json" in run.artifact_names())
        assert run.has_sources_generated == ("sources.json" in run.artifact_names())


def test_an_artifact_without_a_step_is_that_of_the_last_step_that_wrote_it() -> None:
    run = RUNS["nightly-success"]
    assert run.artifact(None, "catalog.json") == run.artifact(9, "catalog.json")
    assert run.artifact(None, "sources.json") == run.artifact(8, "sources.json")
    assert (
        run.artifact(None, "manifest.json")
        == run.artifact(9, "manifest.json")
        != run.artifact(7, "manifest.json")
    )
    assert run.artifact(8, "run_results.json") is None
    assert run.artifact(1, "manifest.json") is None
    assert run.artifact(99, "manifest.json") is None
    assert run.artifact(None, "graph.gpickle") is None
    assert RUNS["nightly-failed"].artifact(None, "catalog.json") is None


# -- what every artifact keeps to ----------------------------------------------------------------------------


def test_every_artifact_parses_and_was_written_by_its_own_invocation_inside_its_step() -> None:
    invocations: dict[str, tuple[str, int]] = {}
    for run, step, name, content in every_artifact():
        metadata = json.loads(content)["metadata"]
        assert metadata["dbt_version"] == run.dbt_version
        schema = name.removesuffix(".json").replace("_", "-")
        assert f"/dbt/{schema}/v" in metadata["dbt_schema_version"]
        assert step.finished_at is not None
        assert datetime.fromisoformat(metadata["generated_at"]) <= step.finished_at
        owner = invocations.setdefault(metadata["invocation_id"], (run.name, step.index))
        assert owner == (run.name, step.index)
    assert len(invocations) == 11


def test_nothing_tells_of_the_machine_or_of_a_person() -> None:
    texts = [content.decode() for *_, content in every_artifact()]
    texts += [step.log for run in load_runs() for step in run.steps]
    texts += [path.read_text(encoding="utf-8") for path in PROJECT.rglob("*.csv")]
    texts.append((files("dbtcollate_tui.sandbox") / "data" / "runs.json").read_text(encoding="utf-8"))
    for text in texts:
        assert not re.findall(r"/(?:tmp|root|home|work|Users|var)/[\w.-]+|[A-Z]:\\\\", text)
        assert {mail.split("@")[1] for mail in re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", text)} <= {
            "shop.example"
        }
    for _, _, name, content in every_artifact():
        loaded = json.loads(content)
        assert loaded["metadata"]["env"] == {}
        assert loaded["metadata"].get("user_id") is None
        if name == "run_results.json":
            assert loaded["args"]["project_dir"] == "/usr/app/shop"
            assert loaded["args"]["send_anonymous_usage_stats"] is False


def test_data_is_small_without_copies_or_leftovers() -> None:
    data = files("dbtcollate_tui.sandbox") / "data"
    store = [entry for entry in (data / "store").iterdir() if entry.is_file()]
    assert sum(len(entry.read_bytes()) for entry in store) < 2_500_000
    named = {name for run in load_runs() for step in run.steps for name in step.files.values()}
    named |= {step.log_file for run in load_runs() for step in run.steps if step.log_file}
    assert {entry.name for entry in store} == {f"{name}.gz" for name in named}
    for run, step, name, content in every_artifact():
        assert step.files[name] == f"{hashlib.sha256(content).hexdigest()[:12]}.json", (run.name, step.index)


def test_artifacts_were_built_from_the_current_project(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("build_artifacts", PROJECT / "build_artifacts.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = build
    spec.loader.exec_module(build)
    shop = build.Workshop(tmp_path)
    digests = {}
    for scenario in build.SCENARIOS:
        build.clone(shop, scenario)
        digests[scenario.name] = build.tree_sha(shop.clone)
    assert digests == {run.name: run.git_sha for run in load_runs()}, (
        "run tests/shop/build_artifacts.py again"
    )


# -- the project ---------------------------------------------------------------------------------------------


def test_every_kind_of_node_is_there(manifest: dict[str, Any]) -> None:
    kinds = Counter(node["resource_type"] for node in manifest["nodes"].values())
    assert kinds == {"model": 14, "test": 37, "seed": 7, "snapshot": 1, "analysis": 1}
    assert len(manifest["sources"]) == 5
    assert set(manifest["exposures"]) == {"exposure.shop.weekly_sales_board", "exposure.shop.churn_notebook"}
    assert set(manifest["disabled"]) == {"model.shop.legacy_orders"}
    assert len(manifest["unit_tests"]) == 1
    materialized = Counter(model["config"]["materialized"] for model in models(manifest).values())
    assert materialized == {"view": 7, "table": 5, "ephemeral": 1, "incremental": 1}
    singular = {
        n["name"]
        for n in manifest["nodes"].values()
        if n["resource_type"] == "test" and "test_metadata" not in n
    }
    assert singular == {"assert_completed_orders_are_paid", "assert_no_order_before_its_customer"}
    generic = {n["test_metadata"]["name"] for n in manifest["nodes"].values() if "test_metadata" in n}
    assert generic == {"unique", "not_null", "accepted_values", "relationships", "at_least_one_row"}


def test_relations_stand_in_the_promised_schemas_under_the_promised_names(manifest: dict[str, Any]) -> None:
    relations = {n["relation_name"] for n in [*manifest["nodes"].values(), *manifest["sources"].values()]}
    for wanted in (
        '"shop"."raw"."raw_customers"',
        '"shop"."staging"."stg_orders"',
        '"shop"."marts"."customer_value"',
        '"shop"."marts"."WeeklyRevenue"',
        '"shop"."snapshots"."customers_snapshot"',
        '"shop"."finance"."payroll_costs"',
    ):
        assert wanted in relations
    customers = manifest["sources"]["source.shop.erp.customers"]
    assert (customers["name"], customers["identifier"]) == ("customers", "raw_customers")
    seeds = {n["relation_name"] for n in manifest["nodes"].values() if n["resource_type"] == "seed"}
    assert {source["relation_name"] for source in manifest["sources"].values()} <= seeds
    assert models(manifest)["int_order_payments"]["relation_name"] is None


def test_owners_come_single_as_list_as_team_as_mail_and_as_nobody(manifest: dict[str, Any]) -> None:
    meta = {name: model["config"]["meta"] for name, model in models(manifest).items()}
    assert meta["dim_customers"] == {"owner": "bruno", "openmetadata": {"owner": "ana"}}
    assert meta["dim_products"] == {"owner": "bruno"}
    assert meta["fct_orders"]["owner"] == ["ana", "chen@shop.example"]
    assert meta["fct_orders"]["openmetadata"] == {"tier": "Tier.Tier2"}
    assert meta["fct_order_items"] == {"openmetadata": {"owner": "data-platform"}}
    assert meta["stg_payments"] == {"openmetadata": {"owner": ["ana", "bruno"]}}
    assert meta["stg_orders"] == {"owner": "chen@shop.example"}
    assert meta["customer_lifetime_value"] == {"owner": "dora"}
    board = manifest["exposures"]["exposure.shop.weekly_sales_board"]
    assert board["owner"] == {"email": "ana@shop.example", "name": "Ana"}


def test_tags_and_descriptions_on_tables_and_columns(manifest: dict[str, Any]) -> None:
    orders = models(manifest)["fct_orders"]
    assert orders["tags"] == ["mart", "core", "daily"]
    assert orders["columns"]["order_amount"]["tags"] == ["money"]
    assert orders["description"].startswith("# Orders\n\n")
    assert "| `paid_amount`" in orders["description"]
    assert "\n\n" in orders["columns"]["order_id"]["description"]
    countries = manifest["nodes"]["seed.shop.country_codes"]
    assert "Länder" in countries["description"]
    assert "日本語" in countries["description"]
    email = models(manifest)["stg_customers"]["columns"]["EMAIL"]
    assert email["tags"] == ["pii"]
    assert email["config"]["meta"] == {"openmetadata": {"tags": ["PII.Sensitive"]}}
    described = {
        n["name"] for n in manifest["nodes"].values() if n["resource_type"] == "test" and n["description"]
    }
    assert len(described) == 5


# -- what the steps tell -------------------------------------------------------------------------------------


def test_the_successful_night_warns_once() -> None:
    results = document("nightly-success", "run_results.json", 7)
    assert outcomes(results) == {"pass": 37, "warn": 1}
    warning = next(entry for entry in results["results"] if entry["status"] == "warn")
    assert (warning["unique_id"], warning["failures"]) == (WARNING, 1)
    assert warning["message"] == "Got 1 result, configured to warn if != 0"


def test_the_failed_night_fails_once_and_warns_once() -> None:
    results = document("nightly-failed", "run_results.json")
    assert results["args"]["which"] == "test"
    assert outcomes(results) == {"pass": 36, "warn": 1, "fail": 1}
    bad = {entry["unique_id"]: entry["status"] for entry in results["results"] if entry["status"] != "pass"}
    assert bad == {WARNING: "warn", FAILURE: "fail"}


def test_the_pull_request_builds_part_of_the_project() -> None:
    results = document("ci", "run_results.json")
    assert results["args"]["which"] == "build"
    assert outcomes(results) == {"success": 6, "pass": 17, "no-op": 2}
    assert results["args"]["defer"] is True


def test_the_docs_step_only_compiles() -> None:
    results = document("nightly-success", "run_results.json", 9)
    assert results["args"]["which"] == "generate"
    tests = [entry for entry in results["results"] if entry["unique_id"].startswith("test.")]
    assert len(tests) == 37
    for entry in tests:
        assert (entry["status"], entry["message"], entry["failures"]) == ("success", None, None)
        assert entry["adapter_response"] == {}


def test_compiled_code_is_in_manifests_of_run_and_docs_only() -> None:
    compiled = {
        step: sum(
            bool(m.get("compiled_code"))
            for m in models(document("nightly-success", "manifest.json", step)).values()
        )
        for step in range(4, 10)
    }
    assert compiled == {4: 0, 5: 0, 6: 14, 7: 0, 8: 0, 9: 14}


def test_freshness_warns_of_payments() -> None:
    results = document("nightly-success", "sources.json")["results"]
    assert {entry["unique_id"].split(".")[-1]: entry["status"] for entry in results} == {
        "customers": "pass",
        "orders": "pass",
        "payments": "warn",
    }


# -- the warehouse -------------------------------------------------------------------------------------------


def test_the_warehouse_holds_each_relation_of_the_project_and_more(manifest: dict[str, Any]) -> None:
    tables = {f'"{table.database}"."{table.schema}"."{table.name}"' for table in load_warehouse()}
    built = {
        n["relation_name"]
        for n in manifest["nodes"].values()
        if n["resource_type"] in ("model", "seed", "snapshot") and n["relation_name"]
    }
    assert len(tables) == len(load_warehouse()) == 25
    assert built < tables
    assert tables - built == {
        '"shop"."raw"."web_events"',
        '"shop"."raw"."web_sessions"',
        '"shop"."raw"."search_queries"',
        '"shop"."marts"."manual_targets"',
    }


def test_one_node_is_in_a_schema_that_is_not_ingested(manifest: dict[str, Any]) -> None:
    assert {table.schema for table in load_warehouse()} == {
        "raw",
        "staging",
        "marts",
        "snapshots",
        *NOT_INGESTED_SCHEMAS,
    }
    outside = [table.name for table in load_warehouse() if table.schema in NOT_INGESTED_SCHEMAS]
    assert outside == ["payroll_costs"]


def test_warehouse_and_catalog_agree_on_columns() -> None:
    catalog = document("nightly-success", "catalog.json")
    described = {}
    for node in catalog["nodes"].values():
        key = (node["metadata"]["schema"], node["metadata"]["name"])
        described[key] = [(c["index"], c["name"], c["type"]) for c in node["columns"].values()]
    matched = 0
    for table in load_warehouse():
        if (table.schema, table.name) in described:
            columns = [(c.ordinal_position, c.name, c.data_type) for c in table.columns]
            assert columns == described[table.schema, table.name]
            matched += 1
    assert matched == 21
    assert {table.type for table in load_warehouse()} == {"BASE TABLE", "VIEW"}
    mixed = next(table for table in load_warehouse() if table.name == "WeeklyRevenue")
    assert [column.name for column in mixed.columns] == ["weekStart", "category", "grossRevenue"]
    events = next(table for table in load_warehouse() if table.name == "web_events")
    assert [column.nullable for column in events.columns] == [False, False, True, True, False]


def test_the_loader_imports_nothing_heavy() -> None:
    code = (
        "import sys, dbtcollate_tui.sandbox.shop_data as data; data.load_runs(); data.load_warehouse(); "
        "print(*sorted({'httpx', 'textual', 'pydantic', 'starlette', 'keyring'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
