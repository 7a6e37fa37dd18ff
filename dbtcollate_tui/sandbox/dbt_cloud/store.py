"""The sandbox's dbt Cloud in SQLite: what lists filter, order and page through, and started runs.

A run is written once, with all its times; its status at a moment follows from them, so that a run which was
started goes from queued to its end on its own.
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dbtcollate_tui.sandbox.dbt_cloud.bodies import Item, Kind
from dbtcollate_tui.sandbox.dbt_cloud.content import content
from dbtcollate_tui.sandbox.dbt_cloud.history import CANCELLED, RunPlan, history
from dbtcollate_tui.sandbox.scenarios import Scenario

FIRST_RUN_ID = 70471823600001
FIRST_STEP_ID = 70471823700001
FIRST_TRIGGER_ID = 70471823900001

_SCHEMA = """
DROP TABLE IF EXISTS objects;
DROP TABLE IF EXISTS runs;
DROP TABLE IF EXISTS steps;
CREATE TABLE objects (
    kind TEXT, id INTEGER, project_id INTEGER, environment_id INTEGER, name TEXT, state INTEGER, body BLOB,
    PRIMARY KEY (kind, id)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, job_id INTEGER, project_id INTEGER, environment_id INTEGER, final INTEGER,
    created REAL, dequeued REAL, started REAL, finished REAL, trigger TEXT, dbt_version TEXT,
    git_branch TEXT, git_sha TEXT, deferring_run_id INTEGER, artifacts_saved INTEGER, artifacts TEXT,
    has_docs INTEGER, has_sources INTEGER, status_message TEXT, blocked_by TEXT, retrying_run_id INTEGER
);
CREATE INDEX runs_of_job ON runs (job_id, id);
CREATE TABLE steps (
    id INTEGER PRIMARY KEY, run_id INTEGER, position INTEGER, name TEXT, command TEXT, final INTEGER,
    begin REAL, end REAL, source_run TEXT, source_step INTEGER, files TEXT
);
CREATE INDEX steps_of_run ON steps (run_id, position);
"""
_NOW_RUNS = """
SELECT *,
       CASE WHEN finished <= ?1 THEN final WHEN started <= ?1 THEN 3 WHEN dequeued <= ?1 THEN 2 ELSE 1 END
           AS status,
       CASE WHEN finished <= ?1 THEN finished END AS finished_now,
       CASE WHEN finished <= ?1 THEN has_docs ELSE 0 END AS docs_now,
       CASE WHEN finished <= ?1 THEN has_sources ELSE 0 END AS sources_now
