"""Company networks: proxies, certificates, redirects over TLS. No name is resolved: CONNECT leads here."""

import asyncio
import contextlib
import datetime
import re
import ssl
from collections.abc import AsyncIterator, Mapping

import trustme

from tests.campaign import proxy
from tests.campaign.world import Case, World, judge, log_of

PASSWORD = "MARKproxyPassw0rd"
HOSTS = ("dbt.example.test", "collate.example.test")
STATUS = ("status",)
SYNC = ("sync", "--yes", "--engine", "direct", "--json")
OK, USAGE, UNREACHABLE = frozenset({0}), frozenset({2}), frozenset({4})
SETTING = frozenset({2, 4})
ODD_PROXIES = {
    "http://[bad": USAGE,
    "http://127.0.0.1:abc": USAGE,
    "http://": USAGE,
    "://": USAGE,
    "http://127.0.0.1:99999": USAGE,
    "foo://127.0.0.1:9": USAGE,
    "socks4://127.0.0.1:9": USAGE,
    "http://us er:pa ss@127.0.0.1:9": SETTING,
    f"http://user:p#{PASSWORD}@127.0.0.1:9": USAGE,
}
NO_PROXIES = {
    "*": UNREACHABLE,
    "localhost,127.0.0.1,::1": OK,
    "[::1]": OK,
    "::1/128": OK,
    "fe80::/10": OK,
    "10.0.0.0/8": OK,
    ".corp,*.corp": OK,
    ",,,": OK,
    "http://x": OK,
    "a b": OK,
    "ex\u0430mple.test": OK,
    "[": OK,
    "x:abc": OK,
    "\x7f": OK,
    ".example.test": UNREACHABLE,
    "example.test": UNREACHABLE,
}
REDIRECTS = {
    "to http": "http://dbt.example.test{target}",
    "to another server": "http://127.0.0.1:{catch}{target}",
    "to another port": "https://dbt.example.test:8443{target}",
    "to another host by user info": "https://dbt.example.test@collate.example.test{target}",
    "with user info": "https://a:b@dbt.example.test{target}",
}


