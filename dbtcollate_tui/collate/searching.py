"""Questions to the search index and the documents that it answers with."""

from collections.abc import Mapping
from typing import Any


def quoted(text: str) -> str:
    """A value as one phrase of a query string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def sources(body: Any) -> list[Any]:
    """What a search found: its documents."""
    return [hit["_source"] for hit in body["hits"]["hits"] if isinstance(hit, Mapping) and "_source" in hit]
