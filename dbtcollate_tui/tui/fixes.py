"""Carrying out the fixes of a card that no screen took."""

import asyncio
from typing import TYPE_CHECKING, assert_never

from dbtcollate_tui.dbt_cloud.job_run import options_of
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import (
    Advice,
    Argument,
    ChooseRun,
    Copy,
    DeployPipeline,
    EnterToken,
    Fix,
    GoOnWithoutRun,
    GoToStep,
    IngestTables,
    OpenUrl,
    RerunCheck,
    Retry,
    RunJob,
    SetField,
    SyncNow,
    UseProfile,
)
from dbtcollate_tui.tui.copying import copy_text

if TYPE_CHECKING:
    from dbtcollate_tui.tui.protocols import OwningApp
    from dbtcollate_tui.tui.session import ProfileSession


def carry_out(app: "OwningApp", fix: Fix) -> None:
    """Carry out a fix of the open profile; advice does nothing."""
    match fix:
        case OpenUrl():
            app.open_url(fix.url)
        case Copy():
            copy_text(app.screen, fix.text, fix.label)
        case Retry():
            rerun(app, "")
        case RerunCheck():
            rerun(app, fix.check)
        case SyncNow() | ChooseRun():
            app.show_sync()
        case DeployPipeline():
            app.show_pipeline()
        case GoToStep() | EnterToken():
            if app.session is None:
                app.new_setup()
            else:
                app.edit_setup(app.session.profile.name, fix.step)
        case SetField():
            if app.session is not None:
                app.run_worker(_set_field(app, app.session, fix), group="open", exclusive=True)
        case UseProfile():
            app.go_home(fix.profile)
        case IngestTables():
            app.show_table_ingestion()
        case RunJob():
            app.show_job_run(options_of(fix))
        case Advice() | Argument() | GoOnWithoutRun():
            pass
        case _:
            assert_never(fix)


def rerun(app: "OwningApp", check_id: str) -> None:
    """Run a check and all that depend on it again; every check for an empty id."""
    from dbtcollate_tui.checks.registry import dependents_of

    app.start_checks(dependents_of(check_id) if check_id else None)


async def _set_field(app: "OwningApp", session: "ProfileSession", fix: SetField) -> None:
    from dbtcollate_tui.setup.fix_fields import changed_profile

    try:
        profile = changed_profile(session.profile, fix)
        await asyncio.to_thread(app.services.profiles.save, profile)
    except ActionableError as error:
        app.notify(error.title, severity="error")
        return
    await app.open_and_verify(profile.name)
    app.notify(f"{fix.label}: saved in the profile {profile.name}.", timeout=4)
