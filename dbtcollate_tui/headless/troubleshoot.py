"""``dbtcollate troubleshoot``: the session of the app's troubleshooting, its report and its text to send."""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.common import connect, load_profile, renderer
from dbtcollate_tui.printable import safe
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.files import write_private
from dbtcollate_tui.troubleshooting.report import as_json, keep, letter_of, report
from dbtcollate_tui.troubleshooting.session import ENDED, Outcome, TroubleshootingSession
from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS, symptom_named


def symptoms(common: Common) -> ExitCode:
    """The symptoms with their ids, the guide's rows first."""
    out = renderer(common.json, profile=common.profile)
    for symptom in SYMPTOMS:
        if common.json:
            values = {"id": symptom.id, "seen": symptom.seen, "issue": symptom.issue}
            out.facts("symptom", {**values, "guide": symptom.from_guide, "checks": list(symptom.checks)})
        else:
            out.say(f"  {symptom.id:16}  {symptom.seen:44}  {symptom.issue}")
    return ExitCode.OK


async def troubleshoot(
    common: Common, symptom: str, *, report_to: Path | None = None, support_message: bool = False
) -> ExitCode:
    """Walk the chain for a symptom (empty: all of it) up to the first broken stage: 1 where there is one.

    ``report_to`` gets the report as Markdown, ``support_message`` prints the text to send.
    Both hold no secret.
    """
    walk = TroubleshootingSession(symptom_named(symptom))
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, profile=common.profile)
    out.say(f"Troubleshooting of {profile.name}: {walk.symptom.seen}")
    async with connect(common, services, profile, report_waits=True) as connections:
        context = CheckContext(profile, connections, services)
        async with aclosing(walk.go(context)) as rows:
            async for row in rows:
                if row.state in ENDED:
                    out.check(row)
    await asyncio.to_thread(keep, walk, services.state, profile)
    out.say(f"{walk.summary()}.")
    if common.json:
        out.facts("troubleshooting", as_json(walk, profile))
    text = letter_of(walk, profile)
    if text is not None and support_message:
        out.lines(f"\n{text.as_text()}")
    elif text is not None:
        out.say(f"--support-message prints a text to send to {text.to}.")
    if report_to is not None:
        try:
            await asyncio.to_thread(write_private, report_to, report(walk, profile))
        except OSError as error:
            raise UsageError(f"{report_to} could not be written: {error.strerror}") from None
        sys.stderr.write(safe(f"Report written to {report_to}\n"))
    return ExitCode.FAILED if walk.outcome is Outcome.BROKEN else ExitCode.OK
