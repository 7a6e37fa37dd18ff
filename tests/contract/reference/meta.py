"""A sandbox whose dbt project says more in ``meta`` than the recorded one, and whose people wrote more."""

import json
from collections.abc import Callable
from typing import Any

import httpx
from starlette.types import Message, Receive, Scope, Send

from dbtcollate_tui.sandbox.server import Sandbox, Side
from tests.contract.reference.recording import RecordingSandbox

Edit = Callable[[dict[str, Any]], None]


class EditedSandbox(RecordingSandbox):
    """A `RecordingSandbox` that passes every manifest through ``edit``."""

    def __init__(self, edit: Edit, **options: Any) -> None:
        super().__init__(**options)
        self._edit = edit

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the sandbox does, with the manifest as edited."""
        if side != "dbt_cloud" or not scope.get("path", "").endswith("/manifest.json"):
            await super().answer(side, scope, receive, send)
            return
        start: list[Message] = []
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
            else:
                body.extend(message.get("body", b""))

        await super().answer(side, scope, receive, keep)
        content = bytes(body)
        if start[0]["status"] == httpx.codes.OK:
            manifest = json.loads(content)
            self._edit(manifest)
            content = json.dumps(manifest).encode()
        headers = [pair for pair in start[0]["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(content)).encode()))
        await send({**start[0], "headers": headers})
        await send({"type": "http.response.body", "body": content})


SQL_BY_NAME = """
select c.country_code, c.country_name, max(p.category) as region
from "shop"."raw"."country_codes" as c cross join shop.raw.products as p group by 1, 2
"""


def more_meta(manifest: dict[str, Any]) -> None:
    """Domain, tier, terms, tags, custom properties (one unfit, one unknown), a table read by its name."""
    told = {
        "domain": "Sales",
        "customProperties": {
            "costCenter": "12/4",
            "rank": "first",
            "nobody": 1,
            "reviewed": "2026-11-25",
            "level": ["gold", "lead"],
            "steward": {"type": "user", "fqn": "ana"},
        },
    }
    for name in ("fct_orders", "dim_products"):
        node = manifest["nodes"][f"model.shop.{name}"]
        for place in (node, node["config"]):
            meta = place.setdefault("meta", {})
            meta["openmetadata"] = {**meta.get("openmetadata", {}), **told}
            meta["openmetadata"] |= {"glossary": ["Business.Order"], "tier": "Tier.Tier1"}
        for column in node["columns"].values():
            for place in (column, column.setdefault("config", {})):
                meta = place.setdefault("meta", {})
                terms = {"glossary": ["Business.Order"], "tags": ["PII.NonSensitive"]}
                meta["openmetadata"] = {**meta.get("openmetadata", {}), **terms}
    node = manifest["nodes"]["model.shop.stg_countries"]
    if node.get("compiled_code"):
        node["compiled_code"] = SQL_BY_NAME


PROPERTIES: dict[str, tuple[str, object]] = {
    "costCenter": ("string", None),
    "rank": ("integer", None),
    "reviewed": ("date-cp", "yyyy-MM-dd"),
    "level": ("enum", {"values": ["gold", "silver"], "multiSelect": True}),
    "steward": ("entityReference", ["user"]),
    "mine": ("string", None),
}


async def people_were_here(sandbox: Sandbox) -> None:
    """A domain, a term, custom properties, a value of one, a text on a column of which dbt is silent."""
    async with httpx.AsyncClient(
        base_url=f"{sandbox.collate_url}/api/v1",
        headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
    ) as client:
        domain = {"name": "Sales", "description": "What is sold.", "domainType": "Aggregate"}
        (await client.put("/domains", json=domain)).raise_for_status()
        glossary = {"name": "Business", "description": "The business's words."}
        (await client.put("/glossaries", json=glossary)).raise_for_status()
        term = {"glossary": "Business", "name": "Order", "description": "What a customer asked for."}
        (await client.put("/glossaryTerms", json=term)).raise_for_status()
        kind = (await client.get("/metadata/types/name/table")).json()["id"]
        for name, (of, limits) in PROPERTIES.items():
            field = (await client.get(f"/metadata/types/name/{of}")).json()["id"]
            body = {"name": name, "description": "d", "propertyType": {"id": field, "type": "type"}}
            body |= {} if limits is None else {"customPropertyConfig": {"config": limits}}
            (await client.put(f"/metadata/types/{kind}", json=body)).raise_for_status()
        await _patch(
            client, "fct_orders", {"op": "add", "path": "/extension", "value": {"mine": "a person's"}}
        )
        table = (await client.get("/tables/name/shop_warehouse.shop.marts.dim_customers")).json()
        place = [column["name"] for column in table["columns"]].index("order_count")
        text = "Without cancelled orders."
        path = f"/columns/{place}/description"
        await _patch(client, "dim_customers", {"op": "add", "path": path, "value": text})


async def _patch(client: httpx.AsyncClient, table: str, op: dict[str, object]) -> None:
    found = (await client.get(f"/tables/name/shop_warehouse.shop.marts.{table}")).json()
    answer = await client.patch(
        f"/tables/{found['id']}", json=[op], headers={"Content-Type": "application/json-patch+json"}
    )
    answer.raise_for_status()
