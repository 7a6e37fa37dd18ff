"""What people write in ``meta``, ``tags`` and ``owner``, in the shapes they write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern

from dbtcollate_tui.artifacts.shapes import Meta, Tags

_KNOWN = frozenset(
    {"owner", "tier", "tags", "glossary", "domain", "dataProducts", "customProperties", "unit"}
)
_ABSENT = frozenset({"none", "null", ""})


class Notes:
    """Sentences for the person; a repeated finding is one sentence with its count and first place."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._counts: Counter[str] = Counter()
        self._firsts: dict[str, str] = {}

    def add(self, sentence: str) -> None:
        """Add one sentence."""
        self._sentences.append(sentence)

    def count(self, finding: str, place: str) -> None:
        """Count a finding; the sentence is made when the notes are read."""
        self._counts[finding] += 1
        self._firsts.setdefault(finding, place)

    def sentences(self) -> tuple[str, ...]:
        """All notes, the single ones first."""
        counted = (
            f"{finding}: {n:,}, first at {self._firsts[finding]}." for finding, n in self._counts.items()
        )
        return (*self._sentences, *counted)


@dataclass(slots=True)
class MetaFacts:
    """What the ``meta`` blocks of one node or column say; ``keys`` are those of ``meta.openmetadata``."""

    owners: tuple[str, ...] = ()
    tier: str | None = None
    tags: tuple[str, ...] = ()
    glossary: tuple[str, ...] = ()
    domain: str | None = None
    data_products: tuple[str, ...] = ()
    custom_properties: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    unit: str = ""
    keys: frozenset[str] = frozenset()


_NO_FACTS = MetaFacts()
_EMPTY = Meta()


def read_meta(blocks: Iterable[Meta | None], notes: Notes, place: str) -> MetaFacts:
    """Read a node's ``meta`` blocks, the more binding one first.

    ``meta.openmetadata.owner`` of any block wins over ``meta.owner`` of any. A tier without its
    classification gets it (``Tier1`` → ``Tier.Tier1``); tags without one are left out, with a note.
    """
    present = [block for block in blocks if block is not None and block != _EMPTY]
    if not present:
        return _NO_FACTS
    settings: dict[str, object] = {}
    for block in present:
        for value in (block.openmetadata, block.open_metadata):
            if isinstance(value, dict):
                settings = {**value, **settings}
            elif value is not None:
                notes.count("meta.openmetadata is not a mapping and is left out", place)
    facts = MetaFacts(owners=owners_of(settings.get("owner"), *(block.owner for block in present)))
    if _is_odd_owner(settings.get("owner")):
        notes.count("meta.openmetadata.owner has an unexpected value, which is left out", place)
    if any(_is_odd_owner(block.owner) for block in present):
        notes.count("meta.owner has an unexpected value, which is left out", place)
    facts.description = next((b.description for b in present if isinstance(b.description, str)), "")
    facts.unit = next(iter(_texts(settings.get("unit"))), "") or next(
        (text for block in present for text in _texts(block.unit)), ""
    )
    if not settings:
        return facts
    facts.keys = frozenset(settings)
    for key in sorted(facts.keys - _KNOWN):
        notes.count(f"meta.openmetadata.{key} is not synced", place)
    for key, value in settings.items():
        odd = not isinstance(value, dict) if key == "customProperties" else _is_odd(value)
        if key in _KNOWN and key != "owner" and value is not None and odd:
            notes.count(f"meta.openmetadata.{key} has an unexpected value, which is left out", place)
    facts.glossary = _texts(settings.get("glossary"))
    facts.tier = next((t if "." in t else f"Tier.{t}" for t in _texts(settings.get("tier"))), None)
    facts.domain = next(iter(_texts(settings.get("domain"))), None)
    facts.data_products = tuple(dict.fromkeys(_texts(settings.get("dataProducts"))))
    named = _texts(settings.get("tags"))
    facts.tags = tuple(tag for tag in named if "." in tag)
    for tag in named:
        if "." not in tag:
            notes.count(
                "Tags of meta.openmetadata without a classification are left out", f"{place}, '{tag}'"
            )
    properties = settings.get("customProperties")
    if isinstance(properties, dict):
        facts.custom_properties = properties
    return facts


def owners_of(*candidates: object) -> tuple[str, ...]:
    """The owners of the first candidate that names any.

    A candidate is a name, a mapping with an e-mail address (which wins) or a name, or a list of these.
    """
    for candidate in candidates:
        if candidate is None:
            continue
        found: dict[str, None] = {}
        for item in candidate if isinstance(candidate, list) else (candidate,):
            if isinstance(item, dict):
                emails = _texts(item.get("email"))
                found.update(dict.fromkeys(emails or _texts(item.get("name"))))
            else:
                found.update(dict.fromkeys(_texts(item)))
        if found:
            return tuple(found)
    return ()


def tags_of(*places: Tags) -> tuple[str, ...]:
    """The tags of all places, each once, in order; a lone text is one tag."""
    if not any(places):
        return ()
    found: dict[str, None] = {}
    for tags in places:
        found.update(dict.fromkeys(_texts(tags)))
    return tuple(found)


def name_or_none(name: str | None) -> str | None:
    """A database's or schema's name; dbt's spelt-out "none" and "null" are absent."""
    return None if name is None or name.strip().lower() in _ABSENT else intern(name)


def _is_odd_owner(value: object) -> bool:
    items = value if isinstance(value, list) else (value,)
    return any(
        not (_texts(item.get("email")) or _texts(item.get("name")))
        if isinstance(item, dict) and item
        else isinstance(item, bool | list)
        for item in items
    )


def _is_odd(value: object) -> bool:
    items = value if isinstance(value, list) else (value,)
    return any(isinstance(item, bool | dict | list) for item in items)


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if type(value) is str:
        return (intern(text),) if (text := value.strip()) else ()
    items = value if isinstance(value, list) else (value,)
    texts = (
        str(item).strip()
        for item in items
        if isinstance(item, str | int | float) and not isinstance(item, bool)
    )
    return tuple(intern(text) for text in texts if text)
