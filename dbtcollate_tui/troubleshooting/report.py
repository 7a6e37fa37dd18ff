"""A session as text: what was found and done, and a message to the person who can fix the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dbtcollate_tui import __version__
from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.collate.errors import BOTS_PAGE
from dbtcollate_tui.collate.links import bots_page, service_ingestion_page
from dbtcollate_tui.dbt_cloud.pages import ACCESS_URL_PLACE, SERVICE_TOKENS_PLACE, account_settings
from dbtcollate_tui.fixes import Advice, OpenUrl, ProfileField, SetField
from dbtcollate_tui.history.checked import save_session
from dbtcollate_tui.history.records import EntryLevel, LogEntry
from dbtcollate_tui.printable import one_line, safe
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.troubleshooting.session import Outcome, TroubleshootingSession

NAMED_AT_MOST = 20
"""This many exceptions of a row are named."""
WORDS = {
    CheckState.PASS: "ok",
    CheckState.WARN: "warn",
    CheckState.FAIL: "failed",
    CheckState.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class SupportMessage:
    """A text to send: to whom in words, what about, and the text itself. It holds no secret."""

    to: str
    subject: str
    text: str

    def as_text(self) -> str:
        """The whole, with its head."""
        return f"To: {self.to}\nSubject: {self.subject}\n\n{self.text}\n"


def keep(walk: TroubleshootingSession, state: StateStore, profile: Profile) -> None:
    """Leave the walk's record in the history; one that went on after a fix renews its own. Writes files."""
    if walk.ended is None:
        return
    levels: dict[CheckState | None, EntryLevel] = {CheckState.FAIL: "error", CheckState.WARN: "warn"}
    log = [
        LogEntry(
            entry.at.isoformat(timespec="milliseconds"),
            entry.kind,
            "ok" if entry.kind == "did" else levels.get(entry.state, "info"),
            "troubleshoot",
            entry.text,
        )
        for entry in walk.record
    ]
    record = save_session(
        state,
        profile,
        list(walk.rows.values()),
        walk.began,
        (walk.ended - walk.began).total_seconds(),
        text=f"“{walk.symptom.seen}”: {walk.summary()}.",
        log=log,
        record_id=walk.record_id,
    )
    walk.record_id = record.id


def report(walk: TroubleshootingSession, profile: Profile) -> str:
    """The walk as Markdown: symptom, result, what was found and done in its order, every row. No secret."""
    lines = [
        f"# dbtcollate troubleshooting: {profile.name}",
        "",
        f"- Symptom: {_symptom(walk)}",
        f"- Result: {walk.summary()}",
        f"- From: {_source(profile)}",
        f"- To: {_target(profile)}",
        f"- Checked: {_moment(walk.began)} to {_moment(walk.ended or datetime.now(UTC))}, "
        f"dbtcollate {__version__}",
    ]
    row = walk.finding
    if row is not None:
        lines += ["", f"## {'Broken' if row.state is CheckState.FAIL else 'Found'}: {row.title}", ""]
        lines += [f"- {line}" for line in _card(row)]
    if walk.done:
        lines += ["", "## Done", "", *(f"- {text}" for text in walk.done)]
    lines += ["", "## In order", ""]
    lines += [f"- {entry.at:%H:%M:%S} {entry.kind}: {entry.text}" for entry in walk.record]
    lines += ["", "## Every check", "", "| Stage | Check | State | Found |", "|---|---|---|---|"]
    for found in walk.rows.values():
        cells = (found.stage.value, found.title, WORDS.get(found.state, "waiting"), found.summary)
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    others = [found for found in walk.warnings if row is None or found.check_id != row.check_id]
    for found in others:
        lines += ["", f"### To look at: {found.title}", "", *(f"- {line}" for line in _card(found))]
    return safe("\n".join(one_line(line) for line in lines) + "\n")


def as_json(walk: TroubleshootingSession, profile: Profile) -> dict[str, object]:
    """The end of a session as JSON values, for ``troubleshoot --json``; the rows are events of their own."""
    row = walk.finding
    letter = letter_of(walk, profile)
    return {
        "symptom": walk.symptom.id,
        "outcome": walk.outcome.value,
        "summary": walk.summary(),
        "finding": row.as_dict() if row is not None else None,
        "record": [
            {"at": entry.at.isoformat(), "kind": entry.kind, "text": entry.text} for entry in walk.record
        ],
        "letter": {"to": letter.to, "subject": letter.subject, "text": letter.text} if letter else None,
    }


