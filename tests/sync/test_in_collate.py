"""The sync inside Collate over real HTTP: the sandbox's pipeline service really runs it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import IngestionPipeline, PipelineStatus
from dbtcollate_tui.collate.pipeline_follow import SETTLED_LOOKS
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.events.types import (
    Cancelled,
    Failed,
    LogLine,
    PipelinePlanReady,
    Progress,
    RunFinished,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history.records import latest
from dbtcollate_tui.plan.pipeline import PipelinePlan
from dbtcollate_tui.sandbox.collate.runner import PipelineRunContext, PipelineRunFailed, PipelineWorker
from dbtcollate_tui.sandbox.dbt_cloud.content import DOCS_ID, TESTS_ID
from dbtcollate_tui.sandbox.pipeline_worker import sync_worker
from dbtcollate_tui.sandbox.scenarios import scenario_named
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import PipelineReads, Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine, Tempo
from dbtcollate_tui.sync.in_collate import prepare_collate, run_collate
from tests.support.world import SERVICE, profile_for

QUICK = Tempo(poll=0.05, quiet=0.2, trigger_pause=0.05)


@dataclass
class Ends:
    sandbox: Sandbox
    dbt_cloud: DbtCloudClient
    collate: CollateClient
    profile: Profile
    artifacts: ArtifactStore

    @property
    def pipelines(self) -> IngestionPipelines:
        return IngestionPipelines(self.collate)

    async def sync(
        self,
        *,
        token: SecretStr | None = None,
        state: StateStore | None = None,
        on_event: Callable[[SyncEvent], None] | None = None,
        cancel: asyncio.Event | None = None,
        kill: bool = False,
        trigger: bool = True,
    ) -> list[SyncEvent]:
        found = []
        async for event in run_collate(
            Engine(
                self.profile,
                self.dbt_cloud,
                self.collate,
                artifacts=self.artifacts,
                state=state,
                cancel=cancel or asyncio.Event(),
                tempo=QUICK,
            ),
            token or self.sandbox.dbt_cloud_token,
            trigger=trigger,
            kill_on_cancel=kill,
        ):
            found.append(event)
            if on_event is not None:
                on_event(event)
        return found

    async def plan(self) -> tuple[PipelinePlan | None, list[SyncEvent]]:
        events = [
            event
            async for event in prepare_collate(
                Engine(self.profile, self.dbt_cloud, self.collate), self.sandbox.dbt_cloud_token
            )
        ]
        return next((e.plan for e in events if isinstance(e, PipelinePlanReady)), None), events

    async def dbt_pipelines(self) -> list[IngestionPipeline]:
        return [p for p in await self.pipelines.of_service(SERVICE) if p.pipelineType == "dbt"]

    def sent(self, method: str, part: str) -> list[int]:
        """The statuses of Collate's answers to such requests."""
        return [
            seen.status
            for seen in self.sandbox.requests
            if seen.side == "collate" and seen.method == method and part in seen.path
        ]


@asynccontextmanager
async def ends(
    folder: Path,
    scenario: str = "",
    version: str = "latest",
    worker: PipelineWorker = sync_worker,
    refusals: int = 1,
) -> AsyncIterator[Ends]:
    played = replace(scenario_named(scenario), trigger_refusals=refusals)
    async with (
        Sandbox(played, version, worker=worker) as sandbox,
        DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as dbt_cloud,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as collate,
    ):
        await collate.connect()
        yield Ends(sandbox, dbt_cloud, collate, profile_for(sandbox), ArtifactStore(folder / "cache"))


def finished(events: list[SyncEvent]) -> RunFinished:
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return last


def failure(events: list[SyncEvent]) -> Failed:
    (found,) = [event for event in events if isinstance(event, Failed)]
    return found


def worker_lines(events: list[SyncEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, LogLine) and event.source == "worker"]


