"""Requests and their answers.

A `Transport` speaks to one server: one connection pool, a bounded number of requests at once, a pacer,
retries with back-off and jitter where repeating is safe, no credential along a redirect to another host,
TLS everywhere but on loopback, the system's trust store, and a record of each request without its secret.
"""

import asyncio
import json
import math
import os
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import httpx
from pydantic import SecretStr

from dbtcollate_tui import __version__
from dbtcollate_tui.errors import NoAnswerKind, UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.printable import safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport import bounds
from dbtcollate_tui.transport.addresses import check_address
from dbtcollate_tui.transport.decoding import decode_json
from dbtcollate_tui.transport.errors import (
    Delivery,
    ForeignRedirect,
    HttpError,
    NoAnswer,
    NotJson,
)
from dbtcollate_tui.transport.pacing import Pacer, Retrying, RetryPolicy, Timeouts, Unpaced
from dbtcollate_tui.transport.proxies import Proxy, proxy_for, tls_context
from dbtcollate_tui.transport.request_log import HELD_BODY, RequestLog, RequestRecord

Params = Mapping[str, str | int | bool]
BODY_EXCERPT_BYTES = 4_096
MOST_SPEED_LIMITS = 12
"""How often a request is sent again after answers that it came too fast."""
MOST_ENDINGS = 20
"""A server that ends a connection in good order is no failure: a request is repeated so often at once."""
BODY_ENDING_BYTES = 512
BODY_LIMIT_BYTES = 262_144
"""How much of an error is read: a server may put a whole entity into it, and the reason after that."""
_NO_SUCH_NAME = ("name or service", "getaddrinfo", "nodename", "resolution", "no address associated")
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: status, headers in lower case, and the whole body."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    record: RequestRecord

    def json(self) -> Any:
        """The body as JSON values; raises `NotJson` where it is not."""
        try:
            return decode_json(self.content)
        except ValueError:
            raise NotJson(self.record, self.headers.get("content-type", ""), self.content[:500]) from None


class _TokenAuth(httpx.Auth):
    def __init__(self, token: SecretStr, scheme: str) -> None:
        self._token = token
        self._scheme = scheme

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"{self._scheme} {self._token.get_secret_value()}"
        yield request


