"""The base of the client: one transport, errors mapped, connecting, and what the token may do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeGuard, TypeVar

from pydantic import SecretStr

from dbtcollate_tui.adaptive import PageSize
from dbtcollate_tui.collate.capabilities import Capabilities, read_capabilities
from dbtcollate_tui.collate.dialect import NEWEST, Dialect
from dbtcollate_tui.collate.errors import (
    BOTS_PAGE,
    InvalidRequestError,
    NotFoundError,
    SearchDownError,
    ServerFailedError,
    TokenError,
    is_speed_limit,
    raise_for,
    whole_message,
)
from dbtcollate_tui.collate.models import ServerVersion, User
from dbtcollate_tui.collate.patch import is_repeatable
from dbtcollate_tui.collate.read_log import ABSENT, digest_of, open_read_log
from dbtcollate_tui.collate.reader import lacks_data, read_as, read_one, read_page, unreadable
from dbtcollate_tui.collate.server_words import CollateSays, collate_says
from dbtcollate_tui.collate.tokens import read_jwt
from dbtcollate_tui.collate.unknown_fields import (
    MOST_DROPS,
    Dropped,
    UnknownFields,
    call_of,
    leave_out,
    unknown_in,
)
from dbtcollate_tui.errors import ActionableError, UnreachableError
from dbtcollate_tui.fixes import Advice, EnterToken, Fix
from dbtcollate_tui.transport.bounds import MOST_PAGES
from dbtcollate_tui.transport.client import Answer, Params, Transport
from dbtcollate_tui.transport.errors import HttpError, NotJson, TransportError
from dbtcollate_tui.transport.pacing import Retrying, RetryPolicy, Timeouts
from dbtcollate_tui.transport.request_log import RequestLog
from dbtcollate_tui.wording import count

M = TypeVar("M")

PAGE_START, PAGE_MOST = 250, 1000
"""Rows of the first page of a list and of the largest, where its kind has no numbers of its own."""
READ_SECONDS = 120.0
"""How long a read may take before it is given up: a loaded server was seen to take 76 s for a page."""
PAUSE_AFTER_TIMEOUT = 5.0
"""Seconds without a request after a read timed out: the server may still be working on it."""
WORTH_A_WORD_SECONDS = 3.0
"""A page that takes longer is reported."""
JSON_PATCH = "application/json-patch+json"
RETRIED = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class SlowPage:
    """A page that took long, or that did not come at all (``timed_out``)."""

    what: str
    rows: int
    seconds: float
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class PendingRead:
    """A read that has no answer yet: ``page`` of a list (0: none), its rows, and when it was sent."""

    doing: str
    page: int
    rows: int
    started: float

    def words(self) -> str:
        """What is waited for."""
        if not self.page:
            return f"Collate to {self.doing}"
        return f"Collate to {self.doing}, page {self.page} ({count(self.rows, 'row')})"


class ServerCalls:
    """A connection to one server. ``dialect`` is there after `connect`."""

    def __init__(
        self,
        base_url: str,
        token: SecretStr,
        *,
        request_log: RequestLog | None = None,
        on_retry: Callable[[Retrying], None] | None = None,
        retries: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        allow_http: bool = False,
        unknown: UnknownFields | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._dialect: Dialect | None = None
        self.unknown = unknown if unknown is not None else UnknownFields()
        self._user: User | None = None
        self._page_sizes: dict[str, PageSize] = {}
        self._pending: dict[object, PendingRead] = {}
        self.on_slow_page: Callable[[SlowPage], object] | None = None
        self.pause_after_timeout = PAUSE_AFTER_TIMEOUT
        self.keeps_patched_models: bool | None = None
        """Whether a data model that comes in a table's JSON patch is kept; ``None`` until one was sent."""
        self.transport = Transport(
            f"{self.base_url}/api/v1",
            token,
            at_once=16,
            request_log=request_log,
            on_retry=on_retry,
            is_speed_limit=is_speed_limit,
            allow_http=allow_http,
            timeouts=timeouts if timeouts is not None else Timeouts(connect=10.0, read=READ_SECONDS),
            retries=retries if retries is not None else RetryPolicy(total_seconds=120.0, statuses=RETRIED),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self.transport.aclose()

    @property
    def dialect(self) -> Dialect:
        """How this server is spoken to; raises ``RuntimeError`` before `connect`."""
        if self._dialect is None:
            raise RuntimeError("connect() comes before everything else")
        refused = self.unknown.model_fields
        return replace(self._dialect, refused=refused) if refused else self._dialect

    @property
    def me(self) -> User:
        """Whom the token belongs to; raises ``RuntimeError`` before `connect`."""
        if self._user is None:
            raise RuntimeError("connect() comes before everything else")
        return self._user

    async def connect(self) -> Dialect:
        """Check the token's shape and expiry, read the version, prove the token; gives the dialect.

        Raises `TokenError` before any request where the token is no JWT or has expired.
        """
        self._check_token()
        version = await self.version()
        try:
            dialect = Dialect.of(version.version)
        except ValueError:
            dialect = await self._probe_dialect(version.version)
        self._dialect = dialect
        self._user = await self.logged_in_user()
        return dialect

    async def version(self) -> ServerVersion:
        """The server's version; needs no token."""
        answer = await self.call("GET", "/system/version", doing="read the version of Collate")
        return read_one(ServerVersion, answer, "report its version")

    async def logged_in_user(self) -> User:
        """Whom the token belongs to; proves the token."""
        return await self.get(User, "/users/loggedInUser", doing="read who the token belongs to")

    async def capabilities(self) -> Capabilities:
        """What the token may do; every answer is "unknown" where the server does not say."""
        try:
            answer = await self.call("GET", "/permissions", doing="read what the token may do")
            return read_as(answer, "read what the token may do", read_capabilities)
        except (NotJson, ActionableError) as error:
            if isinstance(error, TokenError | UnreachableError):
                raise
            return Capabilities()

    def _check_token(self) -> None:
        facts = read_jwt(self._token)
        fixes: list[Fix] = [
            EnterToken("Enter another token", "collate"),
            Advice(f"{BOTS_PAGE} shows the bot's token and creates a new one."),
        ]
        if not facts.is_jwt:
            raise TokenError(
                "This is not a Collate token",
                causes=[
                    "A Collate token is a JWT: three parts joined by dots, beginning with eyJ.",
                    "A part of it is missing.",
                ],
                evidence=[f"{facts.length} characters, not a JWT"],
                fixes=fixes,
            )
        if facts.expires_at is not None and facts.expired:
            raise TokenError(
                "The Collate token has expired",
                causes=[f"It was valid until {facts.expires_at:%Y-%m-%d %H:%M} UTC."],
                evidence=[f"JWT of {facts.name or 'an unnamed user'}, read here; nothing was sent"],
                fixes=fixes,
            )

    async def _probe_dialect(self, text: str) -> Dialect:
        """Tell old servers from new ones by a field name, where the version is unreadable."""
        old = False
        try:
            await self.call(
                "GET", "/tables", params={"limit": 1, "fields": "owners"}, doing="list tables", drops=0
            )
        except InvalidRequestError as error:
            if CollateSays.FIELD_UNKNOWN not in collate_says(error.message):
                raise
            old = True
        numbers = (1, 1, 0) if old else (*NEWEST, 0)
        shown = f"{numbers[0]}.{numbers[1]}"
        return Dialect(
            text or shown,
            numbers,
            f"The server's version {text!r} is not readable. It is treated as {shown}.",
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        params: Params | None = None,
        body: object | None = None,
        content_type: str = "application/json",
        repeatable: bool | None = None,
        drops: int = MOST_DROPS,
        repeat_timeouts: bool = True,
        page: int = 0,
    ) -> Answer:
        """One request below ``/api/v1``; ``doing`` completes "Could not …" in the error.

        Up to ``drops`` fields or values that the server calls unknown are left out, and the rest is sent
        again (see `unknown`). ``page`` is the page of a list, for `longest_wait`.
        """
        log, asked = open_read_log() if method == "GET" else None, params
        kind_of_call = call_of(method, path)
        body, params = self.unknown.without(kind_of_call, body, params)
        while True:
            try:
                answer = await self._waiting_for(
                    PendingRead(doing, page, _rows_of(params), time.monotonic()) if method == "GET" else None,
                    self.transport.request(
                        method,
                        path,
                        params=params,
                        json_body=body,
                        content_type=content_type,
                        repeatable=repeatable,
                        repeat_timeouts=repeat_timeouts,
                    ),
                )
                kind = answer.headers.get("content-type", "")
                if "html" in kind.lower():
                    raise NotJson(answer.record, kind, answer.content[:500])
                if log is not None:
                    await log.note(path, asked, answer.content)
                return answer
            except TransportError as error:
                unknown = unknown_in(whole_message(error)) if _may_name_unknown(error) else None
                if unknown is not None and drops:
                    fewer = leave_out(unknown, body, params)
                    if fewer[0] is not body or fewer[1] is not params:
                        drops -= 1
                        body, params = fewer
                        self.unknown.add(Dropped(kind_of_call, unknown))
                        continue
                if log is not None and isinstance(error, HttpError) and error.status == 404:
                    await log.note(path, asked, None)
                elif log is not None:
                    log.failures += 1
                raise_for(error, doing=doing, version=self._dialect.text if self._dialect else "")

    async def _waiting_for(self, read: PendingRead | None, request: Awaitable[Answer]) -> Answer:
        if read is None:
            return await request
        mark = object()
        self._pending[mark] = read
        try:
            return await request
        finally:
            del self._pending[mark]

    def longest_wait(self) -> tuple[str, float] | None:
        """The read that has been waited for the longest, in words, and for how many seconds."""
        if not self._pending:
            return None
        read = min(self._pending.values(), key=lambda item: item.started)
        return read.words(), time.monotonic() - read.started

    async def read_digest(self, path: str, params: Params) -> bytes:
        """Repeat a read that a `ReadLog` noted; the digest of its answer, `ABSENT` for a 404."""
        try:
            answer = await self.call("GET", path, params=params, doing="see what has changed")
        except NotFoundError:
            return ABSENT
        return await digest_of(path, answer.content)

    async def get(self, model: type[M], path: str, *, doing: str, params: Params | None = None) -> M:
        """One entity; an empty answer is asked for once more."""
        answer = await self.call("GET", path, params=params, doing=doing)
        if not answer.content.strip():
            answer = await self.call("GET", path, params=params, doing=doing)
        return read_one(model, answer, doing)

    async def find(self, model: type[M], path: str, *, doing: str, params: Params | None = None) -> M | None:
        """One entity, or ``None`` where it is not there or was deleted."""
        try:
            return await self.get(model, path, doing=doing, params=params)
        except NotFoundError:
            return None

    async def put(self, model: type[M], path: str, body: Mapping[str, Any], *, doing: str) -> M:
        """Create or update by ``PUT``; gives the entity."""
        return read_one(model, await self.call("PUT", path, body=dict(body), doing=doing), doing)

    async def patch_entity(
        self, model: type[M], path: str, ops: Sequence[Mapping[str, Any]], *, doing: str
    ) -> M:
        """Apply an RFC 6902 patch as `patch` does; gives the entity."""
        return read_one(model, await self.patch(path, ops, doing=doing), doing)

    async def patch(self, path: str, ops: Sequence[Mapping[str, Any]], *, doing: str) -> Answer:
        """Apply an RFC 6902 patch; sent again after a failure only where that cannot apply it twice."""
        return await self.call(
            "PATCH",
            path,
            body=[dict(op) for op in ops],
            content_type=JSON_PATCH,
            doing=doing,
            repeatable=is_repeatable(ops),
        )

    async def pages(
        self,
        model: type[M],
        path: str,
        *,
        doing: str,
        params: Params | None = None,
        start: int = PAGE_START,
        most: int = PAGE_MOST,
        rows_are: str = "rows",
        read: Callable[[type[M], Answer, str], tuple[list[M], str | None]] = read_page,
    ) -> AsyncIterator[list[M]]:
        """The pages of a list, one in memory at a time.

        The first has ``start`` rows, the others follow what the server bears (see `adaptive`); the size is
        remembered for the next list of this path. A page that is refused for its size, fails or times out is
        asked for with half the rows, after a timeout not before a pause.
        """
        size = self._page_sizes.setdefault(path, PageSize(start, most=most))
        after: str | None = None
        seen = _SeenPages()
        page = 1
        while True:
            rows = size.now
            query: dict[str, str | int | bool] = {**(params or {}), "limit": rows}
            if after is not None:
                query["after"] = after
            started = time.monotonic()
            try:
                answer = await self.call(
                    "GET", path, params=query, doing=doing, repeat_timeouts=False, page=page
                )
            except (InvalidRequestError, ServerFailedError, UnreachableError) as error:
                if not size_may_matter(error) or (not size.less() and size.now >= rows):
                    raise
                if (log := open_read_log()) is not None:
                    log.retried()
                if isinstance(error, UnreachableError) and error.kind == "timeout":
                    self._report_page(rows_are, rows, time.monotonic() - started, timed_out=True)
                    await asyncio.sleep(self.pause_after_timeout)
                continue
            if lacks_data(answer):
                if (log := open_read_log()) is not None:
                    log.retried()
                answer = await self.call("GET", path, params=query, doing=doing, page=page)
            content = await asyncio.to_thread(read, model, answer, doing)
            seen.check(content, answer, doing)
            after = content[1]
            if after is not None or len(content[0]) >= rows:
                size.took(answer.record.seconds)
            self._report_page(rows_are, len(content[0]), answer.record.seconds)
            page += 1
            yield content[0]
            if after is None:
                return

    def _report_page(self, what: str, rows: int, seconds: float, *, timed_out: bool = False) -> None:
        if self.on_slow_page is not None and (timed_out or seconds >= WORTH_A_WORD_SECONDS):
            self.on_slow_page(SlowPage(what, rows, seconds, timed_out))


def _rows_of(params: Params | None) -> int:
    rows = (params or {}).get("limit", 0)
    return rows if isinstance(rows, int) else 0


def _may_name_unknown(error: TransportError) -> TypeGuard[HttpError]:
    return isinstance(error, HttpError) and error.status in (400, 422)


class _SeenPages:
    """Ends a list whose pages bring nothing new, which would be asked for without end."""

    def __init__(self) -> None:
        self._cursors: set[str] = set()
        self._contents: set[int] = set()

    def check(self, page: tuple[Sequence[object], str | None], answer: Answer, doing: str) -> None:
        """Raise where the page, or the cursor of the next one, has come before."""
        items, after = page
        if after is None:
            return
        content = hash(tuple(getattr(item, "id", None) or repr(item) for item in items))
        if not items:
            reason = "a page without entities names a next page"
        elif after in self._cursors:
            reason = "the cursor of the next page has come before"
        elif content in self._contents:
            reason = "a page has come before"
        elif len(self._cursors) >= MOST_PAGES:
            reason = f"the list has more than {MOST_PAGES} pages"
        else:
            self._cursors.add(after)
            self._contents.add(content)
            return
        raise unreadable(answer, doing, reason)


def size_may_matter(error: ActionableError) -> bool:
    """Whether a request that failed so may succeed when it asks for less."""
    if isinstance(error, InvalidRequestError):
        return error.status == 413 or CollateSays.PAGE_TOO_LARGE in collate_says(error.message)
    if isinstance(error, ServerFailedError):
        return not isinstance(error, SearchDownError)
    return isinstance(error, UnreachableError) and error.kind in ("timeout", "closed", "too large")
