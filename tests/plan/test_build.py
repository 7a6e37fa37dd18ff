from collections.abc import Mapping
from typing import Any

import pytest

from dbtcollate_tui.artifacts.project import (
    Column,
    DbtTest,
    FreshnessResult,
    ResourceType,
    TestResult,
    TestStatus,
)
from dbtcollate_tui.collate.models import (
    DataModel,
    EntityReference,
    LineageEdge,
    TestCase,
    TestCaseResult,
)
from dbtcollate_tui.plan.model import (
    Change,
    DataModelChange,
    LineageChange,
    OwnerRef,
    Plan,
    TagsChange,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.plan.server_state import case_key
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import OLD, column, label, node, of_kind, plan_of, project, table

ALICE = OwnerRef("u1", "user", "alice")
DATA = OwnerRef("t1", "team", "data")


def texts(changes: list[Change]) -> dict[str, tuple[str, str]]:
    return {change.label: (change.old, change.new) for change in changes}


def summary(author: str) -> dict[str, Any]:
    """The change summary of a server that says who wrote the table's description."""
    return {"changeDescription": {"changeSummary": {"description": {"changedBy": author}}}}


def test_dbts_earlier_text_is_replaced_and_shows_old_new_and_who_was_last() -> None:
    dbt = project(node("orders", description="net of refunds", columns=[Column("id", "the key")]))
    sent = DataModel(description="old")
    plan = plan_of(dbt, table("orders", column("ID"), description="old", updatedBy="ana", dataModel=sent))
    changes = of_kind(plan, "description")
    assert texts(changes) == {
        "marts.orders": ("old", "net of refunds"),
        "marts.orders.ID": ("", "the key"),
    }
    assert {c.label: c.note for c in changes}["marts.orders"] == "table last changed by ana"


def test_a_text_that_did_not_come_from_dbt_is_a_conflict_that_can_be_decided_for_dbt() -> None:
    dbt = project(node("orders", description="dbt", columns=[Column("id", "key"), Column("n", "number")]))
    held = table("orders", column("id", "mine"), column("n"), description="mine too", updatedBy="ana")
    plan = plan_of(dbt, held)
    assert texts(of_kind(plan, "description")) == {"marts.orders.n": ("", "number")}
    assert [(kept.label, kept.server, kept.dbt, kept.by) for kept in plan.conflicts] == [
        ("marts.orders", "mine too", "dbt", "ana"),
        ("marts.orders.id", "mine", "key", "ana"),
    ]
    assert ("pg.wh.marts.orders", "id") not in plan.expected.descriptions
    change = plan.conflicts[1].change
    assert change is not None
    decided = plan.take_in([change.key])
    assert texts(of_kind(decided, "description")) == {
        "marts.orders.n": ("", "number"),
        "marts.orders.id": ("mine", "key"),
    }
    assert [kept.label for kept in decided.conflicts] == ["marts.orders"]
    assert decided.expected.descriptions["pg.wh.marts.orders", "id"] == "key"
    assert plan.take_in(["description:nothing"]) is plan


@pytest.mark.parametrize(
    ("facts", "by"),
    [
        ({"updatedBy": "ingestion-bot", "version": 0.1}, None),
        ({"updatedBy": "ingestion-bot", "version": 0.3}, ""),
        ({"updatedBy": "ana", "version": 0.1}, "ana"),
        ({"updatedBy": "ingestion-bot", "version": 0.3, **summary("ana")}, "ana"),
        ({"updatedBy": "ana", "version": 0.3, **summary("ingestion-bot")}, None),
    ],
)
def test_a_text_is_a_persons_unless_the_server_shows_that_it_is_not(
    facts: dict[str, Any], by: str | None
) -> None:
    plan = plan_of(project(node("a", description="dbt")), table("a", description="other", **facts))
    assert [kept.by for kept in plan.conflicts] == ([] if by is None else [by])
    assert bool(of_kind(plan, "description")) is (by is None)


def test_an_empty_text_of_dbt_erases_nothing() -> None:
    dbt = project(node("orders", columns=[Column("id")]))
    plan = plan_of(dbt, table("orders", column("id", "by ana"), description="by ana"))
    assert of_kind(plan, "description") == []
    assert plan.expected.descriptions == {}


def test_without_the_option_texts_are_filled_and_others_kept_with_their_author() -> None:
    dbt = project(node("orders", description="dbt", columns=[Column("id", "key")]))
    plan = plan_of(
        dbt,
        table("orders", column("id"), description="mine", updatedBy="ana"),
        options=SyncOptions(update_descriptions=False),
    )
    assert texts(of_kind(plan, "description")) == {"marts.orders.id": ("", "key")}
    (kept,) = plan.conflicts
    assert (kept.server, kept.dbt) == ("mine", "dbt")
    assert kept.words == "edited in Collate by ana, kept"


@pytest.mark.parametrize("kind", ["source", "model"])
@pytest.mark.parametrize(("last_sent", "replaced"), [("mine", True), ("other", False)])
def test_a_text_is_replaced_only_where_it_came_from_dbt(
    kind: ResourceType, last_sent: str, replaced: bool
) -> None:
    dbt = project(node("raw", kind=kind, description="new"))
    held = table("raw", description="mine", dataModel=DataModel(description=last_sent))
    plan = plan_of(dbt, held)
    assert bool(of_kind(plan, "description")) is replaced
    assert bool(plan.conflicts) is not replaced


def test_the_catalogs_comment_fills_a_column_without_a_description() -> None:
    dbt = project(node("orders", columns=[Column("id", comment="from the warehouse")]))
    plan = plan_of(dbt, table("orders", column("id")))
    assert texts(of_kind(plan, "description")) == {"marts.orders.id": ("", "from the warehouse")}


def test_owners_are_exact_and_the_unknown_are_listed() -> None:
    dbt = project(node("a", owners=["alice", "dora"]), node("b", owners=["dora"]))
    plan = plan_of(
        dbt,
        table("a"),
        table("b"),
        owners={"alice": ALICE, "dora": None},
        suggestions={"dora": ("dorothea",)},
    )
    (change,) = of_kind(plan, "owners")
    assert (change.target, change.new) == ("pg.wh.marts.a", "alice")
    (unknown,) = plan.unmapped_owners
    assert (unknown.owner, unknown.unique_ids) == ("dora", ("model.shop.a", "model.shop.b"))
    assert unknown.suggestions == ("dorothea",)


def test_team_is_the_only_owner_and_the_rest_is_named() -> None:
    dbt = project(node("a", owners=["alice", "data"]), node("b", owners=["data", "alice"]))
    plan = plan_of(dbt, table("a"), table("b"), owners={"alice": ALICE, "data": DATA})
    found = {c.target: (c.new, c.note) for c in of_kind(plan, "owners")}
    assert found["pg.wh.marts.a"] == ("alice", "left out: data (several users or one team)")
    assert found["pg.wh.marts.b"] == ("data", "left out: alice (several users or one team)")


def test_owners_of_a_source_are_filled_but_never_replaced() -> None:
    dbt = project(node("raw", kind="source", owners=["alice"]))
    owner = {"id": "u2", "type": "user", "name": "bob"}
    assert of_kind(plan_of(dbt, table("raw"), owners={"alice": ALICE}), "owners")
    plan = plan_of(dbt, table("raw", owners=[owner]), owners={"alice": ALICE})
    assert of_kind(plan, "owners") == []
    assert plan.conflicts[0].server == "bob"


def test_tags_are_added_with_their_classification_and_foreign_ones_stay() -> None:
    dbt = project(node("a", tags=["core"], columns=[Column("id", tags=("pii.raw",))]))
    plan = plan_of(dbt, table("a", column("id"), tags=[label("PII.None")]))
    assert [c.target for c in of_kind(plan, "classification")] == ["dbtTags"]
    assert [c.target for c in of_kind(plan, "tag")] == ['dbtTags."pii.raw"', "dbtTags.core"]
    assert all(c.requires == ("classification:dbtTags",) for c in of_kind(plan, "tag"))
    found = {c.label: c for c in of_kind(plan, "tags") if isinstance(c, TagsChange)}
    assert found["marts.a"].new == "PII.None, dbtTags.core"
    assert found["marts.a"].requires == ("tag:dbtTags.core",)
    assert found["marts.a.id"].added == ('dbtTags."pii.raw"',)


def test_tags_that_only_collate_makes_are_named_where_it_lacks_them() -> None:
    dbt = project(node("a", meta_tags=("PII.Sensitive", "PII.Nope"), tier="Tier.Tier1"))
    plan = plan_of(dbt, table("a"), tags=frozenset({"PII.Sensitive", "Tier.Tier1"}))
    (change,) = of_kind(plan, "tags")
    assert change.new == "PII.Sensitive, Tier.Tier1"
    assert any("PII.Nope" in note for note in plan.notes)


@pytest.mark.parametrize("from_dbt", [True, False])
def test_one_tier_gives_way_only_where_dbt_had_set_it(from_dbt: bool) -> None:
    dbt = project(node("a", tier="Tier.Tier1"))
    sent = DataModel(tags=(label("Tier.Tier3"),)) if from_dbt else None
    plan = plan_of(
        dbt, table("a", tags=[label("Tier.Tier3")], dataModel=sent), tags=frozenset({"Tier.Tier1"})
    )
    changes = of_kind(plan, "tags")
    assert [(c.new, c.note) for c in changes] == (
        [("Tier.Tier1", "in place of Tier.Tier3")] if from_dbt else []
    )
    assert bool(plan.conflicts) is not from_dbt
    (model,) = of_kind(plan, "data_model")
    assert isinstance(model, DataModelChange)
    assert bool(model.body["tags"]) is from_dbt


def _model(plan: Plan) -> Mapping[str, object]:
    (change,) = of_kind(plan, "data_model")
    assert isinstance(change, DataModelChange)
    return change.body


def test_a_data_model_that_the_server_holds_is_not_sent_again() -> None:
    dbt = project(
        node("a", description="text", raw_code="select 1", compiled_code="select 1", tags=["core"]),
    )
    first = plan_of(dbt, table("a", column("id")))
    held = DataModel.model_validate(_model(first))
    again = plan_of(
        dbt,
        table("a", column("id"), description="text", tags=[label("dbtTags.core")], dataModel=held),
        has_classification=True,
        tags=frozenset({"dbtTags.core"}),
    )
    assert again.changes == ()
    assert again.unchanged["data model"] == 1


def test_what_the_reference_wrote_stays_and_a_run_without_compiled_code_takes_no_sql_away() -> None:
    up = node("up")
    down = node("down", depends_on=["model.shop.up"], raw_code="r", original_file_path="models/down.sql")
    held = DataModel(
        resourceType="model",
        dbtSourceProject="shop",
        rawSql="r",
        sql="select 2",
        path="/usr/app/shop/models/down.sql",
        upstream=("pg.wh.marts.up", "pg.wh.marts.up"),
    )
    upper, lower = table("up"), table("down", dataModel=held)
    edge = LineageEdge(
        fromEntity=EntityReference(id=upper.id),
        toEntity=EntityReference(id=lower.id),
        source="DbtLineage",
        sqlQuery="select 2",
    )
    plan = plan_of(project(up, down), upper, lower, edges={(upper.id, lower.id): edge})
    assert [c.target for c in plan.changes] == ["pg.wh.marts.up"]


def test_edges_bridge_ephemeral_models_and_never_lead_to_themselves() -> None:
    eph = node("eph", depends_on=["model.shop.up"])
    down = node(
        "down", depends_on=["model.shop.eph", "model.shop.down", "model.shop.gone"], compiled_code="select 3"
    )
    plan = plan_of(project(node("up"), down, node("gone"), ephemeral=[eph]), table("up"), table("down"))
    (edge,) = of_kind(plan, "lineage")
    assert edge.target == "pg.wh.marts.up -> pg.wh.marts.down"
    assert edge.new == "select 3"
    assert plan.expected.missing_edges == (
        "model.shop.gone -> model.shop.down: model.shop.gone has no table in Collate",
    )


@pytest.mark.parametrize(
    ("source", "sql", "sent"),
    [
        ("DbtLineage", "select 1 as x", False),
        ("DbtLineage", 'create table "wh"."marts"."down" as select ? as x', False),
        ("DbtLineage", "select 9", True),
        ("ViewLineage", "create view v as select 9", False),
        ("Manual", "", True),
    ],
)
def test_an_edge_is_sent_only_where_it_lacks_dbts_sql(source: str, sql: str, sent: bool) -> None:
    upper, lower = table("up"), table("down")
    edge = LineageEdge(
        fromEntity=EntityReference(id=upper.id),
        toEntity=EntityReference(id=lower.id),
        source=source,
        sqlQuery=sql,
    )
    dbt = project(node("up"), node("down", depends_on=["model.shop.up"], compiled_code="select 1 as x"))
    plan = plan_of(dbt, upper, lower, edges={(upper.id, lower.id): edge})
    changes = of_kind(plan, "lineage")
    assert bool(changes) is sent
    if sent:
        assert isinstance(changes[0], LineageChange)
        assert changes[0].existing == edge
        assert changes[0].action == "replace"


def _test(name: str, **more: Any) -> DbtTest:
    values: dict[str, Any] = {"kind": "generic", "test_name": "not_null", "attached_node": "model.shop.a"}
    return DbtTest(f"test.shop.{name}", name, **(values | more))


def _result(name: str, status: TestStatus, message: str | None = None, at: int = 1000) -> TestResult:
    return TestResult(f"test.shop.{name}", status, 2, message, at)


def test_tests_become_definitions_cases_and_results_on_the_right_table_and_column() -> None:
    tests = [
        _test("nn", column_name="id"),
        _test(
            "rel",
            test_name="relationships",
            column_name="ID",
            kwargs={"to": "ref('b')", "field": "id"},
            depends_on=("model.shop.b", "model.shop.a"),
        ),
        _test("values", test_name="accepted_values", column_name="Id", kwargs={"values": ["x", "y"]}),
        _test("rows", test_name="dbt_utils.at_least_one"),
        _test(
            "single", kind="singular", test_name="single", attached_node=None, depends_on=("model.shop.a",)
        ),
        _test("lost", column_name="nope"),
        _test("unit", kind="unit", test_name="unit"),
    ]
    results = [
        _result("nn", "pass"),
        _result("rel", "fail", "Got 2 results, configured to fail if != 0"),
        _result("values", "warn", "Got 2 results, configured to warn if != 0"),
        _result("rows", "error", "Database Error"),
        _result("single", "skipped"),
        _result("lost", "pass"),
    ]
    dbt = project(node("a"), node("b"), tests=tests, results=results)
    plan = plan_of(dbt, table("a", column("Id")), table("b", column("id")))
    assert {c.target for c in of_kind(plan, "test_definition")} == {
        "not_null",
        "relationships",
        "accepted_values",
        "at_least_one_table",
        "single_table",
    }
    cases = {c.name: c for c in plan.changes if isinstance(c, TestCaseChange)}
    assert cases["rel"].entity_link == "<#E::table::pg.wh.marts.a::columns::Id>"
    assert cases["rel"].fqn == "pg.wh.marts.a.Id.rel"
    assert cases["values"].parameters == (("accepted_values", "x,y"),)
    assert cases["rows"].entity_link == "<#E::table::pg.wh.marts.a>"
    assert cases["single"].parameters == ()
    assert "lost" not in cases
    found = {c.name: (c.status, c.text) for c in plan.changes if isinstance(c, TestResultChange)}
    assert found["nn"] == ("Success", "")
    assert found["rel"][0] == "Failed"
    assert found["values"] == (
        "Aborted",
        "dbt warned, the test did not fail (severity error): Got 2 results, configured to warn if != 0",
    )
    assert found["rows"] == ("Failed", "dbt could not run the test (severity error): Database Error")
    assert plan.expected.not_run == ("single",)
    assert plan.expected.missing_results == ("lost: pg.wh.marts.a has no column nope",)
    assert not any(c.kind == "test_suite" for c in plan.changes)


def test_old_servers_get_a_suite_a_table_and_one_owner() -> None:
    dbt = project(node("a", owners=["alice", "bob"]), tests=[_test("nn"), _test("un")])
    plan = plan_of(
        dbt, table("a"), dialect=OLD, owners={"alice": ALICE, "bob": OwnerRef("u2", "user", "bob")}
    )
    assert [c.target for c in of_kind(plan, "test_suite")] == ["pg.wh.marts.a"]
    assert all("test_suite:pg.wh.marts.a" in c.requires for c in of_kind(plan, "test_case"))
    assert [c.new for c in of_kind(plan, "owners")] == ["alice"]


@pytest.mark.parametrize(
    ("newest", "older", "sent"),
    [(1000, False, False), (900, False, True), (2000, False, True), (2000, True, False)],
)
def test_a_result_of_the_same_time_is_not_sent_again(newest: int, older: bool, sent: bool) -> None:
    link = "<#E::table::pg.wh.marts.a>"
    case = TestCase(
        id="c",
        name="nn",
        fullyQualifiedName="pg.wh.marts.a.nn",
        entityLink=link,
        testCaseResult=TestCaseResult(timestamp=newest, testCaseStatus="Success"),
    )
    plan = plan_of(
        project(node("a"), tests=[_test("nn")], results=[_result("nn", "pass")]),
        table("a"),
        cases={(link, "nn"): case},
        older_results=frozenset({("pg.wh.marts.a.nn", 1000)}) if older else frozenset(),
    )
    assert bool(of_kind(plan, "test_result")) is sent
    assert of_kind(plan, "test_case") == []


def test_a_case_whose_column_is_spelt_otherwise_is_not_made_twice() -> None:
    link = "<#E::table::pg.wh.marts.a::columns::id>"
    case = TestCase(id="c", name="nn", fullyQualifiedName="pg.wh.marts.a.id.nn", entityLink=link)
    plan = plan_of(
        project(node("a"), tests=[_test("nn", column_name="id")], results=[_result("nn", "pass")]),
        table("a", column("ID")),
        cases={case_key(link, "nn"): case},
    )
    assert of_kind(plan, "test_case") == []
    (result,) = [change for change in plan.changes if isinstance(change, TestResultChange)]
    assert result.fqn == "pg.wh.marts.a.id.nn"


def test_a_test_cases_description_follows_dbts() -> None:
    link = "<#E::table::pg.wh.marts.a>"
    case = TestCase(id="c", name="nn", fullyQualifiedName="f", entityLink=link, description="old")
    dbt = project(node("a"), tests=[_test("nn", description="new")])
    (change,) = of_kind(plan_of(dbt, table("a"), cases={(link, "nn"): case}), "test_case")
    assert (change.old, change.new, change.requires) == ("old", "new", ())
    kept = plan_of(
        dbt,
        table("a"),
        cases={(link, "nn"): case},
        options=SyncOptions(update_descriptions=False),
    )
    assert of_kind(kept, "test_case") == []
    assert kept.conflicts[0].group == "tests"


def test_a_seed_describes_its_table_and_the_source_fills_its_gaps() -> None:
    seed = node("c", kind="seed", columns=[Column("id", "from seed")], tags=["s"])
    source = node(
        "c",
        kind="source",
        description="from source",
        columns=[Column("id", "x"), Column("b", "y")],
        tags=["t"],
    )
    plan = plan_of(project(source, seed), table("c", column("id"), column("b")))
    assert {c.label: c.new for c in of_kind(plan, "description")} == {
        "marts.c": "from source",
        "marts.c.id": "from seed",
        "marts.c.b": "y",
    }
    assert [c.new for c in of_kind(plan, "tags")] == ["dbtTags.s, dbtTags.t"]
    assert _model(plan)["resourceType"] == "seed"


def test_only_the_asked_for_nodes_are_changed_yet_their_upstreams_are_known() -> None:
    dbt = project(node("up", description="u"), node("down", description="d", depends_on=["model.shop.up"]))
    plan = plan_of(dbt, table("up"), table("down"), only=frozenset({"model.shop.down"}))
    assert {c.unique_id for c in plan.changes} == {"model.shop.down"}
    assert [c.target for c in of_kind(plan, "lineage")] == ["pg.wh.marts.up -> pg.wh.marts.down"]


def test_options_leave_whole_groups_out() -> None:
    dbt = project(
        node("up"),
        node("a", tags=["core"], owners=["alice"], depends_on=["model.shop.up"]),
        tests=[_test("nn")],
    )
    options = SyncOptions(update_owners=False, include_tags=False, include_lineage=False, include_tests=False)
    plan = plan_of(dbt, table("up"), table("a"), options=options, owners={"alice": ALICE})
    assert set(plan.counts) == {"data model"}


def test_the_plan_as_json_names_every_change_with_old_and_new() -> None:
    held = table("a", description="old", dataModel=DataModel(description="old"))
    plan = plan_of(project(node("a", description="new")), held)
    values = plan.as_dict()
    changes = values["changes"]
    assert isinstance(changes, list)
    assert changes[0] | {"note": ""} == {
        "key": "description:pg.wh.marts.a",
        "kind": "description",
        "group": "descriptions",
        "action": "replace",
        "target": "pg.wh.marts.a",
        "label": "marts.a",
        "table": "pg.wh.marts.a",
        "unique_id": "model.shop.a",
        "old": "old",
        "new": "new",
        "note": "",
        "requires": [],
    }
    assert len({change["key"] for change in changes}) == len(changes)
    assert plan.summary() == "2 changes, 0 tables unchanged"


@pytest.mark.parametrize(
    ("found", "status", "text"),
    [
        (FreshnessResult("source.shop.raw", "pass", age_seconds=60.0, completed_at_ms=7), "Success", ""),
        (
            FreshnessResult(
                "source.shop.raw",
                "error",
                max_loaded_at_ms=0,
                age_seconds=7200.0,
                warn_after_seconds=1800,
                error_after_seconds=3600,
                completed_at_ms=7,
            ),
            "Failed",
            "dbt's freshness check failed; the latest row was 2 h old, of 1970-01-01 00:00 UTC; "
            "warn after 30 minute; error after 1 hour",
        ),
        (
            FreshnessResult("source.shop.raw", "runtime error", message="no such\ntable", completed_at_ms=7),
            "Aborted",
            "dbt could not check the freshness: no such table",
        ),
    ],
)
def test_a_sources_freshness_is_a_test_of_its_table(found: FreshnessResult, status: str, text: str) -> None:
    dbt = project(node("raw", kind="source"), freshness=[found])
    plan = plan_of(dbt, table("raw"))
    (definition,) = of_kind(plan, "test_definition")
    assert definition.target == "raw_freshness_table"
    (case,) = of_kind(plan, "test_case")
    (result,) = of_kind(plan, "test_result")
    assert isinstance(case, TestCaseChange)
    assert isinstance(result, TestResultChange)
    limits = (("error_after", "1 hour"), ("warn_after", "30 minute")) if status == "Failed" else ()
    assert (case.name, case.column, case.parameters) == ("raw_freshness", "", limits)
    assert (result.status, result.timestamp, result.text) == (status, 7, text)
    assert result.values == (("source.shop.raw", "1" if status == "Success" else "0"),)
    (expected,) = plan.expected.results.values()
    assert (expected.status, expected.timestamp, expected.of_freshness) == (status, 7, True)


def test_freshness_that_is_there_already_is_left_alone() -> None:
    found = FreshnessResult("source.shop.raw", "pass", completed_at_ms=7)
    dbt = project(node("raw", kind="source"), freshness=[found])
    link = "<#E::table::pg.wh.marts.raw>"
    case = TestCase(
        id="c1",
        name="raw_freshness",
        fullyQualifiedName="pg.wh.marts.raw.raw_freshness",
        entityLink=link,
        testCaseResult=TestCaseResult(timestamp=7, testCaseStatus="Success"),
    )
    plan = plan_of(dbt, table("raw"), cases={case_key(link, "raw_freshness"): case})
    assert of_kind(plan, "test_case") == of_kind(plan, "test_result") == []
