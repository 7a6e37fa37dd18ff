"""A bare token is tried on the accounts' own hosts that this machine names, before the shared ones."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.setup.known_hosts import known_hosts
from tests.conftest import Places
from tests.dbt_cloud.fake import TOKEN, envelope, refusal, serving

CLI_FILE = """version: "1"
context:
  active-host: "cloud.getdbt.com"
  active-project: "7"
projects:
  - project-name: "shop"
    account-host: "ef789.eu1.dbt.com"   # ours
    token-value: "dbtu_PlantedFakePersonalToken0123456789"
  - account-host: ab123.us1.dbt.com
  - account-host: "not a host"
"""


def test_hosts_of_profiles_variable_and_cli_file_are_known(places: Places, tmp_path: Path) -> None:
    services = Services()
    side = DbtCloudSettings(base_url="https://ab123.us1.dbt.com", account_id=7)
    collate = CollateSettings(base_url="https://collate.example.org", service="shop")
    services.profiles.save(Profile(name="shop", dbt_cloud=side, collate=collate))
    (tmp_path / ".dbt").mkdir()
    (tmp_path / ".dbt" / "dbt_cloud.yml").write_text(CLI_FILE)
    found = known_hosts(services, {"DBT_HOST": "cd456.us2.dbt.com"}, tmp_path)
    assert [region.host for region in found] == [
        "ab123.us1.dbt.com",
        "cd456.us2.dbt.com",
        "ef789.eu1.dbt.com",
    ]
    assert known_hosts(Services(), {"DBT_HOST": "https://cloud.getdbt.com"}, tmp_path / "none") == found[:1]


@pytest.mark.parametrize("accepted", [True, False])
async def test_shared_hosts_are_asked_only_after_known_ones(accepted: bool) -> None:
    asked: list[str] = []

    def host(name: str, response: Response) -> Starlette:
        async def answer(_: Request) -> Response:
            asked.append(name)
            return response

        return Starlette(routes=[Route("/{path:path}", answer)])

    shop = envelope([{"id": 7, "name": "Shop"}])
    own_answer = shop if accepted else refusal(401, "Invalid token.")
    async with serving(host("own", own_answer)) as own, serving(host("shared", shop)) as shared:
        regions = (Region("North America", shared),)
        async with GuidedSetup(Services(), regions=regions, known=lambda _: [Region("", own)]) as setup:
            async for _ in setup.dbt_cloud.try_token(TOKEN):
                pass
            assert setup.draft.dbt_base_url == (own if accepted else shared)
            assert setup.draft.account_id == 7
    assert set(asked) == ({"own"} if accepted else {"own", "shared"})
    assert asked[0] == "own"
