"""A sync that is disturbed at any point and run again: the end state of an undisturbed one."""

import asyncio
import multiprocessing
import os
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.types import (
    PHASES,
    Applied,
    Cancelled,
    Failed,
    LogLine,
    PhaseStarted,
    PlanReady,
    Retrying,
    RunFinished,
    Skipped,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history.records import list_records
from dbtcollate_tui.plan.model import DataModelChange, DescriptionChange, Group, LineageChange
from dbtcollate_tui.plan.selection.scope import Scope
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.settings.store import ProfileStore
from dbtcollate_tui.sync import direct
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.retry import Leftover, retry_direct
from tests.support.faulty import Fault, faulty
from tests.support.interrupted_sync import QUICK, differences, ends
from tests.support.server_versions import IN_CI
from tests.support.tls_front import PROTOCOLS, Protocol

OTHER_FAULTS: tuple[Fault, ...] = ("503", "dropped before", "dropped after")
FEW = Scope(select=("fct_orders", "customer_value"))
PARTS, SAMPLED = 4, 13
"""Every write of the shop in four parts; every thirteenth over the second protocol."""
KILLS, A_CHAIN = 25, 5
FEWER = 8
"""So many writes fewer an interrupted sync may take: of cases made many at once, some are there already."""
WITHIN_SECONDS = 60.0


def end_of(events: list[SyncEvent]) -> RunFinished:
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last


@pytest.mark.parametrize(
    ("protocol", "version", "part", "parts"),
    [
        *(("1.1", "latest", part, PARTS) for part in range(PARTS)),
        ("2", "latest", 0, SAMPLED),
        ("1.1", "1.6.1", 3, 4 * SAMPLED),
        *(pytest.param("2", "latest", part, PARTS, marks=pytest.mark.slow) for part in range(PARTS)),
        *(pytest.param("1.1", version, 0, PARTS, marks=pytest.mark.slow) for version in IN_CI),
    ],
)
async def test_each_write_failing_once_leaves_nothing_behind(
    tmp_path: Path, protocol: Protocol, version: str, part: int, parts: int
) -> None:
    """Every write of the whole shop, refused and then lost on the way; the parts may run side by side."""
    async with ends(tmp_path, protocol, version) as both:
        server = both.server
        plan = await both.plan()
        assert end_of(await both.write(plan)).outcome == "ok"
        undisturbed, writes = server.state(), server.writes
        assert writes > 100
        for number in range(1 + part, writes + 1, parts):
            faults: tuple[Fault, ...] = ("500", OTHER_FAULTS[number % len(OTHER_FAULTS)])
            for fault in faults:
                server.fresh()
                server.break_one(number, fault)
                events = await both.write(plan)
                assert server.writes >= number
                server.break_one(0, fault)
                end = end_of(events)
                lost = [event.change for event in events if isinstance(event, Failed | Skipped)]
                assert end.counts.written + len(lost) == len(plan.changes)
                assert (end.exit_code == ExitCode.OK) == (not lost), (number, fault)
                if lost:
                    again = end_of(await both.write(await both.plan()))
                    assert again.exit_code == ExitCode.OK, (number, fault, again.text)
                assert differences(server.state(), undisturbed) == [], (number, fault)


async def test_writes_that_came_too_fast_are_sent_again_fewer_at_once(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        server = both.server
        plan = await both.plan(FEW)
        await both.write(plan)
        undisturbed = server.state()
        server.fresh()
        server.on_write = lambda number: "too fast" if number % 3 else None
        events = await both.write(await both.plan(FEW))
        assert end_of(events).outcome == "ok"
        assert differences(server.state(), undisturbed) == []
        assert any(isinstance(e, Retrying) and e.reason == "answered 429" for e in events)
        assert any(
            isinstance(e, LogLine) and "refuses writes for now (answered 429)" in e.text for e in events
        )


async def test_a_refused_table_fails_alone_and_is_written_on_demand(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        server = both.server
        plan = await both.plan()
        await both.write(plan)
        undisturbed = server.state()
        for plan_again in (True, False):
            server.fresh()
            server.on_write = lambda number: "500" if number in range(20, 60) else None
            left = Leftover(plan)
            async for event in both.writing(plan):
                left.take(event)
            assert left.failed
            assert left.written
            assert not left.failed & left.written
            server.on_write = lambda number: None
            before = server.writes
            again = [
                event
                async for event in retry_direct(
                    Engine(server.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts),
                    left,
                    plan_again=plan_again,
                )
            ]
            assert [event for event in again if isinstance(event, Failed | Skipped)] == []
            assert end_of(again).exit_code == ExitCode.OK
            assert server.writes - before <= len(left.failed)
            assert differences(server.state(), undisturbed) == []


async def test_nothing_can_be_tried_again_before_there_is_a_plan(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        with pytest.raises(ValueError, match="no plan"):
            retry_direct(Engine(both.server.profile, both.dbt_cloud, both.collate), Leftover())


async def test_a_sync_emits_its_whole_plan_once_before_it_writes(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        events = [
            event async for event in run_direct(Engine(both.server.profile, both.dbt_cloud, both.collate))
        ]
        (emitted,) = [event for event in events if isinstance(event, PlanReady)]
        assert {change.key for change in emitted.plan.changes} == {change.key for change in plan.changes}
        assert emitted.seq < min(event.seq for event in events if isinstance(event, Applied))
        assert [event.phase for event in events if isinstance(event, PhaseStarted)] == list(PHASES)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_two_syncs_at_once_end_as_one(tmp_path: Path, protocol: Protocol) -> None:
    async with ends(tmp_path, protocol) as both:
        server = both.server
        plan = await both.plan()
        await both.write(plan)
        undisturbed = server.state()
        server.fresh()
        async with CollateClient(server.url, server.sandbox.collate_token, retries=QUICK) as other:
            await other.connect()
            second = run_direct(Engine(server.profile, both.dbt_cloud, other, report_runs=False), plan=plan)

            async def all_of_it() -> list[SyncEvent]:
                return [event async for event in second]

            ended = await asyncio.gather(both.write(plan), all_of_it())
        assert differences(server.state(), undisturbed) == []
        assert [end_of(events).counts.failed for events in ended] == [0, 0]
        assert (await both.plan()).changes == ()


async def test_a_cancel_does_not_wait_for_a_write_that_hangs_and_says_so(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        server = both.server
        plan = await both.plan()
        server.on_write = lambda number: "hangs" if number > 40 else None
        cancel = asyncio.Event()
        events: list[SyncEvent] = []
        async for event in both.writing(plan, cancel):
            events.append(event)
            if server.writes > 40:
                cancel.set()
        end = end_of(events)
        written = {event.change.key for event in events if isinstance(event, Applied)}
        assert (end.outcome, end.exit_code) == ("cancelled", ExitCode.INTERRUPTED)
        assert end.counts.written == len(written)
        assert end.counts.unsure > 0
        counts = end.counts
        assert counts.written + counts.unsure + counts.cancelled == len(plan.changes)
        assert f"{counts.unsure} sent without an answer" in end.text
        (told,) = [event for event in events if isinstance(event, Cancelled)]
        assert end.text in told.text
        assert any(isinstance(e, LogLine) and "they may be written" in e.text for e in events)
        server.on_write = lambda number: None
        server.released.set()
        await both.write(await both.plan())
        assert (await both.plan()).changes == ()


def _as_a_program(arguments: list[str], environment: dict[str, str]) -> None:
    """What a child process does: the program with these arguments, its output nowhere."""
    os.environ.clear()
    os.environ.update(environment)
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    from dbtcollate_tui.cli import run

    sys.exit(run(arguments))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_killed_at_many_moments_and_run_again(tmp_path: Path, protocol: Protocol) -> None:
    """SIGKILL at the n-th write, done or not, five times on the way to an end that is then compared."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(
        ["dbtcollate_tui.headless.sync", "dbtcollate_tui.cli", "keyring.core", __name__]
    )
    async with faulty(tmp_path, protocol=protocol) as server:
        ProfileStore().save(server.profile)
        environment = {
            **os.environ,
            "DBT_CLOUD_TOKEN": server.sandbox.dbt_cloud_token.get_secret_value(),
            "COLLATE_TOKEN": server.sandbox.collate_token.get_secret_value(),
        }
        command = ["sync", "--yes", "--engine", "direct", "--profile", "shop"]

        async def sync(kill_at: int | None = None, *, after: bool = False) -> int | None:
            child = forks.Process(target=_as_a_program, args=(command, environment))

            def kill(number: int) -> None:
                if kill_at is not None and number >= kill_at and child.pid is not None:
                    child.kill()

            server.on_write = (lambda number: None) if after else kill
            server.after_write = kill if after else lambda number: None
            child.start()
            await asyncio.to_thread(child.join, WITHIN_SECONDS)
            return child.exitcode

        first = await sync()
        undisturbed, writes = server.state(), server.writes
        chance = random.Random(f"2026-11-25 {protocol}")
        killed = 0
        for _ in range(KILLS // A_CHAIN):
            server.fresh()
            for moment in sorted(chance.sample(range(1, writes + 1 - FEWER), A_CHAIN)):
                assert await sync(moment, after=chance.random() < 0.5) == -9, moment
                killed += 1
            assert await sync() == first
            assert differences(server.state(), undisturbed) == []
        assert killed == KILLS


async def test_a_data_model_that_another_sync_wrote_meanwhile_is_left(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        await both.write(await both.plan(FEW))
        table = await both.collate.table("shop_warehouse.shop.marts.fct_orders")
        assert table is not None
        assert table.dataModel is not None
        ours = table.dataModel.sql

        async def another_writes(sql: str) -> None:
            await both.collate.put_data_model(
                table.id, {"modelType": "DBT", "resourceType": "model", "sql": sql}
            )

        await another_writes("select 'an older run'")
        plan = await both.plan(FEW)
        (change,) = [item for item in plan.changes if isinstance(item, DataModelChange)]
        await another_writes("select 'a newer run'")
        events = await both.write(plan, selection=[change.key])
        (failed,) = [event for event in events if isinstance(event, Failed)]
        assert failed.change == change
        assert "changed in Collate since" in failed.error.title
        end = end_of(await both.write(await both.plan(FEW)))
        assert end.counts.failed == 0
        now = await both.collate.table(table.fullyQualifiedName)
        assert now is not None
        assert now.dataModel is not None
        assert now.dataModel.sql == ours


async def test_a_table_and_its_data_model_are_one_write(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        both.collate.keeps_patched_models = False
        await both.write(plan)
        by_put, two_a_table = both.server.state(), both.server.writes
        both.server.fresh()
        both.collate.keeps_patched_models = None
        assert end_of(await both.write(await both.plan())).outcome == "ok"
        assert both.collate.keeps_patched_models is True
        assert differences(both.server.state(), by_put) == []
        of_table = {change.table.fqn for change in plan.changes if isinstance(change, DataModelChange)}
        assert both.server.writes <= two_a_table - len(of_table) // 2
        assert (await both.plan()).changes == ()


@pytest.mark.parametrize("models", ["ignored", "refused"])
async def test_no_data_model_is_lost_where_patches_drop_it(
    tmp_path: Path, models: Literal["ignored", "refused"]
) -> None:
    async with ends(tmp_path) as both:
        await both.write(await both.plan())
        undisturbed = both.server.state()
        both.server.fresh()
        both.server.models_in_patches = models
        both.collate.keeps_patched_models = None
        end = end_of(await both.write(await both.plan()))
        assert (end.outcome, end.counts.failed) == ("ok", 0)
        assert both.collate.keeps_patched_models is False
        assert differences(both.server.state(), undisturbed) == []


async def test_what_a_person_adds_to_an_edge_after_the_plan_stays(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        first = await both.plan(FEW)
        await both.write(first)
        change = next(item for item in first.changes if isinstance(item, LineageChange))
        edge = await both.collate.edge(change.upstream.id, change.downstream.id)
        assert edge is not None
        await both.collate.put_lineage(replace(edge, sqlQuery="select 'an older run'"))
        plan = await both.plan(FEW)
        assert [item.key for item in plan.changes] == [change.key]
        await both.collate.put_lineage(replace(edge, sqlQuery="", description="by ana"))
        assert end_of(await both.write(plan)).counts.written == 1
        now = await both.collate.edge(change.upstream.id, change.downstream.id)
        assert now is not None
        assert (now.sqlQuery, now.description) == (edge.sqlQuery, "by ana")


async def test_a_text_that_arrived_after_the_plan_is_not_written_over(tmp_path: Path) -> None:
    """An empty place has no old text to guard it, so the tables of an older plan are read again."""
    async with ends(tmp_path) as both:
        plan = await both.plan(FEW)
        change = next(
            item for item in plan.changes if isinstance(item, DescriptionChange) and not item.before
        )
        table = plan.tables[change.table.fqn]
        patch = TablePatch(table, both.collate.dialect)
        if change.column:
            patch.set_column_description(change.column, "by ana")
        else:
            patch.set_description("by ana")
        await both.collate.patch_table(table.id, patch.ops())
        events = await both.write(plan)
        assert [event.change for event in events if isinstance(event, Failed)] == [change]
        now = await both.collate.table(change.table.fqn)
        assert now is not None
        columns = {name: column.description for _, name, column in now.walk_columns()}
        assert (columns[change.column] if change.column else now.description) == "by ana"


@pytest.mark.parametrize("fault", ["dropped after", "dropped before"])
async def test_lost_answer_of_a_table_is_not_known(tmp_path: Path, fault: Fault) -> None:
    """No answer to any request for a table: neither written nor failed, in events, counts and record."""
    async with ends(tmp_path) as both:
        server = both.server
        plan = await both.plan(FEW)
        seen: dict[int, Fault | None] = {}
        state = StateStore(tmp_path / "state")
        chosen = [change.key for change in plan.changes if isinstance(change, DescriptionChange)]
        server.on_write = lambda number: seen.setdefault(number, fault)
        stream = run_direct(
            Engine(server.profile, both.dbt_cloud, both.collate, state=state, report_runs=False),
            plan=plan,
            selection=chosen,
        )
        events = [event async for event in stream]
        end = end_of(events)
        lost = [event for event in events if isinstance(event, Failed) and event.unsure]
        assert lost
        assert end.counts.unsure == len(lost)
        assert end.counts.failed == 0
        assert end.counts.written + end.counts.unsure + end.counts.skipped == len(chosen)
        assert end.as_dict()["counts"]["unsure"] == len(lost)  # type: ignore[index]
        assert f"{len(lost)} not known" in end.text
        assert end.exit_code is not ExitCode.OK
        (record,) = list_records(state, server.profile.name)
        assert (record.unsure, record.failed) == (len(lost), 0)
        assert all(failure.unsure for failure in record.failures)
        assert "not known" in record.counts


@pytest.mark.parametrize(
    ("path", "group"),
    [("/api/v1/lineage", "lineage"), ("/api/v1/dataQuality/testCases/testCaseResults", "test results")],
)
async def test_an_accepted_write_counts_once_it_was_read(tmp_path: Path, path: str, group: Group) -> None:
    async with ends(tmp_path) as here:
        plan = await here.plan()
        wanted = {change.key for change in plan.changes if change.group == group}
        here.server.ignored_path = path
        events = await here.write(plan)
        finished = events[-1]
        assert isinstance(finished, RunFinished)
        assert (finished.outcome, finished.exit_code) == ("partial", ExitCode.PARTIAL)
        assert finished.counts.unsure == len(wanted) > 0
        assert finished.counts.written == len(plan.changes) - len(wanted)
        assert finished.counts.written_by_group.get(group, 0) == 0
        left = Leftover(plan)
        for event in events:
            left.take(event)
        assert left.unwritten == wanted
        assert not left.written & wanted
        here.server.ignored_path = ""
        engine = Engine(here.server.profile, here.dbt_cloud, here.collate)
        again = [event async for event in retry_direct(engine, left, plan_again=False)]
        assert end_of(again).exit_code == ExitCode.OK
        assert end_of(again).counts.written == len(wanted)


async def test_writes_that_cannot_be_verified_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object, **__: object) -> None:
        raise ActionableError("it cannot be read")

    async with ends(tmp_path) as here:
        plan = await here.plan(FEW)
        monkeypatch.setattr(direct, "read_back", unreadable)
        finished = end_of(await here.write(plan))
        unread = [change for change in plan.changes if change.group in ("lineage", "test results")]
        assert finished.counts.unsure == len(unread) > 0
        assert finished.counts.written == len(plan.changes) - len(unread)
        assert (finished.outcome, finished.exit_code) == ("partial", ExitCode.PARTIAL)
