import os
import threading

from dbtcollate_tui.tui.driver import QUEUED, DroppingWriter


def test_a_terminal_that_stops_reading_holds_nothing_up() -> None:
    """Frames are dropped, mode switches are kept, and the whole screen is asked for afterwards."""
    readable, writable = os.pipe()
    caught_up = threading.Event()
    with open(writable, "w", encoding="utf-8") as file:  # noqa: PTH123
        writer = DroppingWriter(file, caught_up.set)
        writer.start()
        for _ in range(QUEUED * 10):
            writer.write("f" * 65_536)
        writer.write("\x1b[?1004l")
        heard = b""
        while b"\x1b[?1004l" not in heard:
            heard += os.read(readable, 1 << 20)
        assert caught_up.wait(60)
        writer.stop()
    os.close(readable)
    assert heard.count(b"f") <= (QUEUED + 2) * 65_536
    assert heard.endswith(b"\x1b[?2026l\x1b[?1004l")
    assert not writer.is_alive()
