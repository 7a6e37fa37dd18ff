"""The check of the database service: its type, and what its connection must name."""

from types import SimpleNamespace
from typing import cast

import pytest

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.tables import service
from dbtcollate_tui.collate.models import DatabaseService
from tests.support.builders import project


def context_of(found: DatabaseService, adapter: str) -> CheckContext:
    async def collate() -> object:
        return SimpleNamespace(transport=SimpleNamespace(host="collate.example"))

    async def the_service() -> DatabaseService:
        return found

    async def the_project() -> object:
        return project(adapter=adapter)

    profile = SimpleNamespace(collate=SimpleNamespace(service=found.name))
    return cast(
        CheckContext,
        SimpleNamespace(
            collate=collate, service=the_service, project=the_project, profile=profile, seen=lambda *_: ()
        ),
    )


@pytest.mark.parametrize(
    ("service_type", "adapter", "database", "state"),
    [
        ("SQLite", "sqlite", "", CheckState.WARN),
        ("SQLite", "sqlite", "shop", CheckState.PASS),
        ("Postgres", "postgres", "", CheckState.PASS),
        ("Postgres", "sqlite", "", CheckState.FAIL),
    ],
)
async def test_service_check_knows_what_the_type_needs(
    service_type: str, adapter: str, database: str, state: CheckState
) -> None:
    config = {"config": {"type": service_type, "database": database}}
    found = DatabaseService.model_validate(
        {"id": "1", "name": "wh", "serviceType": service_type, "connection": config}
    )
    assert (await service(context_of(found, adapter))).state is state
