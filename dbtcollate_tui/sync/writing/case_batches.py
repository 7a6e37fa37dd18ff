"""New test cases in batches that one request makes. No IO."""

from collections.abc import Iterable, Iterator

from dbtcollate_tui.collate.quality import MOST_CASES
from dbtcollate_tui.plan.model import TestCaseChange

Batch = tuple[TestCaseChange, ...]


def in_batches(changes: Iterable[TestCaseChange], most: int = MOST_CASES) -> list[tuple[Batch, ...]]:
    """Groups of batches of at most ``most`` cases; groups may be written at once, a group's batches in turn.

    No table is in two groups, since the server makes a table's test suite with its first case and two
    requests would each make one.
    """
    by_table: dict[str, list[TestCaseChange]] = {}
    for change in changes:
        by_table.setdefault(change.table.fqn, []).append(change)
    groups: list[tuple[Batch, ...]] = []
    open_batch: list[TestCaseChange] = []
    for cases in by_table.values():
        if len(cases) > most:
            groups.append(tuple(_cut(cases, most)))
            continue
        if len(open_batch) + len(cases) > most:
            groups.append((tuple(open_batch),))
            open_batch = []
        open_batch += cases
    if open_batch:
        groups.append((tuple(open_batch),))
    return groups


def _cut(cases: list[TestCaseChange], most: int) -> Iterator[Batch]:
    for start in range(0, len(cases), most):
        yield tuple(cases[start : start + most])


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """The batch in two, to find what the server refuses in it."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
