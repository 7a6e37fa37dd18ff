"""Collate's own terms and limits: tokens of persons, single sign-on, ingestion runners, the plan."""

import pytest

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.collate.errors import PlanLimitError
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from tests.support.world import world


async def test_a_personal_access_token_works_and_is_named() -> None:
    async with world("personal-token") as here:
        row = (await here.check(["collate.token"]))["collate.token"]
    assert row.state is CheckState.PASS
    assert row.summary.startswith("token of Ana Novak (personal access token), ")
    assert "shows what it writes as this person's" in row.detail


async def test_a_sign_in_token_is_warned_about() -> None:
    async with world("sso") as here:
        row = (await here.check(["collate.token"]))["collate.token"]
    assert row.state is CheckState.WARN
    assert "(sign-in token)" in row.summary
    assert "It is a sign-in token (shop.okta.example) and expires soon" in " ".join(row.causes)
    assert any("Access Tokens" in fix.label for fix in row.fixes)


async def test_the_runner_of_the_service_is_named() -> None:
    async with world("hybrid-runner") as here:
        row = (await here.check(["pipeline.service"]))["pipeline.service"]
        old = await (await here.connections.collate()).database_service("shop_warehouse")
    assert "run on the ingestion runner EU runner" in row.detail
    assert old is not None
    assert old.ingestionRunner is not None


async def test_a_service_before_runners_has_none() -> None:
    async with world("hybrid-runner", server_version="1.6.2") as here:
        row = (await here.check(["pipeline.service"]))["pipeline.service"]
    assert (row.state, row.detail) == (CheckState.PASS, "")


async def test_a_limit_of_the_plan_is_no_speed_limit() -> None:
    async with world("plan-limit") as here:
        collate = await here.connections.collate()
        service = await collate.database_service("shop_warehouse")
        assert service is not None
        spec = DbtPipelineSpec(
            "dbt",
            service.as_reference(),
            here.profile.dbt_cloud.account_id,
            here.profile.dbt_cloud.base_url,
            here.sandbox.dbt_cloud_token,
        )
        with pytest.raises(PlanLimitError) as caught:
            await IngestionPipelines(collate).create_or_update(spec)
        refused = [seen for seen in here.sandbox.requests if seen.status == 429]
    assert caught.value.title.endswith("a limit of the Collate plan is reached")
    assert "Plan" in caught.value.fixes[0].label
    assert len(refused) == 1
