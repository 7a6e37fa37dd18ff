"""Runs a case, a small dbt Cloud run beside a few tables of Collate, through the direct sync.

A case is a JSON file: ``steps`` (each with ``command``, ``status`` and ``files`` by name, whose contents are
in ``contents``), ``tables`` (database, schema, name, columns) and, where there are, ``collate`` (requests
sent to Collate before the first sync) and ``type`` (the service's type).
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient, Download
from dbtcollate_tui.dbt_cloud.models import Run, RunStep
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import Applied, Failed, RunFinished, Skipped, SyncEvent
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile, SyncOptions
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.compare import compare
from dbtcollate_tui.sync.decoding import read_project
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine

DATA = Path(__file__).parent / "data"
_RUNS = count(1)
_TYPES = {
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    "VARCHAR": "VARCHAR",
    "TEXT": "TEXT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "DOUBLE": "DOUBLE",
    "DECIMAL": "DECIMAL",
    "STRUCT": "STRUCT",
}


def load_case(name: str) -> dict[str, Any]:
    """The case of that name."""
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return found


@dataclass
class Outcome:
    """What one sync planned and what became of it."""

    plan: Plan
    events: list[SyncEvent]

    @property
    def finished(self) -> RunFinished:
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        return last

    @property
    def failures(self) -> list[str]:
        """Labels and titles of what could not be written."""
        found = [e for e in self.events if isinstance(e, Failed)]
        lost = [f"{e.change.label if e.change else 'sync'}: {e.error.title}" for e in found]
        return lost + [f"{e.change.label}: {e.reason}" for e in self.events if isinstance(e, Skipped)]

    @property
    def written(self) -> frozenset[str]:
        """The keys of the changes that were written."""
        return frozenset(event.change.key for event in self.events if isinstance(event, Applied))

    @property
    def notes(self) -> str:
        return "\n".join(self.plan.notes)

    @property
    def conflicts(self) -> list[str]:
        """``label: reason`` of everything that stays as Collate has it, removals left out."""
        return [f"{item.label}: {item.reason}" for item in self.plan.conflicts if not item.is_removal]

    @property
    def changes(self) -> list[str]:
        """``kind label`` of every planned change."""
        return [f"{change.kind} {change.label}" for change in self.plan.changes]


@dataclass
class Cases:
    """One sandbox for many cases; each ``Place`` is a database service of its own."""

    sandbox: Sandbox
    collate: CollateClient
    http: httpx.AsyncClient
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def place(self, folder: Path, options: SyncOptions | None = None) -> "Place":
        """A new, empty database service with a state folder of its own."""
        return Place(self, f"case{next(self._numbers)}", folder, options or SyncOptions())


@dataclass
class Place:
    """A database service in Collate that cases are synced into, one after the other."""

    cases: Cases
    service: str
    folder: Path
    options: SyncOptions

    async def send(self, method: str, path: str, body: object) -> dict[str, Any]:
        answer = await self.cases.http.request(method, f"/api/v1/{path.removeprefix('/api/v1/')}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def prepare(self, case: Mapping[str, Any]) -> None:
        """Make the case's service, the tables that it does not have yet, and send the case's requests."""
        kind = case.get("type", "CustomDatabase")
        connection = {"config": {"type": kind}}
        await self.send(
            "PUT",
            "services/databaseServices",
            {"name": self.service, "serviceType": kind, "connection": connection},
        )
        there = await self.tables()
        for table in case["tables"]:
            if f"{_quoted(table['database'])}.{_quoted(table['schema'])}.{_quoted(table['name'])}" in there:
                continue
            database = f"{self.service}.{_quoted(table['database'])}"
            schema = f"{database}.{_quoted(table['schema'])}"
            await self.send("PUT", "databases", {"name": table["database"], "service": self.service})
            await self.send("PUT", "databaseSchemas", {"name": table["schema"], "database": database})
            columns = [_column(column) for column in table.get("columns") or ()]
            body = {"name": table["name"], "databaseSchema": schema, "columns": columns}
            await self.send("PUT", "tables", body)
        text = json.dumps(case.get("collate", [])).replace("shop_warehouse.", f"{self.service}.")
        for request in json.loads(text):
            await self.send(request["method"], request["path"], request.get("body"))

    async def rebuild(self, case: Mapping[str, Any]) -> None:
        """Give the case's tables the columns that this case has, as the next metadata ingestion does."""
        for table in case["tables"]:
            schema = f"{self.service}.{_quoted(table['database'])}.{_quoted(table['schema'])}"
            columns = [_column(column) for column in table.get("columns") or ()]
            body = {"name": table["name"], "databaseSchema": schema, "columns": columns}
            await self.send("PUT", "tables", body)

    async def project(self, case: Mapping[str, Any]) -> tuple[Project, RunChoice]:
        """The case's run as the artifact store gives it."""
        number = next(_RUNS)
        choice = _choice(case, number)
        store = ArtifactStore(self.folder / "artifacts")
        fetched = await store.fetch(_dbt_cloud(case), 1, choice)
        return await read_project(fetched), choice

    async def sync(
        self,
        case: Mapping[str, Any],
        scope: Scope = WHOLE,
        edit: Callable[[Project], Project] = lambda project: project,
    ) -> Outcome:
        """Plan and write one sync of a case that was prepared."""
        read, choice = await self.project(case)
        engine = self.engine(case)
        plan = await compare(EventEmitter(), "plan", engine, choice, edit(read), scope)
        events = [event async for event in run_direct(engine, plan=plan)]
        return Outcome(plan, events)

    def engine(self, case: Mapping[str, Any]) -> Engine:
        """What a sync of the case into this place works with."""
        profile = Profile(
            name=self.service,
            dbt_cloud=DbtCloudSettings(base_url="http://127.0.0.1:9", account_id=1, project_id=1, job_id=1),
            collate=CollateSettings(base_url=self.cases.sandbox.collate_url, service=self.service),
            options=self.options,
        )
        state = StateStore(self.folder / "state")
        return Engine(profile, _dbt_cloud(case), self.cases.collate, state=state, report_runs=False)

    async def twice(self, case: Mapping[str, Any], scope: Scope = WHOLE) -> Outcome:
        """Prepare a case and sync it twice; the second sync must find nothing to write. Gives the first."""
        await self.prepare(case)
        first = await self.sync(case, scope)
        second = await self.sync(case, scope)
        assert second.changes == []
        return first

    async def tables(self) -> dict[str, dict[str, Any]]:
        """The service's tables by ``database.schema.table``, whole."""
        names = ("columns", "tags", "owners", "dataModel", "domains", "extension", "tableConstraints")
        fields = self.cases.collate.dialect.fields(names)
        answer = await self.cases.http.get(
            "/api/v1/tables", params={"limit": 1000, "fields": fields, "service": self.service}
        )
        prefix = f"{self.service}."
        return {
            table["fullyQualifiedName"].removeprefix(prefix): table
            for table in answer.json()["data"]
            if table["fullyQualifiedName"].startswith(prefix)
        }

    async def metrics(self) -> set[str]:
        """The names of the server's metrics."""
        answer = await self.cases.http.get("/api/v1/metrics", params={"limit": 1000})
        return {metric["name"] for metric in answer.json()["data"]}

    async def results(self) -> dict[str, str | None]:
        """The status of each test case of the service, by FQN below the service."""
        answer = await self.cases.http.get(
            "/api/v1/dataQuality/testCases", params={"limit": 1000, "fields": "testCaseResult"}
        )
        prefix = f"{self.service}."
        return {
            case["fullyQualifiedName"].removeprefix(prefix): (case.get("testCaseResult") or {}).get(
                "testCaseStatus"
            )
            for case in answer.json()["data"]
            if case["fullyQualifiedName"].startswith(prefix)
        }

    async def edges(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The details of each edge between the service's tables, by the two names below the service."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        names = {table["id"]: name for name, table in (await self.tables()).items()}
        for identifier, name in names.items():
            answer = await self.cases.http.get(
                f"/api/v1/lineage/table/{identifier}", params={"upstreamDepth": 1, "downstreamDepth": 0}
            )
            for edge in answer.json().get("upstreamEdges", []):
                above = edge["fromEntity"]
                above = above["id"] if isinstance(above, dict) else above
                if above in names:
                    found[names[above], name] = edge.get("lineageDetails") or {}
        return found


@asynccontextmanager
async def cases(version: str = "latest") -> AsyncIterator[Cases]:
    """A sandbox for cases."""
    async with (
        Sandbox(server_version=version) as sandbox,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as collate,
        httpx.AsyncClient(
            base_url=sandbox.collate_url,
            headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
        ) as http,
    ):
        await collate.connect()
        yield Cases(sandbox, collate, http)


def _choice(case: Mapping[str, Any], number: int) -> RunChoice:
    steps = [
        RunStep.model_validate(
            {
                "index": index,
                "status": step.get("status", 10),
                "run_step_command": {"dbt_command": step["command"]},
            }
        )
        for index, step in enumerate(case["steps"], 1)
    ]
    run = Run.model_validate({"id": number, "status": 10, "has_docs_generated": True})
    return RunChoice(run, tuple(steps), None, "named", "named", None, (), (), None)


def _dbt_cloud(case: Mapping[str, Any]) -> DbtCloudClient:
    """As much of a dbt Cloud client as the artifact store and the plan use."""

    async def download_artifact(
        account_id: int,
        run_id: int,
        name: str,
        step: int | None,
        write: Callable[[bytes], object],
        restart: Callable[[], object],
        on_bytes: object = None,
    ) -> Download:
        del account_id, run_id, on_bytes
        steps = case["steps"] if step is None else [case["steps"][step - 1]]
        for item in reversed(steps):
            content = item.get("files", {}).get(name)
            if content is not None:
                restart()
                write(json.dumps(case["contents"][content]).encode())
                return Download.FOUND
        return Download.MISSING

    transport = SimpleNamespace(on_retry=None)
    return cast(
        DbtCloudClient,
        SimpleNamespace(
            host="case.example",
            base_url="http://127.0.0.1:9",
            download_artifact=download_artifact,
            transport=transport,
        ),
    )


def _column(column: Mapping[str, Any]) -> Mapping[str, Any]:
    if "raw" in column:
        raw: Mapping[str, Any] = column["raw"]
        return raw
    given = str(column.get("data_type") or "VARCHAR")
    kind = given.upper().split("(")[0].split("<")[0].strip()
    return {
        "name": column["name"],
        "dataType": _TYPES.get(kind, "STRING"),
        "dataLength": 1,
        "dataTypeDisplay": given,
    }


def _quoted(name: str) -> str:
    return f'"{name}"' if "." in name else name
