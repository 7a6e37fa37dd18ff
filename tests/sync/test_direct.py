"""The whole direct sync over real HTTP, against the sandbox."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import EntityReference
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.events.types import (
    Applied,
    Cancelled,
    Failed,
    PhaseFinished,
    PlanReady,
    Progress,
    Retrying,
    RunStarted,
    Skipped,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history.records import latest, list_records, load_log, load_plan
from dbtcollate_tui.plan.model import (
    DescriptionChange,
    ExposureChange,
    LineageChange,
    TestResultChange,
)
from dbtcollate_tui.sandbox.scenarios import scenario_named
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.pacing import RetryPolicy
from tests.support.direct_sync import FIELDS, MARTS, SERVICE, ends, finished


@pytest.mark.parametrize("version", ["latest", "1.1"])
async def test_the_first_sync_writes_and_the_second_plans_and_writes_nothing(
    tmp_path: Path, version: str
) -> None:
    async with ends(tmp_path, version=version) as both:
        first = await both.sync()
        end = finished(first)
        assert isinstance(first[0], RunStarted)
        assert (end.outcome, end.exit_code, end.counts.failed) == ("ok", ExitCode.OK, 0)
        assert end.counts.written == end.counts.planned == sum(isinstance(e, Applied) for e in first)
        assert set(end.counts.written_by_group) == {
            "descriptions",
            "owners",
            "tags",
            "data model",
            "lineage",
            "tests",
            "test results",
        }
        assert [e.phase for e in first if isinstance(e, PhaseFinished)] == [
            "run",
            "artifacts",
            "tables",
            "plan",
            "write",
            "verification",
        ]
        assert end.verification is not None
        descriptions = end.verification.row("descriptions")
        assert descriptions is not None
        assert descriptions.expected == descriptions.found
        assert descriptions.expected

        since = len(both.sandbox.requests)
        second = finished(await both.sync())
        assert (second.outcome, second.counts.planned) == ("ok", 0)
        assert both.writes(since) == Counter()
        assert second.verification is not None
        assert second.verification.rows[2:] == end.verification.rows[2:]


async def test_named_tables_hold_what_dbt_states(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        finished(await both.sync())
        orders = await both.collate.table(f"{MARTS}.fct_orders", FIELDS)
        assert orders is not None
        assert orders.description.startswith("# Orders")
        assert orders.dataModel is not None
        assert "select" in orders.dataModel.sql.lower()
        assert [owner.name for owner in orders.owners] == ["ana", "chen"]
        assert any(tag.tagFQN.startswith("dbtTags.") for tag in orders.tags)
        status = next(column for column in orders.columns if column.name == "status")
        assert status.description == "Status when the row was last loaded."
        upstream = {edge.fromEntity.name for edge in await both.collate.lineage_upstream(orders)}
        assert upstream == {"stg_orders", "stg_order_items", "stg_payments"}
        edges = await both.collate.lineage_upstream(orders)
        assert {edge.source for edge in edges} == {"DbtLineage"}
        assert all(edge.sqlQuery for edge in edges)
        cases = {
            case.name: case
            for case in await both.collate.test_cases(
                orders.fullyQualifiedName, ("testDefinition", "testCaseResult")
            )
        }
        child = cases["relationships_fct_orders_customer_id__customer_id__ref_dim_customers_"]
        assert child.entityLink == f"<#E::table::{MARTS}.fct_orders::columns::customer_id>"
        assert child.testCaseResult is not None
        assert child.testCaseResult.testCaseStatus == "Success"
        source = await both.collate.table(f"{SERVICE}.shop.raw.raw_customers", FIELDS)
        assert source is not None
        assert source.description


async def test_a_warning_is_aborted_and_says_that_it_warned(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        warned = [c for c in plan.changes if isinstance(c, TestResultChange) and c.status == "Aborted"]
        assert warned
        stale = [change for change in warned if change.name.endswith("_freshness")]
        assert [change.name for change in stale] == ["payments_freshness"]
        assert "freshness check warned" in stale[0].text
        assert "warn after 1 day; error after 10 day" in stale[0].text
        tests = [change for change in warned if change not in stale]
        assert tests
        assert all("dbt warned" in change.text and "severity warn" in change.text for change in tests)


async def test_preparing_writes_nothing(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        assert plan.changes
        assert both.writes(0) == Counter()


async def test_cancel_stops_between_writes_and_the_rest_is_written_later(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        cancel = asyncio.Event()
        events: list[SyncEvent] = []
        stream = run_direct(
            Engine(both.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts, cancel=cancel)
        )
        async for event in stream:
            events.append(event)
            if isinstance(event, Applied):
                cancel.set()
        end = finished(events)
        assert isinstance(events[-2], Cancelled)
        assert (end.outcome, end.exit_code) == ("cancelled", ExitCode.INTERRUPTED)
        assert 0 < end.counts.written < end.counts.planned
        assert end.counts.written + end.counts.cancelled == end.counts.planned
        rest = finished(await both.sync())
        assert rest.outcome == "ok"
        assert rest.counts.written >= end.counts.cancelled > 0
        assert (await both.plan()).changes == ()


async def test_cancel_before_the_plan_ends_at_once(tmp_path: Path) -> None:
    async with ends(tmp_path, "slow") as both:
        cancel = asyncio.Event()
        events: list[SyncEvent] = []
        async for event in prepare_direct(
            Engine(both.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts, cancel=cancel)
        ):
            events.append(event)
            cancel.set()
        assert finished(events).outcome == "cancelled"
        assert any(isinstance(event, Cancelled) for event in events)
        assert not any(isinstance(event, PlanReady) for event in events)


async def test_closing_the_stream_ends_its_work(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        before = asyncio.all_tasks()
        stream = run_direct(Engine(both.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts))
        async for event in stream:
            if isinstance(event, Applied):
                break
        await stream.aclose()
        assert asyncio.all_tasks() == before


async def test_text_changed_since_the_plan_stays_and_is_reported(tmp_path: Path) -> None:
    async with ends(tmp_path, "edited") as both:
        plan = await both.plan(overwrite=True)
        change = next(
            c for c in plan.changes if isinstance(c, DescriptionChange) and c.before and not c.column
        )
        table = plan.tables[change.table.fqn]
        ops = TablePatch(table, both.collate.dialect).set_description("written meanwhile").ops()
        await both.collate.patch_table(table.id, ops)
        events = await both.sync(plan=plan)
        (failed,) = [event for event in events if isinstance(event, Failed)]
        assert failed.change == change
        assert "changed in Collate since" in failed.error.title
        end = finished(events)
        assert (end.outcome, end.exit_code) == ("partial", ExitCode.PARTIAL)
        assert (end.counts.failed, end.counts.written) == (1, len(plan.changes) - 1)
        now = await both.collate.table(change.table.fqn, ("columns",))
        assert now is not None
        assert now.description == "written meanwhile"
        assert end.verification is not None
        row = end.verification.row("descriptions")
        assert row is not None
        assert row.state == "failed"
        assert [item.target for item in row.exceptions] == [change.table.fqn]


async def test_a_table_that_vanished_fails_alone(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        gone = plan.tables[f"{MARTS}.customer_value"]
        await both.collate.call("DELETE", f"/tables/{gone.id}", doing="delete the table")
        events = await both.sync(plan=plan)
        end = finished(events)
        assert end.outcome == "partial"
        lost = [e.change for e in events if isinstance(e, Failed | Skipped)]
        assert lost
        assert all(change is not None and "customer_value" in change.target for change in lost)
        assert end.counts.written + end.counts.failed + end.counts.skipped == end.counts.planned
        repeats = [e.repeats for e in events if isinstance(e, Failed)]
        assert max(repeats) > 0


async def test_a_selection_writes_itself_alone_even_where_the_server_would_add_more(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        chosen = [change.key for change in plan.of("data model")]
        end = finished(await both.sync(plan=plan, selection=chosen))
        assert (end.outcome, end.counts.written) == ("ok", len(chosen))
        orders = await both.collate.table(f"{MARTS}.fct_orders", FIELDS)
        assert orders is not None
        assert orders.dataModel is not None
        assert (orders.tags, orders.owners, orders.description) == ((), (), "")
        finished(await both.sync())
        assert (await both.plan()).changes == ()


async def test_what_needs_a_left_out_change_is_skipped_with_the_reason(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        keys = {c.key for c in plan.of("test results")}
        events = await both.sync(plan=plan, selection=keys)
        end = finished(events)
        skipped = [event for event in events if isinstance(event, Skipped)]
        assert len(skipped) == len(keys) == end.counts.skipped
        assert all("left out" in event.reason for event in skipped)
        assert both.writes(0) == Counter()


async def test_one_model_can_be_synced_alone(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan(select=["fct_orders"])
        edges = [c for c in plan.changes if isinstance(c, LineageChange)]
        assert {c.downstream.name for c in edges} == {"fct_orders"}
        uses = [c for c in plan.changes if isinstance(c, ExposureChange)]
        assert [(c.upstream.name, c.asset.fqn) for c in uses] == [
            ("fct_orders", "shop_bi.weekly_sales_board")
        ]
        assert {c.table.name for c in plan.changes if isinstance(c, DescriptionChange)} == {"fct_orders"}
        assert finished(await both.sync(select=["fct_orders"])).outcome == "ok"


async def test_an_unknown_model_is_a_usage_error_with_the_nearest_name(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        events = await both.sync(select=["fct_order"])
        assert finished(events).exit_code == ExitCode.USAGE
        (failed,) = [event for event in events if isinstance(event, Failed)]
        assert failed.change is None
        assert "fct_orders" in failed.error.as_text()


async def test_a_read_only_token_fails_once_a_kind_and_skips_the_rest(tmp_path: Path) -> None:
    async with ends(tmp_path, "collate-read-only") as both:
        events = await both.sync()
        end = finished(events)
        assert (end.outcome, end.exit_code, end.counts.written) == ("failed", ExitCode.AUTH, 0)
        assert end.counts.failed + end.counts.skipped == end.counts.planned
        assert end.counts.failed < end.counts.skipped


@pytest.mark.parametrize("scenario", ["collate-down", "collate-expired-token"])
async def test_a_server_lost_half_way_is_not_asked_for_every_change(tmp_path: Path, scenario: str) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan()
        hasty = CollateClient(
            both.sandbox.collate_url, both.sandbox.collate_token, retries=RetryPolicy(attempts=1)
        )
        async with hasty, Transport(both.sandbox.collate_url, None) as control:
            await hasty.connect()
            events: list[SyncEvent] = []
            async for event in run_direct(Engine(both.profile, both.dbt_cloud, hasty), plan=plan):
                events.append(event)
                if isinstance(event, Applied) and not any(isinstance(e, Applied) for e in events[:-1]):
                    await control.request("POST", "/_sandbox/scenario", json_body={"name": scenario})
            lost = finished(events)
            assert (lost.outcome, lost.exit_code) == ("partial", ExitCode.PARTIAL)
            assert lost.counts.written == sum(isinstance(event, Applied) for event in events)
            failed = [event for event in events if isinstance(event, Failed)]
            skipped = [event for event in events if isinstance(event, Skipped)]
            assert len(failed) < 30
            assert len(skipped) > 100
            assert {event.reason for event in skipped[-20:]} <= {event.error.title for event in failed}
            await control.request("POST", "/_sandbox/scenario", json_body={"name": "healthy"})
        assert finished(await both.sync()).outcome == "ok"
        assert (await both.plan()).changes == ()


async def test_flaky_server_gives_retries_and_a_whole_sync(tmp_path: Path) -> None:
    async with ends(tmp_path, "flaky", options=SyncOptions(include_tests=False, include_tags=False)) as both:
        events = await both.sync(select=["fct_orders"])
        assert finished(events).outcome == "ok"
        assert any(isinstance(event, Retrying) for event in events)
        assert (await both.plan(select=["fct_orders"])).changes == ()


async def test_the_wrong_service_is_one_error_that_names_the_fix(tmp_path: Path) -> None:
    async with ends(tmp_path, "wrong-service") as both:
        events = await both.sync()
        (failed,) = [event for event in events if isinstance(event, Failed)]
        assert "has a table in shop_warehouse" in failed.error.title
        assert failed.error.fixes[0].value == "service"
        assert finished(events).exit_code == ExitCode.FAILED
        assert both.writes(0) == Counter()


async def test_upper_case_tables_are_found_and_hold_everything(tmp_path: Path) -> None:
    async with ends(tmp_path, "upper-case") as both:
        assert finished(await both.sync()).outcome == "ok"
        table = await both.collate.table(f"{SERVICE}.SHOP.MARTS.FCT_ORDERS", FIELDS)
        assert table is not None
        assert table.description
        assert (await both.plan()).changes == ()


async def test_tags_and_owners_of_people_stay(tmp_path: Path) -> None:
    async with ends(tmp_path, "edited") as both:
        before = await both.plan()
        tags = {fqn: {t.tagFQN for t in table.tags} for fqn, table in before.tables.items()}
        finished(await both.sync())
        for fqn, held in tags.items():
            table = await both.collate.table(fqn, FIELDS)
            assert table is not None
            assert held <= {tag.tagFQN for tag in table.tags}


async def test_what_a_person_wrote_is_kept_until_overwriting_is_chosen(tmp_path: Path) -> None:
    async with ends(tmp_path, "edited") as both:
        plan = await both.plan()
        conflicts = [kept for kept in plan.conflicts if isinstance(kept.change, DescriptionChange)]
        assert conflicts
        assert finished(await both.sync()).outcome == "ok"
        for kept in conflicts:
            table = await both.collate.table(kept.target, ("columns",))
            assert table is not None
            assert kept.server in (table.description, *(c.description for _, _, c in table.walk_columns()))
        again = await both.plan()
        assert again.changes == ()
        assert [(k.label, k.server) for k in again.conflicts] == [(k.label, k.server) for k in plan.conflicts]
        chosen = conflicts[0].change
        assert chosen is not None
        decided = again.take_in([chosen.key])
        end = finished(await both.sync(plan=decided))
        assert (end.outcome, end.counts.written) == ("ok", 1)
        rest = await both.plan(overwrite=True)
        assert {change.key for change in rest.changes} == {
            kept.change.key for kept in conflicts[1:] if kept.change is not None
        }
        assert finished(await both.sync(plan=rest)).outcome == "ok"
        assert not [kept for kept in (await both.plan()).conflicts if kept.group == "descriptions"]


async def test_an_edge_keeps_its_columns_when_its_sql_is_filled(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan = await both.plan(select=["fct_orders"])
        change = next(c for c in plan.changes if isinstance(c, LineageChange))
        edge = await both.collate.lineage_upstream(
            EntityReference(id="x", type="table", fullyQualifiedName=f"{MARTS}.fct_orders")
        )
        assert edge == ()
        assert change.old == ""
        await both.collate.call(
            "PUT",
            "/lineage",
            body={
                "edge": {
                    "fromEntity": {"id": change.upstream.id, "type": "table"},
                    "toEntity": {"id": change.downstream.id, "type": "table"},
                    "lineageDetails": {"source": "Manual", "description": "by ana"},
                }
            },
            doing="write the lineage",
        )
        finished(await both.sync(select=["fct_orders"]))
        held = await both.collate.edge(change.upstream.id, change.downstream.id)
        assert held is not None
        assert (held.source, held.description) == ("Manual", "by ana")
        assert held.sqlQuery


async def test_the_sync_leaves_its_record_and_so_does_a_failed_one(tmp_path: Path) -> None:
    state = StateStore(tmp_path / "state")
    async with ends(tmp_path) as both:
        events = await both.sync(select=["fct_orders"], state=state)
        end = finished(events)
        kept = latest(state, "shop")
        assert kept is not None
        assert (kept.outcome, kept.written, kept.text) == ("ok", end.counts.written, end.text)
        assert kept.run_id
        assert sum(kept.written_by_kind.values()) == sum(kept.planned_by_kind.values()) == kept.planned
        assert kept.server == both.collate.base_url
        assert end.verification is not None
        assert [row.id for row in kept.verification] == [row.id for row in end.verification.rows]
        plan = load_plan(state, kept)
        made = next(event.plan for event in events if isinstance(event, PlanReady))
        assert plan is not None
        assert [c.key for c in plan.changes] == [c.key for c in made.changes]
        log = load_log(state, kept)
        assert sum(entry.event == "applied" for entry in log) == kept.written
        assert log[-1].text == end.text
        finished(await both.sync(select=["nope"], state=state))
    found = list_records(state, "shop")
    assert [record.outcome for record in found] == ["failed", "ok"]
    assert "nope" in found[0].failures[0].title
    assert load_plan(state, found[0]) is None


async def test_a_sync_that_is_closed_half_way_leaves_what_it_wrote(tmp_path: Path) -> None:
    state = StateStore(tmp_path / "state")
    async with ends(tmp_path) as both:
        events = run_direct(
            Engine(both.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts, state=state)
        )
        written = 0
        async for event in events:
            if isinstance(event, Applied):
                written += 1
                if written == 3:
                    assert [record.outcome for record in list_records(state, "shop")] == ["running"]
                    break
        await events.aclose()
    (record,) = list_records(state, "shop")
    assert (record.outcome, record.written) == ("cancelled", 3)
    assert record.planned > 3
    assert sum(entry.event == "applied" for entry in load_log(state, record)) == 3


async def test_progress_never_runs_over_its_whole(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        events = await both.sync()
        written = [e for e in events if isinstance(e, Progress) and e.phase == "write"]
        assert written[-1].done == written[-1].total
        assert [e.done for e in written] == sorted(e.done for e in written)


async def test_a_failed_overwrite_is_verified_with_what_collate_holds(tmp_path: Path) -> None:
    """The token may not write, so verification shows the person's text, not an empty one."""
    async with ends(tmp_path, "edited") as both:
        plan = await both.plan()
        overwrites = [
            item.change.key
            for item in plan.conflicts
            if item.change is not None and item.change.kind == "description"
        ]
        assert overwrites
        both.sandbox._play(replace(scenario_named("edited"), collate_read_only=True))
        end = finished(await both.sync(plan=plan, selection=overwrites))
        assert end.verification is not None
        row = end.verification.row("descriptions")
        assert row is not None
        assert row.state == "failed"
        assert all(gap.found for gap in row.exceptions)
