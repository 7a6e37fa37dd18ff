"""What dbt no longer has: removed only where a sync from here wrote it, and only when asked."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import Table, TagLabel
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import RunFinished
from dbtcollate_tui.history.ledger import Written, load_written
from dbtcollate_tui.plan.model import (
    Plan,
    RemoveDescription,
    RemoveEdge,
    RemoveOwners,
    RemoveTags,
    RemoveTestCase,
    TagsChange,
)
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.compare import compare, read_artifacts
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.prepare import choose
from dbtcollate_tui.tui.widgets.change_rows import PlanOutline
from tests.support.world import SERVICE, profile_for

MARTS = f"{SERVICE}.shop.marts"
ORDERS = f"{MARTS}.fct_orders"
FIELDS = ("columns", "tags", "owners")
SHOP = "shop"


@dataclass
class Ends:
    dbt_cloud: DbtCloudClient
    collate: CollateClient
    profile: Profile
    choice: RunChoice
    project: Project
    state: StateStore

    @property
    def engine(self) -> Engine:
        return Engine(self.profile, self.dbt_cloud, self.collate, state=self.state, report_runs=False)

    async def plan(self, project: Project | None = None, scope: Scope = WHOLE) -> Plan:
        return await compare(
            EventEmitter(),
            "plan",
            self.engine,
            self.choice,
            project or self.project,
            scope,
        )

    async def write(self, plan: Plan, selection: Collection[str] | None = None) -> RunFinished:
        events = [
            event
            async for event in run_direct(
                self.engine,
                plan=plan,
                selection=selection,
            )
        ]
        last = events[-1]
        assert isinstance(last, RunFinished)
        return last

    async def table(self, fqn: str = ORDERS) -> Table:
        found = await self.collate.table(fqn, FIELDS)
        assert found is not None
        return found

    def ours(self) -> Written:
        return load_written(self.state, self.profile, SHOP)

    def changed(self, name: str, change: Callable[[Node], Node]) -> Project:
        """The project with one node as ``change`` makes it."""
        nodes = {uid: change(n) if n.name == name else n for uid, n in self.project.nodes.items()}
        return replace(self.project, nodes=nodes)


@asynccontextmanager
async def ends(folder: Path, version: str = "latest", scenario: str = "") -> AsyncIterator[Ends]:
    """A sandbox that holds the project already, by a sync from here."""
    async with (
        Sandbox(scenario, server_version=version) as sandbox,
        DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as dbt_cloud,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as collate,
    ):
        await collate.connect()
        profile = profile_for(sandbox)
        engine = Engine(profile, dbt_cloud, collate, artifacts=ArtifactStore(folder / "cache"))
        choice = await choose(EventEmitter(), engine, None)
        project = await read_artifacts(EventEmitter(), engine, choice)
        here = Ends(dbt_cloud, collate, profile, choice, project, StateStore(folder / "state"))
        await here.write(await here.plan())
        yield here


def bare(node: Node) -> Node:
    columns = tuple(replace(column, tags=(), meta_tags=(), glossary=()) for column in node.columns)
    return replace(node, tags=(), meta_tags=(), glossary=(), tier=None, owners=(), columns=columns)


@pytest.mark.parametrize("version", ["latest", "1.1"])
async def test_what_dbt_dropped_is_shown_and_goes_only_when_asked(tmp_path: Path, version: str) -> None:
    async with ends(tmp_path, version) as here:
        before = await here.table()
        assert before.tags
        assert before.owners
        without = here.changed(
            "fct_orders",
            lambda node: replace(bare(node), depends_on=node.depends_on[:1], compiled_code="select 1"),
        )
        plan = await here.plan(without)
        kinds = {type(change) for change in plan.removable if change.table_fqn == ORDERS}
        assert kinds == {RemoveTags, RemoveOwners, RemoveEdge}
        assert not {change.action for change in plan.changes} & {"remove"}
        assert (await here.write(plan)).outcome == "ok"
        kept = await here.table()
        assert {tag.tagFQN for tag in kept.tags} >= {tag.tagFQN for tag in before.tags}
        assert kept.owners == before.owners

        asked = await here.plan(without, Scope(remove=True))
        gone = [change for change in asked.changes if change.action == "remove"]
        assert {change.key for change in gone} == {change.key for change in plan.removable}
        assert asked.removable == ()
        end = await here.write(asked)
        assert (end.outcome, end.counts.written) == ("ok", len(asked.changes)), end.text
        after = await here.table()
        assert after.owners == ()
        tags = next(c for c in gone if isinstance(c, RemoveTags) and c.target == ORDERS)
        assert {tag.tagFQN for tag in after.tags} == set(tags.before) - set(tags.removed)
        for change in gone:
            if isinstance(change, RemoveEdge):
                assert await here.collate.edge(change.upstream.id, change.downstream.id) is None
        last = await here.plan(without)
        assert (last.changes, last.removable) == ((), ())


async def test_what_a_person_set_stays_though_dbt_named_it_once(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        table = await here.table()
        ours = next(tag for tag in table.tags if tag.tagFQN in here.ours().tags[ORDERS, ""])
        by_hand = [tag for tag in table.tags if tag != ours]
        by_hand.append(
            TagLabel(tagFQN=ours.tagFQN, source=ours.source, labelType="Manual", state="Confirmed")
        )
        for tags in ([tag for tag in table.tags if tag != ours], by_hand):
            now = await here.table()
            await here.collate.patch_table(now.id, TablePatch(now, here.collate.dialect).set_tags(tags).ops())
        plan = await here.plan(here.changed("fct_orders", bare), Scope(remove=True))
        await here.write(plan)
        assert ours.tagFQN in {tag.tagFQN for tag in (await here.table()).tags}


async def test_without_a_record_nothing_is_ours(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        here.state = StateStore(tmp_path / "another machine")
        plan = await here.plan(here.changed("fct_orders", bare), Scope(remove=True))
        assert [change for change in plan.changes if change.action == "remove"] == []
        assert plan.removable == ()
        assert "no sync from this machine" in plan.notes[-1]


async def test_an_edge_that_another_lineage_took_over_stays(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        without = here.changed(
            "fct_orders", lambda node: replace(node, depends_on=(), compiled_code="select 1")
        )
        (first, *_) = [c for c in (await here.plan(without)).removable if isinstance(c, RemoveEdge)]
        await here.collate.put_lineage(replace(first.edge, source="Manual"))
        assert first.key not in {change.key for change in (await here.plan(without)).removable}


async def test_a_run_without_compiled_sql_takes_no_edge_away(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        without = here.changed("fct_orders", lambda node: replace(node, depends_on=(), compiled_code=None))
        assert [c for c in (await here.plan(without)).removable if isinstance(c, RemoveEdge)] == []


async def test_a_node_that_is_gone_leaves_what_it_had_as_removable(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        nodes = {uid: node for uid, node in here.project.nodes.items() if node.name != "fct_orders"}
        without = replace(here.project, nodes=nodes)
        plan = await here.plan(without)
        of_it = [change for change in plan.removable if change.table_fqn == ORDERS]
        assert {type(change) for change in of_it} == {RemoveDescription, RemoveTags, RemoveOwners, RemoveEdge}
        listed = plan.as_dict()
        assert isinstance(listed["removable"], list)
        assert {item["action"] for item in listed["removable"]} == {"remove"}
        assert [kept for kept in plan.conflicts if kept.is_removal and kept.dbt] == []
        rows = {leaf.label: leaf for leaf in PlanOutline(plan).leaves if leaf.conflict}
        assert rows.keys() >= {change.label for change in of_it}
        part = await here.plan(without, Scope(select=("dim_customers",)))
        assert part.removable == ()
        one = plan.take_in([of_it[0].key])
        assert one.removable == tuple(change for change in plan.removable if change != of_it[0])
        end = await here.write(plan, [of_it[0].key])
        assert (end.outcome, end.counts.written) == ("ok", 1)
        again = await here.plan(without)
        assert {c.key for c in again.removable} == {c.key for c in one.removable}


def without_node(project: Project, name: str) -> Project:
    """The project as dbt writes it once a model is deleted: its tests are gone with it."""
    gone = next(uid for uid, node in project.nodes.items() if node.name == name)
    tests = {uid: test for uid, test in project.tests.items() if test.attached_node != gone}
    nodes = {uid: node for uid, node in project.nodes.items() if uid != gone}
    return replace(project, nodes=nodes, tests=tests)


@pytest.mark.parametrize("version", ["latest", "1.1"])
async def test_texts_and_tests_of_a_deleted_model_can_be_removed(tmp_path: Path, version: str) -> None:
    async with ends(tmp_path, version) as here:
        table = await here.table()
        edited = next(column.name for column in table.columns if (ORDERS, column.name) in here.ours().texts)
        patch = TablePatch(table, here.collate.dialect).set_column_description(edited, "A person's words.")
        await here.collate.patch_table(table.id, patch.ops())
        cases = {case.fullyQualifiedName for case in await here.collate.test_cases(ORDERS)}
        assert cases
        without = without_node(here.project, "fct_orders")
        kept = await here.plan(without)
        assert {c.target for c in kept.removable if isinstance(c, RemoveTestCase)} == cases
        assert (await here.write(await here.plan(without, Scope(remove=True)))).outcome == "ok"
        after = await here.table()
        texts = {column.name: column.description for column in after.columns if column.description}
        assert (after.description, texts) == ("", {edited: "A person's words."})
        assert await here.collate.test_cases(ORDERS) == []
        again = await here.plan(without, Scope(remove=True))
        assert (again.changes, again.removable) == ((), ())
        back = await here.plan()
        assert {c.target for c in back.changes if c.kind == "test_case"} == cases


async def test_a_deleted_test_of_a_model_that_stays_can_be_removed(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        node = next(uid for uid, item in here.project.nodes.items() if item.name == "fct_orders")
        gone = next(test for test in here.project.tests.values() if test.attached_node == node)
        tests = {uid: test for uid, test in here.project.tests.items() if uid != gone.unique_id}
        without = replace(here.project, tests=tests)
        left = [c for c in (await here.plan(without)).removable if isinstance(c, RemoveTestCase)]
        assert [change.name for change in left] == [gone.name]
        renamed = replace(gone, unique_id=f"{gone.unique_id}2")
        same_case = replace(without, tests={**tests, renamed.unique_id: renamed})
        assert (await here.plan(same_case)).removable == ()
        part = await here.plan(without, Scope(select=("dim_customers",)))
        assert part.removable == ()


async def test_a_text_that_dbt_dropped_is_offered_once(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        without = here.changed("fct_orders", lambda node: replace(node, description=""))
        (left,) = (await here.plan(without)).removable
        assert isinstance(left, RemoveDescription)
        assert (await here.write(await here.plan(without, Scope(remove=True)))).outcome == "ok"
        assert (await here.table()).description == ""
        last = await here.plan(without, Scope(remove=True))
        assert (last.changes, last.removable) == ((), ())


async def test_a_table_that_another_project_builds_now_keeps_all(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        table = await here.table()
        op = {"op": "add", "path": "/dataModel/dbtSourceProject", "value": "finance"}
        await here.collate.patch_table(table.id, [op])
        plan = await here.plan(without_node(here.project, "fct_orders"))
        assert [change for change in plan.removable if change.table_fqn == ORDERS] == []


async def test_a_run_that_builds_elsewhere_loses_nothing(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        elsewhere = here.changed("fct_orders", lambda node: replace(node, schema="dbt_cloud_pr_7"))
        assert [c for c in (await here.plan(elsewhere)).removable if c.table_fqn == ORDERS] == []


async def test_a_tag_that_is_added_and_one_that_is_removed_go_in_one_patch(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        changed = here.changed("fct_orders", lambda node: replace(bare(node), tags=("brand_new",)))
        plan = await here.plan(changed, Scope(remove=True, tables=("fct_orders",)))
        assert {TagsChange, RemoveTags} <= {type(c) for c in plan.changes if c.table_fqn == ORDERS}
        assert (await here.write(plan)).outcome == "ok"
        tags = {tag.tagFQN for tag in (await here.table()).tags}
        assert "dbtTags.brand_new" in tags
        assert not tags & next(
            set(c.removed) for c in plan.changes if isinstance(c, RemoveTags) and not c.column
        )


def test_the_record_forgets_what_was_replaced_or_removed() -> None:
    written = Written()
    place = {"what": "tags", "table": "t", "column": ""}
    written.take({**place, "fqns": ["a", "b"]})
    written.take({**place, "fqns": ["c"], "gone": ["a"]})
    assert written.tags == {("t", ""): {"b", "c"}}
    written.take({**place, "gone": ["b", "c"]})
    written.take({"what": "owners", "table": "t", "ids": ["u"]})
    written.take({"what": "owners", "table": "t", "ids": []})
    written.take({"what": "edge", "up": "a", "down": "b"})
    assert written.tables == {"b"}
    written.take({"what": "edge", "up": "a", "down": "b", "gone": True})
    assert not written


async def test_a_damaged_line_and_another_projects_count_for_nothing(tmp_path: Path) -> None:
    async with ends(tmp_path) as here:
        before = here.ours()
        assert before.owners
        (path,) = here.state.folder_of(here.profile.name).glob("written-*.ndjson")
        with path.open("a", encoding="utf-8") as file:
            file.write('{"what": "owners", "table": "x", "ids": ["u"], "project": "other"}\n')
            file.write('[1]\n{"what": "tags", "project": "shop"}\n{"what": "ow')
        assert here.ours() == before
