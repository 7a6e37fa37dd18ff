"""Opens the app and gives the shell a true exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.log import start_logging
from dbtcollate_tui.settings.secrets import Side
from dbtcollate_tui.setup.services import SampleAnswers, Services
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.keys import keys_file, remap_keys
from dbtcollate_tui.tui.offer import DemoOffer

if TYPE_CHECKING:
    from pydantic import SecretStr


def run_app(
    services: Services,
    *,
    profile: str | None = None,
    sample: SampleAnswers | None = None,
    sample_secrets: Mapping[Side, SecretStr] | None = None,
    animation: bool = True,
    keys: Path | None = None,
) -> ExitCode:
    """Run the app until it is left.

    After an unexpected error one line with the log's place goes to standard error, and the code is
    ``INTERNAL``. ``sample`` and ``sample_secrets`` are what the demo offers; ``keys`` is the file
    of remapped keys (``None``: the one beside the profiles). Raises `UsageError` where it cannot be followed.
    """
    remap_keys(keys or keys_file(services.profiles))
    try:
        start_logging()
    except OSError as error:
        sys.stderr.write(f"No log file: {error}\n")
    offer = None
    if sample is not None and sample_secrets is not None:
        offer = DemoOffer(sample, sample_secrets["dbt_cloud"], sample_secrets["collate"])
    app = DbtCollateApp(services, profile=profile, offer=offer, animation=animation)
    app.run()
    if app.crash:
        sys.stderr.write(f"{app.crash}\n")
        return ExitCode.INTERNAL
    return ExitCode(app.return_code or ExitCode.OK)
