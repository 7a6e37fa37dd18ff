"""Entities, lineage edges, test results and pipeline runs in one SQLite file."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

Entity = dict[str, Any]
"""One JSON object as the API shows it, with the latest server's names."""

_SCHEMA = """
create table if not exists entities(
  kind text not null, id text not null, fqn text not null, name text not null,
  parent text not null default '', root text not null default '', json blob not null,
  primary key (kind, id)) without rowid;
create unique index if not exists entities_fqn on entities(kind, fqn);
create index if not exists entities_parent on entities(kind, parent, name, id);
create index if not exists entities_root on entities(kind, root, name, id);
create index if not exists entities_name on entities(kind, name, id);
create table if not exists versions(
  id text not null, version real not null, json blob not null, primary key (id, version)) without rowid;
create table if not exists edges(
  from_id text not null, to_id text not null, from_type text not null, to_type text not null,
  details blob not null, primary key (from_id, to_id)) without rowid;
create index if not exists edges_to on edges(to_id);
create table if not exists results(
  fqn text not null, timestamp integer not null, json blob not null,
  primary key (fqn, timestamp)) without rowid;
create table if not exists statuses(
  pipeline text not null, run_id text not null, timestamp integer not null, json blob not null,
  primary key (pipeline, run_id)) without rowid;
create table if not exists log_lines(
  pipeline text not null, run_id text not null, number integer not null, line text not null,
  primary key (pipeline, run_id, number)) without rowid;
"""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


_WITH_HISTORY = frozenset({"table"})
"""Kinds whose versions are kept."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list with its cursors, as OpenMetadata's ``paging`` object has them."""

    entities: list[Entity]
    total: int
    after: str | None
    before: str | None

    def paging(self) -> dict[str, Any]:
        """The ``paging`` object: ``total``, and ``after`` and ``before`` where there is another page."""
        found: dict[str, Any] = {"total": self.total}
        if self.before is not None:
            found["before"] = self.before
        if self.after is not None:
            found["after"] = self.after
        return found


