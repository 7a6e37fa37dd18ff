"""Both clients for a profile: where their tokens come from, and what is said where there is none."""

import pytest
from pydantic import SecretStr

from dbtcollate_tui.errors import AuthError
from dbtcollate_tui.fixes import EnterToken
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.secrets import Side
from tests.support.world import profile_for


async def test_environment_comes_before_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox() as sandbox:
        services = Services()
        profile = profile_for(sandbox)
        await services.secrets.keep(profile.name, "collate", sandbox.collate_token, "keyring")
        await services.secrets.keep(profile.name, "dbt_cloud", SecretStr("dbtc_" + "x" * 35), "keyring")
        monkeypatch.setenv("DBT_CLOUD_TOKEN", sandbox.dbt_cloud_token.get_secret_value())
        async with Connections(profile, services) as connections:
            assert connections.origins == {}
            dbt_cloud = await connections.dbt_cloud()
            assert [account.id for account in await dbt_cloud.accounts()] == [sandbox.account_id]
            assert (await (await connections.collate()).logged_in_user()).isBot
            assert await connections.collate() is await connections.collate()
            assert connections.origins == {"dbt_cloud": "environment", "collate": "keyring"}


async def test_without_a_token_the_variable_and_the_step_are_named() -> None:
    async with Sandbox() as sandbox, Connections(profile_for(sandbox), Services()) as connections:
        with pytest.raises(AuthError) as caught:
            await connections.dbt_cloud()
        assert "DBT_CLOUD_TOKEN is not set" in caught.value.causes[0]
        assert [fix.side for fix in caught.value.fixes if isinstance(fix, EnterToken)] == ["dbt_cloud"]
        assert any("DBT_CLOUD_TOKEN" in fix.label for fix in caught.value.fixes)
        with pytest.raises(AuthError, match="No Collate token"):
            await connections.collate()
        assert sandbox.requests == ()


async def test_a_token_that_is_asked_for_is_asked_once_and_kept_nowhere() -> None:
    asked: list[Side] = []
    async with Sandbox() as sandbox:

        async def ask(side: Side) -> SecretStr | None:
            asked.append(side)
            return SecretStr(f"Bearer {sandbox.dbt_cloud_token.get_secret_value()}\n")

        services = Services()
        async with Connections(profile_for(sandbox), services, ask=ask) as connections:
            await connections.dbt_cloud()
            assert await connections.secret("dbt_cloud") == sandbox.dbt_cloud_token
        assert asked == ["dbt_cloud"]
        assert await services.secrets.get("shop", "dbt_cloud") is None


async def test_failed_connection_is_tried_again() -> None:
    async with Sandbox() as sandbox:
        services = Services()
        bad = SecretStr("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln")
        profile = profile_for(sandbox)
        async with Connections(profile, services, given={"collate": bad}) as connections:
            for _ in range(2):
                with pytest.raises(AuthError):
                    await connections.collate()
        assert sum(request.path.endswith("/loggedInUser") for request in sandbox.requests) == 2