def letter_of(
    walk: TroubleshootingSession, profile: Profile, row: CheckResult | None = None
) -> SupportMessage | None:
    """The text to send about a row (``None``: the session's finding): who may fix it, what is needed, where.

    ``None`` where there is nothing to fix.
    """
    found = row if row is not None else walk.finding
    if found is None or walk.outcome in (Outcome.WALKING, Outcome.GOOD):
        return None
    switched_off = found.state is CheckState.SKIPPED and found.check_id != "pipeline.service"
    if switched_off or found.state is CheckState.PASS:
        return None
    to, needed = _needed(found, profile)
    lines = [
        f"dbtcollate checked how metadata gets from dbt Cloud into Collate on {_moment(datetime.now(UTC))}.",
        "",
        f"From     {_source(profile)}",
        f"To       {_target(profile)}",
        f"Symptom  {_symptom(walk)}",
        "",
        f"Found    {found.summary}",
    ]
    lines += [f"{'Cause' if number == 0 else 'Or':9}{cause}" for number, cause in enumerate(found.causes)]
    lines += ["", "What is needed:"]
    lines += [f"- {line}" for line in needed]
    pages = [fix for fix in found.fixes if isinstance(fix, OpenUrl) and not _said(fix.url, needed)]
    lines += [f"- {fix.label}: {fix.url}" for fix in pages]
    if found.exceptions:
        lines += ["", "Concerned:"]
        lines += [f"- {item}" for item in found.exceptions[:NAMED_AT_MOST]]
        left = len(found.exceptions) - NAMED_AT_MOST
        if left > 0:
            lines.append(f"- and {left} more")
    if found.evidence:
        lines += ["", "Evidence:", *(f"- {item}" for item in found.evidence)]
    lines += ["", "This text contains no token. Do not send one in reply."]
    text = safe("\n".join(one_line(line) for line in lines))
    return SupportMessage(to, f"{profile.name}: {safe(one_line(found.summary))}", text)


def _said(page: str, needed: tuple[str, ...]) -> bool:
    return any(page in line for line in needed)


def _needed(row: CheckResult, profile: Profile) -> tuple[str, tuple[str, ...]]:
    """Who may fix the row, and what is needed in words: names, ids, places, addresses."""
    found = WHO[CheckId(row.check_id)] if row.check_id in set(CheckId) else _whoever
    to, lines = found(row, profile)
    advice = tuple(fix.label for fix in row.fixes if isinstance(fix, Advice))
    return to, tuple(dict.fromkeys((*lines, *advice)))


Needed = tuple[str, tuple[str, ...]]
_ACCOUNT = "an administrator of the dbt Cloud account"
_JOB = "the person who maintains the dbt Cloud job"
_SERVER = "the administrator of Collate"
_INGESTION = "the person who maintains the ingestion of the warehouse in Collate"


def _may_read(profile: Profile) -> str:
    project = profile.dbt_cloud.project_id
    return f"Account Viewer (or Job Viewer on project {project})" if project is not None else "Account Viewer"


def _dbt_address(row: CheckResult, profile: Profile) -> Needed:
    side = profile.dbt_cloud
    return _ACCOUNT, (
        f"The address of the account: {ACCESS_URL_PLACE} shows it. The one used now is {side.base_url}.",
        "If it is correct: network access from this machine to it (GET /api/v3/accounts/ answers JSON).",
    )


def _dbt_token(row: CheckResult, profile: Profile) -> Needed:
    side = profile.dbt_cloud
    return _ACCOUNT, (
        f"A service token for account {side.account_id} with the permission {_may_read(profile)}.",
        f"Create it at {SERVICE_TOKENS_PLACE}: {account_settings(side.base_url, side.account_id)}",
        "Hand it over through a password manager, not by email or chat; it is entered in dbtcollate.",
    )


def _dbt_account(row: CheckResult, profile: Profile) -> Needed:
    side = profile.dbt_cloud
    return _ACCOUNT, (
        f"The id of the account that holds {_job(profile)}; the one used now is {side.account_id}.",
        f"Or a service token of account {side.account_id} with the permission {_may_read(profile)}: "
        f"{account_settings(side.base_url, side.account_id)}",
    )


def _dbt_permissions(row: CheckResult, profile: Profile) -> Needed:
    side = profile.dbt_cloud
    return _ACCOUNT, (
        f"The permission {_may_read(profile)} for the token in use. {row.summary}.",
        f"Place: {SERVICE_TOKENS_PLACE}, {account_settings(side.base_url, side.account_id)}",
        "If the account allows certain IP addresses only: this machine's and Collate's among them.",
    )