async def test_the_first_run_makes_deploys_triggers_and_follows_and_the_second_doubles_nothing(
    tmp_path: Path,
) -> None:
    state = StateStore()
    async with ends(tmp_path, refusals=3) as both:
        events = await both.sync(state=state)
        end = finished(events)
        assert (end.outcome, end.exit_code) == ("ok", ExitCode.OK), end.text
        (plan,) = [event.plan for event in events if isinstance(event, PipelinePlanReady)]
        assert plan.action == "create"
        assert both.sent("POST", "/trigger/") == [400, 400, 400, 200]

        lines = worker_lines(events)
        assert any("descriptions of" in line and line.endswith("written") for line in lines)
        assert both.sent("GET", "/stream/") != []
        assert len(lines) == len(set(lines))
        assert any(isinstance(e, Progress) and e.unit == "records" and e.done for e in events)

        assert end.verification is not None
        assert all(row.state in ("ok", "warn") for row in end.verification.rows)
        ingestion = end.verification.row("ingestion")
        assert ingestion is not None
        assert "success" in ingestion.summary
        assert "OpenMetadata" in ingestion.summary
        kept = latest(state, both.profile.name)
        assert kept is not None
        assert (kept.engine, kept.outcome) == ("collate", "ok")
        assert kept.run_id is not None

        again = await both.sync(state=state)
        assert finished(again).outcome == "ok"
        (plan,) = [event.plan for event in again if isinstance(event, PipelinePlanReady)]
        assert plan.action == "keep"
        assert len(await both.dbt_pipelines()) == 1
        assert len(both.sent("POST", "/deploy/")) == 1
        assert both.sent("PUT", "/ingestionPipelines") == [201]
        (pipeline,) = await both.dbt_pipelines()
        runs = await both.pipelines.statuses(pipeline.fullyQualifiedName)
        assert [run.pipelineState for run in runs] == ["success", "success"]


