"""A plan that is used again equals one that read everything, whatever was changed in between."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from pydantic import SecretStr

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.events.types import PlanReady, RunFinished, SyncEvent
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync import plan_memory
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.plan_memory import Remembered, plan_of, still_holds
from tests.support.world import SERVICE, profile_for

T = TypeVar("T")
ORDERS = f"{SERVICE}.shop.marts.fct_orders"
WHOLE_LIST = "dataModel"
"""A field that the whole list of tables is read with, and the light one is not."""


@dataclass
class Settled:
    """A sandbox that was synced until nothing was left to write, with what that remembered."""

    sandbox: Sandbox
    folder: Path
    profile: Profile

    def engine(self, dbt_cloud: DbtCloudClient, collate: CollateClient) -> Engine:
        return Engine(
            self.profile,
            dbt_cloud,
            collate,
            artifacts=ArtifactStore(self.folder / "artifacts"),
            state=StateStore(self.folder / "state"),
            report_runs=False,
        )

    async def with_engine(self, work: Callable[[Engine], Awaitable[T]]) -> T:
        sandbox = self.sandbox
        async with (
            DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as dbt_cloud,
            CollateClient(sandbox.collate_url, sandbox.collate_token) as collate,
        ):
            await collate.connect()
            return await work(self.engine(dbt_cloud, collate))

    async def sync(self) -> RunFinished:
        async def work(engine: Engine) -> RunFinished:
            events = [event async for event in run_direct(engine)]
            (finished,) = [event for event in events if isinstance(event, RunFinished)]
            return finished

        return await self.with_engine(work)

    async def plan(self, scope: Scope = WHOLE) -> tuple[Plan, bool]:
        """The plan, and whether the tables were listed whole for it."""
        before = len(self.sandbox.requests)

        async def work(engine: Engine) -> list[SyncEvent]:
            return [event async for event in prepare_direct(engine, scope=scope)]

        events = await self.with_engine(work)
        (ready,) = [event.plan for event in events if isinstance(event, PlanReady)]
        seen = self.sandbox.requests[before:]
        return ready, any(r.path.endswith("/tables") and WHOLE_LIST in r.query for r in seen)

    async def settle(self) -> None:
        """Sync until a plan finds nothing to change and uses what an earlier one remembered."""
        for _ in range(3):
            await self.sync()
        plan, whole = await self.plan()
        assert not plan.changes
        assert not whole


def without_reads(plan: Plan) -> Plan:
    """The plan without what the compiled SQL reads, which no later step needs and no memory keeps."""
    return replace(plan, match=replace(plan.match, reads={}))


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    sandbox = Sandbox()
    sandbox.start()
    try:
        here = Settled(sandbox, tmp_path_factory.mktemp("memory"), profile_for(sandbox))
        asyncio.run(here.settle())
        yield here
    finally:
        sandbox.stop()


async def send(collate: CollateClient, method: str, path: str, body: object = None) -> None:
    kind = "application/json-patch+json" if method == "PATCH" else "application/json"
    await collate.call(method, path, doing="change it", body=body, content_type=kind)


async def edit_table_text(collate: CollateClient) -> None:
    table = await collate.table(ORDERS)
    assert table is not None
    patch = TablePatch(table, collate.dialect)
    patch.set_description("Written in Collate.")
    await collate.patch_table(table.id, patch.ops())


async def edit_column_text(collate: CollateClient) -> None:
    table = await collate.table(ORDERS)
    assert table is not None
    patch = TablePatch(table, collate.dialect)
    patch.set_column_description(table.columns[0].name, "A column's text, written in Collate.")
    await collate.patch_table(table.id, patch.ops())


async def edit_data_model(collate: CollateClient) -> None:
    table = await collate.table(ORDERS)
    assert table is not None
    await send(
        collate,
        "PATCH",
        f"/tables/{table.id}",
        [{"op": "replace", "path": "/dataModel/sql", "value": "select 1"}],
    )


async def remove_tags(collate: CollateClient) -> None:
    tables = [table async for table in collate.tables(f"{SERVICE}.shop", ("tags",)) if table.tags]
    await send(collate, "PATCH", f"/tables/{tables[0].id}", [{"op": "remove", "path": "/tags/0"}])


async def remove_owner(collate: CollateClient) -> None:
    tables = [table async for table in collate.tables(f"{SERVICE}.shop", ("owners",)) if table.owners]
    await send(collate, "PATCH", f"/tables/{tables[0].id}", [{"op": "remove", "path": "/owners/0"}])


async def delete_edge(collate: CollateClient) -> None:
    table = await collate.table(ORDERS)
    assert table is not None
    await collate.delete_lineage((await collate.lineage_upstream(table))[0])


async def delete_result(collate: CollateClient) -> None:
    cases = [case async for case in collate.all_test_cases() if case.testCaseResult is not None]
    case = cases[0]
    assert case.testCaseResult is not None
    name = case.fullyQualifiedName.replace("/", "%2F")
    path = f"/dataQuality/testCases/testCaseResults/{name}/{case.testCaseResult.timestamp}"
    await send(collate, "DELETE", path)


async def delete_test_case(collate: CollateClient) -> None:
    cases = [case async for case in collate.all_test_cases()]
    await send(collate, "DELETE", f"/dataQuality/testCases/{cases[0].id}")


async def edit_test_case(collate: CollateClient) -> None:
    cases = [case async for case in collate.all_test_cases()]
    ops = [{"op": "add", "path": "/description", "value": "Written in Collate."}]
    await collate.patch_test_case(cases[-1].id, ops)


async def delete_tag(collate: CollateClient) -> None:
    tags = await collate.tags("dbtTags")
    await send(collate, "DELETE", f"/tags/{tags[0].id}")


async def delete_table(collate: CollateClient) -> None:
    table = await collate.table(ORDERS)
    assert table is not None
    await send(collate, "DELETE", f"/tables/{table.id}")


EDITS = [
    edit_table_text,
    edit_column_text,
    edit_data_model,
    remove_tags,
    remove_owner,
    delete_edge,
    delete_result,
    delete_test_case,
    edit_test_case,
    delete_tag,
    delete_table,
]


async def test_a_settled_plan_lists_no_table_whole(settled: Settled) -> None:
    await settled.settle()
    reused, read_whole = await settled.plan()
    full, full_read_whole = await settled.plan(Scope(full=True))
    assert (read_whole, full_read_whole) == (False, True)
    assert without_reads(reused) == without_reads(full)
    assert reused.coverage == full.coverage
    assert reused.as_dict() == full.as_dict()
    assert not reused.changes


async def test_a_settled_sync_verifies_as_a_full_one(settled: Settled) -> None:
    await settled.settle()
    before = len(settled.sandbox.requests)
    finished = await settled.sync()
    assert finished.outcome == "ok"
    assert all(r.method == "GET" for r in settled.sandbox.requests[before:])
    assert finished.verification is not None
    found = {row.id: row.found or 0 for row in finished.verification.rows}
    assert min(found["descriptions"], found["lineage"], found["tests"]) > 0


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
async def test_an_edit_in_collate_is_noticed(
    settled: Settled, edit: Callable[[CollateClient], Awaitable[None]]
) -> None:
    await settled.settle()
    await settled.with_engine(lambda engine: edit(engine.collate))
    found, read_whole = await settled.plan()
    full, _ = await settled.plan(Scope(full=True))
    assert read_whole
    assert without_reads(found) == without_reads(full)
    assert found.as_dict() == full.as_dict()
    assert found.coverage == full.coverage
    assert found.changes or found.conflicts or found.match.missing


@pytest.mark.parametrize(
    "change",
    [
        lambda p: {"options": p.options.model_copy(update={"update_owners": False})},
        lambda p: {"options": p.options.model_copy(update={"include_lineage": False})},
        lambda p: {"options": p.options.model_copy(update={"owner_map": {"ana": "team"}})},
        lambda p: {"dbt_cloud": p.dbt_cloud.model_copy(update={"run_rule": "newest_completed"})},
    ],
    ids=["owners off", "lineage off", "owner map", "run rule"],
)
async def test_a_changed_profile_reads_everything(
    settled: Settled, change: Callable[[Profile], dict[str, object]]
) -> None:
    await settled.settle()
    other = replace(settled, profile=settled.profile.model_copy(update=change(settled.profile)))
    _, read_whole = await other.plan()
    assert read_whole


async def test_a_new_program_reads_everything(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    await settled.settle()
    monkeypatch.setattr(plan_memory, "_program", lambda: "another")
    assert (await settled.plan())[1]


async def test_another_server_version_reads_everything(settled: Settled) -> None:
    await settled.settle()

    async def work(engine: Engine) -> list[SyncEvent]:
        known = engine.collate.dialect
        engine.collate._dialect = replace(known, text="1.12.99", version=(1, 12, 99))
        return [event async for event in prepare_direct(engine)]

    before = len(settled.sandbox.requests)
    await settled.with_engine(work)
    seen = settled.sandbox.requests[before:]
    assert any(r.path.endswith("/tables") and WHOLE_LIST in r.query for r in seen)


@pytest.mark.parametrize("name", ["manifest", "run_results", "catalog"])
async def test_a_changed_artifact_reads_everything(settled: Settled, name: str) -> None:
    """A file that was changed on the disk is downloaded again; its digest is the one of before then."""
    await settled.settle()
    notes = sorted((settled.folder / "artifacts").rglob(f"*{name}.json.note"))
    kept = {path: path.read_text() for path in notes}
    try:
        for path in notes:
            file = path.with_suffix("")
            file.write_bytes(file.read_bytes().rstrip() + b"\n \n")
        assert not (await settled.plan())[1]
    finally:
        assert {path: path.read_text() for path in notes} == kept


async def test_another_run_reads_everything(settled: Settled) -> None:
    await settled.settle()

    async def work(engine: Engine) -> tuple[Plan, ...]:
        runs = await engine.dbt_cloud.runs(settled.sandbox.account_id, job_id=settled.sandbox.job_id)
        older = [run.id for run in runs if run.is_success][1]
        events = [event async for event in prepare_direct(engine, run_id=older)]
        return tuple(event.plan for event in events if isinstance(event, PlanReady))

    before = len(settled.sandbox.requests)
    (plan,) = await settled.with_engine(work)
    seen = settled.sandbox.requests[before:]
    assert any(r.path.endswith("/tables") and WHOLE_LIST in r.query for r in seen)
    assert plan.run is not None


async def test_each_kind_of_answer_is_compared(settled: Settled) -> None:
    """One answer that differs, whatever it was asked for, is noticed; none that is the same counts."""
    await settled.settle()
    (path,) = (settled.folder / "plans").iterdir()
    kept = msgspec.msgpack.decode(path.read_bytes(), type=Remembered)
    kinds = {key[0].rsplit("/", 1)[0]: place for place, (key, _) in enumerate(kept.reads)}
    assert len(kinds) >= 6

    async def work(engine: Engine) -> None:
        assert await still_holds(engine.collate, kept)
        for place in kinds.values():
            reads = [*kept.reads]
            reads[place] = (reads[place][0], b"another")
            assert not await still_holds(engine.collate, msgspec.structs.replace(kept, reads=reads))
        for fqn in kept.stamps:
            stamps = {**kept.stamps, fqn: b"another"}
            assert not await still_holds(engine.collate, msgspec.structs.replace(kept, stamps=stamps))

    await settled.with_engine(work)


async def test_a_damaged_memory_reads_everything(settled: Settled) -> None:
    await settled.settle()
    (path,) = (settled.folder / "plans").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert (await settled.plan())[1]


class _Foreign:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("run by a file",))


def test_a_memory_makes_the_program_run_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    kept = Remembered(b"", True, {}, [], pickle.dumps(_Foreign()))
    assert plan_of(kept) is None
    assert capsys.readouterr().out == ""


def test_a_token_is_in_no_memory(settled: Settled) -> None:
    (path,) = (settled.folder / "plans").iterdir()
    held = path.read_bytes()
    tokens: list[SecretStr] = [settled.sandbox.collate_token, settled.sandbox.dbt_cloud_token]
    assert not any(token.get_secret_value().encode() in held for token in tokens)
