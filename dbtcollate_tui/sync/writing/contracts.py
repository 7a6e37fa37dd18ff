"""Writes data contracts and their results."""

from uuid import NAMESPACE_URL, uuid5

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY
from dbtcollate_tui.plan.changes.contracts import ContractChange, ContractResultChange


class ContractWriter:
    """Writes the contracts of one plan; knows the ids of those that it made."""

    def __init__(self, collate: CollateClient) -> None:
        self._collate = collate
        self._ids: dict[str, str] = {}

    async def write(self, change: ContractChange) -> None:
        """Make the contract, or change the fields that differ."""
        if change.id:
            ops: list[dict[str, object]] = []
            for name, before, after in change.fields:
                if name == "description" and before:
                    ops.insert(0, {"op": "test", "path": "/description", "value": before})
                ops.append({"op": "add", "path": f"/{name}", "value": _sent(name, after)})
            await self._collate.patch_contract(change.id, ops)
            self._ids[change.fqn] = change.id
            return
        body = {name: _sent(name, value) for name, value in change.body.items()}
        made = await self._collate.create_contract(body)
        self._ids[change.fqn] = made.id

    async def add_result(self, change: ContractResultChange) -> None:
        """Add the build's result; the same build always has the same id."""
        if change.fqn not in self._ids:
            found = await self._collate.contract(change.fqn)
            if found is None:
                raise ActionableError(f"Collate has no data contract {change.fqn}", fixes=[RETRY])
            self._ids[change.fqn] = found.id
        body: dict[str, object] = {
            "id": str(uuid5(NAMESPACE_URL, f"{change.fqn}@{change.timestamp}")),
            "dataContractFQN": change.fqn,
            "timestamp": change.timestamp,
            "contractExecutionStatus": change.status,
            "result": change.text or "dbt built the model with its contract.",
        }
        await self._collate.add_contract_result(self._ids[change.fqn], body)


def _sent(name: str, value: object) -> object:
    if name == "owners" and isinstance(value, list):
        return [{"id": item["id"], "type": item["type"]} for item in value]
    return value
