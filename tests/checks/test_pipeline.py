"""The pipeline's rows: written, deployed, never run, failed, on time."""

from datetime import UTC, datetime

import pytest

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.summary import Summary, connector_line, read_standing
from dbtcollate_tui.collate.dbt_cloud_service import Connector
from dbtcollate_tui.collate.models import IngestionPipeline
from dbtcollate_tui.collate.pipeline_follow import trigger_and_follow
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.dbt_cloud.schedules import next_times_words
from dbtcollate_tui.fixes import ProfileField, SetField
from dbtcollate_tui.setup.fix_fields import changed_profile
from tests.support.world import World, profile_for, world

ROWS = ("pipeline.service", "pipeline.exists", "pipeline.status", "pipeline.schedule")


async def _write(here: World, schedule: str | None) -> tuple[IngestionPipelines, IngestionPipeline]:
    collate = await here.connections.collate()
    service = await collate.database_service(here.profile.collate.service)
    assert service is not None
    pipelines = IngestionPipelines(collate)
    spec = DbtPipelineSpec(
        "named_by_ana",
        service.as_reference(),
        here.profile.dbt_cloud.account_id,
        here.profile.dbt_cloud.base_url,
        here.sandbox.dbt_cloud_token,
        project_id=here.profile.dbt_cloud.project_id,
        job_id=here.profile.dbt_cloud.job_id,
        schedule=schedule,
    )
    return pipelines, await pipelines.create_or_update(spec)


async def test_none_is_missed_only_where_the_profile_has_a_schedule() -> None:
    async with world() as here:
        by_hand = await here.check(ROWS)
        here.profile = profile_for(here.sandbox, schedule="0 7 * * *")
        scheduled = await here.check(ROWS)
    assert by_hand["pipeline.exists"].state is CheckState.SKIPPED
    assert by_hand["pipeline.schedule"].state is CheckState.SKIPPED
    assert scheduled["pipeline.exists"].state is CheckState.WARN
    assert scheduled["pipeline.exists"].fixes[0].kind == "deploy_pipeline"


async def test_one_of_another_name_is_found_by_its_job_and_followed_to_its_deploy() -> None:
    async with world() as here:
        pipelines, pipeline = await _write(here, "0 7 * * *")
        written = await here.check(ROWS)
        await pipelines.deploy(pipeline)
        deployed = await here.check(ROWS)
    assert written["pipeline.exists"].summary == "named_by_ana is written, but not deployed"
    assert deployed["pipeline.exists"].state is CheckState.PASS
    assert deployed["pipeline.status"].summary == "named_by_ana has never run"
    assert deployed["pipeline.schedule"].state is CheckState.PASS
    assert deployed["pipeline.schedule"].caption == "daily at 07:00 UTC"
    assert deployed["pipeline.schedule"].detail == f"Next: {next_times_words('0 7 * * *')}."


@pytest.mark.parametrize(
    ("schedule", "state", "says"),
    [
        ("0 * * * *", CheckState.PASS, "hourly"),
        ("0 7 * * 1", CheckState.WARN, "daily at 07:00 UTC is the match"),
        (None, CheckState.PASS, "on demand only"),
    ],
)
async def test_a_schedule_rarer_than_dbts_is_said(schedule: str | None, state: CheckState, says: str) -> None:
    async with world() as here:
        pipelines, pipeline = await _write(here, schedule)
        await pipelines.deploy(pipeline)
        row = (await here.check(ROWS))["pipeline.schedule"]
    assert row.state is state
    assert says in row.summary


async def test_a_failed_run_is_a_failed_row_with_what_the_run_said() -> None:
    async with world("pipeline-fails") as here:
        pipelines, pipeline = await _write(here, "0 7 * * *")
        await pipelines.deploy(pipeline)
        async for _ in trigger_and_follow(
            pipelines, pipeline, poll_seconds=0.05, quiet_seconds=0.5, pause_seconds=0.05
        ):
            pass
        row = (await here.check(ROWS))["pipeline.status"]
    assert row.state is CheckState.FAIL
    assert "ended as failed" in row.summary
    assert row.causes
    assert {fix.kind for fix in row.fixes} >= {"open_url", "deploy_pipeline"}


async def test_openmetadatas_own_connector_is_mentioned() -> None:
    async with world("dbt-cloud-connector") as here:
        found = (await here.check(ROWS))["pipeline.exists"]
        standing = await read_standing(here.context(), "pipeline.exists", Summary())
        line = connector_line(standing, datetime.now(UTC))
    assert "dbt_cloud_jobs ran 2 d ago (success)" in found.detail
    assert "last run seen there: nightly, successful, 2 d ago. It writes no lineage" in found.detail
    assert [fix.value for fix in found.fixes][-1].endswith("/service/pipelineServices/dbt_cloud_jobs")
    assert line is not None
    assert (line.state, line.more) == (CheckState.SKIPPED, "writes no lineage")
    assert line.text.startswith("dbt_cloud_jobs ran 2 d ago")


def test_a_connector_that_writes_lineage_is_warned_about() -> None:
    now = datetime(2026, 8, 1, tzinfo=UTC)
    line = connector_line(Summary(connector=Connector("jobs", None, writes_lineage=True)), now)
    assert line is not None
    assert (line.state, line.text) == (CheckState.WARN, "jobs has not run yet")
    assert line.more.startswith("writes lineage: each of its runs replaces")


async def test_several_jobs_say_what_collate_reads() -> None:
    async with world() as here:
        pipelines, pipeline = await _write(here, None)
        await pipelines.deploy(pipeline)
        here.profile = changed_profile(here.profile, SetField("", ProfileField.JOBS, "7,8"))
        one = (await here.check(ROWS))["pipeline.exists"]
        each, project = one.fixes[:2]
        assert isinstance(each, SetField)
        assert isinstance(project, SetField)
        assert (each.to, project.to) == ("each_job", "project")
        shop = here.profile
        here.profile = changed_profile(shop, each)
        each_row = (await here.check(ROWS))["pipeline.exists"]
        here.profile = changed_profile(shop, project)
        project_row = (await here.check(ROWS))["pipeline.exists"]
    assert one.state is CheckState.PASS
    assert "not the 2 further jobs" in one.detail
    assert each_row.state is CheckState.WARN
    assert "2 jobs without a pipeline: 7, 8" in each_row.summary
    assert each_row.fixes[0].kind == "deploy_pipeline"
    assert project_row.state is CheckState.WARN
    assert project_row.fixes[0].kind == "deploy_pipeline"
