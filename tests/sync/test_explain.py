"""An explanation says what the plan says, of every table, at few requests."""

from dataclasses import replace

import pytest

from dbtcollate_tui.events.types import PlanReady
from dbtcollate_tui.fixes import ProfileField, SetField
from dbtcollate_tui.history.records import list_records
from dbtcollate_tui.plan.explanation.explain import Explanation, changes_of
from dbtcollate_tui.plan.explanation.lookup import find_nodes
from dbtcollate_tui.plan.explanation.text import mermaid
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.sandbox.dbt_cloud.content import TESTS_ID
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.sync.coverage import read_coverage
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.explain import explain_nodes, explain_table
from tests.support.world import World, engine_of, world

MOST_REQUESTS = 12
"""The table, its history, edges, test cases, definitions, tags, owners, exposures, and its parents."""


async def plan_of(here: World) -> Plan:
    """The whole project's plan, as ``dbtcollate plan`` makes it."""
    events = prepare_direct(await engine_of(here))
    plans = [event.plan async for event in events if isinstance(event, PlanReady)]
    return plans[-1]


async def explained(here: World, name: str, levels: int = 0) -> Explanation:
    found = await explain_table(
        await engine_of(here),
        name,
        levels=levels,
    )
    assert found.explanation is not None, found.lookup
    return found.explanation


async def sync(here: World) -> None:
    events = run_direct(await engine_of(here))
    async for _ in events:
        pass


@pytest.mark.parametrize("scenario", ["", "upper-case", "not-ingested", "edited"])
async def test_next_sync_is_that_of_the_whole_plan(scenario: str) -> None:
    async with world(scenario) as here:
        plan = await plan_of(here)
        project = await here.context().project()
        engine = await engine_of(here)
        tables = {ref.fqn: one for one, ref in plan.match.matched.items()}
        for fqn, unique_id in tables.items():
            ids = find_nodes(project, unique_id).unique_ids
            found = await explain_nodes(engine, project, ids)
            assert found.fqn == fqn
            assert {change.key: change.new for change in found.changes} == {
                change.key: change.new for change in changes_of(plan, fqn)
            }, fqn
            if unique_id.endswith("orders"):
                assert replace(await explained(here, unique_id), run_text="") == found
        missing = {item.unique_id: item.cause for item in plan.match.unmatched}
        for unique_id, cause in missing.items():
            found = await explain_nodes(engine, project, (unique_id,))
            assert found.unmatched is not None
            assert found.unmatched.cause == cause


@pytest.mark.parametrize("search", ["", "search-down"])
async def test_explanation_needs_few_requests(search: str) -> None:
    """At most twelve with the search index up; one more a parent without it, one more for the tree."""
    async with world(search) as here:
        await explained(here, "fct_orders")
        project, collate = await here.context().project(), await here.connections.collate()
        for unique_id in (await here.context().report()).matched:
            for levels in (0, 2):
                before = here.services.request_log.newest(5000)
                found = await explained(here, unique_id, levels)
                known = {id(record) for record in before}
                records = here.services.request_log.newest(5000)
                asked = [
                    one.path for one in records if id(one) not in known and one.host == collate.transport.host
                ]
                same = {one for one in found.unique_ids if one in project.nodes}
                parents = {parent for one in same for parent in project.upstreams(one)}
                allowed = MOST_REQUESTS + (len(parents) if search else 0) + bool(levels)
                assert 0 < len(asked) <= allowed, (unique_id, allowed, asked)


async def test_synced_table_is_complete_in_collate() -> None:
    async with world() as here:
        await sync(here)
        found = await explained(here, "stg_orders", levels=2)
        assert found.is_good, found.verdict
        assert found.verdict == "Everything dbt says about this table is in Collate."
        assert {edge.origin for edge in found.edges if edge.level == 1} == {"both"}
        files = {fact.name: fact.file for fact in found.facts}
        assert files["description"] == "models/staging/stg_orders.yml"
        assert files["data model"] == "models/staging/stg_orders.sql"
        assert all(fact.state in ("same", "collate_only") for fact in found.facts)


async def test_text_of_a_person_is_named_in_the_verdict() -> None:
    async with world("edited") as here:
        plan = await plan_of(here)
        conflict = next(item for item in plan.conflicts if item.group == "descriptions")
        table = conflict.target.removesuffix(f".{getattr(conflict.change, 'column', '')}")
        found = await explained(here, table)
        assert not found.is_good
        assert "is not shown because" in found.verdict
        fact = next(fact for fact in found.facts if fact.state == "conflict")
        assert fact.option == "--overwrite"
        assert fact.author is not None
        assert fact.author.name


