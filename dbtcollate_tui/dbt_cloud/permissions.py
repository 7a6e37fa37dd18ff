"""What a token may read of what the work needs, checked by reading one of each."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import (
    Asked,
    IpRestricted,
    MissingPermission,
    NotFound,
    TokenRefused,
    WrongAccount,
    permission_sets,
)
from dbtcollate_tui.dbt_cloud.models import Account
from dbtcollate_tui.dbt_cloud.pages import (
    GROUPS_PLACE,
    PERSONAL_TOKENS_PLACE,
    SERVICE_TOKENS_PLACE,
    account_settings,
)
from dbtcollate_tui.dbt_cloud.regions import LOGIN_HOST
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import ActionableError, UnreachableError

Resource = Literal["account", "projects", "jobs", "runs", "artifacts"]
T = TypeVar("T")
Ask = Callable[[], Awaitable[str]]
RESOURCES: tuple[Resource, ...] = ("account", "projects", "jobs", "runs", "artifacts")


@dataclass(frozen=True, slots=True)
class PermissionAnswer:
    """Whether one resource may be read.

    ``ok``: yes. ``missing``: refused, and ``error`` names the permission to add and the page to add it on.
    ``untried``: there was nothing to try it on (no run yet), or the answer could not be used (``error``).
    """

    resource: Resource
    state: Literal["ok", "missing", "untried"]
    detail: str
    error: ActionableError | None = None


@dataclass(frozen=True, slots=True)
class TokenAdvice:
    """Which kind of token to make for an account, where, and with which permission."""

    kind: Literal["service", "personal"]
    place: str
    permission: str
    reason: str
    url: str


async def check_permissions(
    client: DbtCloudClient,
    account_id: int,
    project_id: int | None = None,
    job_id: int | None = None,
) -> tuple[PermissionAnswer, ...]:
    """Read one of each resource, in the order of `RESOURCES`; about five requests, at most four at once.

    Raises `TokenRefused`, `WrongAccount`, `IpRestricted` and ``UnreachableError``, which are no matter of
    permissions.
    """

    async def account() -> str:
        found = await read_account(client, account_id)
        return f"{found.name} ({found.plan})" if found.plan else found.name

    async def projects() -> str:
        return await _first_page_words(client.iter_projects(account_id), "projects")

    async def jobs() -> str:
        if job_id is not None:
            return f"job {(await client.job(account_id, job_id)).name}"
        return await _first_page_words(client.iter_jobs(account_id, project_id), "jobs")

    questions: tuple[tuple[Resource, Ask], ...] = (
        ("account", account),
        ("projects", projects),
        ("jobs", jobs),
    )
    first: list[asyncio.Task[PermissionAnswer]] = [
        asyncio.create_task(_try(resource, ask)) for resource, ask in questions
    ]
    newest = asyncio.create_task(_runs_and_artifacts(client, account_id, project_id, job_id))
    try:
        answers = [await task for task in first]
        answers.extend(await newest)
    finally:
        for task in (*first, newest):
            task.cancel()
        await asyncio.gather(*first, newest, return_exceptions=True)
    return tuple(answers)


async def _runs_and_artifacts(
    client: DbtCloudClient, account_id: int, project_id: int | None, job_id: int | None
) -> list[PermissionAnswer]:
    run_ids: list[int] = []

    async def runs() -> str:
        newest = await client.runs(account_id, project_id=project_id, job_id=job_id, limit=50)
        completed = sorted((run for run in newest if run.is_completed), key=lambda run: not run.is_success)
        run_ids.extend(run.id for run in completed)
        return f"run {run_ids[0]}" if run_ids else "no completed run"

    async def artifacts() -> str:
        count = len(await client.artifact_names(account_id, run_ids[0]))
        return f"{count} files of run {run_ids[0]}'s last step"

    answers = [await _try("runs", runs)]
    if run_ids:
        answers.append(await _try("artifacts", artifacts))
    else:
        answers.append(PermissionAnswer("artifacts", "untried", "no completed run to read them of"))
    return answers


async def _first_page_words(pages: AsyncGenerator[list[T], None], what: str) -> str:
    async with aclosing(pages):
        nothing: list[T] = []
        first = await anext(pages, nothing)
    return f"{len(first)} {what} on the first page" if first else f"no {what}"


async def read_account(client: DbtCloudClient, account_id: int) -> Account:
    """The account; from the list of accounts where the token may not read it alone, as Job Viewer may not."""
    try:
        return await client.account(account_id)
    except MissingPermission as error:
        listed = await client.accounts()
        found = next((account for account in listed if account.id == account_id), None)
        if found is None:
            raise error from None
        return found


async def _try(resource: Resource, ask: Ask) -> PermissionAnswer:
    try:
        return PermissionAnswer(resource, "ok", await ask())
    except (TokenRefused, WrongAccount, IpRestricted, UnreachableError):
        raise
    except MissingPermission as error:
        return PermissionAnswer(resource, "missing", error.causes[0], error)
    except NotFound as error:
        return PermissionAnswer(resource, "missing", error.title, error)
    except ActionableError as error:
        return PermissionAnswer(resource, "untried", error.title, error)


def advise_token(
    base_url: str | None, account: Account | None, token: SecretStr | None = None
) -> TokenAdvice:
    """The token to make: a service token where the plan has them, else a personal one.

    dbt's page on service tokens: Enterprise plans have Account Viewer, legacy Team plans sets of their own.
    While the account's host is not known, ``url`` is dbt's common log-in page, which leads to it.
    """
    settings = (
        f"https://{LOGIN_HOST}"
        if base_url is None
        else account_settings(base_url, account.id if account else None)
    )
    personal = account is not None and not account.has_service_tokens
    if personal or (token is not None and token_shape(token).kind == "personal"):
        reason = "belongs to your own user and reads what you may read"
        if personal and account is not None:
            reason = f"the {account.plan} plan has no service tokens for this API"
        return TokenAdvice(
            "personal",
            f"{PERSONAL_TOKENS_PLACE} → Create personal access token",
            f"what your groups give: Account Viewer, or Job Viewer on the project ({GROUPS_PLACE})",
            reason,
            settings,
        )
    return TokenAdvice(
        "service",
        f"{SERVICE_TOKENS_PLACE} → Create service token",
        permission_sets(Asked("runs"), account.plan if account is not None else ""),
        "belongs to the account, not to a person, so it outlives who made it",
        settings,
    )