FROM runs
"""

Row = sqlite3.Row


@dataclass(frozen=True, slots=True)
class Query:
    """What a list was asked: conditions with their values, the order as SQL, and the page."""

    conditions: tuple[str, ...]
    values: tuple[Any, ...]
    order: str
    limit: int
    offset: int

    @property
    def where(self) -> str:
        """The conditions as one, in SQL."""
        return " AND ".join(self.conditions) or "1"


class DbtCloudStore:
    """The account's state in one SQLite file; opening it puts it back to the scenario's first state."""

    def __init__(self, path: Path, scenario: Scenario, now: float, *, scale: bool = False) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = MEMORY")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        for item in content(scenario, scale=scale):
            self._insert(item)
        for plan in history(scenario, now, scale=scale):
            self.add_run(plan)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _insert(self, item: Item) -> None:
        body = item.body
        self._db.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                item.kind,
                item.id,
                body.get("project_id"),
                body.get("environment_id"),
                body.get("name"),
                body.get("state", 1),
                msgspec.json.encode(body),
            ),
        )

    def objects(self, kind: Kind, query: Query) -> tuple[list[bytes], int]:
        """The page of bodies, as JSON, and how many objects there are on all pages."""
        where = f"kind = ? AND {query.where}"
        values = (kind, *query.values)
        (total,) = self._db.execute(f"SELECT count(*) FROM objects WHERE {where}", values).fetchone()
        rows = self._db.execute(
            f"SELECT body FROM objects WHERE {where} ORDER BY {query.order} LIMIT ? OFFSET ?",
            (*values, query.limit, query.offset),
        )
        return [row["body"] for row in rows], total

    def object(self, kind: Kind, object_id: int) -> bytes | None:
        """One body as JSON, None if there is none."""
        row = self._db.execute(
            "SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, object_id)
        ).fetchone()
        return None if row is None else bytes(row["body"])

    def runs(self, query: Query, now: float) -> tuple[list[Row], int]:
        """The page of runs in their state at ``now``, and how many there are on all pages.

        The conditions' values begin at ``?2``, since ``?1`` is the time.
        """
        values = (now, *query.values)
        (total,) = self._db.execute(
            f"SELECT count(*) FROM ({_NOW_RUNS}) WHERE {query.where}", values
        ).fetchone()
        rows = self._db.execute(
            f"SELECT * FROM ({_NOW_RUNS}) WHERE {query.where} ORDER BY {query.order} "
            f"LIMIT {query.limit:d} OFFSET {query.offset:d}",
            values,
        ).fetchall()
        return rows, total

    def run(self, run_id: int, now: float) -> Row | None:
        """One run in its state at ``now``."""
        return self._one(self._db.execute(f"{_NOW_RUNS} WHERE id = ?2", (now, run_id)))

    def last_run(self, job_id: int, now: float, *, completed: bool = False) -> Row | None:
        """The job's latest run, or its latest that has ended."""
        condition = " AND finished <= ?1" if completed else ""
        query = f"{_NOW_RUNS} WHERE job_id = ?2{condition} ORDER BY id DESC LIMIT 1"
        return self._one(self._db.execute(query, (now, job_id)))

    def steps(self, run_id: int) -> list[Row]:
        """The run's steps in order."""
        return self._db.execute(
            "SELECT * FROM steps WHERE run_id = ? ORDER BY position", (run_id,)
        ).fetchall()

    def step(self, step_id: int) -> Row | None:
        """One step."""
        return self._one(self._db.execute("SELECT * FROM steps WHERE id = ?", (step_id,)))

    @staticmethod
    def _one(cursor: sqlite3.Cursor) -> Row | None:
        row: Row | None = cursor.fetchone()
        return row

    def add_run(self, plan: RunPlan) -> int:
        """Write a run with its steps; its id, which is above all earlier ones."""
        (count,) = self._db.execute("SELECT count(*) FROM runs").fetchone()
        run_id: int = FIRST_RUN_ID + count
        self._db.execute(
            f"INSERT INTO runs VALUES ({', '.join('?' * 21)})",
            (
                run_id,
                plan.job_id,
                plan.project_id,
                plan.environment_id,
                plan.status,
                plan.created,
                plan.dequeued,
                plan.started,
                plan.finished,
                json.dumps(plan.trigger),
                plan.dbt_version,
                plan.git_branch,
                plan.git_sha,
                plan.deferring_run_id,
                plan.artifacts_saved,
                json.dumps(sorted(plan.artifacts)),
                "catalog.json" in plan.artifacts and plan.tells_docs,
                "sources.json" in plan.artifacts,
                plan.status_message,
                json.dumps(plan.blocked_by),
                plan.retrying_run_id,
            ),
        )
        (steps,) = self._db.execute("SELECT count(*) FROM steps").fetchone()
        self._db.executemany(
            f"INSERT INTO steps VALUES ({', '.join('?' * 11)})",
            [
                (
                    FIRST_STEP_ID + steps + number,
                    run_id,
                    step.index,
                    step.name,
                    step.command,
                    step.status,
                    step.begin,
                    step.end,
                    step.source_run,
                    step.source_step,
                    json.dumps(step.files),
                )
                for number, step in enumerate(plan.steps)
            ],
        )
        return run_id

    def unfinished(self, job_id: int, now: float) -> list[Row]:
        """The job's runs that are queued or in progress, oldest first."""
        query = f"{_NOW_RUNS} WHERE job_id = ?2 AND finished > ?1 ORDER BY id"
        return self._db.execute(query, (now, job_id)).fetchall()

    def reactivate(self, job_id: int) -> None:
        """Switch a deactivated job on again, as a run that a person starts does."""
        self._db.execute(
            "UPDATE objects SET body = CAST(json_set(body, '$.deactivated', json('false'), "
            "'$.run_failure_count', 0) AS BLOB) WHERE kind = 'job' AND id = ?",
            (job_id,),
        )

    def cancel(self, run_id: int, now: float) -> None:
        """Stop a run that has not ended: it is cancelled, and its later steps never ran."""
        self._db.execute(
            "UPDATE runs SET final = ?2, finished = ?1, dequeued = min(dequeued, ?1),"
            " started = min(started, ?1),"
            " artifacts_saved = 0, artifacts = '[]', has_docs = 0, has_sources = 0"
            " WHERE id = ?3 AND finished > ?1",
            (now, CANCELLED, run_id),
        )
        self._db.execute(
            "UPDATE steps SET final = ?2, end = CASE WHEN begin < ?1 THEN ?1 END,"
            " begin = CASE WHEN begin < ?1 THEN begin END, files = '[]' WHERE run_id = ?3 AND end > ?1",
            (now, CANCELLED, run_id),
        )
