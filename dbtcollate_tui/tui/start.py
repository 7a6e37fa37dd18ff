"""Opens the app and gives the shell a true exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.gc_tuning import not_looked_at, seldom_collected
from dbtcollate_tui.log import log_from_first_record
from dbtcollate_tui.printable import safe
from dbtcollate_tui.session.services import SampleAnswers, Services
from dbtcollate_tui.settings.secrets import tokens_kept_from_children
from dbtcollate_tui.standard_streams import has_screen, is_terminal, only_errors_redirected
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.keys import keys_file, remap_keys

if TYPE_CHECKING:
    from pydantic import SecretStr

    from dbtcollate_tui.settings.secrets import Side


def open_app(profile: str | None = None, *, animation: bool = True) -> ExitCode:
    """The app on the person's own profiles, until it is left; an error is reported on standard error."""
    try:
        require_screen()
        return run_app(Services(), profile=profile, animation=animation)
    except ActionableError as error:
        sys.stderr.write(safe(error.as_text()) + "\n")
        if only_errors_redirected():
            sys.stdout.write(safe(error.as_text()) + "\n")
        return error.exit_code


def require_screen() -> None:
    """Raise `UsageError` where the app could not be seen."""
    if has_screen():
        return
    if only_errors_redirected():
        cause = "Standard error is not a terminal, and the app draws on it."
    elif is_terminal():
        cause = "TERM is dumb: this terminal cannot show a full-screen app."
    else:
        cause = "Standard input or output is not a terminal."
    raise UsageError(
        "There is no terminal for the app",
        causes=[cause],
        fixes=[
            Advice("Use a command: dbtcollate verify, plan, sync, status or demo --headless."),
            Advice("dbtcollate --help lists them."),
        ],
    )


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
    log_from_first_record()
    offer = None
    if sample is not None and sample_secrets is not None:
        from dbtcollate_tui.tui.demo_credentials import DemoOffer

        offer = DemoOffer(sample, sample_secrets["dbt_cloud"], sample_secrets["collate"])
    app = DbtCollateApp(services, profile=profile, offer=offer, animation=animation)
    with seldom_collected(), not_looked_at(), tokens_kept_from_children():
        app.run()
    if app.crash:
        sys.stderr.write(safe(app.crash) + "\n")
        return ExitCode.INTERNAL
    return ExitCode(app.return_code or ExitCode.OK)
