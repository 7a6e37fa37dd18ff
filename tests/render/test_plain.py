"""What a sync's events look like as plain lines."""

import io

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.types import Applied, Failed, PhaseFinished, SyncEvent
from dbtcollate_tui.plan.model import Change, DescriptionChange, OwnersChange
from dbtcollate_tui.render.plain import TABLES_OPEN, PlainRenderer
from tests.support.builders import refs, table


def text(name: str, column: str = "") -> DescriptionChange:
    (ref,) = refs(table(name))
    return DescriptionChange(table=ref, column=column, before="", after="text")


def owners(name: str) -> Change:
    (ref,) = refs(table(name))
    return OwnersChange(table=ref, before=(), after=())


def lines(*told: SyncEvent, verbose: bool = False) -> list[str]:
    """The lines without their times."""
    stream = io.StringIO()
    out = PlainRenderer(stream, verbose=verbose)
    for event in told:
        out.event(event)
    return [line[10:] for line in stream.getvalue().splitlines()]


END = PhaseFinished(phase="write", text="done")


def test_writes_are_printed_by_table_and_failures_in_full() -> None:
    error = ActionableError("Collate failed to change the table", causes=["It is overloaded."])
    told = lines(
        Applied(change=text("orders")),
        Applied(change=text("orders", "id")),
        Applied(change=text("customers")),
        Applied(change=owners("orders")),
        Failed(change=text("items"), error=error),
        Applied(change=text("orders", "n")),
        END,
    )
    assert told == [
        "written    marts.orders: descriptions 2, owners 1",
        "written    marts.customers: descriptions 1",
        "FAILED     descriptions  marts.items: Collate failed to change the table",
        "           It is overloaded.",
        "written    marts.orders: descriptions 1",
        "write      ok: done",
    ]


def test_table_is_printed_while_others_are_written() -> None:
    told = lines(*(Applied(change=text(f"t{number}")) for number in range(TABLES_OPEN + 2)))
    assert told == ["written    marts.t0: descriptions 1", "written    marts.t1: descriptions 1"]


def test_verbose_tells_each_change() -> None:
    told = lines(Applied(change=text("orders")), Applied(change=text("orders", "id")), END, verbose=True)
    assert told[:2] == ["written    descriptions  marts.orders", "written    descriptions  marts.orders.id"]
