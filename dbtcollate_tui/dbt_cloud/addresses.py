"""Any page or API address of dbt Cloud, read: host, region, account, project, job, run."""

import re
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import SplitResult, unquote, urlsplit

from dbtcollate_tui.dbt_cloud.pages import ACCESS_URL_PLACE
from dbtcollate_tui.dbt_cloud.regions import (
    LOGIN_HOST,
    PUBLIC_PAGES,
    HostKind,
    host_kind,
    login_region,
    region_of,
    without_other_api,
)
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, ProfileField, SetField
from dbtcollate_tui.redact import redact, without_credentials
from dbtcollate_tui.transport.addresses import is_loopback

_ID = re.compile(r"[0-9]{1,18}")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}|[0-9.]{7,15}|\[[0-9a-f:.]+\]|localhost"
)
_JDBC = re.compile(r"(?i)^jdbc:arrow-flight-sql://")
"""The Semantic Layer's address, which dbt's settings show as a JDBC one with a token in its query."""
_SCHEME = re.compile(r"(?i)^[a-z][a-z0-9+.-]*://")
_QUOTES = "\"'`<>“”‘’«»"
_ACCOUNT_LABELS = frozenset(
    {
        "accounts",
        "deploy",
        "explore",
        "develop",
        "dashboard",
        "catalog",
        "canvas",
        "insights",
        "orchestration",
        "studio",
        "wizard",
    }
)
_PASTE = Advice("Paste the address of any dbt Cloud page from the browser.")


@dataclass(frozen=True, slots=True)
class DbtCloudAddress:
    """What an address says; ``base_url`` has no path and no final slash, ids are ``None`` where unsaid.

    ``base_url`` is ``None`` for dbt's common log-in page, which serves every region.
    """

    base_url: str | None
    account_id: int | None
    project_id: int | None
    job_id: int | None
    run_id: int | None
    environment_id: int | None
    host_kind: HostKind
    region: str
    instead_of: str = ""
    """What the given host serves in place of the Administrative API, whose host ``base_url`` has."""

    @property
    def host(self) -> str:
        """Host and port as shown to a person; empty without a base address."""
        return "" if self.base_url is None else self.base_url.split("://", 1)[1]


def read_address(text: str) -> DbtCloudAddress:
    """Read a pasted address: a page old or new, an API address, or a bare host, with or without https.

    Labels are read in the path and in the fragment alike (``/deploy/A/projects/P/jobs/J``,
    ``#/accounts/A/…``, ``/api/v2/accounts/A/runs/R/``); the query is ignored. Raises `UsageError`
    where it is no address, is plain http to another machine, or holds an id that cannot be one.
    """
    cleaned = "".join(text.split()).strip(_QUOTES).strip()
    if not cleaned:
        raise UsageError("No dbt Cloud address was given", fixes=[_PASTE])
    split = _split(cleaned)
    try:
        host, port = (split.hostname or "").rstrip("."), split.port
    except ValueError:
        raise _not_an_address(cleaned, "its port is not a number from 0 to 65535") from None
    shown = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(shown):
        raise _not_an_address(cleaned, f"{host!a} is not a host name" if host else "it names no host")
    local = is_loopback(host)
    if split.username is not None or split.password is not None:
        raise _not_an_address(cleaned, "it holds a user name; a token is never part of the address")
    if split.scheme == "http" and not local:
        secure = f"https://{shown}" + ("" if port in (None, 80, 443) else f":{port}")
        raise UsageError(
            f"http://{shown} is not encrypted",
            causes=["dbt Cloud is reached over TLS only."],
            fixes=[SetField(f"Use {secure}", ProfileField.BASE_URL, secure)],
        )
    if host in PUBLIC_PAGES:
        raise UsageError(
            f"{host} is a public page of dbt Labs, not an account's host",
            fixes=[_PASTE],
        )
    region = login_region(host)
    if region:
        raise UsageError(
            f"{host} is dbt Cloud's log-in page for {region}, not an account's host",
            causes=[f"Every account has a host of its own, like ab123.{host.removeprefix('login.')}."],
            fixes=[_PASTE, Advice(f"{ACCESS_URL_PLACE} shows it.")],
        )
    host, instead_of = without_other_api(host)
    if instead_of:
        shown, port = host, None
    kind = host_kind(host)
    base_url: str | None = None
    if host != LOGIN_HOST:
        usual = 443 if split.scheme == "https" else 80
        base_url = f"{split.scheme}://{shown}" + ("" if port in (None, usual) else f":{port}")
    ids = _read_ids(_segments(split))
    return DbtCloudAddress(
        base_url=base_url,
        account_id=ids.get("account"),
        project_id=ids.get("project"),
        job_id=ids.get("job"),
        run_id=ids.get("run"),
        environment_id=ids.get("environment"),
        host_kind=kind,
        region=region_of(host),
        instead_of=instead_of,
    )


def _split(cleaned: str) -> SplitResult:
    cleaned = _JDBC.sub("https://", cleaned)
    scheme = _SCHEME.match(cleaned)
    if scheme is None:
        first = re.split(r"[/?#:]", cleaned, maxsplit=1)[0]
        cleaned = f"{'http' if is_loopback(first) or cleaned.startswith('[') else 'https'}://{cleaned}"
    elif scheme.group(0).lower() not in ("https://", "http://"):
        raise _not_an_address(cleaned, f"{scheme.group(0)} is not a web address")
    try:
        return urlsplit(cleaned)
    except ValueError:
        raise _not_an_address(cleaned, "its host or its port cannot be read") from None


def _segments(split: SplitResult) -> list[str]:
    fragment = split.fragment.split("?", 1)[0]
    return [unquote(part).lower() for part in f"{split.path}/{fragment}".split("/") if part]


def _read_ids(segments: list[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    if len(segments) > 1 and segments[1] == "projects" and _ID.fullmatch(segments[0]):
        ids["account"] = int(segments[0])
    for label, value in pairwise(segments):
        if label in _ACCOUNT_LABELS:
            name = "account"
        elif label in ("projects", "jobs", "runs", "environments"):
            name = label.removesuffix("s")
        else:
            continue
        if _ID.fullmatch(value):
            ids.setdefault(name, int(value))
        elif value.isdecimal():
            raise UsageError(
                f"{value} is not a dbt Cloud {name} id",
                causes=["Ids have 1 to 18 digits."],
                fixes=[Advice("Paste the address again, whole.")],
            )
    return ids


def _not_an_address(text: str, why: str) -> UsageError:
    return UsageError(
        f"{redact(without_credentials(text))[:80]!a} is not a dbt Cloud address",
        causes=[f"{why[:1].upper()}{why[1:]}."],
        fixes=[
            _PASTE,
            Advice("It looks like https://ab123.us1.dbt.com/deploy/70403/projects/1/jobs/2"),
        ],
    )
