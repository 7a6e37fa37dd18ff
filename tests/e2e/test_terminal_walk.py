"""From an empty home to a finished sync in a real terminal, by keys alone; the terminal is left as it was."""

import pytest

from tests.conftest import Places
from tests.support.terminal import terminal

KEYS_AT_MOST = 25


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_an_empty_home_to_a_finished_sync(size: tuple[int, int], places: Places) -> None:
    written = bytearray()
    with terminal(["--no-animation", "demo"], size=size, heard=written.extend) as tty:
        tty.until("Set up", "Try it with sample data")
        tty.press("s")
        tty.until("address")
        tty.press("enter")
        tty.until("dbt Cloud token")
        tty.press("s")
        tty.until("Which job describes production?", "latest successful run")
        tty.press("enter")
        tty.until("Collate's URL and its bot's token")
        tty.press("s")
        tty.until("reads and writes")
        tty.press("enter")
        tty.until("Which database service", "of 26")
        tty.press("enter")
        tty.until("What a sync may change in Collate")
        tty.press("enter")
        tty.until("Save and verify")
        tty.press("enter")
        tty.until("Verification", "done: ")
        tty.press("s")
        tty.until("Write", "changes")
        tty.press("w")
        drawn = tty.until("Done", "equal")
        assert "failed" not in next(line for line in drawn.splitlines() if "Done" in line)
        assert tty.pressed <= KEYS_AT_MOST
        tty.press("escape")
        tty.until("Verification", "done: ")
        tty.press("escape")
        tty.until("In Collate now")
        tty.press("q")
        assert tty.ended() == 0
    assert b"\x1b[?1049l" in bytes(written), "the alternate screen is left"
    assert b"\x1b[?25h" in bytes(written[-400:]), "the cursor is shown again"
    assert not places.config.exists(), "the demo leaves no profile"