def _dbt_job(row: CheckResult, profile: Profile) -> Needed:
    return _JOB, (f"{_job(profile)}: {job_page(profile)}",)


def _commands(row: CheckResult, profile: Profile) -> Needed:
    return _JOB, (
        f"For {_job(profile)}, the commands dbt run, dbt test (or dbt build) and dbt docs generate.",
        f"Place: Deploy → Jobs → the job → Settings → Commands, {job_page(profile)}/settings",
    )


def _run(row: CheckResult, profile: Profile) -> Needed:
    return _JOB, (
        f"A run of {_job(profile)} that ends in success: Deploy → Jobs → Run now, {job_page(profile)}",
        "An active schedule, so that the metadata stays up to date.",
    )


def _catalog(row: CheckResult, profile: Profile) -> Needed:
    return _JOB, (
        f"“Generate docs on run” for {_job(profile)}, or dbt docs generate at its end; then one run.",
        f"Place: Deploy → Jobs → the job → Settings, {job_page(profile)}/settings",
    )


def _results(row: CheckResult, profile: Profile) -> Needed:
    return _JOB, (
        f"dbt test after dbt run, or dbt build, among the commands of {_job(profile)}; then one run.",
        f"Place: Deploy → Jobs → the job → Settings → Commands, {job_page(profile)}/settings",
    )


def _manifest(row: CheckResult, profile: Profile) -> Needed:
    return _JOB, (
        f"A new run of {_job(profile)}, since manifest.json of this one cannot be used: {job_page(profile)}",
    )


