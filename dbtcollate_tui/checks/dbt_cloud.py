"""Checks of dbt Cloud: address, token, permissions, account, job, the guide's three commands."""

from dataclasses import replace

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding, finding_of_error
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext, answers_at_all
from dbtcollate_tui.dbt_cloud.errors import MissingPermission
from dbtcollate_tui.dbt_cloud.job_advice import advise, three_commands
from dbtcollate_tui.dbt_cloud.models import Account, Job
from dbtcollate_tui.dbt_cloud.pages import ACCESS_URL_PLACE
from dbtcollate_tui.dbt_cloud.permissions import check_permissions
from dbtcollate_tui.dbt_cloud.regions import SHARED_DEPRECATED, host_kind, own_address, region_of
from dbtcollate_tui.dbt_cloud.run_choice import NoRun
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.fixes import Advice, GoToStep, OpenUrl, ProfileField, RunJob, SetField, Step
from dbtcollate_tui.wording import count

REACTIVATE = "Fix the cause and save the job's settings, or run it once: either reactivates it"
"""dbt's page on the job scheduler, "Deactivation of jobs"."""
ORIGIN_WORDS = {
    "environment": "from the environment",
    "session": "of this session",
    "keyring": "from the keyring",
}


async def reachable(context: CheckContext) -> Finding:
    """Whether dbt Cloud's API answers at the address."""
    client = await context.dbt_cloud()
    await answers_at_all(context.accounts)
    return Finding(
        CheckState.PASS,
        f"{client.host} answers",
        evidence=context.seen(client.host, "/accounts/"),
    )


async def token(context: CheckContext) -> Finding:
    """Whether dbt Cloud knows the token."""
    client = await context.dbt_cloud()
    shape = token_shape(await context.clients.secret("dbt_cloud"))
    try:
        known = await context.accounts()
    except MissingPermission:
        known = [await context.account()]
    origin = ORIGIN_WORDS[context.clients.origins["dbt_cloud"]]
    return Finding(
        CheckState.PASS,
        f"{shape.label}, {shape.length} characters, {origin}",
        evidence=(
            *context.seen(client.host, "/accounts/"),
            f"sees {count(len(known), 'account')}: {', '.join(str(account.id) for account in known[:5])}",
        ),
    )


async def account(context: CheckContext) -> Finding:
    """Whether the profile's account is one of the token's."""
    client = await context.dbt_cloud()
    found = await context.account()
    evidence = context.seen(client.host, f"/accounts/{found.id}/")
    if found.locked:
        return Finding(
            CheckState.WARN,
            f"{found.name} (account {found.id}) is locked",
            caption=found.name,
            causes=(found.lock_reason or found.lock_cause or "dbt Cloud does not say why.",),
            evidence=evidence,
            fixes=(OpenUrl("Open the account's settings", f"{client.base_url}/settings"),),
        )
    moved = on_shared_host(found, client.base_url)
    if moved is not None:
        return replace(moved, caption=found.name, evidence=evidence)
    plan = f", plan {found.plan}" if found.plan else ""
    return Finding(
        CheckState.PASS, f"{found.name} (account {found.id}){plan}", caption=found.name, evidence=evidence
    )


def on_shared_host(account: Account, base_url: str) -> Finding | None:
    """A warning where the profile still uses a shared host; ``None`` where it does not."""
    host = base_url.split("://", 1)[-1]
    if host_kind(host) != "shared":
        return None
    new = own_address(base_url, account.own_host)
    move = (SetField(f"Use {new}", ProfileField.BASE_URL, new),) if new else ()
    return Finding(
        CheckState.WARN,
        f"{account.name} (account {account.id}) is read from the shared host {host}",
        causes=(f"{SHARED_DEPRECATED}: each account has a host of its own.",),
        fixes=(*move, GoToStep(f"Enter the account's own address: {ACCESS_URL_PLACE}", Step.ADDRESS)),
    )


