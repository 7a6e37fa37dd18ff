"""Reads test cases with their latest results, and test definitions: in pages where that costs less."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import (
    GATEWAY_STATUSES,
    ForbiddenError,
    SearchDownError,
    ServerFailedError,
)
from dbtcollate_tui.collate.models import TestCase
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.plan.server_state import case_key
from dbtcollate_tui.sync.reading.edges import READERS

CASE_FIELDS = ("testCaseResult",)
FEW = 3
"""This many tables or definitions are asked for one by one, without a look at the whole list."""
OTHERS_A_REQUEST = 2
"""Reading this many cases of other tables in a page costs a real server about as much as one more request.

Seen on OpenMetadata 1.6: a row of the list takes it 55 to 390 ms, a request without rows 60 to 100 ms.
"""
OWN_A_TABLE = 3
"""How many cases a table is taken to have where the caller does not say."""

ONE_BY_ONE = 4
"""Up to this share of the cases have their results requested one by one; above it they come with the list."""
_ENTITY_BY_ENTITY = 25
"""This many test cases whose results cannot be read are tried one by one; then no more is asked for."""


@dataclass(slots=True)
class Unread:
    """Test cases that were read without their latest result, by FQN, and why the first of them was."""

    cases: set[str] = field(default_factory=set)
    search_down: bool = False
    reason: str = ""

    def add(self, fqn: str, error: ServerFailedError) -> None:
        """Note one more."""
        self.cases.add(fqn)
        self.reason = self.reason or error.message
        self.search_down = self.search_down or isinstance(error, SearchDownError)


CaseKey = tuple[str, str]
OnDone = Callable[[int, int], object]
"""Gets what is done and the whole: pages' rows, or tables."""


def _silent(done: int, total: int) -> None:
    del done, total


async def read_cases(
    collate: CollateClient,
    fqns: Collection[str],
    on_done: OnDone = _silent,
    unread: Unread | None = None,
    results: Collection[CaseKey] | None = None,
) -> dict[CaseKey, TestCase]:
    """The test cases of these tables with their latest results, by `case_key`; read as by `each_case`."""
    found: dict[CaseKey, TestCase] = {}
    await each_case(
        collate,
        fqns,
        lambda case: found.update({case_key(case.entityLink, case.name): case}),
        on_done,
        unread,
        results,
    )
    return found


async def each_case(
    collate: CollateClient,
    fqns: Collection[str],
    take: Callable[[TestCase], object],
    on_done: OnDone = _silent,
    unread: Unread | None = None,
    results: Collection[CaseKey] | None = None,
) -> None:
    """Give each test case of these tables to ``take``, with its latest result.

    Where ``results`` names cases, only theirs are asked for: by table, or one by one where they are few.

    Newer servers read results from their search index. Where one cannot be read, its case is given without,
    and noted in ``unread``; test cases of other tables then do not matter.

    The server's whole list is read in pages, unless it holds far more than these tables can have: then each
    table's own list.
    """
    wanted = frozenset(fqns)
    named = None if results is None else frozenset(results)
    own = max(len(named or ()), OWN_A_TABLE * len(wanted))
    lost = unread if unread is not None else Unread()
    if len(wanted) > FEW:
        try:
            total = await collate.test_case_count()
            if total <= own + OTHERS_A_REQUEST * len(wanted):
                await _from_pages(collate, wanted, total, take, on_done, named, lost)
                return
        except ForbiddenError:
            on_done(0, len(wanted))
        except ServerFailedError as error:
            if error.status in GATEWAY_STATUSES:
                raise
            on_done(0, len(wanted))
    with_results = None if named is None else frozenset(table_of_link(link) for link, _ in named)

    async def of(fqn: str) -> None:
        if with_results is not None and fqn not in with_results:
            for case in await collate.test_cases(fqn, ()):
                take(case)
            return
        try:
            found = [] if lost.search_down else await collate.test_cases(fqn, CASE_FIELDS)
        except ServerFailedError as error:
            if error.status in GATEWAY_STATUSES:
                raise
            lost.search_down = lost.search_down or isinstance(error, SearchDownError)
            lost.reason = lost.reason or error.message
            found = await _one_by_one(collate, fqn, lost)
        else:
            if lost.search_down and not found:
                found = await _one_by_one(collate, fqn, lost)
        for case in found:
            take(case)

    await bounded(sorted(wanted), of, at_once=READERS, on_done=lambda done: on_done(done, len(wanted)))


async def _one_by_one(collate: CollateClient, fqn: str, lost: Unread) -> list[TestCase]:
    """A table's test cases, each with its latest result if that can be read."""
    found = []
    for case in await collate.test_cases(fqn, ()):
        whole: TestCase | None = None
        if lost.search_down or len(lost.cases) >= _ENTITY_BY_ENTITY:
            lost.cases.add(case.fullyQualifiedName)
        else:
            try:
                whole = await collate.test_case(case.fullyQualifiedName, CASE_FIELDS)
            except ServerFailedError as error:
                lost.add(case.fullyQualifiedName, error)
        found.append(whole if whole is not None else case)
    return found


async def _from_pages(
    collate: CollateClient,
    wanted: frozenset[str],
    total: int,
    take: Callable[[TestCase], object],
    on_done: OnDone,
    named: frozenset[CaseKey] | None,
    lost: Unread,
) -> None:
    one_by_one = named is not None and ONE_BY_ONE * len(named) <= total
    waiting: list[TestCase] = []
    read = 0
    async for case in collate.all_test_cases(() if one_by_one else CASE_FIELDS):
        read += 1
        if read % 100 == 0:
            on_done(read, max(read, total))
        if table_of_link(case.entityLink) not in wanted:
            continue
        if one_by_one and named is not None and case_key(case.entityLink, case.name) in named:
            waiting.append(case)
        else:
            take(case)

    async def with_result(case: TestCase) -> None:
        whole: TestCase | None = None
        try:
            whole = (
                None if lost.search_down else await collate.test_case(case.fullyQualifiedName, CASE_FIELDS)
            )
        except ServerFailedError as error:
            if error.status in GATEWAY_STATUSES:
                raise
            lost.add(case.fullyQualifiedName, error)
        else:
            if whole is None and lost.search_down:
                lost.cases.add(case.fullyQualifiedName)
        take(whole if whole is not None else case)

    await bounded(waiting, with_result, at_once=READERS)


def table_of_link(link: str) -> str:
    """The table's FQN in an entity link."""
    return link.removeprefix("<#E::table::").removesuffix(">").partition("::columns::")[0]


async def read_definitions(collate: CollateClient, names: Collection[str]) -> frozenset[str]:
    """Which of these test definitions are there."""
    if len(names) > FEW:
        return frozenset(item.name for item in await collate.test_definitions()) & frozenset(names)
    order = sorted(names)
    found = await bounded(order, collate.test_definition, at_once=READERS)
    return frozenset(name for name, item in zip(order, found, strict=True) if item is not None)


async def read_older_results(
    collate: CollateClient, asked: Collection[tuple[str, int]]
) -> frozenset[tuple[str, int]]:
    """Which of these (case FQN, ms) results are there; one request each, so ask where a newer one is."""

    async def there(item: tuple[str, int]) -> bool:
        fqn, moment = item
        results = await collate.test_case_results(fqn, moment, moment)
        return any(result.timestamp == moment for result in results)

    order = list(asked)
    found = await bounded(order, there, at_once=READERS)
    return frozenset(item for item, known in zip(order, found, strict=True) if known)
