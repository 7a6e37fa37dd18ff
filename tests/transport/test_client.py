"""The transport over real loopback HTTP."""

import asyncio
import contextlib
import gzip
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport.addresses import check_address
from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.errors import ForeignRedirect, HttpError, NoAnswer, NotJson
from dbtcollate_tui.transport.pacing import Retrying, RetryPolicy, Timeouts
from dbtcollate_tui.transport.request_log import RequestLog
from tests.transport.serving import QUICK, TOKEN, Server, http, serving


async def get(server: Server, path: str = "/x", **options: Any) -> Any:
    options.setdefault("retries", QUICK)
    async with Transport(server.url, TOKEN, **options) as transport:
        return (await transport.request("GET", path)).json()


async def test_the_token_travels_as_a_bearer_header() -> None:
    async with serving(http(200, b'{"a": 1}')) as server:
        assert await get(server) == {"a": 1}
    assert server.requests[0][0] == "GET /x"
    assert server.requests[0][1]["authorization"] == f"Bearer {TOKEN.get_secret_value()}"
    assert server.requests[0][1]["accept"] == "application/json"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_passing_failure_is_retried_and_reported(status: int) -> None:
    told: list[Retrying] = []
    async with serving(http(status), http(status), http(200, b"[1]")) as server:
        assert await get(server, on_retry=told.append) == [1]
    assert [(event.attempt, event.reason) for event in told] == [
        (2, f"answered {status}"),
        (3, f"answered {status}"),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_a_lasting_failure_is_not_retried(status: int) -> None:
    async with serving(http(status, b'{"why": "x"}')) as server:
        with pytest.raises(HttpError) as caught:
            await get(server)
    assert caught.value.status == status
    assert caught.value.json() == {"why": "x"}
    assert len(server.requests) == 1


async def test_attempts_are_bounded() -> None:
    told: list[Retrying] = []
    async with serving(http(503)) as server:
        with pytest.raises(HttpError):
            await get(server, on_retry=told.append)
    assert len(server.requests) == QUICK.attempts
    assert len(told) == QUICK.attempts - 1


async def test_retry_after_wins_over_the_back_off() -> None:
    told: list[Retrying] = []
    async with serving(http(429, Retry_After="0"), http(200)) as server:
        await get(server, on_retry=told.append, retries=RetryPolicy(first_wait=50, longest_wait=50))
    assert told[0].wait_seconds == 0.0


async def test_retry_after_as_a_date_is_read() -> None:
    told: list[Retrying] = []
    moment = "Wed, 21 Oct 2015 07:28:00 GMT"
    async with serving(http(503, Retry_After=moment), http(200)) as server:
        await get(server, on_retry=told.append, retries=RetryPolicy(first_wait=50, longest_wait=50))
    assert told[0].wait_seconds == 0.0


async def test_a_pause_longer_than_the_policy_is_handed_up() -> None:
    async with serving(http(429, Retry_After="3600")) as server:
        with pytest.raises(HttpError) as caught:
            await get(server)
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


async def test_a_429_holds_back_every_request_of_the_pacer() -> None:
    held: list[float] = []

    class Watching:
        async def acquire(self, on_wait: Callable[[float], None] | None = None) -> None:
            if held and on_wait is not None:
                on_wait(held[-1])

        async def hold(self, seconds: float) -> None:
            held.append(seconds)

    told: list[Retrying] = []
    policy = RetryPolicy(attempts=2, default_retry_after=0.01)
    async with serving(http(429), http(200)) as server:
        await get(server, retries=policy, pacer=Watching(), on_retry=told.append)
    assert held == [0.01]
    assert [event.reason for event in told] == [
        "answered 429",
        "held back to keep to the limit of requests",
    ]


async def test_a_post_is_never_sent_twice() -> None:
    async with serving(http(503)) as server, Transport(server.url, TOKEN, retries=QUICK) as transport:
        with pytest.raises(HttpError):
            await transport.request("POST", "/x", json_body={"a": "é"})
    assert len(server.requests) == 1
    assert server.requests[0][1]["content-type"] == "application/json"


async def test_a_redirect_to_another_host_keeps_the_token_at_home() -> None:
    async with (
        serving(http(200)) as foreign,
        serving(http(302, Location=f"{foreign.url}/x?q=1")) as server,
    ):
        with pytest.raises(ForeignRedirect) as caught:
            await get(server)
    assert caught.value.location == f"{foreign.url}/x"  # a query may hold a secret by any name
    assert foreign.requests == []


async def test_a_redirect_to_plain_http_or_relative_elsewhere_is_judged_by_host() -> None:
    async with serving(http(301, Location="//elsewhere.example/x")) as server:
        with pytest.raises(ForeignRedirect):
            await get(server)
    async with serving(http(307, Location="/y/"), http(200, b'{"moved": true}')) as server:
        assert await get(server) == {"moved": True}
    assert [line for line, _ in server.requests] == ["GET /x", "GET /y/"]


async def test_a_redirect_loop_ends() -> None:
    async with serving(http(302, Location="/x")) as server:
        with pytest.raises(NoAnswer, match="redirects"):
            await get(server, retries=RetryPolicy(attempts=1))
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "address",
    ["http://cloud.getdbt.com", "ftp://127.0.0.1", "cloud.getdbt.com", "https://", "http://[::", ""],
)
def test_only_https_or_loopback_is_an_address(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["https://ab123.us1.dbt.com", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"]
)
def test_https_and_loopback_are_addresses(address: str) -> None:
    assert str(check_address(address)) == address


async def test_a_truncated_body_is_closed_not_json() -> None:
    async with serving(http(200, b'{"a":', Content_Length="500")) as server:
        with pytest.raises(NoAnswer) as caught:
            await get(server)
    assert caught.value.kind == "closed"
    assert len(server.requests) == QUICK.attempts


async def test_a_broken_encoding_is_closed() -> None:
    async with serving(http(200, b"not gzip", Content_Encoding="gzip")) as server:
        with pytest.raises(NoAnswer) as caught:
            await get(server)
    assert caught.value.kind == "unreadable"


async def test_a_cut_off_download_begins_again() -> None:
    whole = b"0123456789" * 20_000
    pieces: list[bytes] = []
    seen: list[tuple[int, int | None]] = []
    async with (
        serving(http(200, whole[:70_000], Content_Length=str(len(whole))), http(200, whole)) as server,
        Transport(server.url, TOKEN, retries=QUICK) as transport,
    ):
        answer = await transport.download(
            "/f",
            pieces.append,
            restart=pieces.clear,
            on_bytes=lambda done, total: seen.append((done, total)),
        )
    assert b"".join(pieces) == whole
    assert answer.record.received == len(whole)
    assert seen[-1] == (len(whole), len(whole))
    assert len(server.requests) == 2


async def test_a_compressed_download_arrives_decoded() -> None:
    pieces: list[bytes] = []
    totals: set[int | None] = set()
    async with (
        serving(http(200, gzip.compress(b"x" * 1000), Content_Encoding="gzip")) as server,
        Transport(server.url, TOKEN, retries=QUICK) as transport,
    ):
        await transport.download(
            "/f", pieces.append, restart=pieces.clear, on_bytes=lambda _, total: totals.add(total)
        )
    assert b"".join(pieces) == b"x" * 1000
    assert totals == {None}


async def test_silence_ends_in_a_timeout() -> None:
    async with serving(None) as server:
        with pytest.raises(NoAnswer) as caught:
            await get(server, timeouts=Timeouts(read=0.05), retries=RetryPolicy(attempts=1))
    assert caught.value.kind == "timeout"


async def test_a_trickle_ends_in_a_timeout() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b" ")
            await asyncio.sleep(0.01)
        writer.close()

    listener = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Transport(
        url, TOKEN, timeouts=Timeouts(whole=0.1), retries=RetryPolicy(attempts=1)
    ) as transport:
        with pytest.raises(NoAnswer, match="no whole answer"):
            await transport.request("GET", "/x")
    listener.close()
    assert transport.request_log.newest(1)[0].failure == "timeout"


