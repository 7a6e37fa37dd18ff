"""Requests and answers: the error bodies, the router, the caller's rights, the scenario's faults."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import msgspec
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.releases import ServerRelease
from dbtcollate_tui.sandbox.collate.store import Entity, Store
from dbtcollate_tui.sandbox.scenarios import Scenario

if TYPE_CHECKING:
    from dbtcollate_tui.sandbox.collate.runner import Runner

BOT = "ingestion-bot"
"""The user whom the sandbox's token belongs to."""


_REFUSED = "Unable to decode the token."
_OTHER_SERVER = (
    "com.auth0.jwk.SigningKeyNotFoundException: JWT Token keyID doesn't match the configured keyID. This "
    "usually happens if you didn't configure proper publicKeyUrls under authentication configuration."
)


class ApiError(Exception):
    """An answer other than 2xx, in OpenMetadata's shape ``{"code", "message"}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def not_found(kind: str, name: str) -> ApiError:
    """The 404 for an entity that is not there."""
    return ApiError(404, f"{kind} instance for {name} not found")


@dataclass(frozen=True, slots=True)
class Index:
    """A search index that is behind: entities by kind, and the latest results by test case, as they were."""

    entities: dict[str, list[Entity]]
    results: dict[str, Entity]


@dataclass(slots=True)
class Collate:
    """What every handler works on."""

    store: Store
    scenario: Scenario
    token: SecretStr
    release: ServerRelease
    runner: Runner
    index: Index | None = None
    """What the search index holds where that is not the store itself."""
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an answer's rows cost time: who gave up waiting still keeps the server at work."""


@dataclass(slots=True)
class Call:
    """One request that has passed authentication."""

    collate: Collate
    request: Request
    params: dict[str, str]
    """The pattern's placeholders, percent-decoded."""
    raw_body: bytes
    rows: int = 0
    """How many rows of a list the answer holds; each costs what the scenario says."""

    @property
    def store(self) -> Store:
        """The server's state."""
        return self.collate.store

    @property
    def release(self) -> ServerRelease:
        """The release that is spoken."""
        return self.collate.release

    @property
    def user(self) -> str:
        """Name of the caller."""
        return BOT if self.collate.scenario.collate_caller == "bot" else "ana"

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int | None = None) -> int | None:
        """A whole number from the query; the server answers 404 to what is none."""
        text = self.request.query_params.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise ApiError(404, "HTTP 404 Not Found") from None

    def json(self) -> Any:
        """The body; 400 where it is no JSON."""
        try:
            return msgspec.json.decode(self.raw_body)
        except msgspec.DecodeError:
            raise ApiError(400, "Unable to process JSON") from None


Handler = Callable[[Call], Response]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_answer(error: ApiError, release: ServerRelease) -> Response:
    """The body that the server gives for an error; some releases wrap routing errors in a 500."""
    routing = error.status in (404, 405, 415) and error.message.startswith("HTTP ")
    if (routing and release.wraps_routing_errors) or (error.status == 500 and release.names_error_type):
        text = f"An exception with message [{error.message}] was thrown while processing request."
        named = {"errorType": "UNHANDLED_SERVER_EXCEPTION"} if release.names_error_type else {}
        return answer({"responseMessage": text} | named, 500)
    return answer({"code": error.status, "message": error.message}, error.status)


class Router:
    """Finds a handler by method and path; works on the undecoded path, so that FQNs may hold slashes."""

    def __init__(self) -> None:
        self._routes: dict[int, list[tuple[tuple[str, ...], dict[str, Handler]]]] = {}

    def add(self, methods: str, pattern: str, handler: Handler) -> None:
        """Serve ``pattern`` (segments, ``{name}`` for a placeholder); earlier patterns win."""
        segments = tuple(pattern.split("/"))
        routes = self._routes.setdefault(len(segments), [])
        found = next((handlers for known, handlers in routes if known == segments), None)
        if found is None:
            found = {}
            routes.append((segments, found))
        for method in methods.split():
            found[method] = handler

    def find(self, method: str, raw_path: str) -> tuple[Handler, dict[str, str]]:
        """The handler and the placeholders; raises ApiError 404 or 405."""
        segments = raw_path.split("/")
        known = False
        for pattern, handlers in self._routes.get(len(segments), ()):
            if all(
                part.startswith("{") or part == segment
                for part, segment in zip(pattern, segments, strict=True)
            ):
                known = True
                if method in handlers:
                    params = {
                        part[1:-1]: unquote(segment)
                        for part, segment in zip(pattern, segments, strict=True)
                        if part.startswith("{")
                    }
                    return handlers[method], params
        raise ApiError(405, "HTTP 405 Method Not Allowed") if known else ApiError(404, "HTTP 404 Not Found")


async def dispatch(collate: Collate, router: Router, request: Request) -> Response:
    """Answer one request below ``/api/v1/``."""
    raw_path = request.scope["raw_path"].decode("ascii").split("?")[0]
    path = raw_path.removeprefix("/api/v1/").rstrip("/")
    body = await request.body()
    try:
        if path != "system/version":
            _authenticate(collate, request)
            _authorize(collate, request.method, path)
        handler, params = router.find(request.method, path)
        call = Call(collate, request, params, body)
        if request.method not in ("GET", "HEAD"):
            with collate.store.transaction():
                return handler(call)
        shown = handler(call)
        if collate.scenario.collate_row_seconds and call.rows:
            async with collate.reading:
                await asyncio.sleep(call.rows * collate.scenario.collate_row_seconds)
        return shown
    except ApiError as error:
        return error_answer(error, collate.release)


def _authenticate(collate: Collate, request: Request) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError(401, "Not Authorized! Token not present")
    if collate.scenario.collate_other_server:
        raise ApiError(500, _OTHER_SERVER)
    if not secrets.compare_digest(token.strip().encode(), collate.token.get_secret_value().encode()):
        raise ApiError(401, _REFUSED if collate.release.since(1, 6) else "Invalid token")
    if collate.scenario.collate_token_refused:
        raise ApiError(401, "Expired token!")


Access = Literal["allow", "notAllow"]


def access_of(collate: Collate, operation: str) -> Access:
    """What the token may do: everything, or only view, as the scenario says."""
    return "notAllow" if collate.scenario.collate_read_only and not operation.startswith("View") else "allow"


def _authorize(collate: Collate, method: str, path: str) -> None:
    if method in ("GET", "HEAD") or not collate.scenario.collate_read_only:
        return
    operation = {"POST": "Create", "PUT": "EditAll", "PATCH": "EditAll", "DELETE": "Delete"}.get(
        method, "EditAll"
    )
    for word, special in (("/deploy/", "Deploy"), ("/trigger/", "Trigger"), ("/kill/", "Kill")):
        if word in path:
            operation = special
    raise ApiError(403, f"Principal: CatalogPrincipal{{name='{BOT}'}} operations [{operation}] not allowed")


def checked_entity(call: Call, kind: str, *, entity_id: str = "", fqn: str = "") -> Entity:
    """The stored entity, or the server's 404."""
    if entity_id:
        found = call.store.by_id(kind, entity_id)
    else:
        found = call.store.by_fqn(kind, fqn.lower() if kind == "user" else fqn)
    if found is None:
        raise not_found(kind, entity_id or fqn)
    return found
