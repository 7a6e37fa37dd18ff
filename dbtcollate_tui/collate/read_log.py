"""What a piece of work reads from a server, as digests: while all of them are the same, so is its result.

OpenMetadata has no conditional requests. Repeating a request and comparing the digest of its answer costs the
server what it cost before, but this program neither decodes the answer nor works out again what follows.
Of answers that hold more than this program reads, and that move without a change, only what is read counts:
of lineage the edges and the names of their ends, of people what identifies them.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.collate.reader import unreadable
from dbtcollate_tui.transport.client import Answer

Params = Mapping[str, str | int | bool]
ReadKey = tuple[str, tuple[tuple[str, str | int | bool], ...]]
"""Path and parameters of a request."""

ABSENT = b"absent"
"""In place of a digest: the server answered 404."""
STAMPED = "/tables"
"""The list of tables is not kept by its digests but by the stamps of its rows."""
STAMP_FIELDS = ("tags", "owners", "domains")
"""Fields of a table that may change without its stamps: a tag's or a domain's own page takes tables out, and
deleting a tag, a team or a user changes no table's version.
"""
_IN_A_THREAD_BYTES = 65_536
_PERSON = ("id", "name", "fullyQualifiedName", "displayName", "email", "isBot", "deleted")


class ReadLog:
    """The digests of what was read, and the stamps of the tables by database."""

    def __init__(self) -> None:
        self.digests: dict[ReadKey, bytes] = {}
        self.stamps: dict[str, bytes] = {}
        self.failures = 0
        """Reads that failed and may have been made up for in another way."""

    async def note(self, path: str, params: Params | None, content: bytes | None) -> None:
        """Keep the digest of an answer, ``None`` for a 404; two different ones of a request are a failure."""
        if path == STAMPED:
            return
        key = read_key(path, params)
        digest = ABSENT if content is None else await digest_of(path, content)
        if self.digests.setdefault(key, digest) != digest:
            self.failures += 1

    def retried(self) -> None:
        """Forget a failure: the same was asked for in smaller parts."""
        self.failures -= 1


_READ_LOG: ContextVar[ReadLog | None] = ContextVar("read_log", default=None)


def open_read_log() -> ReadLog | None:
    """The log that notes what is read here; ``None`` where nobody asked for one."""
    return _READ_LOG.get()


@contextmanager
def reads_noted() -> Iterator[ReadLog]:
    """Note what is read in the block, by this task and the tasks that it starts."""
    log = ReadLog()
    former = _READ_LOG.set(log)
    try:
        yield log
    finally:
        _READ_LOG.reset(former)


def read_key(path: str, params: Params | None) -> ReadKey:
    """What a request is known by."""
    return path, tuple(sorted((params or {}).items()))


async def digest_of(path: str, content: bytes) -> bytes:
    """The digest of what is read of an answer; of a long one in a thread."""
    if len(content) < _IN_A_THREAD_BYTES:
        return _digest(path, content)
    return await asyncio.to_thread(_digest, path, content)


class _Label(msgspec.Struct):
    tagFQN: str
    source: str | None = None
    labelType: str | None = None
    state: str | None = None


class _Reference(msgspec.Struct):
    id: str
    type: str | None = None


class TableStamp(msgspec.Struct):
    """A table of a light list; ``owner`` and ``domain`` are those of older servers."""

    id: str
    fullyQualifiedName: str
    version: float | None = None
    updatedAt: int | None = None
    deleted: bool | None = None
    tags: list[_Label] | None = None
    owners: list[_Reference] | None = None
    owner: _Reference | None = None
    domains: list[_Reference] | None = None
    domain: _Reference | None = None


class _Paging(msgspec.Struct):
    after: str | None = None


class _Page(msgspec.Struct):
    data: list[TableStamp]
    paging: _Paging | None = None


_PAGE = msgspec.json.Decoder(_Page)


def read_stamp_page(
    model: type[TableStamp], answer: Answer, doing: str
) -> tuple[list[TableStamp], str | None]:
    """The tables of a light page, and the cursor of the next one, as `read_page` gives those of a whole one.

    An odd element fails the page: then everything is read again, which leaves that element out.
    """
    del model
    try:
        page = _PAGE.decode(answer.content)
    except msgspec.DecodeError as error:
        raise unreadable(answer, doing, str(error)) from None
    return page.data, page.paging.after if page.paging is not None else None


class Stamps:
    """The stamps of a database's tables, and what may change without them (`STAMP_FIELDS`)."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def take(self, table: Table) -> None:
        """Note one table."""
        self._take(
            table.id,
            table.fullyQualifiedName,
            table.version,
            table.updatedAt,
            table.deleted,
            sorted((tag.tagFQN, tag.source, tag.labelType, tag.state) for tag in table.tags),
            sorted((owner.id, owner.type) for owner in table.owners),
            sorted(domain.id for domain in table.domains),
        )

    def take_stamp(self, row: TableStamp) -> None:
        """Note one table of a light list."""
        owners = row.owners if row.owners is not None else [row.owner] if row.owner else []
        domains = row.domains if row.domains is not None else [row.domain] if row.domain else []
        self._take(
            row.id,
            row.fullyQualifiedName,
            0.1 if row.version is None else row.version,
            row.updatedAt,
            row.deleted or False,
            sorted(
                (
                    tag.tagFQN,
                    "Classification" if tag.source is None else tag.source,
                    "Manual" if tag.labelType is None else tag.labelType,
                    "Confirmed" if tag.state is None else tag.state,
                )
                for tag in row.tags or ()
            ),
            sorted((owner.id, owner.type or "") for owner in owners),
            sorted(domain.id for domain in domains),
        )

    def _take(self, *row: object) -> None:
        self._rows.append(hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest())

    def digest(self) -> bytes:
        """The digest of all, in whatever order they came."""
        return hashlib.sha256(b"".join(sorted(self._rows))).digest()


