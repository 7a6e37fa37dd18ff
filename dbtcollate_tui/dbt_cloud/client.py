"""The client of dbt Cloud's Administrative API: what a sync reads, and starting and stopping a job's runs.

Paths and parameters are those of dbt's OpenAPI documents: accounts, projects, environments and connections
from v3, jobs, runs and artifacts from v2.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from dbtcollate_tui.dbt_cloud.error_bodies import is_hint_at_permissions
from dbtcollate_tui.dbt_cloud.errors import Asked, as_actionable, endless_list, unreadable, without_data
from dbtcollate_tui.dbt_cloud.models import (
    Account,
    Connection,
    DbtProject,
    Environment,
    Job,
    Run,
    RunOrder,
    RunStep,
)
from dbtcollate_tui.dbt_cloud.pacing import shared_pacer
from dbtcollate_tui.errors import ActionableError, UnreachableError
from dbtcollate_tui.transport.bounds import MOST_OBJECT_PAGES
from dbtcollate_tui.transport.client import Answer, Params, Transport
from dbtcollate_tui.transport.errors import HttpError, NotJson, TransportError
from dbtcollate_tui.transport.pacing import Pacer, Retrying, RetryPolicy, Timeouts
from dbtcollate_tui.transport.request_log import RequestLog

PAGE = 100
"""Objects a page, the most that dbt's OpenAPI document allows."""
PAGES_AT_ONCE = 4
MOST_EMPTY_BYTES = 2_000
"""A larger answer is not looked through for its lack of data before it is read."""
COOL_DOWN_SECONDS = 300.0
"""How long dbt Cloud answers 429 once its limit was passed, where it does not say."""

M = TypeVar("M", bound=BaseModel)


class Download(Enum):
    """How a download ended; true only for `FOUND`."""

    FOUND = "found"
    MISSING = "missing"
    HIDDEN = "hidden"
    """404 with a hint at permissions: missing, or not shown to this token."""

    def __bool__(self) -> bool:
        return self is Download.FOUND


