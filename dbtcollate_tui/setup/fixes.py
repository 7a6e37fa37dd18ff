"""Fixes that the program carries out itself: another token, account, job or service. No screen."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr

from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.services import iter_scores
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import MissingPermission, NotFound, WrongAccount
from dbtcollate_tui.dbt_cloud.models import Account, Job
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import ActionableError, AuthError, UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.pasted import clean_secret
from dbtcollate_tui.plan.matching.services import ServiceScore, Target
from dbtcollate_tui.redact import redact
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import ENV, LABELS, Side
from dbtcollate_tui.setup.rows import JobList, job_rows

LIST_AGAIN_SECONDS = 0.5
"""Jobs are listed again at most so often while their pages come."""


@dataclass(frozen=True, slots=True)
class FixedProfile:
    """A changed profile, not yet saved, and what changed in words."""

    profile: Profile
    words: str


async def try_token(services: Services, profile: Profile, side: Side, secret: SecretStr) -> str:
    """Ask the profile's server whether it takes the token; gives what it says of it, in words.

    Raises `AuthError` or `UnreachableError` where it does not; nothing is kept by this.
    """
    token = clean_secret(secret.get_secret_value()).secret
    if not token.get_secret_value():
        raise UsageError(f"No {LABELS[side]} was entered", fixes=[Advice("Paste it into the field.")])
    redact.learn(token)
    kind = token_shape(token).kind
    if side == "dbt_cloud":
        if kind == "collate_jwt":
            raise AuthError("This is a token of Collate's kind", causes=["It was not sent to dbt Cloud."])
        return await _try_dbt_cloud(services, profile, token)
    if kind in ("personal", "service"):
        raise AuthError(
            "This is a token of dbt Cloud's kind",
            causes=["A Collate token is a JWT and begins with eyJ. It was not sent to Collate."],
        )
    collate = profile.collate
    async with CollateClient(
        collate.base_url, token, request_log=services.request_log, allow_http=collate.allow_http
    ) as client:
        await client.connect()
        user = await client.logged_in_user()
        return f"{client.transport.host} takes it: {user.displayName or user.name}"


async def _try_dbt_cloud(services: Services, profile: Profile, token: SecretStr) -> str:
    side = profile.dbt_cloud
    async with DbtCloudClient(side.base_url, token, request_log=services.request_log) as client:
        try:
            seen = await client.accounts()
        except MissingPermission:
            seen = [await client.account(side.account_id)]
        names = ", ".join(f"{account.name} ({account.id})" for account in seen[:3]) or "no account"
        return f"{client.host} knows it: {names}"


async def keep_token(services: Services, profile: Profile, side: Side, secret: SecretStr) -> str:
    """Keep an accepted token in the keyring, or for this session where there is none; says where, in words.

    A variable that holds another token is passed over until the program ends.
    """
    token = clean_secret(secret.get_secret_value()).secret
    secrets = services.secrets
    aside = ""
    in_environment = secrets.from_environment(side)
    if in_environment is not None and in_environment.secret != token:
        secrets.ignore_environment(side)
        aside = (
            f"; {ENV[side]} still has the previous one, which is used at the next start, unless it is changed"
        )
    health = await secrets.probe()
    if health.usable:
        try:
            await secrets.keep(profile.name, side, token, "keyring")
        except UsageError:
            await secrets.keep(profile.name, side, token, "session")
        else:
            return f"kept in {health.backend or 'the keyring'}{aside}"
    else:
        await secrets.keep(profile.name, side, token, "session")
    return f"kept until the program ends{aside}"


async def accounts_of(context: CheckContext) -> tuple[Account, ...]:
    """The accounts that the token sees, by name. Raises what dbt Cloud says."""
    return tuple(sorted(await context.accounts(), key=lambda account: (account.name.lower(), account.id)))


async def moved_to_account(context: CheckContext, account: Account) -> FixedProfile:
    """The profile on another account of the same token; its job stays where that account has it.

    Otherwise any job will do until one is chosen. Raises what dbt Cloud says.
    """
    side = context.profile.dbt_cloud
    values: dict[str, object] = {"account_id": account.id, "account_name": account.name}
    words = f"account {account.id} ({account.name}) in place of {side.account_id}"
    if side.job_id is not None:
        try:
            await (await context.dbt_cloud()).job(account.id, side.job_id)
        except (NotFound, WrongAccount, MissingPermission):
            values |= {"project_id": None, "project_name": "", "job_id": None, "job_name": "", "jobs": ()}
            words += f"; it has no job {side.job_id}, so that any job will do until one is chosen"
        else:
            words += f"; job {side.job_name or side.job_id} is there too"
    return FixedProfile(_with(context.profile, "dbt_cloud", values), words)


async def iter_jobs(context: CheckContext) -> AsyncGenerator[JobList]:
    """The account's jobs as their pages come, best first; the last list is complete."""
    side = context.profile.dbt_cloud
    client = await context.dbt_cloud()
    found: list[Job] = []
    listed = 0.0
    async with aclosing(client.iter_jobs(side.account_id)) as pages:
        async for page in pages:
            found.extend(page)
            if listed and time.monotonic() - listed < LIST_AGAIN_SECONDS:
                continue
            listed = time.monotonic()
            rows = await asyncio.to_thread(job_rows, found, {}, None, datetime.now(UTC))
            yield JobList(rows, False)
    yield JobList(await asyncio.to_thread(job_rows, found, {}, None, datetime.now(UTC)), True)


async def with_job(context: CheckContext, job: Job) -> FixedProfile:
    """The profile on another job, with the name of its project."""
    side = context.profile.dbt_cloud
    name = side.project_name if job.project_id == side.project_id else ""
    if not name:
        projects = await (await context.dbt_cloud()).projects(side.account_id)
        name = next((project.name for project in projects if project.id == job.project_id), "")
    before = f"{side.job_name or side.job_id}" if side.job_id is not None else "any job"
    values: dict[str, object] = {
        "job_id": job.id,
        "job_name": job.name,
        "project_id": job.project_id,
        "project_name": name,
        "jobs": () if job.project_id != side.project_id else tuple(i for i in side.jobs if i != job.id),
    }
    return FixedProfile(
        _with(context.profile, "dbt_cloud", values), f"job {job.name} ({job.id}) in place of {before}"
    )


async def iter_services(context: CheckContext) -> AsyncGenerator[tuple[ServiceScore, ...]]:
    """The database services, best first, judged again as their tables are read."""
    client = await context.collate()
    services = await client.database_services()
    try:
        wanted = await context.project()
    except ActionableError:
        ranked = iter_scores(client, services, Target(), context.profile.options, [])
    else:
        ranked = iter_scores(client, services, wanted, context.profile.options, [])
    async with aclosing(ranked) as rounds:
        async for scores in rounds:
            yield scores


def with_service(profile: Profile, service: str) -> FixedProfile:
    """The profile on another database service."""
    return FixedProfile(
        _with(profile, "collate", {"service": service}),
        f"database service {service} in place of {profile.collate.service}",
    )


def _with(profile: Profile, table: str, values: dict[str, object]) -> Profile:
    held = profile.model_dump()
    held[table] |= values
    return Profile.model_validate(held)
