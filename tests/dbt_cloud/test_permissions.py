import pytest
from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import TokenRefused, WrongAccount
from dbtcollate_tui.dbt_cloud.models import Account
from dbtcollate_tui.dbt_cloud.permissions import RESOURCES, PermissionAnswer, advise_token, check_permissions
from dbtcollate_tui.errors import UnreachableError
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.transport.pacing import RetryPolicy


async def check(sandbox: Sandbox, token: SecretStr, job: bool = False) -> tuple[PermissionAnswer, ...]:
    async with DbtCloudClient(sandbox.dbt_cloud_url, token, retries=RetryPolicy(attempts=1)) as client:
        job_id = sandbox.job_id if job else None
        return await check_permissions(client, sandbox.account_id, sandbox.project_id, job_id)


@pytest.mark.parametrize("job", [True, False])
async def test_a_token_that_may_read_everything(job: bool) -> None:
    async with Sandbox() as sandbox:
        answers = await check(sandbox, sandbox.dbt_cloud_token, job)
    assert [answer.resource for answer in answers] == list(RESOURCES)
    assert {answer.state for answer in answers} == {"ok"}
    assert all(answer.detail for answer in answers)


async def test_a_missing_permission_is_named_with_its_page() -> None:
    async with Sandbox("missing-permission") as sandbox:
        answers = await check(sandbox, sandbox.dbt_cloud_token)
    assert [answer.state for answer in answers] == ["ok", "ok", "ok", "ok", "missing"]
    assert "add the permission Account Viewer (or Job Viewer on the project)" in answers[4].detail
    assert "Account settings → API tokens → Service tokens" in answers[4].detail
    assert answers[4].error is not None
    assert answers[4].error.fixes[0].kind == "open_url"


async def test_a_personal_token_gets_its_permissions_from_groups() -> None:
    async with Sandbox() as sandbox:
        answers = await check(sandbox, sandbox.dbt_cloud_tokens.personal)
    assert answers[4].state == "missing"
    assert "Groups & Licenses" in answers[4].detail


async def test_a_metadata_token_may_read_nothing_of_this() -> None:
    async with Sandbox() as sandbox:
        answers = await check(sandbox, sandbox.dbt_cloud_tokens.metadata)
    assert [answer.state for answer in answers] == ["ok", "missing", "missing", "missing", "untried"]
    assert "no service tokens for this API" in str(answers[1].error.causes if answers[1].error else "")


async def test_without_a_run_artifacts_are_untried() -> None:
    async with Sandbox("no-runs") as sandbox:
        answers = await check(sandbox, sandbox.dbt_cloud_token)
    assert (answers[3].state, answers[3].detail) == ("ok", "no completed run")
    assert answers[4].state == "untried"


@pytest.mark.parametrize(
    ("scenario", "error"),
    [("expired-token", TokenRefused), ("wrong-account", WrongAccount), ("down", UnreachableError)],
)
async def test_what_is_no_matter_of_permissions_is_raised(scenario: str, error: type[Exception]) -> None:
    async with Sandbox(scenario) as sandbox:
        with pytest.raises(error):
            await check(sandbox, sandbox.dbt_cloud_token)


def test_the_token_to_make_depends_on_the_plan() -> None:
    enterprise = advise_token("https://ab123.us1.dbt.com", Account(id=7, plan="enterprise_2025"))
    assert enterprise.kind == "service"
    assert "Account Viewer" in enterprise.permission
    assert enterprise.url == "https://ab123.us1.dbt.com/settings/accounts/7"
    starter = advise_token("https://ab123.us1.dbt.com", Account(id=7, plan="starter_2025"))
    assert starter.kind == "personal"
    assert "no service tokens" in starter.reason
    unknown = advise_token(None, None)
    assert unknown.kind == "service"
    assert unknown.url == "https://login.dbt.com"
