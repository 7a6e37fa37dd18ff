"""What OpenMetadata's metadata connectors ask for beside the entities: bulk writes and connection tests.

The connectors of `openmetadata-ingestion` 2.0.7 write databases, schemas and tables in bulk, and look up how
a connection is tested before they read a warehouse.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer, not_found
from dbtcollate_tui.sandbox.collate.bodies import CREATE
from dbtcollate_tui.sandbox.collate.entities import (
    Placed,
    build_database,
    build_schema,
    build_table,
    checked_body,
    since,
    upsert,
)
from dbtcollate_tui.sandbox.collate.kinds import KINDS, Kind
from dbtcollate_tui.sandbox.collate.store import Entity

_DEFINITION = "services/testConnectionDefinitions"
_SUFFIX = ".testConnectionDefinition"


def add_routes(router: Router) -> None:
    """The bulk writes, the definitions of connection tests, and the list of stored procedures."""
    builders = {"database": build_database, "databaseSchema": build_schema, "table": build_table}
    for name, build in builders.items():
        router.add("PUT", f"{KINDS[name].path}/bulk", since(1, 11)(_bulk(KINDS[name], build)))
    router.add("GET", f"{_DEFINITION}/name/{{fqn}}", _test_definition)
    router.add("GET", "storedProcedures", _no_procedures)


def _bulk(kind: Kind, build: Callable[[Call, Entity], Placed]) -> Callable[[Call], Response]:
    """Create or update each of a list; one that is refused is reported, and the others are written."""

    def put(call: Call) -> Response:
        bodies = call.json()
        if not isinstance(bodies, list):
            raise ApiError(400, "Unable to process JSON")
        written: list[Entity] = []
        refused: list[Entity] = []
        for body in bodies:
            try:
                given = checked_body(call, body, CREATE[kind.name])
                entity, code = upsert(call, kind, build(call, given))
                written.append({"request": entity["fullyQualifiedName"], "status": code})
            except ApiError as error:
                name = body.get("name") if isinstance(body, dict) else None
                refused.append({"request": name, "message": error.message, "status": error.status})
        status = "success" if not refused else "partialSuccess" if written else "failure"
        return answer(
            {
                "dryRun": False,
                "status": status,
                "numberOfRowsProcessed": len(bodies),
                "numberOfRowsPassed": len(written),
                "numberOfRowsFailed": len(refused),
                "successRequest": written,
                "failedRequest": refused,
            }
        )

    return put


def _test_definition(call: Call) -> Response:
    fqn = call.params["fqn"]
    if not fqn.endswith(_SUFFIX):
        raise not_found("testConnectionDefinition", fqn)
    service_type = fqn.removesuffix(_SUFFIX)
    return answer(
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, fqn)),
            "name": service_type,
            "displayName": f"{service_type} Test Connection",
            "description": f"This Test Connection validates the access against {service_type}.",
            "fullyQualifiedName": fqn,
            "steps": [
                {
                    "name": "CheckAccess",
                    "description": "Validate that we can properly reach the database and authenticate.",
                    "errorMessage": "Failed to connect to the database.",
                    "mandatory": True,
                    "shortCircuit": True,
                }
            ],
            "version": 0.1,
            "deleted": False,
        }
    )


def _no_procedures(call: Call) -> Response:
    del call
    return answer({"data": [], "paging": {"total": 0}})
