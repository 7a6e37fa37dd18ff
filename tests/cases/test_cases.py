"""Every case syncs without a failure, and a second sync finds nothing to write."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.plan.explanation.coverage import after
from dbtcollate_tui.plan.explanation.explain import changes_of
from dbtcollate_tui.plan.explanation.lookup import find_nodes
from dbtcollate_tui.plan.selection.scope import Scope
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.compare import compare
from dbtcollate_tui.sync.explain import explain_nodes
from tests.cases.runner import DATA, Cases, cases, load_case

MOST_EXPLAINED = 8
"""Tables of one case, so that the large ones do not take the most time."""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[Cases]:
    async with cases() as found:
        yield found


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.json")))
async def test_case_is_written_once(world: Cases, tmp_path: Path, name: str) -> None:
    place = world.place(tmp_path)
    case = load_case(name)
    await place.prepare(case)
    first = await place.sync(case)
    assert first.failures == []
    assert first.finished.outcome == "ok"
    second = await place.sync(case)
    assert second.changes == []
    counted, read = after(first.plan, first.written), second.plan.coverage
    assert read is not None
    assert counted == {fact: (cell.dbt, cell.collate) for fact, cell in read.whole.cells.items()}


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.json")))
async def test_explanation_says_what_the_plan_does(world: Cases, tmp_path: Path, name: str) -> None:
    """For each table of the case: the changes that the whole plan has for it, and no others."""
    place = world.place(tmp_path)
    case = load_case(name)
    await place.prepare(case)
    project, choice = await place.project(case)
    engine = place.engine(case)
    plan = await compare(EventEmitter(), "plan", engine, choice, project)
    nodes = {ref.fqn: one for one, ref in sorted(plan.match.matched.items())}
    for fqn, unique_id in sorted(nodes.items())[:MOST_EXPLAINED]:
        ids = find_nodes(project, unique_id).unique_ids
        found = await explain_nodes(engine, project, ids)
        assert found.fqn == fqn
        assert {change.key: change.new for change in found.changes} == {
            change.key: change.new for change in changes_of(plan, fqn)
        }


async def test_package_test_fails_on_the_table_that_it_read(world: Cases, tmp_path: Path) -> None:
    """dbt attaches it to the package's model of the same name, whose table has no null."""
    place = world.place(tmp_path)
    await place.twice(load_case("package-test"))
    found = await place.results()
    assert {name: status for name, status in found.items() if status == "Failed"} == {
        "pk.main.dim_customers.id.not_null_dim_customers_id": "Failed"
    }


async def test_table_keeps_the_texts_of_the_project_that_builds_it(world: Cases, tmp_path: Path) -> None:
    """Another dbt project reads the table as a source with texts of its own."""
    place = world.place(tmp_path)
    owner, reader = load_case("mesh-a"), load_case("source-of-other-project")
    await place.twice(owner)
    before = await place.tables()
    guest = await place.twice(reader)
    after = await place.tables()
    built = {name: table for name, table in before.items() if table.get("dataModel")}
    assert built
    for name, table in built.items():
        assert after[name].get("description") == table.get("description")
        assert after[name].get("dataModel") == table["dataModel"]
    assert any("dbt project" in line for line in guest.conflicts)
    assert "builds 1 table that this project reads" in guest.notes
    assert (await place.sync(owner)).changes == []


async def test_stub_of_another_project_gives_edges_alone(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("mesh-a"))
    before = await place.tables()
    found = await place.twice(load_case("mesh-b"))
    after = await place.tables()
    built = {name: table for name, table in before.items() if table.get("dataModel")}
    assert built
    for name, table in built.items():
        for key in ("description", "columns", "dataModel", "owners", "tags"):
            assert after[name].get(key) == table.get(key)
    assert any(change.startswith("lineage") for change in found.changes)
    assert "referred to here, give edges only" in found.notes


