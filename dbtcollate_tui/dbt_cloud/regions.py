"""Where dbt Cloud lives: the shared hosts a token may be tried on, and the region of any host."""

import re
from dataclasses import dataclass
from typing import Literal

from dbtcollate_tui.transport.addresses import is_loopback

HostKind = Literal["shared", "cell", "single_tenant", "loopback", "unknown"]


@dataclass(frozen=True, slots=True)
class Region:
    """A region of dbt Cloud by its name in the guide and the address of its shared host."""

    name: str
    base_url: str

    @property
    def host(self) -> str:
        """The host alone."""
        return self.base_url.split("://", 1)[1]


SHARED_REGIONS: tuple[Region, ...] = (
    Region("North America", "https://cloud.getdbt.com"),
    Region("EMEA", "https://emea.dbt.com"),
    Region("APAC", "https://au.dbt.com"),
)
"""The guide's table, which is also the list of shared servers in dbt's OpenAPI document.

Japan and the regions on Azure and Google Cloud have hosts of the form ``PREFIX.REGION.dbt.com`` alone.
"""

SHARED_SUCCESSORS: dict[str, str] = {"cloud.getdbt.com": "us1", "emea.dbt.com": "eu1", "au.dbt.com": "au1"}
"""The region of the accounts' own hosts behind each shared host.

dbt's page "Access, Regions & IP addresses" and its page on the migration of account URLs.
"""
SHARED_DEPRECATED = "Shared hosts have been deprecated since 1 November 2026"
CELL_REGIONS: dict[str, str] = {
    "us1": "North America (AWS)",
    "eu1": "EMEA (AWS, Frankfurt)",
    "au1": "APAC (AWS, Sydney)",
    "jp1": "Japan (AWS, Tokyo)",
    "us2": "North America (Azure, Virginia)",
    "eu2": "EMEA (Azure, Ireland)",
    "au2": "APAC (Azure, Australia East)",
    "us3": "North America (Google Cloud)",
    "eu3": "EMEA (Google Cloud, London)",
    "eu4": "EMEA (Google Cloud, Frankfurt)",
}
"""The REGION part of ``PREFIX.REGION.dbt.com``, from dbt's page on access, regions and IP addresses."""

LOGIN_HOST = "login.dbt.com"
PUBLIC_PAGES = frozenset(
    {
        "docs.getdbt.com",
        "www.getdbt.com",
        "getdbt.com",
        "hub.getdbt.com",
        "status.getdbt.com",
        "dbt.com",
        "www.dbt.com",
    }
)
OTHER_APIS = {"metadata": "the Discovery API", "semantic-layer": "the Semantic Layer"}
"""Labels of hosts that are not the Administrative API's: dbt's settings show them beside the access URL."""
_LOGIN_REGION = re.compile(r"(?:login\.)?(?P<region>[a-z]{2}[0-9]{1,2})\.dbt\.com")
_CELL = re.compile(r"(?P<prefix>[a-z0-9-]+)\.(?P<region>[a-z]{2}[0-9]{1,2})\.dbt\.com")
_SINGLE_TENANT = re.compile(r"(?:[a-z0-9-]+\.)+getdbt\.com|[a-z0-9-]+\.dbt\.com")


def host_kind(host: str) -> HostKind:
    """What kind of dbt Cloud host a lower-case host name is; a vanity host is ``unknown``."""
    if is_loopback(host):
        return "loopback"
    if any(host == region.host for region in SHARED_REGIONS):
        return "shared"
    if _CELL.fullmatch(host):
        return "cell"
    if _SINGLE_TENANT.fullmatch(host) and host != LOGIN_HOST:
        return "single_tenant"
    return "unknown"


def region_of(host: str) -> str:
    """The region's name for a host, in words; empty where the host does not say."""
    for region in SHARED_REGIONS:
        if host == region.host:
            return region.name
    cell = _CELL.fullmatch(host)
    if cell:
        return CELL_REGIONS.get(cell["region"], f"region {cell['region']}")
    return {"loopback": "this machine", "single_tenant": "single tenant"}.get(host_kind(host), "")


def login_region(host: str) -> str:
    """The region of a host that only serves a region's log-in page, such as ``us1.dbt.com``; else empty."""
    found = _LOGIN_REGION.fullmatch(host)
    return CELL_REGIONS.get(found["region"], f"region {found['region']}") if found else ""


def without_other_api(host: str) -> tuple[str, str]:
    """The Administrative API's host for one of another API, with that API's name; the host itself else."""
    labels = host.split(".")
    for label, name in OTHER_APIS.items():
        if label in labels[:2] and len(labels) > 2:
            labels.remove(label)
            return ".".join(labels), name
    return host, ""


def own_address(base_url: str, subdomain: str) -> str:
    """The address of an account's own host where ``base_url`` is a shared one; empty where it is none."""
    region = SHARED_SUCCESSORS.get(base_url.split("://", 1)[-1])
    return f"https://{subdomain}.{region}.dbt.com" if region and subdomain else ""


def is_known_dbt_host(host: str) -> bool:
    """Whether a host belongs to dbt Labs' domains, so that a redirect to it may be offered as a fix."""
    return host == "getdbt.com" or host.endswith((".getdbt.com", ".dbt.com"))
