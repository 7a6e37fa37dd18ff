"""The database service's own metadata agent: its last run, its schedule, its filters, and a run of it now.

Newer interfaces call ingestion pipelines agents. The most common cause of a missing table is that this one
has not run since dbt built it, or leaves it out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError, ForbiddenError
from dbtcollate_tui.collate.fqn import join_fqn, path_segment
from dbtcollate_tui.collate.models import FilterPattern, IngestionPipeline, PipelineStatus
from dbtcollate_tui.collate.pipelines import ROOT, IngestionPipelines
from dbtcollate_tui.collate.reader import read_object
from dbtcollate_tui.collate.server import JSON_PATCH

LONGEST_PATTERN, LONGEST_NAME, SHORT_NAME = 500, 1_100, 130
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]{0,500}\]")
_REPETITION = re.compile(r".[*+?{]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WantedTable:
    """A table that should be in Collate; ``database`` may be empty."""

    database: str
    schema: str
    name: str

    @property
    def text(self) -> str:
        """``database.schema.name``."""
        return ".".join(part for part in (self.database, self.schema, self.name) if part)


@dataclass(frozen=True, slots=True)
class MetadataAgent:
    """A metadata ingestion pipeline with the filters that decide which tables it takes."""

    pipeline: IngestionPipeline
    databases: FilterPattern = field(default_factory=FilterPattern)
    schemas: FilterPattern = field(default_factory=FilterPattern)
    tables: FilterPattern = field(default_factory=FilterPattern)
    by_fqn: bool = False
    """Whether the filters are for whole FQNs (``useFqnForFiltering``)."""
    owners: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The FQN of the agent's service."""
        return self.pipeline.fullyQualifiedName.rpartition(".")[0]

    def facts(self) -> tuple[str, ...]:
        """Lines for a person: last run, schedule, filters."""
        run, airflow = self.pipeline.pipelineStatuses, self.pipeline.airflowConfig
        lines = [
            "last run: none" if run is None else f"last run: {run.pipelineState or 'unknown'}{_when(run)}",
            f"schedule: {airflow.scheduleInterval or 'on demand'}"
            + ("" if self.pipeline.enabled else " (paused)")
            + ("" if self.pipeline.deployed else " (not deployed)"),
        ]
        for name, pattern in (
            ("databases", self.databases),
            ("schemas", self.schemas),
            ("tables", self.tables),
        ):
            if pattern.includes:
                lines.append(f"{name} taken: {', '.join(pattern.includes)}")
            if pattern.excludes:
                lines.append(f"{name} left out: {', '.join(pattern.excludes)}")
        return tuple(lines)

    def _schema_name(self, table: WantedTable) -> str:
        return join_fqn(self.service, table.database, table.schema) if self.by_fqn else table.schema

    def change_for(self, missing: Iterable[WantedTable]) -> "AgentChange":
        """What must change so that a run takes these tables: only the schemas that it takes are added to."""
        added: dict[str, None] = {}
        left_out: dict[str, None] = {}
        for table in missing:
            schema = self._schema_name(table)
            database = join_fqn(self.service, table.database) if self.by_fqn else table.database
            name = (
                join_fqn(self.service, table.database, table.schema, table.name)
                if self.by_fqn
                else table.name
            )
            excluded = _matches(self.schemas.excludes, schema) or not _takes(self.tables, name)
            if excluded or (table.database and not _takes(self.databases, database)):
                left_out[table.text] = None
            elif not _takes(self.schemas, schema):
                added[f"^{re.escape(schema)}$"] = None
        return AgentChange(tuple(added), tuple(left_out))


