"""Own hosts of dbt Cloud accounts that this machine names: they are asked first about a bare token."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from dbtcollate_tui.dbt_cloud.addresses import read_address
from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.session.services import Services

VARIABLE = "DBT_HOST"
"""The host that dbt's MCP server reads: docs.getdbt.com, "MCP environment variables reference"."""
CLI_FILE = Path(".dbt", "dbt_cloud.yml")
"""Where dbt's CLI and editor extension keep hosts: docs.getdbt.com, "dbt_cloud.yml file"."""
MOST = 10
MOST_BYTES = 1024 * 1024
_HOST_LINE = re.compile(
    r"""^[ \t-]*(?:account-host|active-host)[ \t]*:[ \t]*["']?([^\s"'#]+)""", re.MULTILINE
)
_OWN = ("cell", "single_tenant")


def known_hosts(
    services: Services, environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> tuple[Region, ...]:
    """The own hosts that profiles, the environment and dbt's CLI name, each once; shared ones are left out.

    Of dbt's CLI file only the lines that name a host are read: it holds tokens beside them.
    """
    found: dict[str, Region] = {}
    for text in _named(services, environment, home or Path.home()):
        with suppress(UsageError):
            address = read_address(text)
            if address.base_url is not None and address.host_kind in _OWN and len(found) < MOST:
                found.setdefault(address.base_url, Region(address.region, address.base_url))
    return tuple(found.values())


def _named(services: Services, environment: Mapping[str, str], home: Path) -> Iterator[str]:
    for name in services.profiles.names():
        with suppress(UsageError):
            yield services.profiles.load(name).dbt_cloud.base_url
    if environment.get(VARIABLE):
        yield environment[VARIABLE]
    with suppress(OSError), (home / CLI_FILE).open("rb") as file:
        for line in _HOST_LINE.finditer(file.read(MOST_BYTES).decode("utf-8", "replace")):
            yield line.group(1)
