"""What a server does not know: reported as it is found out, and kept for the next sync of the profile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import get_args

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.unknown_fields import Dropped, Unknown, UnknownKind
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import LogLine
from dbtcollate_tui.settings.state import StateStore

KEY = "unknown-fields"


@contextmanager
def unknown_fields_reported(
    emitter: EventEmitter, collate: CollateClient, state: StateStore | None, profile: str
) -> Iterator[None]:
    """While it lasts, each thing that is left out is a warning; with ``state`` it is kept for later."""
    version = collate.dialect.text
    if state is not None:
        collate.unknown.remember(load_unknown(state, profile, collate.base_url, version))
    former = collate.unknown.on_dropped

    def report(item: Dropped) -> None:
        if former is not None:
            former(item)
        emitter(LogLine(source="Collate", level="warn", text=item.sentence(version)))
        if state is not None:
            save_unknown(state, profile, collate.base_url, version, collate.unknown.dropped)

    collate.unknown.on_dropped = report
    try:
        yield
    finally:
        collate.unknown.on_dropped = former


def load_unknown(state: StateStore, profile: str, base_url: str, version: str) -> list[Dropped]:
    """What was kept for this server; another server or another version of it starts afresh."""
    held = state.load(profile, KEY)
    if not isinstance(held, Mapping) or (held.get("server"), held.get("version")) != (base_url, version):
        return []
    found = []
    listed = held.get("dropped")
    for item in listed if isinstance(listed, list) else ():
        match item:
            case {"call": str(call), "kind": str(kind), "name": str(name), "keys": list(keys)}:
                for known in get_args(UnknownKind):
                    if kind == known:
                        found.append(Dropped(call, Unknown(known, name, tuple(map(str, keys)))))
    return found


def save_unknown(
    state: StateStore, profile: str, base_url: str, version: str, dropped: tuple[Dropped, ...]
) -> None:
    """Keep what this server does not know."""
    state.save(
        profile,
        KEY,
        {
            "server": base_url,
            "version": version,
            "dropped": [
                {
                    "call": item.call,
                    "kind": item.unknown.kind,
                    "name": item.unknown.name,
                    "keys": list(item.unknown.keys),
                }
                for item in dropped
            ],
        },
    )
