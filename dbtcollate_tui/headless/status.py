"""``status`` and ``profiles``: the state of a profile, and which there are."""

import asyncio

from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.checks import report_checks
from dbtcollate_tui.headless.common import connect, load_profile, renderer
from dbtcollate_tui.history.records import latest
from dbtcollate_tui.session.services import Services


async def status(common: Common) -> ExitCode:
    """What the last sync from here wrote, and the state of run and pipeline now."""
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, profile=common.profile)
    last = await asyncio.to_thread(latest, services.state, profile.name)
    out.facts(
        "status",
        {
            "profile": profile.name,
            "dbt_cloud": f"{profile.dbt_cloud.base_url}, account {profile.dbt_cloud.account_id}",
            "job": f"{profile.dbt_cloud.job_name or 'any job'} {profile.dbt_cloud.job_id or ''}".strip(),
            "collate": f"{profile.collate.base_url}, service {profile.collate.service}",
            "last_sync": last.at if last is not None else None,
            "last_outcome": last.outcome if last is not None else "never synced from here",
            "last_run_id": last.run_id if last is not None else None,
            "written": last.written if last is not None else 0,
            "failed": last.failed if last is not None else 0,
        },
    )
    async with connect(common, services, profile, report_waits=True) as connections:
        context = CheckContext(profile, connections, services)
        ids = [check.id for check in ALL_CHECKS if check.id.startswith(("dbt.", "run.", "pipeline."))]
        return await report_checks(out, context, ids)


async def profiles(common: Common) -> ExitCode:
    """List each profile with its two ends; a file that cannot be read is marked."""
    services = Services()
    out = renderer(common.json, profile=common.profile)
    names = await asyncio.to_thread(services.profiles.names)
    default = await asyncio.to_thread(services.profiles.default_name)
    broken = False
    out.say(f"Profiles in {services.profiles.folder}")
    for name in names:
        try:
            profile = await asyncio.to_thread(services.profiles.load, name)
        except UsageError as error:
            broken = True
            out.facts("profile", {"name": name, "broken": error.title})
            continue
        job = profile.dbt_cloud.job_name or "any job"
        out.facts(
            "profile",
            {
                "name": name + (" (default)" if name == default and not common.json else ""),
                "from": f"{profile.dbt_cloud.base_url}, account {profile.dbt_cloud.account_id}, {job}",
                "to": f"{profile.collate.base_url}, service {profile.collate.service}",
            },
        )
    if not names:
        out.say("  none yet")
    return ExitCode.USAGE if broken else ExitCode.OK


async def pin_default(name: str, *, clear: bool) -> ExitCode:
    """Pin a profile as the default one, or go back to the one last opened; without either, show it.

    Raises `UsageError` where there is no such profile.
    """
    services = Services()
    out = renderer(as_json=False)
    if name and clear:
        raise UsageError("NAME and --clear exclude each other")
    if name or clear:
        await asyncio.to_thread(services.profiles.pin, name or None)
    default = await asyncio.to_thread(services.profiles.default_name)
    pinned = await asyncio.to_thread(services.profiles.pinned_name)
    if default is None:
        out.say("There is no default profile.")
    else:
        out.say(f"{default}   {'pinned' if default == pinned else 'last opened in the app'}")
    return ExitCode.OK