async def test_nobody_listening_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with Transport(f"http://127.0.0.1:{port}", TOKEN, retries=RetryPolicy(attempts=1)) as transport:
        with pytest.raises(NoAnswer) as caught:
            await transport.request("GET", "/x")
    assert caught.value.kind == "refused"


@pytest.fixture
def private_ca(monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return trustme.CA()


@asynccontextmanager
async def serving_tls(ca: trustme.CA) -> AsyncIterator[Server]:
    server = Server()
    server.script = [http(200, b'{"tls": true}')]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


async def test_an_unknown_ca_is_a_tls_failure(private_ca: trustme.CA) -> None:
    async with serving_tls(private_ca) as server:
        with pytest.raises(NoAnswer) as caught:
            await get(server)
    assert caught.value.kind == "tls"
    assert server.requests == []


async def test_a_private_ca_is_trusted_by_ssl_cert_file(
    private_ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    private_ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with serving_tls(private_ca) as server:
        assert await get(server) == {"tls": True}


async def test_https_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with Transport("https://ab123.us1.dbt.com", TOKEN, retries=RetryPolicy(attempts=1)) as transport:
        with pytest.raises(NoAnswer) as caught:
            await transport.request("GET", "/x")
    listener.close()
    assert caught.value.kind == "proxy"
    assert asked[0].startswith(b"CONNECT ab123.us1.dbt.com:443 ")
    assert TOKEN.get_secret_value().encode() not in asked[0]


async def test_a_web_page_is_not_json() -> None:
    async with serving(http(200, b"<html>", Content_Type="text/html")) as server:
        with pytest.raises(NotJson) as caught:
            await get(server)
    assert caught.value.content_type == "text/html"


async def test_a_nesting_bomb_is_not_json() -> None:
    async with serving(http(200, b"[" * 200_000)) as server:
        with pytest.raises(NotJson):
            await get(server)


async def test_a_long_error_body_is_cut() -> None:
    async with serving(http(500, b"x" * 100_000)) as server:
        with pytest.raises(HttpError) as caught:
            await get(server)
    assert len(caught.value.body) == 4096
    assert len(caught.value.excerpt()) == 200


async def test_records_and_errors_hold_no_secret() -> None:
    log = RequestLog()
    secret = TOKEN.get_secret_value()
    async with (
        serving(http(400, f'{{"token": "{secret}"}}'.encode())) as server,
        Transport(server.url, TOKEN, request_log=log) as transport,
    ):
        with pytest.raises(HttpError) as caught:
            await transport.request(
                "PUT", f"/x/{secret}", params={"t": secret}, json_body={"dbtCloudAuthToken": secret}
            )
    record = log.newest(1)[0]
    assert record.status == 400
    assert record.method == "PUT"
    for text in (repr(record), record.as_curl("DBT_CLOUD_TOKEN"), caught.value.excerpt(), str(caught.value)):
        assert secret not in text


async def test_the_curl_of_a_record_works() -> None:
    log = RequestLog()
    async with (
        serving(http(200, b'{"it": "works"}')) as server,
        Transport(server.url, TOKEN, request_log=log) as transport,
    ):
        await transport.request(
            "GET", "/api/v2/accounts/1/runs/", params={"status__in": "[10,20]", "q": "a'b c"}
        )
        command = log.newest(1)[0].as_curl("DBT_CLOUD_TOKEN")
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-c", command],
            env={"PATH": os.environ["PATH"], "DBT_CLOUD_TOKEN": TOKEN.get_secret_value()},
            capture_output=True,
            check=True,
        )
    assert done.stdout == b'{"it": "works"}'
    assert server.requests[0][0] == server.requests[1][0]
    assert server.requests[0][1]["authorization"] == server.requests[1][1]["authorization"]


async def test_the_log_keeps_the_newest() -> None:
    log = RequestLog(size=2)
    async with serving(http(200)) as server, Transport(server.url, TOKEN, request_log=log) as transport:
        for path in ("/a", "/b", "/c"):
            await transport.request("GET", path)
    assert [record.path for record in log.newest()] == ["/c", "/b"]


@pytest.mark.parametrize("token", ["dbtc_a b", "dbtc_é", "dbtc_a\nX-Evil: 1", ""])
def test_a_token_that_is_no_header_value_is_refused(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        Transport("http://127.0.0.1:1", SecretStr(token))
    assert not token or token not in caught.value.as_text()


async def test_at_most_so_many_requests_at_once() -> None:
    running = 0
    most = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        await reader.readuntil(b"\r\n\r\n")
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        writer.write(http(200))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(slow, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Transport(url, TOKEN, at_once=3) as transport:
        waiting: list[Awaitable[object]] = [transport.request("GET", f"/{n}") for n in range(9)]
        await asyncio.gather(*waiting)
    listener.close()
    assert most == 3


async def test_a_cookie_that_the_server_sets_comes_back_to_it() -> None:
    async with serving(http(200, Set_Cookie="AWSALB=node7; Path=/"), http(200)) as server:
        async with Transport(server.url, TOKEN, retries=QUICK) as transport:
            for _ in range(3):
                await transport.request("GET", "/x")
        await get(server)
    assert [headers.get("cookie") for _, headers in server.requests] == [
        None,
        "AWSALB=node7",
        "AWSALB=node7",
        None,
    ]


async def test_the_address_keeps_its_path() -> None:
    async with serving(http(200)) as server, Transport(f"{server.url}/base/", TOKEN) as transport:
        await transport.request("GET", "/x")
    assert server.requests[0][0] == "GET /base/x"


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"])
async def test_a_cancelled_request_keeps_no_later_one_waiting(begun: bytes, times: int) -> None:
    seen, release = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while b"/held" not in await reader.readuntil(b"\r\n\r\n"):
                writer.write(http(200, b'{"a": 1}'))
            writer.write(begun)
            await writer.drain()
            seen.set()
            await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with Transport(f"http://{host}:{port}", TOKEN, at_once=2) as transport:
        for _ in range(times):
            held = asyncio.create_task(transport.request("GET", "/held"))
            await seen.wait()
            seen.clear()
            held.cancel()
            with pytest.raises(asyncio.CancelledError):
                await held
            async with asyncio.timeout(5):
                assert (await transport.request("GET", "/x")).json() == {"a": 1}
    release.set()
    server.close()


async def test_a_request_cancelled_at_any_moment_keeps_no_later_one_waiting() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(http(200, b'{"a": 1}'))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    for ticks in range(60):
        async with Transport(f"http://{host}:{port}", TOKEN) as transport:
            cancelled = asyncio.create_task(transport.request("GET", "/x"))
            for _ in range(ticks):
                await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
            async with asyncio.timeout(5):
                assert (await transport.request("GET", "/x")).json() == {"a": 1}
    server.close()


async def test_a_recorded_body_never_shows_a_secret() -> None:
    """Redacted when it is shown, whenever the secret became known; long bodies are cut after that."""
    secret = "s3cret-" + "k" * 60
    body = {"password": "hunter2hunter2", "text": "x" * 19_940 + secret + "y" * 50_000}
    async with serving(http(200)) as server, Transport(server.url, TOKEN, retries=QUICK) as transport:
        await transport.request("PUT", "/x", json_body=body)
    (record,) = transport.request_log.newest(1)
    redact.learn(SecretStr(secret))
    assert record.body is not None
    assert len(record.body) <= 20_000
    for shown in (record.body, repr(record), str(record), record.as_curl("TOKEN")):
        assert "hunter2" not in shown
        assert "s3cret" not in shown
