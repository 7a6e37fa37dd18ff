"""A started sandbox with a saved profile for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.support.world import profile_for


@contextmanager
def running(sandbox: Sandbox) -> Iterator[tuple[Sandbox, str]]:
    sandbox.start()
    try:
        made = profile_for(sandbox)
        ProfileStore().save(made)
        yield sandbox, made.name
    finally:
        sandbox.stop()
