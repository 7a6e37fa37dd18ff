"""Reads again the tables of a plan that was made a while ago, so that what changed meanwhile is seen."""

from collections.abc import Mapping, Sequence

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.plan.model import (
    Change,
    CustomPropertyChange,
    DataProductsChange,
    DescriptionChange,
    DomainChange,
    KeysChange,
    OwnersChange,
    Plan,
    RemoveDescription,
    RemoveOwners,
    RemoveTags,
    StatusChange,
    TagsChange,
)
from dbtcollate_tui.sync.reading.edges import READERS
from dbtcollate_tui.sync.reading.server import TABLE_FIELDS

SINGLE_TABLES = 10
"""Up to this many tables are read one by one, more by listing their databases."""


async def reread_tables(collate: CollateClient, plan: Plan, changes: Sequence[Change]) -> Mapping[str, Table]:
    """The tables whose own fields these changes touch, as they are now, by FQN; none for one that is gone."""
    refs = {
        change.table.fqn: change.table
        for change in changes
        if isinstance(
            change,
            DescriptionChange
            | OwnersChange
            | TagsChange
            | RemoveDescription
            | RemoveOwners
            | RemoveTags
            | DomainChange
            | DataProductsChange
            | CustomPropertyChange
            | KeysChange
            | StatusChange,
        )
    }
    if len(refs) <= SINGLE_TABLES:
        found = await bounded(refs, lambda fqn: collate.table(fqn, TABLE_FIELDS), at_once=READERS)
        return {table.fullyQualifiedName: table for table in found if table is not None}
    tables: dict[str, Table] = {}
    for database in sorted({join_fqn(ref.service, ref.database) for ref in refs.values()}):
        async for table in collate.tables(database, TABLE_FIELDS):
            if table.fullyQualifiedName in refs:
                tables[table.fullyQualifiedName] = table
    return tables
