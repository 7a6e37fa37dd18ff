"""OpenMetadata's own dbt Cloud connector beside a sync: neither writes over what is the other's."""

from pathlib import Path
from typing import Any

from dbtcollate_tui.collate.entity import Entity
from dbtcollate_tui.collate.models import EntityReference, LineageEdge
from dbtcollate_tui.events.types import RunFinished
from dbtcollate_tui.plan.model import LineageChange
from tests.support.interrupted_sync import Ends, ends

JOB = "dbt_cloud_jobs.nightly"
STATUS = {
    "timestamp": 1_790_000_000_000,
    "executionStatus": "Failed",
    "taskStatus": [{"name": "Run", "executionStatus": "Failed"}],
}


class Job(Entity):
    id: str
    name: str


async def job_of(both: Ends) -> EntityReference:
    job = await both.collate.get(Job, f"/pipelines/name/{JOB}", doing="read a pipeline")
    return EntityReference(id=job.id, type="pipeline")


async def report_run(both: Ends) -> None:
    """A job's run as openmetadata-ingestion 2.0.7 reports it."""
    path = f"/pipelines/{JOB}/status"
    await both.collate.call("PUT", path, body=STATUS, doing="report a job's run")


def ours(state: dict[str, Any]) -> dict[str, Any]:
    """All that the server holds but the connector's own pipelines."""
    return {kind: held for kind, held in state.items() if kind != "pipeline"}


async def test_connector_and_sync_leave_each_other_alone(tmp_path: Path) -> None:
    """Without lineage of its own, as ``dbtcollate export connector`` sets it up."""
    async with ends(tmp_path, scenario="dbt-cloud-connector") as both:
        await report_run(both)
        await both.write(await both.plan())
        synced = both.server.state()
        await report_run(both)
        assert ours(both.server.state()) == ours(synced)
        assert both.server.state()["pipeline"][JOB]["pipelineStatus"] == STATUS
        assert (await both.plan()).changes == ()


async def test_connector_lineage_is_completed_and_kept_its_own(tmp_path: Path) -> None:
    """With lineage, its edges name the job and no SQL; a sync adds dbt's SQL and columns, once."""
    async with ends(tmp_path, scenario="dbt-cloud-connector") as both:
        plan = await both.plan()
        job = await job_of(both)
        drawn = [change for change in plan.changes if isinstance(change, LineageChange)]
        for change in drawn:
            edge = LineageEdge(
                fromEntity=EntityReference(id=change.upstream.id, type="table"),
                toEntity=EntityReference(id=change.downstream.id, type="table"),
                source="PipelineLineage",
                pipeline=job,
            )
            await both.collate.put_lineage(edge)
        await both.write(await both.plan())
        edges = both.server.state()["edges"]
        held = [edges[f"table {c.upstream.fqn}", f"table {c.downstream.fqn}"] for c in drawn]
        assert {edge["source"] for edge in held} == {"PipelineLineage"}
        assert {edge["pipeline"]["fullyQualifiedName"] for edge in held} == {JOB}
        assert [edge.get("sqlQuery") for edge in held] == [change.sql for change in drawn]
        assert (await both.plan()).changes == ()


async def test_connector_lineage_after_a_sync_is_restored_once(tmp_path: Path) -> None:
    """Its run replaces the details of an edge; the next sync says what it adds, one write an edge."""
    async with ends(tmp_path, scenario="dbt-cloud-connector") as both:
        plan = await both.plan()
        drawn = [change for change in plan.changes if isinstance(change, LineageChange)]
        await both.write(plan)
        synced = both.server.state()["edges"]
        job = await job_of(both)
        for change in drawn:
            edge = LineageEdge(
                fromEntity=EntityReference(id=change.upstream.id, type="table"),
                toEntity=EntityReference(id=change.downstream.id, type="table"),
                source="PipelineLineage",
                pipeline=job,
            )
            await both.collate.put_lineage(edge)
        replaced = both.server.state()["edges"]
        again = await both.plan()
        assert len(again.changes) == len(drawn)
        assert all(isinstance(change, LineageChange) for change in again.changes)
        events = await both.write(again)
        (end,) = [event for event in events if isinstance(event, RunFinished)]
        assert (end.outcome, end.counts.written) == ("ok", len(drawn))
        restored = both.server.state()["edges"]
        for change in drawn:
            ends_of = (f"table {change.upstream.fqn}", f"table {change.downstream.fqn}")
            assert replaced[ends_of].get("sqlQuery") is None
            assert restored[ends_of].get("sqlQuery") == synced[ends_of].get("sqlQuery")
            assert restored[ends_of].get("columnsLineage") == synced[ends_of].get("columnsLineage")
            assert restored[ends_of]["pipeline"]["fullyQualifiedName"] == JOB
        assert (await both.plan()).changes == ()