class Store:
    """The state of one Collate; every method is a short, synchronous SQLite call."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=off")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within becomes visible at once, or not at all after an exception."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("begin")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    # entities

    def is_empty(self) -> bool:
        """Whether nothing has been stored yet."""
        return self._db.execute("select 1 from entities limit 1").fetchone() is None

    def by_id(self, kind: str, entity_id: str) -> Entity | None:
        """The entity with that id."""
        return self._one("select json from entities where kind=? and id=?", kind, entity_id)

    def by_fqn(self, kind: str, fqn: str) -> Entity | None:
        """The entity with that fully qualified name, in its exact case."""
        return self._one("select json from entities where kind=? and fqn=?", kind, fqn)

    def save(self, kind: str, entity: Entity, *, parent: str | None = None, root: str | None = None) -> None:
        """Write an entity; ``parent`` and ``root`` are the FQNs it is listed under, kept when None."""
        self._db.execute(
            "insert into entities(kind, id, fqn, name, parent, root, json) values(?,?,?,?,?,?,?)"
            " on conflict(kind, id) do update set fqn=excluded.fqn, name=excluded.name, json=excluded.json"
            + (", parent=excluded.parent" if parent is not None else "")
            + (", root=excluded.root" if root is not None else ""),
            (
                kind,
                entity["id"],
                entity["fullyQualifiedName"],
                entity["name"],
                parent or "",
                root or "",
                _encode(entity),
            ),
        )

        if kind in _WITH_HISTORY:
            self._db.execute(
                "insert or replace into versions(id, version, json) values(?,?,?)",
                (entity["id"], entity.get("version", 0.1), _encode(entity)),
            )

    def versions(self, entity_id: str) -> list[Entity]:
        """The versions of a table that were stored, latest first."""
        rows = self._db.execute("select json from versions where id=? order by version desc", (entity_id,))
        return [_decode(row[0]) for row in rows]

    def delete(self, kind: str, entity_id: str) -> None:
        """Remove an entity and its lineage edges."""
        self._db.execute("delete from entities where kind=? and id=?", (kind, entity_id))
        self._db.execute("delete from edges where from_id=? or to_id=?", (entity_id, entity_id))

    def every(self, kind: str, *, parent: str | None = None, root: str | None = None) -> list[Entity]:
        """All entities of a kind, by name."""
        where, values = _where(kind, parent, root)
        rows = self._db.execute(f"select json from entities where {where} order by name, id", values)
        return [_decode(row[0]) for row in rows]

    def count(self, kind: str, *, parent: str | None = None, root: str | None = None) -> int:
        """How many entities of a kind there are."""
        where, values = _where(kind, parent, root)
        row = self._db.execute(f"select count(*) from entities where {where}", values).fetchone()
        return int(row[0])

    def page(
        self,
        kind: str,
        *,
        parent: str | None = None,
        root: str | None = None,
        limit: int = 10,
        after: str | None = None,
        before: str | None = None,
    ) -> Page:
        """One page by name; raises ValueError for a cursor that this server did not give."""
        where, values = _where(kind, parent, root)
        total = self.count(kind, parent=parent, root=root)
        if limit == 0:
            return Page([], total, None, None)
        order = "order by name, id"
        if before is not None:
            where += " and (name, id) < (?, ?)"
            values += _read_cursor(before)
            order = "order by name desc, id desc"
        elif after is not None:
            where += " and (name, id) > (?, ?)"
            values += _read_cursor(after)
        rows = self._db.execute(
            f"select name, id, json from entities where {where} {order} limit ?", (*values, limit + 1)
        ).fetchall()
        more = len(rows) > limit
        rows = rows[:limit]
        if before is not None:
            rows.reverse()
        follows = more if before is None else True
        precedes = after is not None if before is None else more
        return Page(
            [_decode(row[2]) for row in rows],
            total,
            _cursor(rows[-1]) if rows and follows else None,
            _cursor(rows[0]) if rows and precedes else None,
        )

    # lineage

    def edge(self, from_id: str, to_id: str) -> Entity | None:
        """The lineage details of one edge."""
        return self._one("select details from edges where from_id=? and to_id=?", from_id, to_id)

    def save_edge(self, source: tuple[str, str], target: tuple[str, str], details: Entity) -> None:
        """Write an edge; ``source`` and ``target`` are (entity type, id)."""
        self._db.execute(
            "insert or replace into edges(from_type, from_id, to_type, to_id, details) values(?,?,?,?,?)",
            (*source, *target, _encode(details)),
        )

    def delete_edge(self, from_id: str, to_id: str) -> bool:
        """Remove an edge; False where there was none."""
        return (
            self._db.execute("delete from edges where from_id=? and to_id=?", (from_id, to_id)).rowcount > 0
        )

    def edges_of(self, entity_id: str, *, upstream: bool) -> list[tuple[str, str, str, str, Entity]]:
        """Edges into (``upstream``) or out of an entity: from type, from id, to type, to id, details."""
        column = "to_id" if upstream else "from_id"
        rows = self._db.execute(
            f"select from_type, from_id, to_type, to_id, details from edges where {column}=?", (entity_id,)
        )
        return [(a, b, c, d, _decode(details)) for a, b, c, d, details in rows]

    # test results

    def add_result(self, fqn: str, result: Entity, *, replace: bool) -> bool:
        """Store a test case's result; False where that timestamp is taken and ``replace`` is False."""
        verb = "insert or replace" if replace else "insert or ignore"
        return (
            self._db.execute(
                f"{verb} into results(fqn, timestamp, json) values(?,?,?)",
                (fqn, result["timestamp"], _encode(result)),
            ).rowcount
            > 0
        )

    def delete_result(self, fqn: str, timestamp: int) -> bool:
        """Remove one result of a test case; whether it was there."""
        query = "delete from results where fqn=? and timestamp=?"
        return self._db.execute(query, (fqn, timestamp)).rowcount > 0

    def results(self, fqn: str, since: int, until: int) -> list[Entity]:
        """Results between two times in ms, both included, latest first."""
        rows = self._db.execute(
            "select json from results where fqn=? and timestamp between ? and ? order by timestamp desc",
            (fqn, since, until),
        )
        return [_decode(row[0]) for row in rows]

    def delete_results(self, fqn: str) -> None:
        """Delete all results of a test case."""
        self._db.execute("delete from results where fqn=?", (fqn,))

    def latest_result(self, fqn: str) -> Entity | None:
        """The latest result of a test case."""
        return self._one("select json from results where fqn=? order by timestamp desc limit 1", fqn)

    # pipeline runs

    def save_status(self, pipeline: str, status: Entity) -> None:
        """Write the status of one run of a pipeline, given by its FQN."""
        self._db.execute(
            "insert or replace into statuses(pipeline, run_id, timestamp, json) values(?,?,?,?)",
            (pipeline, status["runId"], status["timestamp"], _encode(status)),
        )

    def status(self, pipeline: str, run_id: str) -> Entity | None:
        """The status of one run."""
        return self._one("select json from statuses where pipeline=? and run_id=?", pipeline, run_id)

    def statuses(self, pipeline: str, since: int, until: int, limit: int) -> list[Entity]:
        """Statuses of runs between two times in ms, latest first."""
        rows = self._db.execute(
            "select json from statuses where pipeline=? and timestamp between ? and ?"
            " order by timestamp desc, run_id limit ?",
            (pipeline, since, until, limit),
        )
        return [_decode(row[0]) for row in rows]

    def delete_statuses(self, pipeline: str) -> None:
        """Forget all runs of a pipeline and their logs."""
        self._db.execute("delete from statuses where pipeline=?", (pipeline,))
        self._db.execute("delete from log_lines where pipeline=?", (pipeline,))

    def append_log(self, pipeline: str, run_id: str, lines: list[str]) -> None:
        """Add lines to a run's log."""
        first = self.count_log(pipeline, run_id)
        self._db.executemany(
            "insert into log_lines(pipeline, run_id, number, line) values(?,?,?,?)",
            [(pipeline, run_id, first + index, line) for index, line in enumerate(lines)],
        )

    def count_log(self, pipeline: str, run_id: str) -> int:
        """How many lines a run's log has."""
        row = self._db.execute(
            "select count(*) from log_lines where pipeline=? and run_id=?", (pipeline, run_id)
        ).fetchone()
        return int(row[0])

    def log(self, pipeline: str, run_id: str, offset: int, limit: int) -> list[str]:
        """Lines of a run's log from ``offset`` on."""
        rows = self._db.execute(
            "select line from log_lines where pipeline=? and run_id=? and number>=? order by number limit ?",
            (pipeline, run_id, offset, limit),
        )
        return [row[0] for row in rows]

    def _one(self, query: str, *values: str) -> Entity | None:
        row = self._db.execute(query, values).fetchone()
        return None if row is None else _decode(row[0])


def _where(kind: str, parent: str | None, root: str | None) -> tuple[str, tuple[str, ...]]:
    if parent is not None:
        return "kind=? and parent=?", (kind, parent)
    if root is not None:
        return "kind=? and root=?", (kind, root)
    return "kind=?", (kind,)


def _cursor(row: tuple[str, str, bytes]) -> str:
    return base64.urlsafe_b64encode(_encode({"name": row[0], "id": row[1]})).decode()


def _read_cursor(text: str) -> tuple[str, str]:
    found = _decode(base64.urlsafe_b64decode(text.encode()))
    return str(found["name"]), str(found["id"])