async def permissions(context: CheckContext) -> Finding:
    """Whether the token may read all that the work needs: the least permission, tried."""
    client = await context.dbt_cloud()
    side = context.profile.dbt_cloud
    answers = await check_permissions(client, side.account_id, side.project_id, side.job_id)
    missing = [answer for answer in answers if answer.state == "missing"]
    unread = [answer for answer in answers if answer.state == "untried" and answer.error is not None]
    evidence = tuple(f"{answer.resource}: {answer.state}, {answer.detail}" for answer in answers)
    if missing and missing[0].error is not None:
        card = finding_of_error(missing[0].error)
        words = ", ".join(answer.resource for answer in missing)
        return Finding(
            CheckState.FAIL,
            f"The token may not read: {words}",
            causes=card.causes,
            fixes=card.fixes,
            evidence=(*card.evidence, *evidence),
        )
    read = [answer.resource for answer in answers if answer.state == "ok"]
    region = region_of(client.host.rsplit(":", 1)[0])
    if unread and unread[0].error is not None:
        card = finding_of_error(unread[0].error)
        return Finding(
            CheckState.WARN,
            f"Could not check: {', '.join(answer.resource for answer in unread)}",
            caption=region,
            causes=(card.summary, *card.causes),
            fixes=card.fixes,
            evidence=(*card.evidence, *evidence),
        )
    return Finding(CheckState.PASS, f"reads {', '.join(read)}", caption=region, evidence=evidence)


async def job(context: CheckContext) -> Finding:
    """Whether the job is there and describes production."""
    client = await context.dbt_cloud()
    found = await context.job()
    if found is None:
        where = context.profile.dbt_cloud.project_name or "the account"
        if context.profile.dbt_cloud.project_id is None:
            where = "the account"
        return Finding(
            CheckState.PASS,
            f"any job of {where}: the latest run is used",
            detail="A run of another job can describe other schemas. Choosing one job is more predictable.",
            fixes=(GoToStep("Choose one job", Step.JOB),),
        )
    advice = advise(found)
    evidence = context.seen(client.host, f"/jobs/{found.id}/")
    if not found.is_active:
        return Finding(
            CheckState.FAIL,
            f"{found.name} (job {found.id}) was deleted",
            evidence=evidence,
            causes=("dbt Cloud keeps deleted jobs, but no longer runs them.",),
            fixes=(GoToStep("Choose another job", Step.JOB),),
        )
    if found.deactivated:
        return Finding(
            CheckState.WARN,
            f"{found.name} (job {found.id}) is deactivated: dbt Cloud no longer starts it",
            causes=(found.deactivation,),
            evidence=evidence,
            fixes=(
                RunJob("Run the job now, which reactivates it"),
                Advice(REACTIVATE),
                OpenUrl("Open the job's settings", job_settings(client.base_url, found, context)),
                GoToStep("Choose another job", Step.JOB),
            ),
        )
    if advice.label == "poor":
        return Finding(
            CheckState.WARN,
            f"{found.name} (job {found.id}) is a poor choice",
            causes=(f"{advice.reason[:1].upper()}{advice.reason[1:]}.",),
            evidence=evidence,
            fixes=(GoToStep("Choose another job", Step.JOB),),
        )
    return Finding(
        CheckState.PASS,
        f"{found.name} (job {found.id}), {found.schedule_words}",
        detail=f"{advice.reason[:1].upper()}{advice.reason[1:]}." if advice.reason else "",
        evidence=evidence,
    )


