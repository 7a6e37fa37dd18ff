"""The recorded shop: three runs of a real dbt and the warehouse they left, read from the package's data.

`tests/shop/build_artifacts.py` writes that data by running dbt. Nothing here shifts a time or changes a byte
of an artifact.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

_data: Traversable = files(__package__) / "data"

NOT_INGESTED_SCHEMAS = frozenset({"finance"})
"""Schemas that the sandbox's database service leaves out, so that a dbt node stays unmatched."""


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step of a run: what dbt Cloud says about it, and the names of the artifacts that it wrote."""

    index: int
    """1-based; 1 to 3 are clone, profile and `dbt deps`, the job's own commands begin at 4."""
    name: str
    """As dbt Cloud names it, such as ``Invoke dbt with `dbt run` ``."""
    command: str | None
    """The dbt command, None for clone and profile."""
    status: int
    """10 success, 20 error, 30 skipped because an earlier step failed."""
    status_humanized: str
    started_at: datetime | None
    """UTC, None for a skipped step, and so is `finished_at`."""
    finished_at: datetime | None
    duration: float
    """Seconds, measured."""
    files: Mapping[str, str]
    """Artifact name, such as `manifest.json`, to its name in the store."""
    log_file: str | None

    @property
    def log(self) -> str:
        """What the step printed, empty for a skipped one."""
        return _blob(self.log_file).decode() if self.log_file else ""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run of a job as it really went, without the ids that a server gives."""

    name: str
    """`nightly-success`, `nightly-failed` or `ci`."""
    job: str
    """`nightly` or `ci`."""
    status: int
    """10 success, 20 error."""
    status_humanized: str
    git_branch: str
    git_sha: str
    """Digest of the project as it was checked out, 40 hexadecimal digits."""
    schema_override: str | None
    """The target schema of a pull request's run, None in production."""
    pull_request: int | None
    dbt_version: str
    started_at: datetime
    """UTC, as is `finished_at`."""
    finished_at: datetime
    has_docs_generated: bool
    has_sources_generated: bool
    steps: tuple[RecordedStep, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """The job's own commands in order, without `dbt deps`."""
        return tuple(step.command for step in self.steps[3:] if step.command)

    def artifact_names(self) -> tuple[str, ...]:
        """Names of all artifacts that any step of the run wrote, sorted."""
        return tuple(sorted({name for step in self.steps for name in step.files}))

    def artifact(self, step: int | None, name: str) -> bytes | None:
        """The bytes of the artifact `name` as the step with index `step` wrote it, None if it wrote none.

        With `step` None, those of the last step that wrote the artifact.
        """
        for candidate in reversed(self.steps):
            if name in candidate.files and step in (None, candidate.index):
                return _blob(candidate.files[name])
        return None


@dataclass(frozen=True, slots=True)
class WarehouseColumn:
    """One column, as duckdb's information_schema has it."""

    name: str
    data_type: str
    """duckdb's own spelling, such as `DECIMAL(10,2)` or `TIMESTAMP WITH TIME ZONE`."""
    ordinal_position: int
    """1-based."""
    nullable: bool


@dataclass(frozen=True, slots=True)
class WarehouseTable:
    """One table or view of the warehouse, names in their exact case."""

    database: str
    schema: str
    name: str
    type: str
    """`BASE TABLE` or `VIEW`."""
    columns: tuple[WarehouseColumn, ...]


def serve_from(folder: Path) -> None:
    """Take that recording in place of the package's, in this whole process; its layout is the same.

    To be called before a sandbox is made.
    """
    global _data
    _data = folder
    for cached in (load_runs, load_warehouse, _blob):
        cached.cache_clear()


@cache
def load_runs() -> tuple[RecordedRun, ...]:
    """All recorded runs, oldest first."""
    return tuple(_run(entry) for entry in _document("runs.json")["runs"])


@cache
def load_warehouse() -> tuple[WarehouseTable, ...]:
    """Every table and view after the successful run, by schema and name; some are unknown to dbt."""
    return tuple(
        WarehouseTable(
            database=entry["database"],
            schema=entry["schema"],
            name=entry["name"],
            type=entry["type"],
            columns=tuple(WarehouseColumn(**column) for column in entry["columns"]),
        )
        for entry in _document("warehouse.json")["tables"]
    )


def _run(entry: dict[str, Any]) -> RecordedRun:
    times = {key: datetime.fromisoformat(entry[key]) for key in ("started_at", "finished_at")}
    return RecordedRun(**entry | times | {"steps": tuple(_step(step) for step in entry["steps"])})


def _step(entry: dict[str, Any]) -> RecordedStep:
    rest = {key: value for key, value in entry.items() if key not in ("files", "log")}
    for key in ("started_at", "finished_at"):
        rest[key] = datetime.fromisoformat(entry[key]) if entry[key] else None
    return RecordedStep(**rest, files=MappingProxyType(entry["files"]), log_file=entry["log"])


def _document(name: str) -> Any:
    return json.loads((_data / name).read_text(encoding="utf-8"))


@cache
def _blob(name: str) -> bytes:
    return gzip.decompress((_data / "store" / f"{name}.gz").read_bytes())
