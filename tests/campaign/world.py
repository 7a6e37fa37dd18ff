"""The sandbox's servers, a faulty proxy before each over TLS, and commands that run between them."""

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import trustme

from dbtcollate_tui.sandbox.collate.app import collate_app
from dbtcollate_tui.sandbox.server import Sandbox
from tests.campaign import proxy
from tests.support.faulty import plain

LIMIT_SECONDS = 240.0
"""How long a command may take between servers that misbehave, on a busy machine."""
MOST_MEGABYTES = 400
EXIT_CODES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 129, 130, 143})
TRACES = re.compile(
    r"Traceback|never retrieved|never awaited|Exception ignored|Unclosed|unexpected error|Logging error|"
    r"RuntimeWarning|Segmentation|MemoryError",
    re.IGNORECASE,
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMMANDS: Mapping[str, Sequence[str]] = {
    "verify": ("verify", "--json"),
    "plan": ("plan", "--json"),
    "status": ("status", "--json"),
    "troubleshoot": ("troubleshoot", "--json"),
    "explain": ("explain", "fct_orders", "--json"),
    "coverage": ("coverage", "--json"),
    "sync": ("sync", "--yes", "--engine", "direct", "--json"),
    "collate": ("sync", "--yes", "--engine", "collate", "--json"),
}
Decide = Callable[[Any, int], str | None]
Kill = tuple[signal.Signals, float]
Found = TypeVar("Found")


@dataclass
class Ran:
    """A command that has ended."""

    arguments: Sequence[str]
    code: int
    seconds: float
    out: str
    err: str
    megabytes: int = 0
    hung: bool = False
    killed: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    not_json: list[str] = field(default_factory=list)

    def of(self, event: str) -> list[dict[str, Any]]:
        """Its events of one name."""
        return [found for found in self.events if found.get("event") == event]

    @property
    def applied(self) -> list[str]:
        """The keys of the changes that it reported as written in whole."""
        return [found["change"]["key"] for found in self.of("applied") if not found.get("lacks")]


@dataclass
class Case:
    """One case of a campaign: what was tried, and what was wrong."""

    part: str
    name: str
    bad: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    faults: int = 0
    kills: int = 0
    compared: int = 0
    differences: int = 0

    def line(self) -> str:
        """The case as one line of JSON, without what is zero."""
        return json.dumps({key: value for key, value in vars(self).items() if value or key == "bad"})


class World:
    """Servers, proxies and homes. `fresh` gives Collate its first state, `calm` ends all faults."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.sandbox = Sandbox(run_seconds=0.2)
        self.decide: dict[str, Decide] = {}
        self.caught: list[bytes] = []
        self.base = folder / "base"
        self.ends: dict[str, dict[str, Any]] = {}
        self.synced: Path | None = None
        self._template = folder / "template.sqlite"
        self._forks: Forks | None = None
        self._count = 0

    async def start(self) -> None:
        """Start the servers and make the profile that every home begins with."""
        authority = trustme.CA()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.tls)
        self.bundle = self.folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.bundle))
        os.environ["SSL_CERT_FILE"] = str(self.bundle)  # the sandbox's pipeline runner asks the proxies too
        collate_app(self._template, self.sandbox.scenario, self.sandbox.collate_token, "latest").state.close()
        await asyncio.to_thread(self.sandbox.start)
        self._loop = self.sandbox._servers[0]._loop
        self.dbt = await self._before(self.sandbox.dbt_cloud_url, "dbt")
        self.collate = await self._before(self.sandbox.collate_url, "collate")
        self._catcher = await asyncio.start_server(self._catch, "0.0.0.0", 0)
        proxy.CATCH[0] = self._catcher.sockets[0].getsockname()[1]
        self.base.mkdir()
        await self.make_profile(self.base)
        shutil.rmtree(self.base / ".cache")  # each command downloads its artifacts

    async def stop(self) -> None:
        """Stop what was started."""
        if self._forks is not None:
            await self._forks.stop()
        self._catcher.close()
        await self.dbt.stop()
        await self.collate.stop()
        await asyncio.to_thread(self.sandbox.stop)

    async def _before(self, url: str, side: str) -> Any:
        def decide(request: Any, number: int) -> str | None:
            chosen = self.decide.get(side)
            return chosen(request, number) if chosen is not None else None

        made = proxy.FaultProxy(int(url.rsplit(":", 1)[1]), decide, self.rng, ssl=self.tls)
        return await made.start()  # type: ignore[no-untyped-call]

    async def _catch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Note what a redirect to another origin brought here."""
        with contextlib.suppress(OSError, TimeoutError):
            self.caught.append(await asyncio.wait_for(reader.read(65536), 3))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    # servers

    def calm(self) -> None:
        """No fault from here on."""
        self.decide = {}
        for side in (self.dbt, self.collate):
            del side.seen[:]

    def in_server(self, work: Callable[[], Found]) -> Found:
        """What a function finds in the servers' own thread."""
        done = threading.Event()
        box: list[Found] = []
        errors: list[Exception] = []

        def go() -> None:
            try:
                box.append(work())
            except Exception as error:  # noqa: BLE001
                errors.append(error)
            done.set()

        self._loop.call_soon_threadsafe(go)
        done.wait(30)
        if errors:
            raise errors[0]
        return box[0]

    def fresh(self, state: Path | None = None) -> None:
        """Give Collate a state again: the seeded one, or a copy that `keep_state` made."""

        def go() -> None:
            sandbox = self.sandbox
            assert sandbox._folder is not None
            folder = Path(sandbox._folder.name)
            sandbox._generation += 1
            shutil.copy(state or self._template, folder / f"collate-{sandbox._generation}.sqlite")
            before = sandbox._apps["collate"]
            sandbox._build(["collate"])
            before.state.close()
            for old in folder.glob(f"collate-{sandbox._generation - 1}.*"):
                old.unlink(missing_ok=True)

        self.in_server(go)

    def keep_state(self, name: str) -> Path:
        """A copy of Collate's state now."""
        to = self.folder / f"{name}.sqlite"
        to.unlink(missing_ok=True)
        self.in_server(lambda: self._database().execute("vacuum into ?", (str(to),)))
        return to

    def _database(self) -> Any:
        return self.sandbox._apps["collate"].state.collate.store._db

    def state(self) -> dict[str, Any]:
        """All that Collate holds by kind and name, without ids and times, and how many rows that are."""

        def go() -> dict[str, Any]:
            database = self._database()
            names: dict[str, str] = {}
            held: dict[str, Any] = {}
            for kind, identifier, fqn, body in database.execute("select kind, id, fqn, json from entities"):
                names[identifier] = f"{kind} {fqn}"
                held.setdefault(kind, {})[fqn] = plain(json.loads(body))
            held["edges"] = {
                f"{names.get(start, start)} -> {names.get(end, end)}": plain(json.loads(details))
                for start, end, details in database.execute("select from_id, to_id, details from edges")
            }
            held["results"] = {
                f"{fqn} at {at}": plain(json.loads(body))
                for fqn, at, body in database.execute("select fqn, timestamp, json from results")
            }
            held["rows"] = len(names)
            return held

        return self.in_server(go)

    async def settled(self) -> None:
        """Wait until no pipeline runs in Collate."""
        runner = self.sandbox._apps["collate"].state.collate.runner
        for _ in range(600):
            if not self.in_server(lambda: any(not task.done() for task in runner._tasks.values())):
                return
            await asyncio.sleep(0.1)

    async def find_ends(self) -> None:
        """Learn the state that each engine leaves where nothing misbehaves."""
        for engine in ("direct", "collate"):
            self.fresh()
            ran = await self.run(self.home("end"), *COMMANDS["sync" if engine == "direct" else "collate"])
            assert ran.code == 0, ran.out[-2000:] + ran.err
            await self.settled()
            self.ends[engine] = self.state()
        queries = Path(".cache", "dbtcollate", "sql")
        shutil.copytree(self.folder / "homes" / "end" / queries, self.base / queries)  # parsed once for all
        self.synced = self.keep_state("synced")

    # homes and commands

    def home(self, name: str) -> Path:
        """A new home with the profile alone."""
        home = self.folder / "homes" / name
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.base, home, symlinks=True)
        return home

    def environment(self, home: Path, **changes: str | None) -> dict[str, str]:
        """The environment of a command: a home of its own, both tokens, the proxies' certificate."""
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        temporary = home / "tmp"
        with contextlib.suppress(OSError):
            temporary.mkdir(exist_ok=True)
        made: dict[str, str | None] = {
            **kept,
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "TMPDIR": str(temporary),
            "DBT_CLOUD_TOKEN": self.sandbox.dbt_cloud_token.get_secret_value(),
            "COLLATE_TOKEN": self.sandbox.collate_token.get_secret_value(),
            "SSL_CERT_FILE": str(self.bundle),
            "DBTCOLLATE_REQUESTS_PER_MINUTE": "1000000",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    async def run(
        self,
        home: Path,
        *arguments: str,
        kill: Kill | None = None,
        env: Mapping[str, str] | None = None,
        umask: int = 0o022,
        limit: float = LIMIT_SECONDS,
    ) -> Ran:
        """Run a command to its end; ``kill`` is a signal, and the seconds after which it is sent."""
        if self._forks is None:
            self._forks = await Forks.start()
        self._count += 1
        out, err = (self.folder / f"{name}-{self._count}" for name in ("out", "err"))
        began = time.monotonic()
        pid, ending = await self._forks.fork(
            {
                "args": list(arguments),
                "env": dict(env if env is not None else self.environment(home)),
                "cwd": str(home),
                "umask": umask,
                "out": str(out),
                "err": str(err),
            }
        )
        peak = 0
        watching = asyncio.create_task(_peak(pid))
        ran = Ran(arguments, 0, 0.0, "", "")
        try:
            if kill is not None:
                await asyncio.wait([ending], timeout=kill[1])
                if not ending.done():
                    os.kill(pid, kill[0])
                    ran.killed = True
            done, _ = await asyncio.wait([ending], timeout=limit)
            if not done:
                ran.hung = True
                os.kill(pid, signal.SIGKILL)
            ran.code = await ending
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                peak = await watching
        ran.megabytes = peak
        ran.seconds = round(time.monotonic() - began, 1)
        ran.out, ran.err = (path.read_text("utf-8", "replace") for path in (out, err))
        out.unlink()
        err.unlink()
        if "--json" in arguments:
            for line in ran.out.splitlines():
                try:
                    ran.events.append(json.loads(line))
                except ValueError:
                    ran.not_json.append(line[:200])
        return ran

    def setup(self, name: str = "other", *, job: bool = True) -> tuple[str, ...]:
        """The arguments that make a profile of the two proxies; without ``job`` the jobs are listed."""
        sandbox = self.sandbox
        return (
            "setup",
            "--dbt-cloud",
            f"https://127.0.0.1:{self.dbt.port}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}",
            *("--collate", f"https://127.0.0.1:{self.collate.port}", "--name", name),
            *(("--job", str(sandbox.job_id)) if job else ()),
            *("--service", "shop_warehouse"),
        )

    async def make_profile(self, home: Path, name: str = "shop") -> Path:
        """Make the profile; its file."""
        ran = await self.run(home, *self.setup(name), "--json")
        assert ran.code == 0, ran.out + ran.err
        return home / ".config" / "dbtcollate" / "profiles" / f"{name}.toml"


class Forks:
    """The process that forks the commands."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tag = 0
        self._started: dict[int, asyncio.Future[tuple[int, asyncio.Future[int]]]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls) -> "Forks":
        """Start it; it has imported the commands when this returns."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.campaign.fork_server"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
                "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            },
        )
        assert process.stdout is not None
        await process.stdout.readline()
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            found = json.loads(line)
            if "started" in found:
                pid = found["started"]
                self._ended[pid] = asyncio.get_running_loop().create_future()
                self._started.pop(found["tag"]).set_result((pid, self._ended[pid]))
            else:
                self._ended.pop(found["ended"]).set_result(found["code"])

    async def fork(self, order: dict[str, Any]) -> tuple[int, asyncio.Future[int]]:
        """The process of a command, and its exit code to come."""
        self._tag += 1
        started: asyncio.Future[tuple[int, asyncio.Future[int]]]
        started = self._started[self._tag] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**order, "tag": self._tag}).encode() + b"\n")
        await self._process.stdin.drain()
        return await started

    async def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        await self._process.wait()
        self._reading.cancel()