async def commands(context: CheckContext) -> Finding:
    """The guide's check: dbt run, dbt test and dbt docs generate are all among the job's commands."""
    found = await context.job()
    if found is None:
        try:
            found = (await context.choice()).run.job
        except NoRun as error:
            return Finding(
                CheckState.SKIPPED, f"Any job will do, and {error.title[:1].lower()}{error.title[1:]}"
            )
    if found is None:
        return Finding(CheckState.SKIPPED, "No single job is followed")
    checked = three_commands(found)
    missing = [item for item in checked if not item.present]
    evidence = tuple(
        f"{item.command}: {item.found or 'not among the commands'} ({item.artifact})" for item in checked
    )
    if not missing:
        return Finding(CheckState.PASS, " → ".join(item.found for item in checked), evidence=evidence)
    client = await context.dbt_cloud()
    return Finding(
        CheckState.WARN,
        f"{len(checked) - len(missing)} of {len(checked)} commands; missing: "
        f"{', '.join(item.command for item in missing)}",
        causes=tuple(f"Without {item.command} the run has no {item.artifact}." for item in missing),
        evidence=(*evidence, f"commands: {' → '.join(found.commands) or 'none'}"),
        fixes=(
            *(Advice(item.fix) for item in missing),
            *(
                (RunJob("Run the job now, with docs generated this time", with_docs=True),)
                if any(item.artifact == "catalog.json" for item in missing)
                and context.profile.dbt_cloud.job_id is not None
                else ()
            ),
            OpenUrl("Open the job's settings", job_settings(client.base_url, found, context)),
            GoToStep("Choose another job", Step.JOB),
        ),
    )


def job_page(base_url: str, found: Job, context: CheckContext) -> str:
    """The address of the page on which a job is run manually."""
    account_id = context.profile.dbt_cloud.account_id
    return f"{base_url}/deploy/{account_id}/projects/{found.project_id}/jobs/{found.id}"


def job_settings(base_url: str, found: Job, context: CheckContext) -> str:
    """The address of the page on which a job's commands are changed."""
    return f"{job_page(base_url, found, context)}/settings"


CHECKS = (
    ChainCheck(
        CheckId.DBT_REACHABLE,
        "dbt Cloud reachable",
        Stage.DBT_CLOUD,
        reachable,
        guide_ref="Test Connection: API connectivity",
        step=Step.DBT_TOKEN,
        symptom=SymptomId.OTHER_HOST,
        affected_by=("dbt_cloud", "base_url"),
    ),
    ChainCheck(
        CheckId.DBT_TOKEN,
        "dbt Cloud token",
        Stage.DBT_CLOUD,
        token,
        requires=(CheckId.DBT_REACHABLE,),
        guide_ref="Troubleshooting: Invalid Token",
        step=Step.DBT_TOKEN,
        symptom=SymptomId.INVALID_TOKEN,
    ),
    ChainCheck(
        CheckId.DBT_ACCOUNT,
        "Account",
        Stage.DBT_CLOUD,
        account,
        requires=(CheckId.DBT_TOKEN,),
        guide_ref="Troubleshooting: Wrong Account",
        step=Step.ACCOUNT,
        symptom=SymptomId.WRONG_ACCOUNT,
        affected_by=("dbt_cloud", "account_id"),
    ),
    ChainCheck(
        CheckId.DBT_PERMISSIONS,
        "Token's permissions",
        Stage.DBT_CLOUD,
        permissions,
        requires=(CheckId.DBT_ACCOUNT,),
        guide_ref="Prerequisites: API Access, Account Viewer permission minimum",
        step=Step.ACCOUNT,
        symptom=SymptomId.WRONG_ACCOUNT,
    ),
    ChainCheck(
        CheckId.DBT_JOB,
        "Job",
        Stage.DBT_CLOUD,
        job,
        requires=(CheckId.DBT_ACCOUNT,),
        guide_ref="Step 1.4: Get Project/Job IDs",
        step=Step.JOB,
        affected_by=("dbt_cloud",),
    ),
    ChainCheck(
        CheckId.DBT_COMMANDS,
        "Job's commands",
        Stage.DBT_CLOUD,
        commands,
        requires=(CheckId.DBT_JOB,),
        guide_ref="Best Practices: Ensure Jobs Generate All Artifacts",
        step=Step.JOB,
        symptom=SymptomId.MISSING_CATALOG,
    ),
)
"""The checks of the stage "dbt Cloud"."""