class _End(msgspec.Struct):
    id: Any = None
    type: Any = None
    name: Any = None
    fullyQualifiedName: Any = None
    displayName: Any = None
    deleted: Any = None


class _Lineage(msgspec.Struct):
    entity: _End | None = None
    nodes: list[_End] | None = None
    upstreamEdges: list[msgspec.Raw] | None = None
    downstreamEdges: list[msgspec.Raw] | None = None


_LINEAGE = msgspec.json.Decoder(_Lineage)


def _digest(path: str, content: bytes) -> bytes:
    seen = hashlib.sha256()
    try:
        if path.startswith("/lineage/"):
            lineage = _LINEAGE.decode(content)
            seen.update(msgspec.json.encode(lineage.entity))
            for part in sorted(msgspec.json.encode(node) for node in lineage.nodes or ()):
                seen.update(part)
            for edges in (lineage.upstreamEdges, lineage.downstreamEdges):
                seen.update(b"\n")
                for part in sorted(bytes(edge) for edge in edges or ()):
                    seen.update(part)
            return seen.digest()
        if path.startswith(("/users", "/teams", "/search/")):
            seen.update(msgspec.json.encode(_people(msgspec.json.decode(content))))
            return seen.digest()
    except (msgspec.DecodeError, ValueError, RecursionError):
        seen = hashlib.sha256()
    seen.update(content)
    return seen.digest()


def _people(value: Any) -> Any:
    """What identifies people in a list, an entity or an answer of the search; the rest moves by itself."""
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("data"), list):
        after = (value.get("paging") or {}).get("after")
        return {"data": [_people(item) for item in value["data"]], "after": after}
    hits = (value.get("hits") or {}).get("hits") if isinstance(value.get("hits"), dict) else None
    if isinstance(hits, list):
        return [_people(item.get("_source")) for item in hits if isinstance(item, dict)]
    return {name: value.get(name) for name in _PERSON}