async def test_the_plan_shows_each_setting_and_holds_no_token(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        plan, events = await both.plan()
        assert plan is not None
        assert finished(events).text == plan.summary()
        fields = {change.field: change.new for change in plan.diff.changes}
        assert fields["dbtCloudJobId"] == str(both.sandbox.job_id)
        assert both.sandbox.dbt_cloud_token.get_secret_value() not in str([e.as_dict() for e in events])
        assert await both.dbt_pipelines() == []
        await both.sync(trigger=False)
        both.profile = both.profile.model_copy(
            update={"pipeline": both.profile.pipeline.model_copy(update={"schedule": "0 7 * * *"})}
        )
        plan, _ = await both.plan()
        assert plan is not None
        assert plan.action == "update"
        changed = {change.field: (change.old, change.new) for change in plan.diff.changes}
        assert changed["scheduleInterval"] == ("on demand", "0 7 * * *")


async def test_a_deploy_alone_starts_no_run(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        end = finished(await both.sync(trigger=False))
        assert end.outcome == "ok"
        (pipeline,) = await both.dbt_pipelines()
        assert pipeline.deployed
        assert both.sent("POST", "/trigger/") == []


async def test_a_paused_pipeline_with_an_old_token_is_changed_unpaused_and_run(tmp_path: Path) -> None:
    async with ends(tmp_path, "stale") as both:
        end = finished(await both.sync())
        assert end.outcome == "ok", end.text
        (pipeline,) = await both.dbt_pipelines()
        assert pipeline.enabled
        assert pipeline.updatedBy != "ana"


async def test_wrong_token_in_the_pipeline_has_its_fix(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        events = await both.sync(token=SecretStr("dbtc_" + "0" * 35))
        end = finished(events)
        assert (end.outcome, end.exit_code) == ("failed", ExitCode.FAILED)
        card = failure(events).error
        assert "failed in Collate" in card.title
        text = card.as_text()
        assert "401" in text or "token" in text
        assert any("ERROR" in line for line in worker_lines(events))
        assert any(fix.kind == "open_url" and "/logs" in fix.value for fix in card.fixes)


async def test_failed_runner_shows_the_lines_that_say_why(tmp_path: Path) -> None:
    async def fails(context: PipelineRunContext) -> None:
        context.log("reading")
        context.log_level("ERROR", "the warehouse is on fire")
        raise PipelineRunFailed("no water left")

    async with ends(tmp_path, worker=fails) as both:
        card = failure(await both.sync()).error
        assert any("no water left" in cause for cause in card.causes)
        assert any("the warehouse is on fire" in line for line in card.evidence)


async def test_a_run_with_errors_is_partial(tmp_path: Path) -> None:
    async def partly(context: PipelineRunContext) -> None:
        await sync_worker(context)
        context.failure("OpenMetadata", "shop.marts.dim_customers", "refused")

    async with ends(tmp_path, worker=partly) as both:
        events = await both.sync()
        end = finished(events)
        assert (end.outcome, end.exit_code, end.counts.failed) == ("partial", ExitCode.PARTIAL, 1)
        assert "shop.marts.dim_customers: refused" in failure(events).error.causes
        assert end.verification is not None


@pytest.mark.parametrize("kill", [True, False])
async def test_cancel_stops_the_following_and_the_run_only_if_wanted(tmp_path: Path, kill: bool) -> None:
    ended: list[str] = []
    leave = threading.Event()

    async def waits(context: PipelineRunContext) -> None:
        context.log("at work")
        try:
            await asyncio.to_thread(leave.wait, 10)
        except asyncio.CancelledError:
            ended.append("killed")
            raise
        ended.append("done")

    async with ends(tmp_path, worker=waits) as both:
        cancel = asyncio.Event()

        def stop_when_at_work(event: SyncEvent) -> None:
            if isinstance(event, LogLine) and "at work" in event.text:
                cancel.set()

        events = await both.sync(cancel=cancel, kill=kill, on_event=stop_when_at_work)
        end = finished(events)
        assert (end.outcome, end.exit_code) == ("cancelled", ExitCode.INTERRUPTED)
        assert any(isinstance(event, Cancelled) for event in events)
        leave.set()
        (pipeline,) = await both.dbt_pipelines()
        async with asyncio.timeout(10):
            while True:
                (run,) = await both.pipelines.statuses(pipeline.fullyQualifiedName)
                if run.is_final:
                    break
                await asyncio.sleep(0.02)
        assert ended == ["killed" if kill else "done"]
        assert run.pipelineState == ("stopped" if kill else "success")


@pytest.mark.parametrize(
    ("scenario", "version"),
    [("no-pipeline-service", "latest"), ("pipeline-service-down", "1.1")],
    ids=["disabled", "old and down"],
)
async def test_without_a_pipeline_service_the_direct_sync_is_the_way_on(
    tmp_path: Path, scenario: str, version: str
) -> None:
    async with ends(tmp_path, scenario, version) as both:
        events = await both.sync()
        assert finished(events).exit_code == ExitCode.FAILED
        card = failure(events).error
        assert "pipeline service" in card.title
        assert any("--engine direct" in fix.label for fix in card.fixes)
        assert both.sent("PUT", "/") == both.sent("POST", "/") == []


async def test_a_read_only_token_plans_and_is_refused_to_write(tmp_path: Path) -> None:
    async with ends(tmp_path, "collate-read-only") as both:
        plan, _ = await both.plan()
        assert plan is not None
        assert any("may not create or change pipelines" in note for note in plan.notes)
        events = await both.sync()
        assert finished(events).exit_code == ExitCode.AUTH
        assert failure(events).change is None


async def test_a_direct_sync_shows_in_collate_as_a_run_of_the_pipeline(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        await both.sync(trigger=False)
        (pipeline,) = await both.dbt_pipelines()

        async def direct() -> RunFinished:
            events = run_direct(Engine(both.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts))
            return finished([event async for event in events])

        first = await direct()
        assert first.outcome == "ok"
        (run,) = await both.pipelines.statuses(pipeline.fullyQualifiedName)
        assert run.pipelineState == "success"
        assert [step.records for step in run.status] == [first.counts.written]
        posted = both.sent("POST", "/ingestionPipelines/logs/")
        assert posted
        assert set(posted) == {200}

        since = len(both.sandbox.requests)
        assert (await direct()).counts.planned == 0
        later = both.sandbox.requests[since:]
        assert [seen for seen in later if seen.side == "collate" and seen.method != "GET"] == []


async def test_a_report_that_is_refused_fails_no_sync(tmp_path: Path) -> None:
    async with ends(tmp_path, version="1.1") as both:
        service = await both.collate.database_service(SERVICE)
        assert service is not None
        body = {
            "name": "dbt_cloud_sync",
            "pipelineType": "dbt",
            "service": {"id": service.id, "type": "databaseService"},
            "sourceConfig": {"config": {"type": "DBT", "dbtConfigSource": {}}},
            "airflowConfig": {},
        }
        await both.collate.put(IngestionPipeline, "/services/ingestionPipelines", body, doing="write it")
        events = run_direct(Engine(both.profile, both.dbt_cloud, both.collate, artifacts=both.artifacts))
        assert finished([event async for event in events]).outcome == "ok"


def _reading(profile: Profile, reads: PipelineReads) -> Profile:
    values = profile.model_dump()
    values["dbt_cloud"]["jobs"] = [DOCS_ID, TESTS_ID]
    values["pipeline"]["reads"] = reads
    return Profile.model_validate(values)


async def test_each_job_gets_a_pipeline_of_its_own(tmp_path: Path) -> None:
    async with ends(tmp_path, "split-jobs") as both:
        both.profile = _reading(both.profile, "each_job")
        events = await both.sync()
        end = finished(events)
        assert end.outcome == "ok", end.text
        (plan,) = [event.plan for event in events if isinstance(event, PipelinePlanReady)]
        assert "dbt_cloud_sync_job_" in plan.summary()
        assert [part.action for part in plan.parts] == ["create"] * 3
        read = [p.config.dbtConfigSource.dbtCloudJobId for p in await both.dbt_pipelines() if p.config]
        assert sorted(read) == sorted(str(job) for job in (both.profile.dbt_cloud.job_id, DOCS_ID, TESTS_ID))
        assert all(pipeline.deployed for pipeline in await both.dbt_pipelines())
        assert f"job_{DOCS_ID}: Collate's run ended as success" in end.text
        again = await both.sync()
        (plan,) = [event.plan for event in again if isinstance(event, PipelinePlanReady)]
        assert not plan.has_work
        assert len(await both.dbt_pipelines()) == 3


async def test_one_pipeline_takes_the_latest_run_of_the_project(tmp_path: Path) -> None:
    async with ends(tmp_path, "split-jobs") as both:
        await both.sync(trigger=False)
        both.profile = _reading(both.profile, "project")
        events = await both.sync()
        assert finished(events).outcome == "ok"
        (plan,) = [event.plan for event in events if isinstance(event, PipelinePlanReady)]
        assert plan.action == "update"
        assert plan.run is not None
        assert plan.run.job_name == "nightly-docs"
        (pipeline,) = await both.dbt_pipelines()
        assert pipeline.config is not None
        assert not pipeline.config.dbtConfigSource.dbtCloudJobId


async def test_a_run_that_fails_after_its_success_fails_the_sync(tmp_path: Path) -> None:
    """Servers before 2.0 may report a success and then a failure of the same run."""
    async with ends(tmp_path) as both:
        settled = 0
        statuses = IngestionPipelines.statuses

        async def changed(pipelines: IngestionPipelines, fqn: str, **more: int) -> list[PipelineStatus]:
            nonlocal settled
            runs = await statuses(pipelines, fqn, **more)
            settled += bool(runs) and runs[0].pipelineState == "success"
            if settled > 1 + SETTLED_LOOKS:
                runs[0] = runs[0].model_copy(update={"pipelineState": "failed"})
            return runs

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(IngestionPipelines, "statuses", changed)
            events = await both.sync()
        end = finished(events)
        assert (end.outcome, end.exit_code) == ("failed", ExitCode.FAILED)
        assert failure(events).error.title == end.text
