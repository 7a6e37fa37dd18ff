"""A terminal that stops reading in the middle of a sync costs the picture alone."""

import asyncio
import signal
import threading
import time

from starlette.types import Receive, Scope, Send

from dbtcollate_tui.sandbox.server import Sandbox, Side
from tests.e2e.commands import WITHIN_SECONDS, run, tokens
from tests.e2e.profiles import running
from tests.support.terminal import terminal

WRITE_SECONDS = 0.05
FIRST, HELD = 20, 60
"""Writes before the terminal stops reading, and before the server stops answering."""


class SlowSandbox(Sandbox):
    """Takes its time for each write, and answers none after `HELD`."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.grew = threading.Condition()

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        if side == "collate" and scope["method"] in ("PUT", "PATCH", "POST", "DELETE"):
            with self.grew:
                self.written += 1
                self.grew.notify_all()
            await asyncio.sleep(WRITE_SECONDS if self.written < HELD else 3600)
        await super().answer(side, scope, receive, send)

    def until_written(self, count: int) -> bool:
        with self.grew:
            return self.grew.wait_for(lambda: self.written >= count, WITHIN_SECONDS)


def test_a_sync_runs_on_while_nobody_reads() -> None:
    """SIGTERM then ends the app all the same; what no answer came for is recorded as not known."""
    with running(SlowSandbox()) as (sandbox, profile):
        assert isinstance(sandbox, SlowSandbox)
        with terminal(("--no-animation",), size=(160, 50), environment=tokens(sandbox)) as app:
            app.until("Needs attention")
            app.press("s")
            app.until("Write", "changes")
            before = sandbox.written
            app.press("w")
            app.until("written")
            assert sandbox.until_written(before + FIRST)
            for _ in range(40):
                app.send(b"\x0c")
            assert sandbox.until_written(HELD)
            began = time.monotonic()
            app.kill(signal.SIGTERM)
            code = app.exit_code()
            print("ended after", time.monotonic() - began)
            assert code == 130
        shown = run("history", "--profile", profile)
        print(shown.stdout)
        assert "not known" in shown.stdout