async def test_table_that_collate_lacks_says_why() -> None:
    async with world("not-ingested") as here:
        project = await here.context().project()
        report = await here.context().report()
        missing = {item.unique_id: item for item in report.missing}
        assert missing
        first = next(iter(missing))
        found = await explained(here, first)
        assert not found.is_good
        assert found.unmatched == missing[first]
        assert "has no table in Collate" in found.verdict
        child = next(
            one
            for one in report.matched
            if set(project.upstreams(one)) & missing.keys() and one not in missing
        )
        below = await explained(here, child)
        assert below.verdict.startswith("Lineage is incomplete")
        lost = {edge.upstream for edge in below.edges if edge.gap == "no_table"}
        assert lost == set(project.upstreams(child)) & missing.keys()


async def test_history_counts_what_a_sync_brought() -> None:
    """The numbers of the record are those that reading both sides afterwards gives."""
    async with world() as here:
        engine = await engine_of(here)
        before = (await read_coverage(engine)).whole
        await sync(here)
        after = (await read_coverage(engine)).whole
        (record,) = list_records(here.services.state, here.profile.name, action="sync")
        held = {fact: (cell.dbt, cell.collate) for fact, cell in after.cells.items()}
        assert {fact: tuple(pair) for fact, pair in record.coverage.items()} == held
        assert sum(cell.gap for cell in after.cells.values()) < sum(c.gap for c in before.cells.values())
        assert record.percent is not None
        assert record.percent > 90


async def test_graph_of_lineage_is_connected() -> None:
    """Each table has one name in all levels, so that every edge hangs together with the table's own."""
    async with world("not-ingested") as here:
        found = await explained(here, "fct_orders", levels=3)
    reached = {found.fqn}
    for _ in found.edges:
        for edge in found.edges:
            if reached & {edge.upstream, edge.downstream}:
                reached |= {edge.upstream, edge.downstream}
    assert reached == {end for edge in found.edges for end in (edge.upstream, edge.downstream)}
    assert len(found.edges) > 5
    drawn = [line for line in mermaid(found).splitlines() if ">" in line]
    assert len(drawn) == len(found.edges)


async def test_explanation_links_both_pages() -> None:
    async with world() as here:
        found = await explained(here, "dim_customers")
        assert found.links["dbt Cloud"].endswith(
            f"/projects/{here.profile.dbt_cloud.project_id}/environments/production/details/"
            "model.shop.dim_customers"
        )
        assert find_nodes(await here.context().project(), found.links["dbt Cloud"]).unique_ids == (
            "model.shop.dim_customers",
        )


async def test_further_jobs_are_counted_and_explained() -> None:
    """Of the nightly job alone no test has a result; the profile's further job brings them."""
    async with world("split-jobs") as here:
        alone = await read_coverage(await engine_of(here))
        further = SetField("", ProfileField.JOBS, str(TESTS_ID))
        here.profile = changed_profile(here.profile, further)
        both = await read_coverage(await engine_of(here))
        found = await explained(here, "fct_orders")
    assert alone.whole.cells["passing"].dbt == 0
    assert both.whole.cells["passing"].dbt > 30
    assert any(change.kind == "test_result" for change in found.changes)


@pytest.mark.parametrize(("scenario", "name"), [("", "fct_orders"), ("not-ingested", "payroll_costs")])
async def test_verdict_comes_before_the_rest(scenario: str, name: str) -> None:
    """First whether there is a table, then all but the history and further lineage, then everything."""
    async with world(scenario) as here:
        project, stages = await here.context().project(), list[Explanation]()
        ids = find_nodes(project, name).unique_ids
        whole = await explain_nodes(await engine_of(here), project, ids, levels=2, on_stage=stages.append)
    first, second = stages
    assert first.verdict
    assert first.fqn == whole.fqn
    assert first.unmatched == whole.unmatched
    assert not first.facts
    assert first.reading
    assert second.reading
    assert second.verdict == whole.verdict
    assert [(fact.name, fact.column, fact.state) for fact in second.facts] == [
        (fact.name, fact.column, fact.state) for fact in whole.facts
    ]
    assert not whole.reading
