"""How the app ends: true exit codes in the shell, a crash in one line, no token in anything."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dbtcollate_tui.exit_codes import ExitCode

TOKEN = "dbtc_PlantedTokenThatNobodyMaySee0123456789"
PROGRAM = """
import sys
from pydantic import SecretStr
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.welcome import WelcomeScreen
from dbtcollate_tui.tui.start import run_app

def crash(self):
    token = "{token}"
    headers = {{"Authorization": "Token " + token}}
    raise RuntimeError("broken beside " + token)

async def crash_in_worker(self):
    crash(self)

if "{where}" == "handler":
    WelcomeScreen.action_set_up = crash
elif "{where}" == "worker":
    WelcomeScreen.action_set_up = lambda self: self.run_worker(crash_in_worker(self))
sys.exit(int(run_app(Services(), animation=False)))
"""


class Terminal:
    """The app in a terminal of its own; ``said`` is all that it wrote there."""

    def __init__(self, where: str) -> None:
        self._master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(token=TOKEN, where=where)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.said = ""

    def read_until(self, text: str) -> None:
        while text not in self.said:
            if not self._read():
                raise AssertionError(f"ended before {text!r}: {self.said[-2000:]}")

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 60)
        try:
            chunk = os.read(self._master, 65536) if ready else b""
        except OSError:
            chunk = b""
        self.said += chunk.decode("utf-8", "replace")
        return bool(chunk)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        code = self.process.wait(30)
        os.close(self._master)
        return code


@pytest.mark.parametrize("where", ["handler", "worker"])
def test_a_crash_is_one_line_with_the_log_s_place_and_exit_code_70(where: str, places: object) -> None:
    terminal = Terminal(where)
    terminal.read_until("Set up")
    terminal.type("s")
    assert terminal.end() == ExitCode.INTERNAL
    log = Path(os.environ["DBTCOLLATE_LOG_DIR"]) / "dbtcollate.log"
    after = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.said.rsplit("\x1b[?1049l", 1)[-1]).strip()
    assert after.splitlines()[-1] == f"RuntimeError: broken beside [secret]  (details: {log})"
    assert "Traceback" not in terminal.said
    logged = log.read_text(encoding="utf-8")
    assert "Traceback" in logged
    assert "raise RuntimeError" not in logged or TOKEN not in logged
    assert TOKEN not in terminal.said
    assert TOKEN not in logged


def test_quitting_is_exit_code_0() -> None:
    terminal = Terminal("nowhere")
    terminal.read_until("Set up")
    terminal.type("q")
    assert terminal.end() == ExitCode.OK


def test_a_signal_to_end_restores_the_terminal_and_says_so_in_the_code() -> None:
    terminal = Terminal("nowhere")
    terminal.read_until("Set up")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == ExitCode.INTERRUPTED
    assert "\x1b[?1049l" in terminal.said
