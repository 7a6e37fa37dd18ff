"""Carrying out the fixes of a card that no screen took."""

import asyncio
from typing import TYPE_CHECKING

from dbtcollate_tui.dbt_cloud.job_run import options_of
from dbtcollate_tui.errors import ActionableError, Fix
from dbtcollate_tui.tui.copying import copy_text

if TYPE_CHECKING:
    from dbtcollate_tui.tui.protocols import OwningApp
    from dbtcollate_tui.tui.session import ProfileSession


def carry_out(app: "OwningApp", fix: Fix) -> None:
    """Carry out a fix of the open profile; one that is advice alone does nothing."""
    match fix.kind:
        case "open_url":
            app.open_url(fix.value)
        case "copy":
            copy_text(app.screen, fix.value, fix.label)
        case "retry" | "rerun_check":
            rerun(app, fix.value)
        case "run_job":
            app.show_job_run(options_of(fix.value))
        case "go_to_step" if fix.value == "sync":
            app.show_sync()
        case "go_to_step" if fix.value == "pipeline":
            app.show_pipeline()
        case "go_to_step" if app.session is not None:
            app.edit_setup(app.session.profile.name, fix.value)
        case "set_field" if app.session is not None:
            app.run_worker(_set_field(app, app.session, fix), group="open", exclusive=True)
        case _:
            pass


def rerun(app: "OwningApp", check_id: str) -> None:
    """Look anew at a check and at all that hang on it; at everything for an empty id."""
    from dbtcollate_tui.checks.registry import dependents_of

    app.start_checks(dependents_of(check_id) if check_id else None)


async def _set_field(app: "OwningApp", session: "ProfileSession", fix: Fix) -> None:
    from dbtcollate_tui.setup.fix_fields import changed_profile

    try:
        profile = changed_profile(session.profile, fix)
        await asyncio.to_thread(app.services.profiles.save, profile)
    except ActionableError as error:
        app.notify(error.title, severity="error")
        return
    await app.open_and_verify(profile.name)
    app.notify(f"{fix.label}: saved in the profile {profile.name}.", timeout=4)
