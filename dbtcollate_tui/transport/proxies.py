"""The proxy and the certificates that a company's network asks for, from the environment.

A wrong setting is a `UsageError` that names the variable; httpx would raise whatever its parsers raise.
"""

import importlib.util
import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.printable import safe
from dbtcollate_tui.redact import without_credentials
from dbtcollate_tui.transport.addresses import has_bad_port, is_loopback

SCHEMES = ("http", "https", "socks5", "socks5h")
SOCKS_EXTRA = "dbtcollate-tui[socks]"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's address, credentials included, and the setting that it was read from."""

    url: str
    variable: str

    @property
    def shown(self) -> str:
        """Scheme, host and port, without credentials."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def proxy_for(scheme: str, host: str, port: int | None = None) -> Proxy | None:
    """The proxy to reach a host through; ``None`` for this machine and what ``NO_PROXY`` names.

    Raises `UsageError` where the setting cannot be used.
    """
    if is_loopback(host):
        return None
    found = {name.lower(): value.strip() for name, value in getproxies().items()}
    for kind in (scheme, "all"):
        if value := found.get(kind):
            if _is_direct(host, port, found.get("no", "")):
                return None
            return _checked(value, _variable(f"{kind}_proxy"))
    return None


def _variable(name: str) -> str:
    """The environment variable as it is written there; the system's own settings have none."""
    return next((form for form in (name, name.upper()) if form in os.environ), f"the system's {name}")


def _checked(value: str, variable: str) -> Proxy:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and not any(sign.isspace() for sign in url)
        reason = "" if usable else "It contains no host, or a space or line break."
    except ValueError:  # whose own words may hold the password
        reason = "Its port is not a number up to 65535." if has_bad_port(url) else "It is not an address."
        parts = urlsplit("")
    if not reason and parts.scheme not in SCHEMES:
        reason = f"Its scheme is {parts.scheme}; {', '.join(SCHEMES)} are possible."
    if reason:
        raise UsageError(
            f"{variable} is not a proxy's address",
            causes=[safe(reason)],
            evidence=[f"{variable}={safe(without_credentials(value))[:200]}"],
            fixes=[Advice(f"Set {variable} to something like http://proxy.example.com:8080.")],
        )
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise UsageError(
            f"{variable} names a SOCKS proxy, which needs an extra package",
            causes=["The package socksio is not installed."],
            fixes=[Advice(f"Install it: pip install '{SOCKS_EXTRA}'")],
        )
    return Proxy(url, variable)


def _is_direct(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names the host: ``*``, a name and what is below it, an address, a network."""
    name = host.strip("[]").rstrip(".").lower()
    return any(_names(entry.strip().lower(), name, port) for entry in no_proxy.split(","))


def _names(entry: str, name: str, port: int | None) -> bool:
    entry = entry.rpartition("://")[2]
    if entry in ("", "*"):
        return entry == "*"
    try:
        bare = entry if "]:" in entry else entry.replace("[", "").replace("]", "")
        network = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        pass
    else:
        try:
            return ipaddress.ip_address(name) in network
        except ValueError:
            return False
    before, colon, after = entry.rpartition(":")
    if colon and after.isdecimal():
        return (port is None or int(after) == port) and _names(before, name, None)
    suffix = entry.removeprefix("*").strip(".")
    return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def tls_context(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """The certificates to trust: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` where set, else the system's.

    Raises `UsageError` where they cannot be read.
    """
    bundle, folder = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if folder and not os.path.isdir(folder):  # noqa: PTH112
        raise _bad_certificates("SSL_CERT_DIR", folder, "There is no such folder.")
    if bundle or folder:
        try:
            return ssl.create_default_context(cafile=bundle or None, capath=folder or None)
        except ssl.SSLError:
            raise _bad_certificates(
                "SSL_CERT_FILE", bundle or "", "It contains no certificate in PEM."
            ) from None
        except (OSError, ValueError) as error:
            reason = f"{getattr(error, 'strerror', None) or error}."
            raise _bad_certificates("SSL_CERT_FILE", bundle or "", reason) from None
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _bad_certificates(variable: str, value: str, reason: str) -> UsageError:
    return UsageError(
        f"{variable} does not name certificates that can be read",
        causes=[safe(reason)],
        evidence=[f"{variable}={safe(value)[:200]}"],
        fixes=[
            Advice(f"Set {variable} to your company's CA bundle in PEM, or unset it."),
        ],
    )
