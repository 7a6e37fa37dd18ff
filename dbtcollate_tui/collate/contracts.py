"""Data contracts and their results."""

from collections.abc import Mapping, Sequence
from typing import Any

from dbtcollate_tui.collate.errors import NotFoundError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import DataContract
from dbtcollate_tui.collate.reader import read_one
from dbtcollate_tui.collate.server import ServerCalls

CONTRACT_FIELDS = ("owners",)


class ContractCalls(ServerCalls):
    """Calls about data contracts."""

    async def contracts(self) -> list[DataContract]:
        """Every data contract of the server, read in pages; none where the server knows none."""
        if not self.dialect.has_contracts:
            return []
        try:
            return [
                contract
                async for page in self.pages(
                    DataContract,
                    "/dataContracts",
                    params={"fields": self.dialect.fields(CONTRACT_FIELDS), "include": "non-deleted"},
                    doing="list data contracts",
                )
                for contract in page
            ]
        except NotFoundError:
            return []

    async def contract(self, fqn: str) -> DataContract | None:
        """One data contract by its FQN, ``None`` where the server has none."""
        return await self.find(
            DataContract,
            f"/dataContracts/name/{path_segment(fqn)}",
            params={"fields": self.dialect.fields(CONTRACT_FIELDS)},
            doing="show the data contract",
        )

    async def create_contract(self, body: Mapping[str, Any]) -> DataContract:
        """Create a data contract; raises `ConflictError` or `InvalidRequestError` where the table has one."""
        answer = await self.call("POST", "/dataContracts", body=dict(body), doing="create the data contract")
        return read_one(DataContract, answer, "create the data contract")

    async def patch_contract(self, contract_id: str, ops: Sequence[Mapping[str, Any]]) -> None:
        """Apply an RFC 6902 patch to a data contract."""
        path = f"/dataContracts/{path_segment(contract_id)}"
        await self.patch(path, ops, doing="change the data contract")

    async def add_contract_result(self, contract_id: str, body: Mapping[str, Any]) -> None:
        """Add a result to a data contract; one of the same id is replaced."""
        path = f"/dataContracts/{path_segment(contract_id)}/results"
        await self.call("PUT", path, body=dict(body), doing="write the contract's result")