def _speaks_http2() -> bool:
    """Whether HTTP/2 is offered to servers: only where ``DBTCOLLATE_HTTP2`` is 1.

    800 writes, 16 at once, through nginx cost httpx 1.6 to 1.8 s of processor time over HTTP/1.1 and 1.5 to
    1.6 s over HTTP/2. But over HTTP/2 httpcore reads no answer after a GOAWAY: what is under way when a front
    end ends a connection (nginx: after 1,000 requests) is lost and must be sent again; a POST cannot be.
    """
    return os.environ.get("DBTCOLLATE_HTTP2", "") == "1"


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait; ``None`` where it does not say, or says nothing readable."""
    value = headers.get("retry-after") or headers.get("x-rate-limit-retry-after-seconds")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            if moment.tzinfo is None:  # "-0000" in a date means UTC
                moment = moment.replace(tzinfo=UTC)
            return max(0.0, (moment - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _no_answer(error: httpx.RequestError, record: RequestRecord, proxy: Proxy | None = None) -> NoAnswer:
    text = safe(str(error)) or type(error).__name__
    lowered = text.lower()
    kind: NoAnswerKind = "closed"
    if isinstance(error, httpx.TimeoutException):
        kind = "timeout"
    elif isinstance(error, httpx.ProxyError) or (proxy is not None and isinstance(error, httpx.ConnectError)):
        kind = "proxy"
    elif isinstance(error, httpx.DecodingError):
        kind = "unreadable"
    elif isinstance(error, httpx.ConnectError):
        if "certificate" in lowered or "ssl" in lowered or "tls" in lowered:
            kind = "tls"
        elif any(part in lowered for part in _NO_SUCH_NAME):
            kind = "name"
        else:
            kind = "refused"
    if kind == "proxy" and proxy is not None:
        text = f"{proxy.variable}={proxy.shown}: {text}"
    record.failure = kind
    return NoAnswer(kind, record.host, text, record, _delivery(error))


def _delivery(error: httpx.RequestError) -> Delivery:
    """Read from the HTTP/2 event that httpcore raises its error with."""
    args = error.__cause__.args if error.__cause__ is not None else ()
    if not args or isinstance(args[0], str):
        return "unknown"
    from h2.errors import ErrorCodes
    from h2.events import ConnectionTerminated, StreamReset

    event = args[0]
    if isinstance(event, StreamReset) and event.error_code == ErrorCodes.REFUSED_STREAM:
        return "not read"
    if isinstance(event, ConnectionTerminated) and event.error_code == ErrorCodes.NO_ERROR:
        return "connection ended"
    return "unknown"


def _back_off(policy: RetryPolicy, failures: int) -> float:
    longest = min(policy.longest_wait, policy.first_wait * 2.0 ** min(failures - 1, 30))
    return longest * random.uniform(0.5, 1.0)


class Transport:
    """Requests to one server. Open it with ``async with``, or call `aclose` when done.

    ``is_speed_limit`` knows the 429 of a server that refuses unread what comes too fast: any request is then
    sent again, also one that is not repeatable, and where the server says when, as often as the time allows.
    ``allow_http`` is the consent to plain http to another machine.
    """

    def __init__(
        self,
        base_url: str,
        token: SecretStr | None,
        *,
        scheme: str = "Bearer",
        pacer: Pacer | None = None,
        at_once: int = 8,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        request_log: RequestLog | None = None,
        on_retry: Callable[[Retrying], None] | None = None,
        is_speed_limit: Callable[[HttpError], bool] | None = None,
        allow_http: bool = False,
    ) -> None:
        self.base_url = check_address(base_url.rstrip("/"), allow_http=allow_http)
        self._root = str(self.base_url).rstrip("/")
        self.host = self.base_url.netloc.decode("ascii")
        self.request_log = request_log if request_log is not None else RequestLog()
        self.on_retry = on_retry
        self._is_speed_limit = is_speed_limit
        self._pacer: Pacer = pacer if pacer is not None else Unpaced()
        self._gate = asyncio.Semaphore(at_once)
        self._retries = retries if retries is not None else RetryPolicy()
        seconds = timeouts if timeouts is not None else Timeouts()
        self._whole_answer = seconds.whole
        if token is not None:
            redact.learn(token)
            if not _HEADER_VALUE.fullmatch(token.get_secret_value()):
                raise UsageError(
                    "The token contains an invalid character",
                    causes=["A space, a line break or a letter outside ASCII was copied along with it."],
                    fixes=[Advice("Copy the token again, and nothing else.")],
                )
        self._proxy = proxy_for(self.base_url.scheme, self.base_url.host, self.base_url.port)
        secure = self.base_url.scheme == "https"
        self._client = httpx.AsyncClient(
            auth=_TokenAuth(token, scheme) if token is not None else None,
            headers={"Accept": "application/json", "User-Agent": f"dbtcollate-tui/{__version__}"},
            timeout=httpx.Timeout(seconds.read, connect=seconds.connect),
            limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
            http2=secure and _speaks_http2(),
            verify=tls_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            proxy=self._proxy.url if self._proxy is not None else None,
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> "Transport":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json_body: object | None = None,
        content_type: str = "application/json",
        repeatable: bool | None = None,
        repeat_timeouts: bool = True,
        accept: str | None = None,
    ) -> Answer:
        """One request, its whole answer. ``path`` begins with ``/`` below the base address.

        ``repeatable`` says whether it may be sent again after a failure; by default GET, PUT and DELETE may.
        Without ``repeat_timeouts`` a request that timed out is left to the caller, who may ask for less.
        Raises `HttpError`, `NoAnswer` or `ForeignRedirect`.
        """
        safe = method in {"GET", "PUT", "DELETE", "HEAD"} if repeatable is None else repeatable
        content = None if json_body is None else _as_json(json_body).encode()
        headers = {} if content is None else {"Content-Type": content_type}
        if accept is not None:
            headers["Accept"] = accept

        async def once() -> Answer:
            async with self._send(method, path, params, content, headers, self._whole_answer) as (
                response,
                record,
            ):
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    record.received = len(body)
                    _check_size(response, record, bounds.MOST_JSON_BYTES)
                return Answer(response.status_code, response.headers, bytes(body), record)

        return await self._repeat(once, safe, repeat_timeouts=repeat_timeouts)

    async def download(
        self,
        path: str,
        write: Callable[[bytes], object],
        *,
        restart: Callable[[], object],
        params: Params | None = None,
        on_bytes: Callable[[int, int | None], None] | None = None,
    ) -> Answer:
        """Stream a body to ``write`` in pieces; ``restart`` is called before each attempt.

        ``on_bytes`` gets bytes so far and bytes in all (``None`` where the server does not say).
        The answer's ``content`` is empty. A body shorter than its Content-Length is a `NoAnswer` "closed".
        """

        async def once() -> Answer:
            restart()
            async with self._send("GET", path, params, None, {"Accept": "*/*"}) as (response, record):
                length = response.headers.get("content-length")
                encoded = "content-encoding" in response.headers
                total = int(length) if length and length.isdecimal() and not encoded else None
                done = 0
                rate = _Rate(record)
                async for piece in _within(response.aiter_bytes(64 * 1024), rate):
                    done += len(piece)
                    record.received = done
                    _check_size(response, record, bounds.MOST_DOWNLOAD_BYTES)
                    await asyncio.to_thread(write, piece)
                    if on_bytes is not None:
                        on_bytes(done, total)
                if total is not None and done != total:
                    raise NoAnswer("closed", self.host, f"{done} of {total} bytes arrived", record)
                return Answer(response.status_code, response.headers, b"", record)

        return await self._repeat(once, True)

    @asynccontextmanager
    async def lines(
        self, path: str, *, params: Params | None = None, accept: str = "text/event-stream"
    ) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a streamed answer as they come, for server-sent events; no retry.

        While it is open, `HttpError` and `NoAnswer` may be raised.
        """
        async with self._send("GET", path, params, None, {"Accept": accept}) as (response, _):
            yield response.aiter_lines()

    async def _repeat(
        self, once: Callable[[], Awaitable[Answer]], safe: bool, *, repeat_timeouts: bool = True
    ) -> Answer:
        """Send until an answer arrives, the policy ends the attempts, or repeating is not safe."""
        began = time.monotonic()
        failures = endings = 0
        while True:
            try:
                return await once()
            except (HttpError, NoAnswer) as error:
                if (
                    safe
                    and isinstance(error, NoAnswer)
                    and error.delivery == "connection ended"
                    and endings < MOST_ENDINGS
                ):
                    endings += 1
                    continue
                if isinstance(error, HttpError) and error.status == 429:
                    pause = self._server_wait(error)
                    if pause is not None:
                        await self._pacer.hold(min(pause, bounds.MOST_PAUSE_SECONDS))
                if isinstance(error, NoAnswer) and error.kind == "timeout" and not repeat_timeouts:
                    raise
                failures += 1
                wait = self._wait_before_next(error, safe, failures, time.monotonic() - began)
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    def _wait_before_next(
        self, error: HttpError | NoAnswer, safe: bool, failures: int, seconds: float
    ) -> float | None:
        """Seconds until the request is sent again, which is reported; ``None`` where it is not."""
        policy = self._retries
        wait = _back_off(policy, failures)
        last = failures >= policy.attempts
        if isinstance(error, HttpError):
            server_wait, reason = self._server_wait(error), f"answered {error.status}"
            if error.status == 429 and self._is_speed_limit is not None and self._is_speed_limit(error):
                last = last and (server_wait is None or failures >= MOST_SPEED_LIMITS)
                server_wait = max(server_wait or 0.0, wait)
            elif not safe or error.status not in policy.statuses:
                return None
            wait = server_wait if server_wait is not None else wait
        elif error.delivery == "not read" or (
            safe and error.kind in ("timeout", "closed", "refused", "unreadable")
        ):
            reason = f"{error.kind}: {error.detail}"
        else:
            return None
        if isinstance(error, NoAnswer) and error.kind == "timeout":
            last = last or seconds + self._whole_answer > policy.total_seconds
        if last or wait > bounds.MOST_PAUSE_SECONDS or seconds + wait > policy.total_seconds:
            return None
        if self.on_retry is not None and error.record is not None:
            self.on_retry(Retrying(error.record, failures + 1, wait, reason))
        return wait

    def _server_wait(self, error: HttpError) -> float | None:
        if error.retry_after is None and error.status == 429:
            return self._retries.default_retry_after
        return error.retry_after

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        content: bytes | None,
        headers: dict[str, str],
        whole: float | None = None,
    ) -> AsyncIterator[tuple[httpx.Response, RequestRecord]]:
        url = httpx.URL(self._root + path)
        if params:
            url = url.copy_merge_params({key: _query_text(value) for key, value in params.items()})
        for _ in range(4):
            address = str(url)
            shown = redact(address)
            below = url.raw_path.decode("ascii")
            record = RequestRecord(
                method=method,
                url=shown,
                host=self.host,
                path=below if shown == address else redact(below),
                at=datetime.now(UTC),
                content=None if content is None else content[:HELD_BODY],
                content_type=None if content is None else headers.get("Content-Type"),
            )
            async with self._gate:
                await self._pacer.acquire(partial(self._tell_pacing, record))
                record.at = datetime.now(UTC)
                self.request_log.add(record)
                request = self._client.build_request(method, url, content=content, headers=headers)
                started = time.monotonic()
                response: httpx.Response | None = None
                try:
                    async with asyncio.timeout(whole):
                        async with asyncio.timeout(self._whole_answer):
                            response = await self._client.send(request, stream=True)
                        record.status = response.status_code
                        if response.is_redirect:
                            url = self._same_host_target(response, record)
                            if response.status_code == 303:
                                method, content = "GET", None
                            continue
                        if response.status_code >= 400:
                            raise await _http_error(response, record)
                        yield response, record
                except httpx.RequestError as error:
                    raise _no_answer(error, record, self._proxy) from None
                except (httpx.InvalidURL, UnicodeError) as error:
                    record.failure = "unreadable"
                    detail = f"it redirects to an address that cannot be read: {safe(str(error))[:200]}"
                    raise NoAnswer("unreadable", self.host, detail, record) from None
                except TimeoutError:
                    if whole is None and response is not None:
                        raise
                    record.failure = "timeout"
                    seconds = self._whole_answer
                    raise NoAnswer(
                        "timeout", self.host, f"no whole answer in {seconds:g} s", record
                    ) from None
                finally:
                    record.seconds = time.monotonic() - started
                    LOGGER.info("%s", record)
                    if response is not None:
                        await response.aclose()
            return
        raise NoAnswer("closed", self.host, "more than three redirects")

    def _tell_pacing(self, record: RequestRecord, seconds: float) -> None:
        if self.on_retry is not None:
            self.on_retry(Retrying(record, 1, seconds, "held back to keep to the limit of requests"))

    def _same_host_target(self, response: httpx.Response, record: RequestRecord) -> httpx.URL:
        location = response.headers.get("location", "")
        try:
            target = response.url.join(location).copy_with(username=None, password=None)
        except (httpx.InvalidURL, ValueError):
            raise ForeignRedirect(record, _without_query(safe(location))[:200]) from None
        here = self.base_url
        if (target.scheme, target.host, target.port) != (here.scheme, here.host, here.port):
            raise ForeignRedirect(record, _without_query(safe(str(target)))[:500])
        return target


