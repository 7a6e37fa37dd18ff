"""The sandbox itself: a dbt Cloud and a Collate on two random free ports of 127.0.0.1, in one thread."""

import asyncio
import logging
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from dbtcollate_tui.errors import ActionableError, UnreachableError
from dbtcollate_tui.sandbox.collate.app import collate_app
from dbtcollate_tui.sandbox.collate.runner import PipelineWorker
from dbtcollate_tui.sandbox.dbt_cloud.app import RUN_SECONDS, dbt_cloud_app
from dbtcollate_tui.sandbox.dbt_cloud.content import ACCOUNT_ID, NIGHTLY_ID, PROJECT_ID
from dbtcollate_tui.sandbox.pipeline_worker import sync_worker
from dbtcollate_tui.sandbox.sample_tokens import DbtCloudTokens, bot_jwt, person_jwt
from dbtcollate_tui.sandbox.scenarios import SCENARIOS, Scenario, scenario_named

CONTROL = "/_sandbox"
"""Below this path, on both ports, tests read and change the sandbox; the path takes no token."""

Side = Literal["dbt_cloud", "collate"]
_SIDES: tuple[Side, ...] = ("dbt_cloud", "collate")
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_KEPT_REQUESTS = 20_000
_START_SECONDS = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request that a server answered, without headers and bodies; ``number`` counts both sides."""

    number: int
    side: Side
    method: str
    path: str
    query: str
    status: int


class Sandbox:
    """A dbt Cloud and a Collate with the recorded shop, for as long as the context lasts.

    ``scenario`` is a name out of ``SCENARIOS`` or a `Scenario`; ``server_version`` is Collate's ("latest" or
    "1.1"); ``scale`` gives the account 300 projects and 5,000 jobs; a started dbt Cloud run takes
    ``run_seconds``. ``worker`` does the work of the pipelines that are triggered in Collate, in the servers'
    own thread and event loop: the program's own direct sync, unless another is given. A port of 0 is any
    free one. State is in SQLite in a temporary folder, gone at the end.

    Raises UsageError for an unknown scenario and UnreachableError when a port cannot be had.
    """

    def __init__(
        self,
        scenario: str | Scenario = "",
        server_version: str = "latest",
        *,
        scale: bool = False,
        run_seconds: float = RUN_SECONDS,
        worker: PipelineWorker = sync_worker,
        dbt_cloud_port: int = 0,
        collate_port: int = 0,
    ) -> None:
        self._scenario = scenario if isinstance(scenario, Scenario) else scenario_named(scenario)
        self.server_version = server_version
        self.dbt_cloud_tokens = DbtCloudTokens()
        self.collate_token: SecretStr = (
            bot_jwt(expired=self._scenario.collate_token_refused)
            if self._scenario.collate_caller == "bot"
            else person_jwt(sign_in=self._scenario.collate_caller == "sign_in")
        )
        self._scale = scale
        self._run_seconds = run_seconds
        self._worker = worker
        self._wanted_ports: dict[Side, int] = {"dbt_cloud": dbt_cloud_port, "collate": collate_port}
        self._ports: dict[Side, int] = {}
        self._apps: dict[Side, Starlette] = {}
        self._retired: list[Starlette] = []
        self._generation = 0
        self._seen: deque[SeenRequest] = deque(maxlen=_KEPT_REQUESTS)
        self._requests = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._servers: list[_Server] = []
        self._thread: threading.Thread | None = None
        self._control = Starlette(
            routes=[
                Route(CONTROL, self._show),
                Route(f"{CONTROL}/tokens", self._show_tokens),
                Route(f"{CONTROL}/requests", self._show_requests),
                Route(f"{CONTROL}/scenario", self._change_scenario, methods=["POST"]),
            ]
        )

    @property
    def scenario(self) -> Scenario:
        """The scenario that both servers play now."""
        return self._scenario

    @property
    def dbt_cloud_url(self) -> str:
        """Address of the dbt Cloud, without a path."""
        return f"http://127.0.0.1:{self._ports['dbt_cloud']}"

    @property
    def collate_url(self) -> str:
        """Address of the Collate, without a path."""
        return f"http://127.0.0.1:{self._ports['collate']}"

    @property
    def dbt_cloud_token(self) -> SecretStr:
        """The service token that may do all that a sync needs."""
        return self.dbt_cloud_tokens.service

    @property
    def account_id(self) -> int:
        """Id of the account "Shop"; in the scenario ``wrong-account`` dbt Cloud knows it under another."""
        return ACCOUNT_ID

    @property
    def project_id(self) -> int:
        """Id of the project "shop"."""
        return PROJECT_ID

    @property
    def job_id(self) -> int:
        """Id of the production job "nightly"."""
        return NIGHTLY_ID

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """What both servers answered, oldest first, at most the last 20,000."""
        return tuple(self._seen)

    def describe(self) -> tuple[str, ...]:
        """Lines for a person: the addresses, the ids, and where the sample tokens are."""
        return (
            f"dbt Cloud   {self.dbt_cloud_url}/deploy/{self.account_id}/projects/{self.project_id}",
            f"Collate     {self.collate_url}",
            f"Account     {self.account_id}   project {self.project_id}   job {self.job_id}",
            f"Scenario    {self._scenario.name}: {self._scenario.sentence}",
            f"Tokens      curl -s {self.dbt_cloud_url}{CONTROL}/tokens",
        )

    async def __aenter__(self) -> Self:
        """Start both servers; they answer when this returns."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both servers and remove their state."""
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Start both servers, blocking until they answer."""
        self._folder = tempfile.TemporaryDirectory(prefix="dbtcollate-sandbox-")
        sockets: dict[Side, socket.socket] = {}
        try:
            for side in _SIDES:
                sockets[side] = self._bind(side)
            self._build(_SIDES)
        except BaseException:
            for bound in sockets.values():
                bound.close()
            self._folder.cleanup()
            raise
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(sockets, ready), name="dbtcollate-sandbox", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START_SECONDS) or not self._thread.is_alive():
            self.stop()
            raise UnreachableError("The sandbox's servers did not start", evidence=self.describe())

    def stop(self) -> None:
        """Stop both servers at once, close their files and remove them."""
        if self._thread is not None:
            if self._thread.is_alive():
                for server in self._servers:
                    server.stop_soon()
            self._thread.join()
            self._thread = None
        self._servers = []
        for app in (*self._retired, *self._apps.values()):
            app.state.close()
        self._retired, self._apps = [], {}
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _play(self, wanted: Scenario) -> None:
        """Play another scenario; called in the servers' own thread.

        dbt Cloud's state begins again if its side changes. Collate keeps its state, unless the scenario wants
        other tables in it. Answers that are under way end as they began.
        """
        before, self._scenario = self._scenario, wanted
        self._generation += before.collate_content != wanted.collate_content
        changed = [side for side in _SIDES if before.of_side(side) != wanted.of_side(side)]
        self._retired.extend(self._apps[side] for side in changed)
        self._build(changed)

    def _bind(self, side: Side) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("127.0.0.1", self._wanted_ports[side]))
        except OSError as error:
            bound.close()
            raise UnreachableError(
                f"Port {self._wanted_ports[side]} of 127.0.0.1 is not free",
                causes=("Another program listens on it.",),
                evidence=(str(error),),
            ) from error
        self._ports[side] = bound.getsockname()[1]
        return bound

    def _build(self, sides: Iterable[Side]) -> None:
        assert self._folder is not None
        folder = Path(self._folder.name)
        for side in sides:
            if side == "dbt_cloud":
                self._apps[side] = dbt_cloud_app(
                    folder / "dbt_cloud.sqlite",
                    self._scenario,
                    self.dbt_cloud_tokens,
                    run_seconds=self._run_seconds,
                    scale=self._scale,
                )
            else:
                self._apps[side] = collate_app(
                    folder / f"collate-{self._generation}.sqlite",
                    self._scenario,
                    self.collate_token,
                    self.server_version,
                    worker=self._worker,
                )

    def _serve(self, sockets: dict[Side, socket.socket], ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve_both(sockets, ready))
        finally:
            ready.set()

    async def _serve_both(self, sockets: dict[Side, socket.socket], ready: threading.Event) -> None:
        starting = set(_SIDES)

        def started(side: Side) -> None:
            starting.discard(side)
            if not starting:
                ready.set()

        self._servers = [_Server(_Front(self, side), partial(started, side)) for side in _SIDES]
        await asyncio.gather(
            *(
                server.serve(sockets=[sockets[side]])
                for server, side in zip(self._servers, _SIDES, strict=True)
            )
        )

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of that side; it is noted before its answer leaves."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == CONTROL or path.startswith(f"{CONTROL}/"):
            refused = _refusal(scope)
            await (refused or self._control)(scope, receive, send)
            return
        noted = False

        def note(status: int) -> None:
            nonlocal noted
            noted = True
            self._requests += 1
            query = scope["query_string"].decode("latin-1")
            self._seen.append(SeenRequest(self._requests, side, scope["method"], path, query, status))

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                note(message["status"])
            await send(message)

        try:
            await self._apps[side](scope, receive, noting)
        except Exception:
            _log.exception("The sandbox's %s failed at %s %s", side, scope["method"], path)
            raise
        finally:
            if not noted:
                note(0)

    async def _show(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "dbt_cloud_url": self.dbt_cloud_url,
                "collate_url": self.collate_url,
                "account_id": self.account_id,
                "project_id": self.project_id,
                "job_id": self.job_id,
                "server_version": self.server_version,
                "scenario": self._scenario.name,
                "scenarios": {name: scenario.sentence for name, scenario in SCENARIOS.items()},
            }
        )

    async def _show_tokens(self, _request: Request) -> Response:
        tokens = self.dbt_cloud_tokens
        return JSONResponse(
            {
                "dbt_cloud": tokens.service.get_secret_value(),
                "dbt_cloud_without_artifacts": tokens.personal.get_secret_value(),
                "dbt_cloud_metadata_only": tokens.metadata.get_secret_value(),
                "collate": self.collate_token.get_secret_value(),
            }
        )

    async def _show_requests(self, request: Request) -> Response:
        since = int(request.query_params.get("since", "0"))
        found = [
            {field.name: getattr(seen, field.name) for field in fields(seen)}
            for seen in self._seen
            if seen.number > since
        ]
        return JSONResponse({"requests": found})

    async def _change_scenario(self, request: Request) -> Response:
        """``{"name": "slow", "dbt_delay": 0.2}``: the scenario, and fields of it to set otherwise."""
        wanted: dict[str, Any] = await request.json()
        try:
            scenario = replace(scenario_named(wanted.pop("name", "")), **wanted)
        except (ActionableError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        self._play(scenario)
        return JSONResponse({"scenario": scenario.name})


class _Server(uvicorn.Server):
    """A silent web server that says when it listens, and does not wait for answers when it stops."""

    def __init__(self, app: "_Front", on_started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level=logging.CRITICAL + 1,
                access_log=False,
                lifespan="off",
                ws="none",
                loop="asyncio",
                server_header=False,
                date_header=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=0,
            )
        )
        self._on_started = on_started
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._on_started()

    async def main_loop(self) -> None:
        """Wait for the stop, without the tick of the original."""
        await self._stopping.wait()

    def stop_soon(self) -> None:
        """Begin to stop, from any thread."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._stopping.set)


class _Front:
    """What the web server calls: the sandbox, for one side."""

    def __init__(self, sandbox: Sandbox, side: Side) -> None:
        self._sandbox = sandbox
        self._side: Side = side

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._sandbox.answer(self._side, scope, receive, send)


def _refusal(scope: Scope) -> Response | None:
    """403 for a control request that does not come from this machine, or that a web page sent."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "").rsplit(":", 1)[0]
    client = scope["client"]
    if client and client[0] in ("127.0.0.1", "::1") and host in _LOOPBACK_NAMES and "origin" not in headers:
        return None
    return JSONResponse({"error": "The control path answers programs on this machine only"}, status_code=403)
