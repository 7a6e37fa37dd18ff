"""A slow server, reported in words while its lists are read."""

import contextlib
from collections.abc import Iterator

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.server import SlowPage
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import LogLine


@contextlib.contextmanager
def slow_pages_reported(emitter: EventEmitter, collate: CollateClient) -> Iterator[None]:
    """While it lasts, slow pages are reported, and a silence names the read that is waited for.

    Of slow pages, the first of a kind and then only much slower ones.
    """
    worst: dict[str, float] = {}

    def report(page: SlowPage) -> None:
        if page.timed_out:
            seconds = f"{page.seconds:.0f} s"
            text = f"Collate sent no page of {page.rows} {page.what} within {seconds}; fewer are next"
        elif page.seconds >= 2 * worst.get(page.what, 0.0):
            text = f"Collate takes {page.seconds:.1f} s per page of {page.rows} {page.what}"
            worst[page.what] = page.seconds
        else:
            return
        emitter(LogLine(source="Collate", level="warn", text=text))

    former, collate.on_slow_page = collate.on_slow_page, report
    waits, emitter.waits = emitter.waits, collate.longest_wait
    try:
        yield
    finally:
        collate.on_slow_page, emitter.waits = former, waits