async def _peak(pid: int) -> int:
    """The most memory that a process takes, in MB, until this is cancelled."""
    peak = 0
    try:
        while True:
            with contextlib.suppress(OSError, ValueError):
                text = Path(f"/proc/{pid}/status").read_text()  # noqa: ASYNC240
                peak = max([peak, *(int(found) // 1024 for found in re.findall(r"VmHWM:\s+(\d+)", text))])
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return peak


@asynccontextmanager
async def world_in(folder: Path, seed: int = 1) -> AsyncIterator[World]:
    """A world for as long as the context lasts."""
    world = World(folder, seed)
    with patch.dict(os.environ):
        await world.start()
        try:
            yield world
        finally:
            await world.stop()


def log_of(home: Path) -> str:
    """What the log file of a home holds."""
    return "".join(
        path.read_text("utf-8", "replace") for path in home.rglob("dbtcollate.log*") if path.is_file()
    )


def judge(ran: Ran, home: Path | None = None) -> list[str]:
    """What must not be, whatever the servers do."""
    bad = []
    if ran.hung:
        bad.append(f"did not end within {ran.seconds:.0f} s")
    elif ran.code not in EXIT_CODES and not (ran.killed and ran.code < 0):
        bad.append(f"exit code {ran.code}")
    if ran.megabytes > MOST_MEGABYTES:
        bad.append(f"{ran.megabytes} MB of memory")
    if ran.not_json and not ran.killed:
        bad.append(f"standard output is not JSON: {ran.not_json[:2]}")
    texts = {"stdout": ran.out, "stderr": ran.err, "log": log_of(home) if home is not None else ""}
    for name, text in texts.items():
        for pattern in (TRACES, CONTROL):
            if found := pattern.search(text):
                bad.append(f"{name}: {text[max(0, found.start() - 80) : found.start() + 400]!r}")
    return bad


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Where two states differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{place}/{key}")]
    return [] if one == other else [f"{place}: {str(one)[:120]!r} in place of {str(other)[:120]!r}"]


async def recovered(world: World, home: Path, ran: Ran, engine: str, case: Case) -> None:
    """The faults are over: what was reported is true, and one more sync ends as an undisturbed one."""
    world.calm()
    await world.settled()
    if engine == "direct":
        await _compare_with_plan(world, home, ran, case)
    elif ran.code == 0 and not ran.killed:
        case.compared += 1
        if found := differences(world.state(), world.ends["collate"]):
            case.differences += len(found)
            case.bad.append(f"exit code 0, and the state differs in {len(found)}: {found[:3]}")
    again = await world.run(home, *COMMANDS["sync" if engine == "direct" else "collate"])
    await world.settled()
    case.bad += [f"clean sync afterwards: {one}" for one in judge(again)]
    if again.code != 0:
        last = again.events[-1] if again.events else again.err
        case.bad.append(f"a clean sync afterwards ends with {again.code}: {str(last)[:400]}")
    case.compared += 1
    end, wanted = world.state(), world.ends[engine]
    if engine == "direct":  # another command may have made one, which a direct sync does not
        end, wanted = ({**state, "ingestionPipeline": {}} for state in (end, wanted))
        end["rows"] -= len(world.state().get("ingestionPipeline", ()))
        wanted["rows"] -= len(world.ends[engine].get("ingestionPipeline", ()))
    if found := differences(end, wanted):
        case.differences += len(found)
        case.bad.append(f"the state in the end differs in {len(found)}: {found[:3]}")


def _written_in_whole(finished: dict[str, Any]) -> int:
    counts: dict[str, int] = finished.get("counts", {})
    return counts.get("written", 0) - counts.get("partly", 0)


async def _compare_with_plan(world: World, home: Path, ran: Ran, case: Case) -> None:
    plan = await world.run(home, *COMMANDS["plan"])
    plans = [found for found in plan.of("plan") if found.get("complete", True)]
    if plan.code != 0 or not plans:
        case.bad.append(f"a plan afterwards ends with {plan.code}: {plan.err[:300]}")
        return
    left = {change["key"] for change in plans[-1]["plan"]["changes"]}
    reported, finished = ran.applied, ran.of("run_finished")
    if found := set(reported) & left:
        if not finished or finished[-1].get("exit_code") == 0:
            case.bad.append(f"reported as written and not there: {len(found)}, {sorted(found)[:2]}")
        elif _written_in_whole(finished[-1]) > len(set(reported) - left):
            case.bad.append(f"counted as written and not there: {len(found)}, {sorted(found)[:2]}")
    if ran.code == 0 and left:
        case.bad.append(f"exit code 0, and {len(left)} changes are left: {sorted(left)[:2]}")
    if not ran.hung and not ran.killed and not finished and not ran.of("error"):
        case.bad.append("no last event")
