"""What identifies entities and points to them: ids, FQNs, references, and the stamp of a change."""

import re
import time
import uuid

from dbtcollate_tui.sandbox.collate.store import Entity

_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


def quote_name(name: str) -> str:
    """A name as part of an FQN: in double quotes where it holds a dot or a quote."""
    if "." in name or '"' in name:
        return '"' + name.replace('"', '""') + '"'
    return name


def join_fqn(*names: str) -> str:
    """The FQN of those plain names."""
    return ".".join(quote_name(name) for name in names)


def split_fqn(fqn: str) -> list[str]:
    """The plain names in an FQN."""
    return [
        match[1].replace('""', '"') if match[1] is not None else match[2] for match in _PART.finditer(fqn)
    ]


def now_ms() -> int:
    """The time in ms since 1970, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A fresh entity id."""
    return str(uuid.uuid4())


def reference(kind: str, entity: Entity) -> Entity:
    """The entity reference to an entity."""
    found = {
        "id": entity["id"],
        "type": kind,
        "name": entity["name"],
        "fullyQualifiedName": entity["fullyQualifiedName"],
    }
    for key in ("displayName", "description"):
        if entity.get(key):
            found[key] = entity[key]
    found["deleted"] = False
    return found


def touch(entity: Entity, user: str) -> None:
    """Mark an entity as changed now: its version goes up by 0.1."""
    entity["version"] = round(float(entity.get("version", 0.0)) + 0.1, 1)
    entity["updatedAt"] = now_ms()
    entity["updatedBy"] = user