class DbtCloudClient:
    """dbt Cloud at one address with one token. Open it with ``async with``.

    ``guessed`` says that nobody gave the address, so that a 401 is not blamed on the token alone.
    Every method raises `AuthError`, `UnreachableError` or another `ActionableError`.
    """

    def __init__(
        self,
        base_url: str,
        token: SecretStr,
        *,
        guessed: bool = False,
        request_log: RequestLog | None = None,
        on_retry: Callable[[Retrying], None] | None = None,
        pacer: Pacer | None = None,
        retries: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._transport = Transport(
            base_url,
            token,
            pacer=pacer if pacer is not None else shared_pacer(base_url, token),
            at_once=8,
            timeouts=timeouts or Timeouts(connect=10.0, read=120.0),
            retries=retries or RetryPolicy(default_retry_after=COOL_DOWN_SECONDS),
            request_log=request_log,
            on_retry=on_retry,
        )
        self._token = token
        self._guessed = guessed
        self._plans: dict[int, str] = {}
        self.left_out = 0
        """Elements of lists that could not be read, and were left out."""

    async def __aenter__(self) -> "DbtCloudClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    @property
    def transport(self) -> Transport:
        """The connection below, whose ``on_retry`` a running sync sets."""
        return self._transport

    @property
    def base_url(self) -> str:
        """The address it speaks to, without a final slash."""
        return str(self._transport.base_url).rstrip("/")

    @property
    def host(self) -> str:
        """Host and port."""
        return self._transport.host

    @property
    def request_log(self) -> RequestLog:
        """The latest requests, without secrets."""
        return self._transport.request_log

    async def accounts(self) -> list[Account]:
        """The accounts that the token may see."""
        found = await self._all("/api/v3/accounts/", Account, Asked("accounts"))
        self._plans.update({account.id: account.plan for account in found})
        return found

    async def account(self, account_id: int) -> Account:
        """One account."""
        found = await self._one(f"/api/v2/accounts/{account_id}/", Account, Asked("account", account_id))
        self._plans[found.id] = found.plan
        return found

    async def projects(self, account_id: int) -> list[DbtProject]:
        """Every active project of the account, by name."""
        found = [project async for page in self.iter_projects(account_id) for project in page]
        return sorted(found, key=lambda project: (project.name.lower(), project.id))

    def iter_projects(self, account_id: int) -> AsyncGenerator[list[DbtProject], None]:
        """The account's active projects, page by page."""
        path = f"/api/v3/accounts/{account_id}/projects/"
        return self._active_pages(path, DbtProject, Asked("projects", account_id), {"order_by": "id"})

    async def jobs(self, account_id: int, project_id: int | None = None) -> list[Job]:
        """Every active job of the account or project, by name, with environment and last run."""
        found = [job async for page in self.iter_jobs(account_id, project_id) for job in page]
        return sorted(found, key=lambda job: (job.name.lower(), job.id))

    def iter_jobs(self, account_id: int, project_id: int | None = None) -> AsyncGenerator[list[Job], None]:
        """The active jobs of the account or project, page by page, with environment and last run."""
        params: dict[str, str | int | bool] = {
            "order_by": "id",
            "include_related": "environment,most_recent_run",
        }
        if project_id is not None:
            params["project_id"] = project_id
        path = f"/api/v2/accounts/{account_id}/jobs/"
        return self._active_pages(path, Job, Asked("jobs", account_id, project_id), params)

    async def job(self, account_id: int, job_id: int) -> Job:
        """One job, with environment and last run."""
        return await self._one(
            f"/api/v2/accounts/{account_id}/jobs/{job_id}/",
            Job,
            Asked("job", account_id, subject=job_id),
            {"include_related": "environment,most_recent_run"},
        )

    async def runs(
        self,
        account_id: int,
        *,
        project_id: int | None = None,
        job_id: int | None = None,
        status_in: Sequence[int] = (),
        order_by: str = "-id",
        limit: int = 20,
        offset: int = 0,
    ) -> list[Run]:
        """The latest ``limit`` (at most 100) runs, with job and trigger, in dbt's ``order_by``."""
        params: dict[str, str | int | bool] = {
            "order_by": order_by,
            "limit": min(limit, PAGE),
            "include_related": "job,trigger",
        }
        if offset:
            params["offset"] = offset
        if project_id is not None:
            params["project_id"] = project_id
        if job_id is not None:
            params["job_definition_id"] = job_id
        if len(status_in) == 1:
            params["status"] = status_in[0]
        elif status_in:
            params["status__in"] = "[" + ",".join(str(status) for status in status_in) + "]"
        asked = Asked("runs", account_id, project_id)
        answer = await self._get(f"/api/v2/accounts/{account_id}/runs/", asked, params)
        return self._read_list(answer, Run, asked).items

    async def run(self, account_id: int, run_id: int) -> Run:
        """One run with its steps, job, trigger and environment.

        dbt Cloud puts each step's whole log beside it. Where these exceed the bound of an answer, the run is
        read without its steps, and ``steps_left_out`` says so.
        """
        path, asked = (
            f"/api/v2/accounts/{account_id}/runs/{run_id}/",
            Asked("run", account_id, subject=run_id),
        )
        related = "trigger,job,environment"
        try:
            return await self._one(path, Run, asked, {"include_related": f"{related},run_steps"})
        except UnreachableError as error:
            if error.kind != "too large":
                raise
        run = await self._one(path, Run, asked, {"include_related": related})
        return run.model_copy(update={"steps_left_out": True})

    async def environments(self, account_id: int, project_id: int) -> list[Environment]:
        """Every active environment of a project."""
        path = f"/api/v3/accounts/{account_id}/projects/{project_id}/environments/"
        return await self._all(path, Environment, Asked("environments", account_id, project_id))

    async def connections(self, account_id: int) -> list[Connection]:
        """The account's warehouse connections; the list names them, `connection` adds their targets."""
        return await self._all(
            f"/api/v3/accounts/{account_id}/connections/", Connection, Asked("connections", account_id)
        )

    async def connection(self, account_id: int, connection_id: int) -> Connection:
        """One warehouse connection with its target (host, database, warehouse, …)."""
        return await self._one(
            f"/api/v3/accounts/{account_id}/connections/{connection_id}/",
            Connection,
            Asked("connection", account_id, subject=connection_id),
        )

    async def artifact_names(self, account_id: int, run_id: int) -> tuple[str, ...]:
        """The paths of the run's artifacts; of the last step's, since the list takes no ``step``.

        Empty for a run that ended before dbt wrote anything: dbt Cloud then answers ``"data": null``.
        """
        asked = Asked("artifacts", account_id, subject=run_id)
        answer = await self._get(f"/api/v2/accounts/{account_id}/runs/{run_id}/artifacts/", asked)
        data = self._envelope(answer, asked)["data"]
        return tuple(name for name in data if isinstance(name, str)) if isinstance(data, list) else ()

    async def download_artifact(
        self,
        account_id: int,
        run_id: int,
        name: str,
        step: int | None,
        write: Callable[[bytes], object],
        restart: Callable[[], object],
        on_bytes: Callable[[int, int | None], None] | None = None,
    ) -> Download:
        """Stream ``name`` (``manifest.json``, …) of a step to ``write``, where the step has it.

        ``step`` counts from 1; ``None`` means the last. ``restart`` is called before each attempt, since a
        cut-off download begins again; ``on_bytes`` gets bytes so far and in all (``None`` where unsaid).
        """
        path = f"/api/v2/accounts/{account_id}/runs/{run_id}/artifacts/{name}"
        asked = Asked("artifact", account_id, subject=run_id, name=name)
        params: dict[str, str | int | bool] = {} if step is None else {"step": step}
        for form in (path, f"{path}/"):
            try:
                answer = await self._transport.download(
                    form, write, restart=restart, params=params, on_bytes=on_bytes
                )
            except HttpError as error:
                if error.status != 404:
                    raise self._card(error, asked) from None
                if _is_dbt_answer(error):
                    return Download.HIDDEN if is_hint_at_permissions(error) else Download.MISSING
                continue
            except TransportError as error:
                raise self._card(error, asked) from None
            kind = answer.headers.get("content-type", "")
            if "html" in kind:
                raise self._card(NotJson(answer.record, kind, b""), asked)
            return Download.FOUND
        return Download.MISSING

    async def start_run(self, account_id: int, job_id: int, order: RunOrder) -> Run:
        """Start a run of a job; it is queued when this returns. Sent once, never again after a failure.

        Raises `MissingPermission` where the token may not run jobs.
        """
        path = f"/api/v2/accounts/{account_id}/jobs/{job_id}/run/"
        return await self._post(path, Asked("run of job", account_id, subject=job_id), order.as_body())

    async def cancel_run(self, account_id: int, run_id: int) -> Run:
        """Stop a run; one that has ended stays unchanged."""
        path = f"/api/v2/accounts/{account_id}/runs/{run_id}/cancel/"
        return await self._post(path, Asked("cancel", account_id, subject=run_id))

    async def retry_run(self, account_id: int, run_id: int) -> Run:
        """Run a failed run's failed and skipped steps again, as a new run."""
        path = f"/api/v2/accounts/{account_id}/runs/{run_id}/retry/"
        return await self._post(path, Asked("retry", account_id, subject=run_id))

    async def step_log(self, account_id: int, step_id: int) -> RunStep:
        """One step with its log so far: of dbt's debug log the last 1,000 lines."""
        return await self._one(
            f"/api/v2/accounts/{account_id}/steps/{step_id}/",
            RunStep,
            Asked("run", account_id, name="the log of a step"),
        )

    async def _post(self, path: str, asked: Asked, body: dict[str, Any] | None = None) -> Run:
        try:
            answer = await self._transport.request("POST", path, json_body=body, repeatable=False)
        except TransportError as error:
            raise self._card(error, asked) from None
        try:
            return self._own(Run.model_validate(self._envelope(answer, asked)["data"]))
        except ValidationError as error:
            raise unreadable(asked, answer.record, error) from None

    async def _get(self, path: str, asked: Asked, params: Params | None = None) -> Answer:
        """The answer to a read; one that is dbt Cloud's and holds no data is asked for once more."""
        answer = await self._ask(path, asked, params)
        if not _lacks_data(answer):
            return answer
        answer = await self._ask(path, asked, params)
        if _lacks_data(answer) and _is_json(answer):
            raise without_data(asked, answer.record, answer.content)
        return answer

    async def _ask(self, path: str, asked: Asked, params: Params | None) -> Answer:
        try:
            return await self._transport.request("GET", path, params=params)
        except HttpError as error:
            if error.status == 404 and not _is_dbt_answer(error):
                try:
                    return await self._transport.request("GET", path.rstrip("/"), params=params)
                except TransportError:
                    pass
            raise self._card(error, asked) from None
        except TransportError as error:
            raise self._card(error, asked) from None

    def _card(self, error: TransportError, asked: Asked) -> ActionableError:
        plan = self._plans.get(asked.account_id, "") if asked.account_id is not None else ""
        return as_actionable(error, asked, self.base_url, self._token, guessed=self._guessed, plan=plan)

    def _envelope(self, answer: Answer, asked: Asked) -> dict[str, Any]:
        try:
            body = answer.json()
        except NotJson as error:
            raise self._card(error, asked) from None
        if not isinstance(body, dict) or "data" not in body:
            kind = answer.headers.get("content-type", "")
            raise self._card(NotJson(answer.record, kind, answer.content[:200]), asked)
        return body

    def _own(self, item: M) -> M:
        """The object with addresses of this host: one that an answer holds is never opened."""
        if not isinstance(item, Run):
            return item
        known = item.href and item.account_id and item.project_id
        place = f"{self.base_url}/deploy/{item.account_id}/projects/{item.project_id}/runs/{item.id}/"
        return item.model_copy(update={"href": place if known else ""})

    async def _one(self, path: str, model: type[M], asked: Asked, params: Params | None = None) -> M:
        answer = await self._get(path, asked, params)
        try:
            return self._own(model.model_validate(self._envelope(answer, asked)["data"]))
        except ValidationError as error:
            raise unreadable(asked, answer.record, error) from None

    def _read_list(self, answer: Answer, model: type[M], asked: Asked) -> "_Page[M]":
        """A page of a list: null is an empty one, and an element that cannot be read costs itself alone."""
        body = self._envelope(answer, asked)
        data = body["data"]
        if isinstance(data, dict):
            data = [data]
        listed = data if isinstance(data, list) else []
        items: list[M] = []
        first: ValidationError | None = None
        for item in listed:
            try:
                found = self._own(model.model_validate(item))
            except ValidationError as error:
                first = first or error
                self.left_out += 1
            else:
                if isinstance(item, dict) and item.get("id") is None:
                    self.left_out += 1
                else:
                    items.append(found)
        if first is not None and not items:
            raise unreadable(asked, answer.record, first) from None
        extra = body.get("extra")
        pagination = extra.get("pagination") if isinstance(extra, dict) else None
        total = pagination.get("total_count") if isinstance(pagination, dict) else None
        return _Page(items, len(listed), total if isinstance(total, int) else None)

    async def _all(self, path: str, model: type[M], asked: Asked) -> list[M]:
        return [item async for page in self._active_pages(path, model, asked, {}) for item in page]

    async def _active_pages(
        self, path: str, model: type[M], asked: Asked, params: Params
    ) -> AsyncGenerator[list[M], None]:
        seen: set[int] = set()
        async for page in self._pages(path, model, asked, params):
            fresh: list[M] = []
            for item in page:
                number = int(getattr(item, "id", 0))
                if number not in seen and getattr(item, "state", 1) == 1:
                    fresh.append(item)
                seen.add(number)
            yield fresh

    async def _pages(
        self, path: str, model: type[M], asked: Asked, params: Params
    ) -> AsyncGenerator[list[M], None]:
        async def page(offset: int) -> _Page[M]:
            where = {**params, "limit": PAGE, "offset": offset}
            return self._read_list(await self._get(path, asked, where), model, asked)

        if asked.what == "accounts":
            answer = await self._get(path, asked)
            yield self._read_list(answer, model, asked).items
            return
        seen: set[object] = set()

        def new(found: _Page[M], number: int) -> list[M]:
            """The page's elements; raises where it brings nothing new, or comes after too many."""
            ids = {getattr(item, "id", None) for item in found.items}
            if (found.size and ids <= seen) or number > MOST_OBJECT_PAGES:
                raise endless_list(asked, self.host)
            seen.update(ids)
            return found.items

        first = await page(0)
        yield new(first, 1)
        step, number = first.size, 1
        if first.total is None:
            while first.size == PAGE:
                first = await page(step)
                step += first.size
                number += 1
                yield new(first, number)
            return
        if not step:
            return
        offset = step
        waiting: deque[asyncio.Task[_Page[M]]] = deque()
        try:
            while offset < first.total or waiting:
                while offset < first.total and len(waiting) < PAGES_AT_ONCE:
                    waiting.append(asyncio.create_task(page(offset)))
                    offset += step
                found = await waiting.popleft()
                if not found.size:
                    return
                number += 1
                yield new(found, number)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Page(Generic[M]):
    """A page's elements that could be read, how many it had, and how many there are on all pages."""

    items: list[M]
    size: int
    total: int | None


def _lacks_data(answer: Answer) -> bool:
    """Whether the answer is empty, or dbt Cloud's envelope without what it should carry."""
    if not answer.content.strip():
        return True
    if len(answer.content) > MOST_EMPTY_BYTES:
        return False
    try:
        body = answer.json()
    except NotJson:
        return False
    return isinstance(body, dict) and "data" not in body and (not body or "status" in body)


def _is_json(answer: Answer) -> bool:
    """Whether the answer calls itself JSON: an empty page of another server does not."""
    return "json" in answer.headers.get("content-type", "")


def _is_dbt_answer(error: HttpError) -> bool:
    body = error.json()
    return isinstance(body, dict) and "status" in body