async def test_exclusive_tags_are_swapped_in_one_patch(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    tags: list[set[str]] = []
    for name in ("excl-1", "excl-2", "excl-3"):
        first = await place.twice(load_case(name))
        assert first.failures == []
        assert first.conflicts == []
        (table,) = (await place.tables()).values()
        tags.append({label["tagFQN"] for label in table["tags"]})
    assert tags[0] >= {"PII.Sensitive"}
    assert tags[1] >= {"PII.NonSensitive"}
    assert all(len({fqn for fqn in found if fqn.startswith("PII.")}) == 1 for found in tags)
    assert all(len({fqn for fqn in found if fqn.startswith("Tier.")}) == 1 for found in tags)


async def test_expression_tests_are_tests_of_the_table(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("expression-test"))
    found = await place.results()
    assert len(found) == 3
    assert all(name.count(".") == 3 for name in found)
    assert None not in found.values()
    assert first.conflicts == []


async def test_shared_test_case_shows_the_worse_result(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("one-case-two-tests"))
    assert list((await place.results()).values()) == ["Failed"]


async def test_selected_part_finds_equal_what_the_whole_wrote(world: Cases, tmp_path: Path) -> None:
    """A seed and a source on one table: either alone says of the table what both say."""
    place = world.place(tmp_path)
    for name in ("one-case-two-tests", "model-and-source"):
        case = load_case(name)
        await place.twice(case)
        kinds = {unique_id.partition(".")[0] for unique_id in (await place.project(case))[0].nodes}
        builder = "seed" if "seed" in kinds else "model"
        for selector in (f"resource_type:{builder}", "resource_type:source"):
            assert (await place.sync(case, Scope(select=(selector,)))).changes == []


async def test_empty_build_leaves_the_failed_test(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("empty-after"))
    assert "Failed" in (await place.results()).values()
    models = [table["dataModel"] for table in (await place.tables()).values() if table.get("dataModel")]
    assert all("limit 0" not in model.get("sql", "") for model in models)
    assert "--empty" in first.notes


async def test_sql_of_partial_steps_arrives(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("multi-select"))
    models = {name: table["dataModel"] for name, table in (await place.tables()).items()}
    built = [m for m in models.values() if m["resourceType"] in ("model", "snapshot")]
    assert len(built) == 3
    assert all(model["sql"] for model in built)
    edges = await place.edges()
    assert edges
    assert all(edge.get("sqlQuery") and edge.get("columnsLineage") for edge in edges.values())


async def test_retried_models_have_their_sql(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("retry"))
    assert "1 model or snapshot has no compiled SQL" in first.notes


async def test_texts_of_columns_that_differ_in_case_both_arrive(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("twin-columns"))
    (table,) = (await place.tables()).values()
    texts = {column["name"]: column.get("description") for column in table["columns"]}
    twins = [name for name in texts if name.casefold() == "id"]
    assert len({texts[name] for name in twins}) == len(twins) == 2


async def test_terms_and_tier_are_set_without_tags(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path, SyncOptions(include_tags=False))
    await place.twice(load_case("glossary-without-tags"))
    (table,) = (await place.tables()).values()
    assert {label["tagFQN"] for label in table["tags"]} == {"Business.Customer", "Tier.Tier1"}


async def test_core_and_fusion_plan_the_same_tags(world: Cases, tmp_path: Path) -> None:
    """One project, built by dbt-core 1.12 and by dbt Fusion."""
    plans = []
    for name in ("atlas-core", "atlas-fusion"):
        place = world.place(tmp_path / name)
        case = load_case(name)
        await place.prepare(load_case("atlas-core"))
        plan = (await place.sync(case)).plan
        tags = ((c.label, sorted(c.new.split(", "))) for c in plan.of("tags") if c.kind == "tags")
        plans.append(sorted(tags))
    assert plans[0] == plans[1]
    assert len(plans[0]) == 18


async def test_moving_to_fusion_changes_what_the_engines_say(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("atlas-core"))
    fusion = await place.sync(load_case("atlas-fusion"))
    kinds = {change.kind for change in fusion.plan.changes}
    assert kinds <= {"data_model", "lineage", "test_result", "test_case", "test_definition", "description"}


async def test_moving_to_fusion_and_back_settles_each_time(world: Cases, tmp_path: Path) -> None:
    """What core wrote, Fusion changes where it says something else, and core changes exactly that back."""
    place = world.place(tmp_path)
    core, fusion = load_case("atlas-core"), load_case("atlas-fusion")
    await place.twice(core)
    away, again = await place.twice(fusion), await place.sync(core)
    assert again.failures == []
    assert sorted(change.partition(" ")[0] for change in again.changes) == [
        "data_model",
        "lineage",
        "lineage",
    ]
    assert set(again.changes) <= set(away.changes)
    assert (await place.sync(core)).changes == []


async def test_columns_that_fusion_renames_come_back_with_core(world: Cases, tmp_path: Path) -> None:
    """Fusion lower-cases the headers of seeds: what hangs on "Full Name" goes and comes back with it."""
    place = world.place(tmp_path)
    core, fusion = load_case("atlas-core"), load_case("atlas-fusion")
    await place.twice(core)
    for case in (fusion, core):
        await place.rebuild(case)
        back = await place.sync(case)
        assert (await place.sync(case)).changes == []
    engines = ("data_model:", "lineage:")
    others = [change for change in back.plan.changes if not change.key.startswith(engines)]
    assert sorted(change.label for change in others) == [
        "raw.raw_customers.Full Name",
        "staging.stg_Customers.Full Name",
        "staging.stg_Customers.Full Name",
    ]
    assert len(back.changes) == 10


async def test_names_that_collate_refuses_are_known_before(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    tags = await place.twice(load_case("odd-tags"))
    assert "The dbt tag a::b is left out" in tags.notes
    assert "over 256 characters" in tags.notes
    tests = await world.place(tmp_path / "b").twice(load_case("test-colons"))
    assert "check::both" in tests.notes


async def test_removed_model_loses_its_tag_when_asked(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("remove-crash-v1"))
    await place.prepare(load_case("remove-crash-v2"))
    gone = await place.sync(load_case("remove-crash-v2"), Scope(remove=True))
    assert gone.failures == []
    assert any(change.startswith("remove_tags") for change in gone.changes)
    assert f"{place.service}.wh.main.goes" in gone.plan.tables
    assert all(not table["tags"] for name, table in (await place.tables()).items() if "goes" in name)
    assert (await place.sync(load_case("remove-crash-v2"), Scope(remove=True))).changes == []


def _manifest_of(case: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(body for body in case["contents"].values() if "results" not in body)
    return found


async def test_disabled_model_leaves_its_tag_as_removable(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("remove-crash-v1"))
    manifest = load_case("remove-crash-v1")
    contents = next(
        body for body in manifest["contents"].values() if "nodes" in body and "results" not in body
    )
    node = contents["nodes"].pop("model.shopx.goes")
    contents["disabled"] = {"model.shopx.goes": [node]}
    kept = await place.sync(manifest)
    assert kept.changes == []
    assert [change.kind for change in kept.plan.removable] == ["remove_tags"]
    assert "dbt no longer builds 1 table of Collate's" in kept.notes


async def test_unreadable_model_loses_nothing(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("remove-crash-v1"))
    odds: list[dict[str, object]] = [{"tags": {"a": 1}}, {"schema": []}]
    for odd in odds:
        case = load_case("remove-crash-v1")
        contents = next(
            body for body in case["contents"].values() if "nodes" in body and "results" not in body
        )
        contents["nodes"]["model.shopx.goes"] |= odd
        found = await place.sync(case, Scope(remove=True))
        assert not any(change.startswith("remove") for change in found.changes)
        assert "$.nodes" in found.notes
