"""The ceiling on requests to dbt Cloud, shared by the process and by other processes of the same user.

The guide names 100 requests a minute a token; dbt's page on its API names 5,000 a minute an account. The
lower one is the default, so that Collate's own calls with the same token still fit.
``DBTCOLLATE_REQUESTS_PER_MINUTE`` changes it.

A pacer keeps the times of the last minute's requests in a small file in the user's state folder, locked
while it is read and written, named by a hash of host and token. A request takes the next free moment and
waits for it, so that waiting requests go in order and nobody polls. Where the folder cannot be used, or its
lock is held for two seconds, the process keeps to the ceiling on its own.
"""

import asyncio
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import filelock
from pydantic import SecretStr

from dbtcollate_tui.folders import folder
from dbtcollate_tui.private_files import private_folder, write_private
from dbtcollate_tui.transport.bounds import MOST_PAUSE_SECONDS

REQUESTS_PER_MINUTE = 100
WINDOW_SECONDS = 60.0
LONGEST_HOLD_SECONDS = MOST_PAUSE_SECONDS
LOCK_SECONDS = 2.0

T = TypeVar("T")


@dataclass(slots=True)
class _State:
    taken: list[float] = field(default_factory=list)
    held_until: float = 0.0


class SharedPacer:
    """At most ``per_window`` requests in any ``window`` seconds, over all processes with the same file."""

    def __init__(self, path: Path | None, per_window: int, window: float = WINDOW_SECONDS) -> None:
        self._path = path
        self._per_window = per_window
        self._window = window
        self._mutex = threading.Lock()
        self._own = _State()

    async def acquire(self, on_wait: Callable[[float], None] | None = None) -> None:
        """Return when one more request may go out; ``on_wait`` is called before a wait of 1 s or more."""
        reserving = asyncio.ensure_future(asyncio.to_thread(self._reserve))
        try:
            moment = await asyncio.shield(reserving)
            while (left := max(moment, self._own.held_until) - time.time()) > 0:
                if on_wait is not None and left >= 1.0:
                    on_wait(left)
                await asyncio.sleep(left)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._give_back, await reserving)
            raise

    async def hold(self, seconds: float) -> None:
        """Let no request out for so long: the server asked for a pause."""
        until = time.time() + min(seconds, LONGEST_HOLD_SECONDS)

        def put_off(state: _State) -> None:
            state.held_until = max(until, state.held_until)

        await asyncio.to_thread(self._change, put_off)

    def _reserve(self) -> float:
        def take(state: _State) -> float:
            now = time.time()
            state.taken = sorted(
                at for at in state.taken if now - self._window < at < now + LONGEST_HOLD_SECONDS
            )
            moment = max(now, state.held_until)
            if len(state.taken) >= self._per_window:
                moment = max(moment, state.taken[-self._per_window] + self._window)
            state.taken.append(moment)
            return moment

        return self._change(take)

    def _give_back(self, moment: float) -> None:
        def drop(state: _State) -> None:
            if moment in state.taken:
                state.taken.remove(moment)

        self._change(drop)

    def _change(self, change: Callable[[_State], T]) -> T:
        with self._mutex:
            if self._path is None:
                return change(self._own)
            try:
                private_folder(self._path.parent)
                with filelock.FileLock(
                    f"{self._path}.lock", timeout=LOCK_SECONDS, mode=0o600, poll_interval=0.005
                ):
                    self._own = self._load()
                    result = change(self._own)
                    held = {"taken": self._own.taken, "held_until": self._own.held_until}
                    write_private(self._path, json.dumps(held), sync=False)
                    return result
            except (OSError, filelock.Timeout):
                return change(self._own)

    def _load(self) -> _State:
        assert self._path is not None
        try:
            content = json.loads(self._path.read_text())
            held = float(content["held_until"])
            if held > time.time() + LONGEST_HOLD_SECONDS:
                held = 0.0
            return _State([float(at) for at in content["taken"]], held)
        except FileNotFoundError:
            return _State()
        except (ValueError, TypeError, KeyError, RecursionError):
            return self._own


_pacers: dict[tuple[Path | None, int], SharedPacer] = {}
_pacers_lock = threading.Lock()


def shared_pacer(base_url: str, token: SecretStr) -> SharedPacer:
    """This process's pacer for a host and token, shared through the state folder with other processes."""
    host = base_url.split("://", 1)[-1].split("/", 1)[0].lower()
    key = hashlib.sha256(f"{host}\n{token.get_secret_value()}".encode()).hexdigest()[:32]
    path = folder("state") / "pace" / f"{key}.json"
    rate = requests_per_minute()
    with _pacers_lock:
        pacer = _pacers.get((path, rate))
        if pacer is None:
            pacer = _pacers[(path, rate)] = SharedPacer(path, rate)
        return pacer


def requests_per_minute() -> int:
    """The ceiling: ``DBTCOLLATE_REQUESTS_PER_MINUTE`` where it is a number above 0, else 100."""
    given = os.environ.get("DBTCOLLATE_REQUESTS_PER_MINUTE", "")
    return int(given) if given.isdecimal() and int(given) > 0 else REQUESTS_PER_MINUTE
