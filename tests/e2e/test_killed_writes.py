"""The command killed while it writes: its record is of no finished sync, and the next sync does the rest."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from tests.e2e.commands import WITHIN_SECONDS, events, run, tokens
from tests.e2e.profiles import running


def accepted(sandbox: Sandbox) -> int:
    """Writes of metadata that the server took."""
    return sum(
        seen.side == "collate" and seen.method != "GET" and seen.status < 400 for seen in sandbox.requests
    )


def kill_after(sandbox: Sandbox, name: str, writes: int) -> int:
    """Start a sync, kill it once the server took so many writes, and give how many it took in the end."""
    before = accepted(sandbox)
    command = [sys.executable, "-m", "dbtcollate_tui", "sync", "--yes", "--engine", "direct", "-p", name]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **tokens(sandbox)},
    ) as process:
        end = time.monotonic() + WITHIN_SECONDS
        while accepted(sandbox) - before < writes and process.poll() is None:
            assert time.monotonic() < end, "the writes never came"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it had ended before the kill"
    return accepted(sandbox) - before


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 14))])
def test_a_kill_among_the_writes_is_made_up_for(seed: int) -> None:
    chosen = random.Random(seed)
    with running(Sandbox()) as (sandbox, name):
        for _ in range(2):
            assert kill_after(sandbox, name, chosen.randrange(1, 20)) > 0
            listed = run("history", "--json", "-p", name, **tokens(sandbox))
            assert listed.returncode == ExitCode.OK, listed.stderr
            latest = next(event for event in events(listed) if "outcome" in event)
            assert latest["outcome"] in ("running", "interrupted"), json.dumps(latest)
        done = run("sync", "--yes", "--json", "--engine", "direct", "-p", name, **tokens(sandbox))
        assert done.returncode == ExitCode.OK, done.stdout + done.stderr
        assert events(done)[-1]["verification"]["ok"] is True
        before = accepted(sandbox)
        again = run("sync", "--yes", "--json", "--engine", "direct", "-p", name, **tokens(sandbox))
        assert again.returncode == ExitCode.OK
        assert events(again)[-1]["counts"]["planned"] == 0
        assert accepted(sandbox) == before