def _without_query(address: str) -> str:
    """A log-in page's query holds states and tokens by names that nobody can list."""
    return address.partition("#")[0].partition("?")[0]


def _check_size(response: httpx.Response, record: RequestRecord, most: int) -> None:
    """Raise `NoAnswer` where the body is larger than its bound, or was packed as no honest answer is."""
    size = record.received
    packed = response.num_bytes_downloaded
    bomb = size > bounds.UNPACKED_FREELY_BYTES and size > packed * bounds.MOST_UNPACKED_TIMES
    if size > most or bomb:
        record.failure = "too large"
        detail = (
            f"more than {most // 1024 // 1024} MiB"
            if size > most
            else f"{packed} bytes that unpack to {size}"
        )
        raise NoAnswer("too large", record.host, f"the answer has {detail}", record)


class _Rate:
    """Watches that a download goes on: its speed over the last while, and its whole time."""

    def __init__(self, record: RequestRecord) -> None:
        self.record = record
        self._began = self._since = time.monotonic()
        self._received = 0

    def seconds_left(self) -> float:
        """How long the next piece may take."""
        now = time.monotonic()
        if now - self._since >= bounds.RATE_SECONDS:
            if self.record.received - self._received < bounds.SLOWEST_BYTES_PER_SECOND * bounds.RATE_SECONDS:
                return 0.0
            self._since, self._received = now, self.record.received
        return min(self._began + bounds.DOWNLOAD_SECONDS, self._since + bounds.RATE_SECONDS * 2) - now


async def _within(pieces: AsyncIterator[bytes], rate: _Rate) -> AsyncIterator[bytes]:
    """The pieces while they come fast enough; else `NoAnswer`."""
    while True:
        left = rate.seconds_left()
        try:
            async with asyncio.timeout(max(0.0, left)):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            record = rate.record
            record.failure = "timeout"
            raise NoAnswer(
                "timeout", record.host, f"the download stalled after {record.received} bytes", record
            ) from None
        yield piece


async def _http_error(response: httpx.Response, record: RequestRecord) -> HttpError:
    body = b""
    async for piece in response.aiter_bytes(BODY_EXCERPT_BYTES):
        body += piece
        if len(body) >= BODY_LIMIT_BYTES:
            break
    record.received = len(body)
    retry_after = _retry_after(response.headers)
    ending = body[-BODY_ENDING_BYTES:] if len(body) > BODY_EXCERPT_BYTES else b""
    return HttpError(record, response.status_code, body[:BODY_EXCERPT_BYTES], retry_after, ending)


def _query_text(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
