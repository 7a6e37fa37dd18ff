"""``history``: what syncs, deploys and verifications left, without the app. No server is asked."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import Renderer, load_profile, renderer
from dbtcollate_tui.history.records import (
    HistoryRecord,
    RecordAction,
    StoredPlan,
    find_record,
    list_records,
    load_log,
    load_plan,
)
from dbtcollate_tui.session.services import Services


async def history(common: Common, *, action: RecordAction | None, limit: int) -> ExitCode:
    """The profile's latest records, one a line."""
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, profile=common.profile)
    found = await asyncio.to_thread(list_records, services.state, profile.name, action=action, limit=limit)
    out.say(
        f"History of {profile.name}, latest first" if found else f"Nothing was run for {profile.name} yet"
    )
    for record in found:
        if common.json:
            out.facts("history_record", record.as_dict())
        else:
            out.say(_line(record))
    return ExitCode.OK


async def show(common: Common, record_id: str) -> ExitCode:
    """One record whole: its facts, what failed, what was read back, its plan and its log."""
    services = Services()
    profile = await load_profile(services, common.profile)
    record = await asyncio.to_thread(find_record, services.state, profile.name, record_id)
    if record is None:
        raise UsageError(
            f"{profile.name} has no record {record_id}",
            causes=["It is older than 90 days, of another profile, or the id fits several."],
            fixes=[Advice("dbtcollate history lists the records with their ids.")],
        )
    out = renderer(common.json, profile=common.profile)
    plan = await asyncio.to_thread(load_plan, services.state, record)
    log = await asyncio.to_thread(load_log, services.state, record)
    if common.json:
        out.facts("history_record", record.as_dict())
        if plan is not None:
            out.facts("history_plan", plan.as_dict())
        for entry in log:
            out.facts("history_log", entry.as_dict())
        return ExitCode.OK
    out.say(_line(record))
    out.facts("record", _facts(record))
    for failure in record.failures:
        out.say(f"  FAILED  {failure.label}: {failure.title}")
        for cause in failure.causes:
            out.say(f"          {cause}")
    if record.failed > len(record.failures):
        out.say(f"          and {record.failed - len(record.failures)} more; the log has them")
    for line in record.verification:
        out.say(f"  {line.state:7} {line.title:28} {line.summary}".rstrip())
    if plan is not None:
        _say_plan(out, plan)
    for entry in log:
        out.say(f"  {_clock(entry.at, '%H:%M:%S')}  {entry.level:5}  {entry.source:9}  {entry.text}")
    return ExitCode.OK


def _say_plan(out: Renderer, plan: StoredPlan) -> None:
    out.say(f"  Plan: {plan.summary}")
    for change in plan.changes:
        sign = "+" if change.action == "add" else "-" if change.action == "remove" else "~"
        out.say(f"    {sign} {change.kind.replace('_', ' ')} {change.label}")
    if plan.left_out:
        out.say(f"    and {plan.left_out} more that were not kept")


def _line(record: HistoryRecord) -> str:
    run = f"run #{record.run_id}" if record.run_id is not None else ""
    what = f"{record.action} {record.engine}".strip()
    return (
        f"  {_clock(record.at, '%Y-%m-%d %H:%M')}  {what:14}  {record.outcome:11}  "
        f"{record.seconds:7.1f} s  {run:14}  {record.counts:28}  {record.id}"
    )


def _facts(record: HistoryRecord) -> Mapping[str, object]:
    values: dict[str, object] = {
        "said": record.text,
        "collate": f"{record.server}, service {record.service}",
        "job": record.job_name,
        "run": record.run_url,
        "run ended": record.run_finished_at,
        "planned": _kinds(record.planned_by_kind),
        "written": _kinds(record.written_by_kind),
        "unchanged": record.unchanged or "",
        "tables": f"{record.matched} of {record.expected}" if record.expected else "",
        "dbtcollate": record.version,
    }
    return {name: value for name, value in values.items() if value}


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in counts.items())


def _clock(at: str, form: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone():{form}}"