class Network:
    """A proxy that takes CONNECT, and before each server a TLS front with each certificate."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answers = b""
        self.certificate = "good"
        self.in_clear: list[bytes] = []
        self._fronts: dict[str, tuple[int, int]] = {}
        self._tasks: list[asyncio.Server] = []

    async def start(self) -> None:
        """Issue the certificates and listen."""
        authority, other = trustme.CA(), trustme.CA()
        now = datetime.datetime.now(datetime.UTC)
        days = datetime.timedelta(days=1)
        self.bundle = self.world.folder / "company.pem"
        authority.cert_pem.write_to_path(str(self.bundle))
        for name, certificate in {
            "good": authority.issue_cert(*HOSTS),
            "expired": authority.issue_cert(*HOSTS, not_before=now - 30 * days, not_after=now - days),
            "of another host": authority.issue_cert("else.example.test"),
            "of another authority": other.issue_cert(*HOSTS),
        }.items():
            ports = self.world.dbt.port, self.world.collate.port
            self._fronts[name] = (
                await self._front(ports[0], certificate),
                await self._front(ports[1], certificate),
            )
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._tasks.append(server)
        self.port = server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop listening."""
        for server in self._tasks:
            server.close()

    async def _front(self, port: int, certificate: trustme.LeafCert) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        trusting = ssl.create_default_context(cafile=str(self.world.bundle))

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                ahead = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
                await asyncio.gather(_pump(reader, ahead[1]), _pump(ahead[0], writer))

        server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=context)
        self._tasks.append(server)
        found: int = server.sockets[0].getsockname()[1]
        return found

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.in_clear.append(head)
            if self.answers:
                writer.write(self.answers)
                await writer.drain()
                writer.close()
                return
            host = head.split(b" ")[1]
            port = self._fronts[self.certificate][0 if host.startswith(b"dbt") else 1]
            ahead = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await writer.drain()
            await asyncio.gather(_pump(reader, ahead[1]), _pump(ahead[0], writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, RuntimeError):
        pass
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()


async def networks(world: World) -> AsyncIterator[Case]:
    """Each setting of a company network, good and wrong."""
    network = Network(world)
    await network.start()
    through = f"http://127.0.0.1:{network.port}"
    secret = f"http://user:{PASSWORD}@127.0.0.1:{network.port}"

    async def case(
        name: str,
        codes: frozenset[int],
        arguments: tuple[str, ...] = STATUS,
        names: str = "",
        **variables: str | None,
    ) -> Case:
        return await one_network(network, name, codes, arguments, names, variables)

    try:
        yield await case("proxy", OK, HTTPS_PROXY=through)
        yield await case("proxy, sync", OK, SYNC, HTTPS_PROXY=through)
        yield await case("proxy with a password", OK, HTTPS_PROXY=secret)
        for words in (b"407 Proxy Authentication Required", b"502 Bad Gateway"):
            network.answers = b"HTTP/1.1 " + words + b"\r\nContent-Length: 0\r\n\r\n"
            yield await case(f"proxy answers {words.decode()}", SETTING, HTTPS_PROXY=secret)
            yield await case(f"proxy answers {words.decode()}, sync", SETTING, SYNC, HTTPS_PROXY=secret)
        network.answers = b"\x15\x03\x01"
        yield await case("proxy answers garbage", UNREACHABLE, HTTPS_PROXY=secret)
        network.answers = b""
        yield await case("proxy refuses", UNREACHABLE, HTTPS_PROXY=f"http://user:{PASSWORD}@127.0.0.1:9")
        for name in ("expired", "of another host", "of another authority"):
            network.certificate = name
            yield await case(f"certificate {name}", UNREACHABLE, HTTPS_PROXY=through)
        network.certificate = "good"
        file = "SSL_CERT_FILE"
        junk = world.folder / "junk.pem"
        junk.write_text("junk")
        yield await case("no SSL_CERT_FILE", UNREACHABLE, HTTPS_PROXY=through, SSL_CERT_FILE=None)
        for label, path in (("missing", "/nonexistent.pem"), ("no PEM", str(junk)), ("a folder", "/tmp")):
            for arguments in (STATUS, SYNC):
                yield await case(
                    f"SSL_CERT_FILE {label}", USAGE, arguments, file, HTTPS_PROXY=through, SSL_CERT_FILE=path
                )
        yield await case(
            "SSL_CERT_DIR missing",
            SETTING,
            names="SSL_CERT",
            HTTPS_PROXY=through,
            SSL_CERT_FILE=None,
            SSL_CERT_DIR="/nonexistent",
        )
        for scheme in ("socks5", "socks5h"):
            address = f"{scheme}://127.0.0.1:9"
            yield await case(f"HTTPS_PROXY {scheme}", SETTING, names="socks", HTTPS_PROXY=address)
            yield await case(f"ALL_PROXY {scheme}", SETTING, names="socks", ALL_PROXY=address)
        for value, codes in ODD_PROXIES.items():
            yield await case(
                f"HTTPS_PROXY {value!r}".replace(PASSWORD, "…"), codes, names="HTTPS_PROXY", HTTPS_PROXY=value
            )
        for value in (f"127.0.0.1:{network.port}", f" {through}", f"{through}\n"):
            yield await case(f"HTTPS_PROXY {value!r}", OK | SETTING, HTTPS_PROXY=value)
        for value, codes in NO_PROXIES.items():
            yield await case(f"NO_PROXY {value!r}", codes, HTTPS_PROXY=through, NO_PROXY=value)
        for name, target in REDIRECTS.items():
            proxy.INSTEAD["redirect"] = lambda request, rng, target=target: proxy.http(  # type: ignore[no-untyped-call]
                301, b"", extra=[("Location", target.format(target=request.target, catch=proxy.CATCH[0]))]
            )
            world.decide = {"dbt": lambda request, number: "redirect"}
            caught = len(world.caught)
            found = await case(f"redirect {name}", frozenset({1, 2, 3, 4}), HTTPS_PROXY=through)
            world.calm()
            if len(world.caught) > caught:
                found.bad.append("a redirect to another origin was followed")
            yield found
    finally:
        world.calm()
        network.stop()


async def one_network(
    network: Network,
    name: str,
    codes: frozenset[int],
    arguments: tuple[str, ...],
    names: str,
    variables: Mapping[str, str | None],
) -> Case:
    """One command of a profile whose servers have names, with these variables set."""
    world = network.world
    case = Case("networks", name)
    home = world.home("network")
    profile = home / ".config" / "dbtcollate" / "profiles" / "shop.toml"
    text = profile.read_text()
    for port, host in zip((world.dbt.port, world.collate.port), HOSTS, strict=True):
        text = text.replace(f"https://127.0.0.1:{port}", f"https://{host}")
    profile.write_text(text)
    network.in_clear.clear()
    env = world.environment(home, **{"SSL_CERT_FILE": str(network.bundle), **variables})
    ran = await world.run(home, *arguments, env=env, limit=150)
    case.bad += judge(ran, home)
    everything = ran.out + ran.err + log_of(home)
    if ran.code not in codes:
        case.bad.append(f"exit code {ran.code}, not of {sorted(codes)}")
    if names and names.lower() not in everything.lower():
        case.bad.append(f"{names} is not named")
    if PASSWORD in everything:
        case.bad.append("the proxy's password is shown")
    token = world.sandbox.dbt_cloud_token.get_secret_value().encode()
    if any(token in head or re.search(rb"(?im)^authorization:", head) for head in network.in_clear):
        case.bad.append("a token was sent in clear")
    case.facts = {"code": ran.code, "seconds": ran.seconds}
    if case.bad:
        case.facts["err"] = (ran.err or ran.out)[:400]
    return case
