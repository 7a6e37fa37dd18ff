"""A running sandbox, and a saved profile for it."""

from collections.abc import Iterator

import pytest

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.support.world import profile_for


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = Sandbox()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def profile(sandbox: Sandbox) -> str:
    made = profile_for(sandbox)
    ProfileStore().save(made)
    return made.name
