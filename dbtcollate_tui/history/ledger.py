"""The record of the texts, tags, owners, tests and edges that syncs from here wrote, by profile and server.

It separates our own texts from a person's when dbt no longer names them. One line a write, appended by one
call, so that several processes may write at once; the later line wins. A sync that is killed may lose its
last second: what that wrote counts as a person's and stays.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.plan.model import (
    Change,
    DataModelChange,
    DescriptionChange,
    LineageChange,
    MetricChange,
    OwnersChange,
    RemoveDescription,
    RemoveEdge,
    RemoveMetric,
    RemoveOwners,
    RemoveTags,
    RemoveTestCase,
    TagsChange,
    TestCaseChange,
)
from dbtcollate_tui.private_files import make_file
from dbtcollate_tui.settings.files import private_folder
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore


def digest_of(text: str) -> str:
    """What the record keeps of a description: whether Collate's is still ours, not what it says."""
    return sha256(text.strip().encode("utf-8", "replace")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class WrittenCase:
    """A test case that we created: its table's FQN and the unique id of dbt's test."""

    table: str
    test: str


@dataclass(slots=True)
class Written:
    """What is in Collate because we wrote it.

    Tag FQNs by (table FQN, column), owners' ids by table FQN, edges as (upstream FQN, downstream FQN);
    ``texts`` are the digests of descriptions by (table FQN, column), ``cases`` the test cases by FQN,
    ``nodes`` are the unique ids that it was written for, by table FQN; ``models`` are the FQNs of the tables
    whose data models we wrote.
    """

    tags: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    owners: dict[str, frozenset[str]] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    nodes: dict[str, str] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    cases: dict[str, WrittenCase] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)
    """FQNs of the metrics that we created."""

    @property
    def tables(self) -> set[str]:
        """The FQNs of the tables that we wrote something of, or to which we drew an edge."""
        named = {table for table, _ in (*self.tags, *self.texts)}
        named |= {case.table for case in self.cases.values()}
        return named | set(self.owners) | {below for _, below in self.edges} | self.models

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(
            self.tags or self.owners or self.edges or self.models or self.texts or self.cases or self.metrics
        )

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply one line of the record; raises ``KeyError`` or ``TypeError`` for a damaged one."""
        if node := line.get("node"):
            self.nodes[str(line.get("table") or line["down"])] = str(node)
        match line["what"]:
            case "tags":
                place = (str(line["table"]), str(line["column"]))
                held = self.tags.setdefault(place, set())
                held.difference_update(line.get("gone", ()))
                held.update(line.get("fqns", ()))
                if not held:
                    del self.tags[place]
            case "owners":
                self.owners.pop(line["table"], None)
                if line["ids"]:
                    self.owners[line["table"]] = frozenset(line["ids"])
            case "text":
                self.texts.pop((str(line["table"]), str(line["column"])), None)
                if digest := line.get("digest"):
                    self.texts[str(line["table"]), str(line["column"])] = str(digest)
            case "case":
                self.cases.pop(str(line["fqn"]), None)
                if test := line.get("test"):
                    self.cases[str(line["fqn"])] = WrittenCase(str(line["table"]), str(test))
            case "metric":
                (self.metrics.discard if line.get("gone") else self.metrics.add)(str(line["fqn"]))
            case "model":
                self.models.add(str(line["table"]))
            case "edge":
                edge = (str(line["up"]), str(line["down"]))
                if line.get("gone"):
                    self.edges.discard(edge)
                else:
                    self.edges.add(edge)


def lines_of(change: Change, project: str) -> Sequence[Mapping[str, object]]:
    """What a written change adds to the record; nothing for other kinds. ``project`` is dbt's project."""
    of: dict[str, object] = {"project": project, "node": change.unique_id}
    match change:
        case TagsChange():
            place = {"table": change.table.fqn, "column": change.column, **of}
            return ({"what": "tags", **place, "fqns": list(change.added), "gone": list(change.replaced)},)
        case RemoveTags():
            place = {"table": change.table.fqn, "column": change.column, **of}
            return ({"what": "tags", **place, "gone": list(change.removed)},)
        case OwnersChange():
            ids = [owner.id for owner in change.after]
            return ({"what": "owners", "table": change.table.fqn, "ids": ids, **of},)
        case DescriptionChange():
            place = {"table": change.table.fqn, "column": change.column, **of}
            return ({"what": "text", **place, "digest": digest_of(change.after)},)
        case RemoveDescription():
            return ({"what": "text", "table": change.table.fqn, "column": change.column, **of},)
        case TestCaseChange() if not change.id:
            case = {"table": change.table.fqn, "fqn": change.fqn, "project": project}
            return ({"what": "case", **case, "test": change.unique_id},)
        case RemoveTestCase():
            return ({"what": "case", "table": change.table.fqn, "fqn": change.fqn, "project": project},)
        case MetricChange() if not change.id:
            return ({"what": "metric", "fqn": change.fqn, "project": project},)
        case RemoveMetric():
            return ({"what": "metric", "fqn": change.fqn, "gone": True, "project": project},)
        case DataModelChange():
            return ({"what": "model", "table": change.table.fqn, **of},)
        case RemoveOwners():
            return ({"what": "owners", "table": change.table.fqn, "ids": [], **of},)
        case LineageChange() if change.existing is None:
            ends = {"up": change.upstream.fqn, "down": change.downstream.fqn}
            return ({"what": "edge", **ends, **of},)
        case RemoveEdge():
            ends = {"up": change.upstream.fqn, "down": change.downstream.fqn}
            return ({"what": "edge", **ends, "gone": True, **of},)
    return ()


def load_written(state: StateStore, profile: Profile, project: str) -> Written:
    """What this profile's syncs of that dbt project wrote to its server.

    Reads the disk; a line that is cut off counts for nothing.
    """
    found = Written()
    try:
        with _path(state, profile).open(encoding="utf-8", errors="replace") as file:
            for text in file:
                try:
                    line = json.loads(text)
                    if line["project"] == project:
                        found.take(line)
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue
    except FileNotFoundError:
        pass
    except OSError as error:
        LOGGER.warning("the record of what was written cannot be read: %s", error)
    return found


def digest_of_written(state: StateStore, profile: Profile) -> str:
    """The SHA-256 of the record; empty where nothing was written. Reads the disk."""
    try:
        with _path(state, profile).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def note_written(state: StateStore, profile: Profile, lines: Iterable[Mapping[str, object]]) -> None:
    """Append to the record. Writes the disk; raises `OSError`."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if not text:
        return
    path = _path(state, profile)
    private_folder(state.folder)
    private_folder(path.parent)
    make_file(path)
    with path.open("ab", buffering=0) as file:
        file.write(text.encode())


def _path(state: StateStore, profile: Profile) -> Path:
    server = sha256(profile.collate.base_url.encode()).hexdigest()[:12]
    return state.folder_of(profile.name) / f"written-{server}.ndjson"
