"""Which addresses may be spoken to."""

import ipaddress

import httpx

from dbtcollate_tui.errors import Fix, UsageError
from dbtcollate_tui.redact import redact


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_address(base_url: str) -> httpx.URL:
    """The address as a URL; raises `UsageError` unless it is https, or http to this machine."""
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError) as error:
        raise UsageError(
            f"{redact(base_url)!r} is not an address",
            causes=[str(error)],
            fixes=[Fix("advice", "Paste the address of any page from the browser.")],
        ) from None
    if url.scheme == "https" and url.host:
        return url
    if url.scheme == "http" and is_loopback(url.host):
        return url
    raise UsageError(
        f"{redact(base_url)} is not an https address",
        causes=["A token is only sent over TLS; plain http is for this machine alone."],
        fixes=[Fix("advice", f"Use https://{url.host or 'HOST'}")],
    )
