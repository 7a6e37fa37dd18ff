"""Custom properties: added to a type, then values of them on tables, held to the property's type."""

import httpx
import pytest

from dbtcollate_tui.sandbox.server import Sandbox

TABLE = "shop_warehouse.shop.marts.fct_orders"
PATCH = {"Content-Type": "application/json-patch+json"}


async def test_a_property_is_added_and_its_values_are_checked() -> None:
    async with (
        Sandbox() as sandbox,
        httpx.AsyncClient(
            base_url=f"{sandbox.collate_url}/api/v1",
            headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
        ) as client,
    ):
        kind = (await client.get("/metadata/types/name/table?fields=customProperties")).json()
        assert kind["customProperties"] == []
        field = (await client.get("/metadata/types/name/integer")).json()
        body = {"name": "rank", "description": "d", "propertyType": {"id": field["id"], "type": "type"}}
        added = await client.put(f"/metadata/types/{kind['id']}", json=body)
        assert [item["name"] for item in added.json()["customProperties"]] == ["rank"]
        table = (await client.get(f"/tables/name/{TABLE}")).json()
        for value, status, message in (
            ({"rank": 3}, 200, ""),
            ({"rank": "first"}, 400, "Custom field rank has invalid JSON"),
            ({"other": 1}, 400, "Unknown custom field other"),
        ):
            patch = [{"op": "add", "path": "/extension", "value": value}]
            answer = await client.patch(f"/tables/{table['id']}", json=patch, headers=PATCH)
            assert answer.status_code == status
            assert message in answer.json().get("message", "")
        held = (await client.get(f"/tables/name/{TABLE}?fields=extension")).json()
        assert held["extension"] == {"rank": 3}
        assert "extension" not in (await client.get(f"/tables/name/{TABLE}")).json()


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("table", {"name": "x"}, 400),
        ("table", {"propertyType": {}}, 400),
        ("nothing", {"name": "x"}, 404),
    ],
)
async def test_what_is_no_property_is_refused(name: str, body: dict[str, object], status: int) -> None:
    async with (
        Sandbox() as sandbox,
        httpx.AsyncClient(
            base_url=f"{sandbox.collate_url}/api/v1",
            headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
        ) as client,
    ):
        found = (await client.get(f"/metadata/types/name/{name}")).json().get("id", "none")
        assert (await client.put(f"/metadata/types/{found}", json=body)).status_code == status
