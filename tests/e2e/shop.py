"""The shop in a scenario, with a profile."""

from collections.abc import Iterator
from contextlib import contextmanager

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.support.world import profile_for


@contextmanager
def shop(scenario: str, seconds: float = 0.3) -> Iterator[Sandbox]:
    sandbox = Sandbox(scenario, run_seconds=seconds)
    sandbox.start()
    ProfileStore().save(profile_for(sandbox))
    try:
        yield sandbox
    finally:
        sandbox.stop()
