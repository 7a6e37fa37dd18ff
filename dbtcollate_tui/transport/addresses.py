"""Which addresses may be spoken to."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, ProfileField, SetField
from dbtcollate_tui.redact import redact, without_credentials


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class UnencryptedAddress(UsageError):
    """Plain http to another machine, without the consent that this needs."""


def check_address(base_url: str, *, allow_http: bool = False) -> httpx.URL:
    """The address as a URL; raises `UsageError` unless it is https, or http to this machine.

    An address with user info is refused, and so is one with letters outside ASCII, which may look like those
    of another host: the host is shown as it is sent. With ``allow_http`` plain http to any host is accepted;
    without it that raises `UnencryptedAddress`.
    """
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        raise UsageError(
            f"{redact(without_credentials(base_url))!r} is not an address",
            causes=[
                "Its port is not a number." if has_bad_port(base_url) else "It cannot be read as an address."
            ],
            fixes=[Advice("Paste the address of any page from the browser.")],
        ) from None
    authority = base_url.partition("://")[2].partition("/")[0]
    if url.host and "@" in authority:
        raise _has_user(url)
    if url.host and not authority.isascii():
        raise _looks_alike(url)
    if url.scheme == "https" and url.host:
        return url
    if url.scheme == "http" and url.host:
        if allow_http or is_loopback(url.host):
            return url
        raise _unencrypted(url)
    raise UsageError(
        f"{redact(without_credentials(base_url))} is not an https address",
        fixes=[Advice("Paste the URL of any page from the browser.")],
    )


def _has_user(url: httpx.URL) -> UsageError:
    return UsageError(
        f"The address names a user before its host, {sent_host(url)}",
        causes=["What comes before @ is not the host, whatever it looks like. A token is never part of it."],
        fixes=[Advice(f"If {sent_host(url)} is the server, enter {url.scheme}://{sent_host(url)}.")],
    )


def _looks_alike(url: httpx.URL) -> UsageError:
    ascii_host = sent_host(url)
    return UsageError(
        f"The address has letters outside ASCII; its host is {ascii_host}",
        causes=["Letters of other alphabets can look like Latin ones and lead to another host."],
        fixes=[
            Advice("Type the address, or paste it from the browser."),
            Advice(f"If {ascii_host} is the server, enter {url.scheme}://{ascii_host}."),
        ],
    )


def sent_host(url: httpx.URL) -> str:
    """Host and port as they are sent: in ASCII, without user info."""
    return url.netloc.decode("ascii")


def _unencrypted(url: httpx.URL) -> UnencryptedAddress:
    host = url.netloc.decode("ascii")
    port = url.port or 80
    return UnencryptedAddress(
        f"http://{host} is not encrypted",
        causes=[
            "The Collate token, all metadata and, when a pipeline is deployed, the dbt Cloud token would be "
            "readable by anyone on the network between this machine and the server.",
        ],
        fixes=[
            Advice(f"Better: ssh -L {port}:localhost:{port} {url.host}, then http://localhost:{port}"),
            Advice(f"Or https://{host}, if the server offers TLS."),
            SetField("Allow unencrypted http for this profile", ProfileField.ALLOW_HTTP, "true"),
        ],
    )


def is_web_page(address: str) -> bool:
    """Whether it is an http address of a host alone: no user info, no control, spaces or other letters."""
    if not _PRINTED.fullmatch(address):
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = "@" not in parts.netloc and "\\" not in address and (port is None or port > 0)
    return parts.scheme in ("https", "http") and bool(parts.hostname) and plain


DOCUMENTATION = (
    "https://docs.getdbt.com",
    "https://status.getdbt.com",
    "https://docs.open-metadata.org",
    "https://docs.getcollate.io",
)
"""Sites that the program's own texts link to."""


def is_own_page(address: str, base_urls: Iterable[str]) -> bool:
    """Whether it is a page of the documentation, or of one of these servers: same scheme, host and port."""
    if not is_web_page(address):
        return False
    known = {_origin(base_url) for base_url in (*base_urls, *DOCUMENTATION) if is_web_page(base_url)}
    return _origin(address) in known


def has_bad_port(address: str) -> bool:
    """Whether an address can be read but for its port."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    try:
        _ = parts.port
    except ValueError:
        return True
    return False


def in_ascii(address: str) -> str:
    """The address as it can be shown: letters outside ASCII and controls by their code."""
    return address.encode("ascii", "backslashreplace").decode("ascii").translate(_ESCAPED)


def _origin(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or default


_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
_PRINTED = re.compile(r"[\x21-\x7e]+")
