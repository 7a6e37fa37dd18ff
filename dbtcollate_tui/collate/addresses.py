"""Collate's address as people paste it."""

import re
from urllib.parse import urlsplit

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.redact import redact, without_credentials
from dbtcollate_tui.transport.addresses import check_address, has_bad_port, is_loopback

_URL = re.compile(r"(?i)\bhttps?://[^\s<>\"'`]+")
_HOST = re.compile(
    r"(?i)(?<![\w@/.-])((?:localhost|\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})(?::\d{1,5})?)"
    r"(/[^\s<>\"'`]*)?"
)
_PAGES = frozenset(
    """
    access-denied activity-feed add-service alert alerts alert-report api apiCollection apiEndpoint
    apiService application automations bots bulk callback chart classification column container
    dashboard dashboardDataModel dashboards data-assets data-insights data-marketplace
    data-observability data-products data-quality database databaseSchema databaseServices databases
    dataProduct directory docs domain domains entity explore file glossary glossaryTerm governance
    governanceCreator home incident-manager incidents ingestion lineage login logout logs marketplace
    metric metrics mlmodel my-data my-tasks notifications observability pipeline pipelines
    platform-lineage profile query query-builder request-description request-tags reset-password saml
    search searchIndex service services settings sign-in signin signup silent-callback spreadsheet
    sql-studio storedProcedure swagger table tables tag tags task team teams test-case test-suites topic
    topics tour update-description update-tags user users welcome workflows worksheet
    """.split()  # noqa: SIM905
)


def read_collate_address(text: str, *, allow_http: bool = False) -> str:
    """The server's base address (no ``/api``, no final slash) out of whatever was pasted.

    Takes an address with or without scheme or ``/api``, a page deep inside the UI, text around it. https is
    assumed, http on this machine; plain http to another machine needs ``allow_http``. Raises `UsageError`
    with the fix where no usable address is in the text.
    """
    found = _URL.search(text)
    address = found.group() if found is not None else ""
    if not address:
        if redact(text) != text:
            raise UsageError(
                "This is a token, not an address",
                fixes=[Advice("Paste the address of any page of Collate from the browser.")],
            )
        host = next((found for found in _HOST.finditer(text) if text[found.end() :][:1] != "@"), None)
        if host is None:
            raise UsageError(
                "No address of Collate in this text",
                causes=[
                    f"{redact(text.strip())[:80]!r} holds no host name." if text.strip() else "It is empty."
                ],
                fixes=[Advice("Paste the address of any page of Collate from the browser.")],
            )
        name = host.group(1)
        scheme = "http" if is_loopback(name.rsplit(":", 1)[0]) else "https"
        address = f"{scheme}://{name}{host.group(2) or ''}"
    address = address.rstrip(".,;:!?)}" if "[" in address else ".,;:!?)}]")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise UsageError(
            f"{redact(without_credentials(address))} is not a valid address",
            causes=[
                "Its port is not a number up to 65535."
                if has_bad_port(address)
                else "Its host cannot be read."
            ],
            fixes=[Advice("Paste the address of any page of Collate from the browser.")],
        ) from None
    if "@" in parts.netloc or not parts.netloc.isascii():
        check_address(f"{parts.scheme}://{parts.netloc}", allow_http=allow_http)
    host_name = parts.hostname or ""
    shown = f"[{host_name}]" if ":" in host_name else host_name
    default = {"https": 443, "http": 80}.get(parts.scheme)
    base = f"{parts.scheme.lower()}://{shown}"
    if port is not None and port != default:
        base += f":{port}"
    base += _prefix(parts.path)
    check_address(base, allow_http=allow_http)
    return base


def _prefix(path: str) -> str:
    """The folder that the server lives in: what comes before ``/api`` or before a page of the UI."""
    segments = [segment for segment in path.split("/") if segment]
    for number, segment in enumerate(segments):
        if segment in _PAGES:
            return "".join(f"/{part}" for part in segments[:number])
    return ""
