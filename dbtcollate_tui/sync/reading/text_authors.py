"""Who wrote a description, by the version history of its table: a person, or the metadata connector."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError
from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.sync.reading.edges import READERS


async def read_text_authors(
    collate: CollateClient, tables: Mapping[str, Table], texts: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The authors of these descriptions, by table FQN and column: one request for each table.

    A history that cannot be read names no author.
    """
    columns: dict[str, list[str]] = defaultdict(list)
    for fqn, column in sorted(texts):
        columns[fqn].append(column)
    found: dict[tuple[str, str], str] = {}

    async def read(fqn: str) -> None:
        table = tables[fqn]
        try:
            versions = await collate.table_versions(table.id)
        except CollateError:
            return
        for column in columns[fqn]:
            author = author_of(_text(table, column), column, versions)
            if author:
                found[fqn, column] = author

    await bounded(list(columns), read, at_once=READERS)
    return found


def author_of(text: str, column: str, versions: Collection[Table]) -> str:
    """The author of the oldest of the latest versions that hold this text; empty where none does."""
    author = ""
    for version in versions:
        if _text(version, column).strip() != text.strip():
            break
        author = version.updatedBy
    return author


def _text(table: Table, column: str) -> str:
    if not column:
        return table.description
    return next((found.description for _, name, found in table.walk_columns() if name == column), "")
