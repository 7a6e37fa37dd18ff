"""A child process run to its end: how long it took, and how much memory it and its own children held."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Cost:
    """What one child cost."""

    code: int
    seconds: float
    """Wall time from start to end, interpreter and imports included."""
    cpu_seconds: float
    """Processor time of the child and of its own children that it waited for."""
    peak_mb: float
    """The child's largest resident set, or that of it and its children together where that is larger.

    Together: the pages of files that they map, mostly the same libraries, count once, as the largest mapping.
    """
    output: str


def run(command: Sequence[str], env: Mapping[str, str], log: Path) -> Cost:
    """Run that command with its output in ``log``; killed where this process is interrupted.

    It runs in the folder of ``log``, so that ``python -m`` finds no package of the folder it was started in.
    """
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            env=dict(env),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        watch = _Watch(process.pid)
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            watch.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1024 if os.uname().sysname == "Linux" else 1
    peak = max(usage.ru_maxrss * unit, watch.peak)
    text = log.read_text(encoding="utf-8", errors="replace")
    return Cost(process.returncode, seconds, usage.ru_utime + usage.ru_stime, peak / 1e6, text)


class _Watch:
    """Looks at the memory of a process and its descendants until it is stopped, on Linux."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stopped = threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            sets = [_resident(pid) for pid in _tree(self._pid)]
            mapped = max((shared for _, shared in sets), default=0)
            self.peak = max(self.peak, sum(total - shared for total, shared in sets) + mapped)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()


def _tree(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        for children in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pending += map(int, children.read_text().split())
    return found


def _resident(pid: int) -> tuple[int, int]:
    """The process's resident set in bytes, and what of it are pages of mapped files."""
    with contextlib.suppress(OSError, IndexError):
        _, total, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return total * _PAGE, shared * _PAGE
    return 0, 0
