"""Build a project with dbt in PostgreSQL and MariaDB, let OpenMetadata's connector read them, and sync.

    python -m tests.warehouses [postgres] [mariadb]

Needs package registries, and root where the servers are not installed. Makes ``.venv-reference/`` (a folder
that git ignores) for dbt and `openmetadata-ingestion`. One line for each warehouse; ends with 1 where a node
has no table, the last sync writes something, or a false edge is there.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.cases.runner import Cases, Place, cases
from tests.contract.reference.run import environment_of, reference_python
from tests.warehouses.projects import FILES, MARIADB, POSTGRES, Warehouse
from tests.warehouses.servers import Server, mariadb, postgres

WAREHOUSES = {"postgres": (POSTGRES, postgres), "mariadb": (MARIADB, mariadb)}
SYSTEM_SCHEMAS = ["information_schema", "mysql", "performance_schema", "sys", "pg_catalog"]
EDGES = {
    "stg_orders from Orders Raw": {
        "Unit.Price": ["amount"],
        "customer_id": ["Customer ID"],
        "order_id": ["id"],
    },
    "marks > all from stg_orders": {"order_id": ["order_id"], "price > 100": ["Unit.Price"]},
    "marks > all from customers": {"only_lower": ["only_lower"]},
}


def main() -> int:
    """Run the warehouses that are named, or both; 1 where one is not right."""
    names = sys.argv[1:] or list(WAREHOUSES)
    failed = False
    for name in names:
        warehouse, start = WAREHOUSES[name]
        with tempfile.TemporaryDirectory(prefix="warehouse-") as temporary:
            folder = Path(temporary)
            with start(folder) as server:
                server.run(warehouse.setup, _administered(warehouse, server))
                problems = asyncio.run(_check(warehouse, server, folder))
        failed = failed or bool(problems)
        print(f"{name}: {'; '.join(problems) if problems else 'ok'}", flush=True)
    return 1 if failed else 0


def _administered(warehouse: Warehouse, server: Server) -> str:
    from tests.warehouses.servers import PASSWORD

    if warehouse is POSTGRES:
        return f"postgresql://admin:{PASSWORD}@127.0.0.1:{server.port}/shop_db"
    return "mysql"


async def _check(warehouse: Warehouse, server: Server, folder: Path) -> list[str]:
    case = _built(warehouse, server, folder)
    metadata = Path(reference_python()).with_name("metadata")
    async with cases() as world:
        place = world.place(folder / "state")
        await place.prepare(case)
        body = {
            "name": place.service,
            "serviceType": warehouse.service_type,
            "connection": {"config": warehouse.connection(server.port)},
        }
        await place.send("PUT", "services/databaseServices", body)
        problems: list[str] = []
        _ingest(metadata, world, place, warehouse, server, folder)
        first = await place.sync(case)
        missing = [item.fqn for item in first.plan.match.missing]
        problems += [f"no table for {', '.join(missing)}"] if missing else []
        problems += [f"not written: {line}" for line in first.failures]
        problems += [f"conflict: {line}" for line in first.conflicts]
        found = await _edges(place)
        upper = {f"upper_customers from {warehouse.upper}": {"id": ["id"], "only_upper": ["only_upper"]}}
        problems += [f"edges {found}"] if found != EDGES | upper else []
        if (await place.sync(case)).changes:
            problems.append("the second sync writes")
        _ingest(metadata, world, place, warehouse, server, folder)
        again = await place.sync(case)
        if again.changes:
            problems.append(f"a sync after the connector writes {again.changes[:3]}")
    return problems


def _built(warehouse: Warehouse, server: Server, folder: Path) -> dict[str, Any]:
    """The artifacts of a dbt build of the project, as a case."""
    project = folder / "project"
    for name, text in FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = {
        "name": "shop",
        "version": "1.0",
        "config-version": 2,
        "profile": "shop",
        "model-paths": ["models"],
        "vars": {"upper": warehouse.upper},
    }
    (project / "dbt_project.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    profile = {"shop": {"target": "dev", "outputs": {"dev": warehouse.profile(server.port)}}}
    (project / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    dbt = environment_of(f"dbt-{warehouse.name}", *warehouse.packages).with_name("dbt")
    contents: dict[str, Any] = {}
    steps: list[dict[str, Any]] = []
    for command, files in (
        ("build", ("manifest.json", "run_results.json")),
        ("docs generate", ("manifest.json", "catalog.json")),
    ):
        if command != "build" and not warehouse.has_catalog:
            continue
        _run([str(dbt), *command.split(), "--profiles-dir", "."], project)
        step: dict[str, Any] = {"command": f"dbt {command}", "files": {}}
        for file in files:
            text = (project / "target" / file).read_text(encoding="utf-8")
            contents[f"{command} {file}"] = json.loads(text)
            step["files"][file] = f"{command} {file}"
        steps.append(step)
    return {"type": warehouse.service_type, "steps": steps, "tables": [], "contents": contents}


def _ingest(
    metadata: Path, world: Cases, place: Place, warehouse: Warehouse, server: Server, folder: Path
) -> None:
    """Run OpenMetadata's metadata connector into the sandbox."""
    config = {
        "source": {
            "type": warehouse.service_type.lower(),
            "serviceName": place.service,
            "serviceConnection": {"config": warehouse.connection(server.port)},
            "sourceConfig": {
                "config": {
                    "type": "DatabaseMetadata",
                    "schemaFilterPattern": {"excludes": SYSTEM_SCHEMAS},
                    "includeStoredProcedures": False,
                }
            },
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "loggerLevel": "WARN",
            "openMetadataServerConfig": {
                "hostPort": f"{world.sandbox.collate_url}/api",
                "authProvider": "openmetadata",
                "securityConfig": {"jwtToken": world.sandbox.collate_token.get_secret_value()},
            },
        },
    }
    path = folder / "ingest.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    path.chmod(0o600)
    _run([str(metadata), "ingest", "-c", str(path)], folder)


async def _edges(place: Place) -> dict[str, dict[str, list[str]]]:
    """By ``table from table`` in the warehouse's spelling, the sources of each column."""
    from dbtcollate_tui.collate.fqn import plain_name, split_fqn

    def last(fqn: str) -> str:
        return plain_name(split_fqn(fqn)[-1])

    return {
        f"{last(below)} from {last(above)}": {
            last(item["toColumn"]): sorted(map(last, item["fromColumns"]))
            for item in details.get("columnsLineage") or ()
        }
        for (above, below), details in (await place.edges()).items()
    }


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
    )
    if done.returncode:
        raise RuntimeError(
            f"{Path(command[0]).name} {command[1]} failed:\n{(done.stdout + done.stderr)[-12000:]}"
        )


if __name__ == "__main__":
    sys.exit(main())