def _collate_address(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    return _SERVER, (
        f"GET {side.base_url}/api/v1/system/version answers with the version as JSON, from this machine too.",
        "Or the URL where the API answers.",
    )


def _collate_token(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    return "an administrator of Collate", (
        f"A token of the ingestion bot: {BOTS_PAGE}, {bots_page(side.base_url)}",
        "The role Ingestion bot role for the bot, or a policy with the operations named above.",
        "Hand it over through a password manager, not by email or chat; it is entered in dbtcollate.",
    )


def _tables(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    other = next(
        (fix for fix in row.fixes if isinstance(fix, SetField) and fix.field is ProfileField.SERVICE), None
    )
    if other is not None:
        name = other.to
        return _INGESTION, (
            f"Confirmation whether {name} is the database service that holds the tables of {_job(profile)}: "
            f"dbtcollate then writes there instead of {side.service}.",
            f"Place: Settings → Services → Databases, {side.base_url}/settings/services/databases",
        )
    return _INGESTION, (
        f"The tables named below in the database service {side.service}: its metadata ingestion takes their "
        "databases and schemas in (filters: Databases, Schemas, Tables), and is run once.",
        f"Place: Settings → Services → Databases → {side.service} → Ingestion (Agents), "
        f"{service_ingestion_page(side.base_url, side.service)}",
    )


def _service(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    return _INGESTION, (
        f"The name of the database service that holds the tables of {_job(profile)}; "
        f"the one used now is {side.service}.",
        f"Place: Settings → Services → Databases, {side.base_url}/settings/services/databases",
    )


def _runner(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    return _SERVER, (
        f"A pipeline service: GET {side.base_url}/api/v1/services/ingestionPipelines/status says healthy.",
        "OpenMetadata: PIPELINE_SERVICE_CLIENT_ENABLED=true, and PIPELINE_SERVICE_CLIENT_ENDPOINT is the "
        "address of its Airflow or ingestion runner. Collate: its support, or a hybrid runner.",
        "Until then, dbtcollate sync --engine direct works without it, from cron or CI.",
    )


def _pipeline(row: CheckResult, profile: Profile) -> Needed:
    side, pipeline = profile.collate, profile.pipeline
    when = f"schedule {pipeline.schedule} {pipeline.timezone}" if pipeline.schedule else "a schedule"
    return "an administrator of Collate", (
        f"The dbt pipeline {pipeline.name} of {side.service} deployed, switched on ({when}), and run once.",
        f"Place: {side.service} → Ingestion (Agents), {service_ingestion_page(side.base_url, side.service)}",
        "Or, for the bot that dbtcollate uses, the operations Create, Deploy and Trigger on pipelines.",
    )


def _network(row: CheckResult, profile: Profile) -> Needed:
    side = profile.dbt_cloud
    return _ACCOUNT, (
        f"The addresses of Collate's ingestion runner in the IP allow list of account {side.account_id}: "
        f"Account settings → IP restrictions, {account_settings(side.base_url, side.account_id)}",
    )


def _sync(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    return "a person who may write to Collate", (
        f"One sync into {side.service}: dbtcollate sync --profile {profile.name} --yes, or one run of the "
        f"pipeline {profile.pipeline.name}.",
        f"Place: {side.service} → Ingestion (Agents), {service_ingestion_page(side.base_url, side.service)}",
    )


def _whoever(row: CheckResult, profile: Profile) -> Needed:
    side = profile.collate
    return "the people who edit these tables in Collate", (
        f"One more sync into {side.service} ({side.base_url}), "
        "and no other tool that changes these values in Collate.",
    )


WHO: Mapping[CheckId, Callable[[CheckResult, Profile], Needed]] = {
    CheckId.DBT_REACHABLE: _dbt_address,
    CheckId.DBT_TOKEN: _dbt_token,
    CheckId.DBT_ACCOUNT: _dbt_account,
    CheckId.DBT_PERMISSIONS: _dbt_permissions,
    CheckId.DBT_JOB: _dbt_job,
    CheckId.DBT_COMMANDS: _commands,
    CheckId.RUN_EXISTS: _run,
    CheckId.RUN_FRESH: _run,
    CheckId.RUN_KIND: _run,
    CheckId.ARTIFACTS_MANIFEST: _manifest,
    CheckId.ARTIFACTS_CATALOG: _catalog,
    CheckId.ARTIFACTS_RESULTS: _results,
    CheckId.COLLATE_REACHABLE: _collate_address,
    CheckId.COLLATE_TOKEN: _collate_token,
    CheckId.COLLATE_SERVICE: _service,
    CheckId.TABLES_MATCHED: _tables,
    CheckId.PIPELINE_SERVICE: _runner,
    CheckId.PIPELINE_EXISTS: _pipeline,
    CheckId.PIPELINE_STATUS: _pipeline,
    CheckId.PIPELINE_SCHEDULE: _pipeline,
    CheckId.COLLATE_NETWORK: _network,
    CheckId.VERIFICATION_INGESTION: _sync,
    CheckId.VERIFICATION_LINEAGE: _whoever,
    CheckId.VERIFICATION_DESCRIPTIONS: _whoever,
    CheckId.VERIFICATION_TESTS: _whoever,
}
"""Who can fix what each check finds, and what to ask that person for; a test holds it complete."""


def job_page(profile: Profile) -> str:
    """The page of the profile's job in dbt Cloud; of the account's jobs where any job will do."""
    side = profile.dbt_cloud
    if side.job_id is None or side.project_id is None:
        return f"{side.base_url}/deploy/{side.account_id}"
    return f"{side.base_url}/deploy/{side.account_id}/projects/{side.project_id}/jobs/{side.job_id}"


def _job(profile: Profile) -> str:
    side = profile.dbt_cloud
    return f"job {side.job_name} ({side.job_id})" if side.job_id is not None else "the production job"


def _symptom(walk: TroubleshootingSession) -> str:
    symptom = walk.symptom
    return f"“{symptom.seen}” ({symptom.issue})" if symptom.from_guide else symptom.seen


def _source(profile: Profile) -> str:
    side = profile.dbt_cloud
    name = f" “{side.account_name}”" if side.account_name else ""
    return f"dbt Cloud {side.base_url}, account {side.account_id}{name}, {_job(profile)}"


def _target(profile: Profile) -> str:
    return f"Collate {profile.collate.base_url}, database service {profile.collate.service}"


def _card(row: CheckResult) -> list[str]:
    lines = [f"Found: {row.summary}"]
    if row.detail:
        lines.append(f"Means: {row.detail}")
    lines += [f"{'Cause' if number == 0 else 'Or'}: {cause}" for number, cause in enumerate(row.causes)]
    lines += [f"Evidence: {item}" for item in row.evidence]
    for fix in row.fixes:
        place = f" {fix.url}" if isinstance(fix, OpenUrl) else ""
        lines.append(f"Fix: {fix.label}{place}")
    lines += [f"Named: {item}" for item in row.exceptions[:NAMED_AT_MOST]]
    left = len(row.exceptions) - NAMED_AT_MOST
    if left > 0:
        lines.append(f"Named: and {left} more")
    return lines


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