@dataclass(frozen=True, slots=True)
class AgentChange:
    """``schemas`` are patterns to add to the include pattern; ``left_out`` what other filters exclude."""

    schemas: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def _when(run: PipelineStatus) -> str:
    moment = run.endDate or run.timestamp or run.startDate
    return "" if moment is None else f", {datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def is_quick(pattern: str, name: str) -> bool:
    """Whether matching the name takes a bounded number of steps, whatever the pattern.

    A repeated group may double the work with each letter. Of other repetitions, n take at most the name's
    length to the power of n.
    """
    if len(pattern) > LONGEST_PATTERN or len(name) > LONGEST_NAME:
        return False
    plain = _CLASS.sub("x", _ESCAPED.sub("x", pattern))
    repetitions = _REPETITION.findall(plain.replace("(?", "("))
    most = 3 if len(name) <= SHORT_NAME else 2
    return not any(found[0] == ")" for found in repetitions) and len(repetitions) <= most


def _matches(patterns: Iterable[str], name: str) -> bool:
    """Whether a pattern matches the beginning of a name, as openmetadata-ingestion's filters do.

    A pattern that could take long on this name counts as one that does not match.
    """
    for pattern in patterns:
        try:
            if is_quick(pattern, name) and re.match(pattern, name, re.IGNORECASE):
                return True
        except re.error:
            continue
    return False


def _takes(pattern: FilterPattern, name: str) -> bool:
    return not _matches(pattern.excludes, name) and (not pattern.includes or _matches(pattern.includes, name))


async def metadata_agent(pipelines: IngestionPipelines, service_fqn: str) -> MetadataAgent | None:
    """The service's metadata agent, the deployed one of several; ``None`` where there is none."""
    found = [item for item in await pipelines.of_service(service_fqn) if item.pipelineType == "metadata"]
    if not found:
        return None
    pipeline = max(found, key=lambda item: (item.deployed, item.enabled))
    doing = "show the metadata agent"
    path = f"{ROOT}/{path_segment(pipeline.id)}"
    params = {"fields": pipelines.client.dialect.fields(["owners"])}
    answer = read_object(await pipelines.client.call("GET", path, params=params, doing=doing), doing)
    config = _mapping(_mapping(answer.get("sourceConfig")).get("config"))

    def pattern(key: str) -> FilterPattern:
        return FilterPattern.model_validate(_mapping(config.get(key)))

    return MetadataAgent(
        pipeline,
        pattern("databaseFilterPattern"),
        pattern("schemaFilterPattern"),
        pattern("tableFilterPattern"),
        config.get("useFqnForFiltering") is True,
        _owner_names(answer),
    )


async def responsible_for(client: CollateClient, service_fqn: str, agent: MetadataAgent | None) -> str:
    """Whom to ask about the agent: its owners, else those of its service, else an admin."""
    names = agent.owners if agent is not None else ()
    if not names:
        doing = "show the database service"
        path = f"/services/databaseServices/name/{path_segment(service_fqn)}"
        params = {"fields": client.dialect.fields(["owners"])}
        try:
            names = _owner_names(
                read_object(await client.call("GET", path, params=params, doing=doing), doing)
            )
        except (CollateError, ForbiddenError):
            names = ()
    return f"{' or '.join(names[:3])} (owner of {service_fqn})" if names else "a Collate admin"


def _owner_names(entity: Mapping[str, Any]) -> tuple[str, ...]:
    listed = entity.get("owners")
    held = listed if isinstance(listed, list) else [entity.get("owner")]
    owners = [_mapping(owner) for owner in held]
    return tuple(str(o.get("displayName") or o["name"]) for o in owners if o.get("name"))


async def include_schemas(
    pipelines: IngestionPipelines, agent: MetadataAgent, patterns: Iterable[str]
) -> None:
    """Add patterns to the agent's include pattern; raises `GuardFailedError` where it changed meanwhile."""
    place = "/sourceConfig/config/schemaFilterPattern/includes"
    ops: list[dict[str, Any]] = [{"op": "test", "path": place, "value": list(agent.schemas.includes)}]
    ops += [{"op": "add", "path": f"{place}/-", "value": pattern} for pattern in patterns]
    await pipelines.client.call(
        "PATCH",
        f"{ROOT}/{path_segment(agent.pipeline.id)}",
        body=ops,
        content_type=JSON_PATCH,
        doing="add schemas to the metadata agent",
        repeatable=True,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
