"""The sandbox in a process of its own (`tests.bench.server`): started, ended, and what it counted."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

DBT_TOKEN = "dbtc_benchmarkbenchmarkbenchmarkbench"
COLLATE_TOKEN = ".".join(
    (
        "eyJhbGciOiJSUzI1NiJ9",
        "eyJzdWIiOiJpbmdlc3Rpb24tYm90IiwiaXNCb3QiOnRydWUsInRva2VuVHlwZSI6IkJPVCJ9",
        "YmVuY2htYXJr",
    )
)
SIDES = ("dbt_cloud", "collate")


@dataclass
class Tally:
    """What both servers were asked in one measurement."""

    calls: dict[str, int] = field(default_factory=dict)
    """Method and path pattern to how often."""
    writes: int = 0
    """Calls to Collate other than GET and HEAD."""
    refused: int = 0
    """Answers of 400 and above, but 404 and 409."""
    received: int = 0
    """Bytes of the bodies that clients sent, and of those that they got."""
    sent: int = 0
    at_once: int = 0
    """Connections that bring writes within a second, in the median second: what a client has under way."""
    seconds: float = 0.0
    """From the first request's arrival to the last answer's end."""
    cpu_seconds: float = 0.0
    """The server's own, in that time."""

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())


@dataclass
class Served:
    """A running server process."""

    urls: dict[str, str]
    tally: Tally | None = None
    """There after the end of the block."""


@contextlib.contextmanager
def served(
    recording: Path,
    state: Path,
    ports: dict[str, int],
    delay: float,
    *,
    new_run: bool = False,
    writes: Path | None = None,
    slow: bool = False,
) -> Iterator[Served]:
    """Serve that recording and that state for the block; the state is seeded where its file is not there."""
    command = [sys.executable, "-m", "tests.bench.server", str(recording), str(state)]
    command += [*(str(ports[side]) for side in SIDES), str(delay), str(int(new_run)), str(int(slow))]
    command += [str(writes)] if writes else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if _line(process.stdout) != "ready\n":
            raise SystemExit("the sandbox did not start")
        found = Served({side: f"http://127.0.0.1:{ports[side]}" for side in SIDES})
        yield found
        output, _ = process.communicate(timeout=60)
        found.tally = Tally(**json.loads(output.splitlines()[-1]))
    finally:
        process.kill()
        process.wait()


def _line(stream: IO[str] | None) -> str:
    return stream.readline() if stream is not None else ""


def free_ports() -> dict[str, int]:
    """A free port of 127.0.0.1 for each side."""
    bound = [socket.create_server(("127.0.0.1", 0)) for _ in SIDES]
    try:
        return {side: item.getsockname()[1] for side, item in zip(SIDES, bound, strict=True)}
    finally:
        for item in bound:
            item.close()
