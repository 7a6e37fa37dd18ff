"""Queries read by worker processes: the event loop never waits for a parser, and a query has a time limit."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from msgspec import DecodeError, json, structs

import dbtcollate_tui
from dbtcollate_tui.platforms import has_process_groups
from dbtcollate_tui.sql_lineage.column_lineage import Failure, SqlJob, SqlLineage
from dbtcollate_tui.sql_lineage.relations import TableKey

SECONDS = 20.0
"""How long one query may take; the parser reads a common one in milliseconds."""
ALL_SECONDS = 300.0
"""How long all queries of one sync may take together; what is left over is read by the next one."""
START_SECONDS = 60.0
JOBS_A_WORKER = 1_500
"""For fewer queries than these, read in some seconds, another process of 33 MB is not worth its memory."""
MAX_WORKERS = 4
SENT_AHEAD = 8
"""Queries that a worker holds at once."""
_LINE_LIMIT = 256 * 1024 * 1024
_SECRETS = ("DBT_CLOUD_TOKEN", "COLLATE_TOKEN")

OnDone = Callable[[int], object]


async def read_queries(
    jobs: Mapping[str, SqlJob],
    on_done: OnDone | None = None,
    *,
    seconds: float = SECONDS,
    all_seconds: float = ALL_SECONDS,
) -> dict[str, SqlLineage]:
    """What each query reads, by the jobs' names.

    A query that takes longer than ``seconds`` or ends its worker has an ``error``; the others go on. After
    ``all_seconds`` those that have not been read have one too.
    """
    found: dict[str, SqlLineage] = {}
    if not jobs:
        return found
    todo = iter(jobs.items())
    deadline = asyncio.get_running_loop().time() + all_seconds
    known: dict[TableKey, TableKey] = {}
    count = min(MAX_WORKERS, os.cpu_count() or 1, 1 + len(jobs) // JOBS_A_WORKER)

    async def work() -> None:
        async with _Worker(seconds, todo, deadline) as worker:
            async for name, answer in worker.answers():
                found[name] = _sharing(answer, known)
                if on_done is not None:
                    on_done(len(found))

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(work())
    return found


def _sharing(answer: SqlLineage, known: dict[TableKey, TableKey]) -> SqlLineage:
    """The same answer, made of the names that are ``known``, so that each is in memory once."""
    keys = {key: known.setdefault(key, key) for key in answer.reads}
    columns = {
        sys.intern(output): [(keys.get(key, key), sys.intern(column)) for key, column in sources]
        for output, sources in answer.columns.items()
    }
    return structs.replace(answer, reads=list(keys.values()), columns=columns)


class _Worker:
    """One worker process, started at the first query and again after one that it did not survive.

    It has the next queries before its answer is read, so that it never waits for a busy event loop.
    """

    def __init__(self, seconds: float, todo: Iterator[tuple[str, SqlJob]], deadline: float) -> None:
        self._seconds = seconds
        self._deadline = deadline
        self._todo = todo
        self._sent: deque[tuple[str, SqlJob]] = deque()
        self._process: Process | None = None
        self._write = json.Encoder()
        self._read = json.Decoder(SqlLineage)

    async def __aenter__(self) -> "_Worker":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def answers(self) -> AsyncIterator[tuple[str, SqlLineage]]:
        """Each query's name with its answer, in their order; takes queries until there are none."""
        while True:
            for item in islice(self._todo, SENT_AHEAD - len(self._sent)):
                self._sent.append(item)
                if self._process is not None:
                    self._send(self._process, item[1])
            if not self._sent:
                return
            answer = await self._answer()
            name, _ = self._sent.popleft()
            yield name, answer

    async def _answer(self) -> SqlLineage:
        """The answer to the first of the queries sent."""
        if asyncio.get_running_loop().time() > self._deadline:
            await self._end()
            return SqlLineage(
                error="all queries together took too long; the next sync continues", failure="budget"
            )
        words = f"the process that reads SQL was not ready within {START_SECONDS:g} s"
        failure: Failure = "start"
        try:
            async with asyncio.timeout(START_SECONDS):
                process = await self._started()
            words = f"it took longer than {self._seconds:g} s to read"
            failure = "time"
            async with asyncio.timeout(self._seconds):
                return self._read.decode(await _line(process))
        except TimeoutError:
            pass
        except (OSError, DecodeError, EOFError) as error:
            words = f"the process that reads SQL ended: {type(error).__name__}"
            failure = "crash" if failure == "time" else failure
        await self._end()
        return SqlLineage(error=words, failure=failure)

    async def _started(self) -> Process:
        if self._process is None:
            self._process = await _start()
            await _line(self._process)
            for _, job in self._sent:
                self._send(self._process, job)
        if self._process.stdin is not None:
            await self._process.stdin.drain()
        return self._process

    def _send(self, process: Process, job: SqlJob) -> None:
        if process.stdin is not None:
            process.stdin.write(self._write.encode(job) + b"\n")

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _line(process: Process) -> bytes:
    line = await process.stdout.readline() if process.stdout is not None else b""
    if not line.endswith(b"\n"):
        raise EOFError
    return line


def worker_environment() -> dict[str, str]:
    """A worker's environment: this process's own without tokens, and the place of this package."""
    root = str(Path(dbtcollate_tui.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    return {name: value for name, value in os.environ.items() if name not in _SECRETS} | {"PYTHONPATH": path}


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "dbtcollate_tui.sql_lineage.column_lineage",
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=_LINE_LIMIT,
        env=worker_environment(),
        start_new_session=has_process_groups(),
    )
