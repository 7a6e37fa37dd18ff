"""Ingestion pipelines on the server: list, compare, write, deploy, trigger, kill, statuses."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError, InvalidRequestError, NotFoundError, NotSpokenError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import IngestionPipeline, PipelineStatus, ServiceStatus
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec, PipelineDiff, diff_pipeline
from dbtcollate_tui.collate.plain_text import plain_text
from dbtcollate_tui.collate.reader import read_data, read_loosely, read_object, read_optional
from dbtcollate_tui.collate.server_words import CollateSays, collate_says
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY, Advice

ROOT = "/services/ingestionPipelines"
DAY_MS = 86_400_000
_WORDS = {"toggleIngestion": "pause or resume"}
DIRECT_SYNC = Advice("The direct sync needs no pipeline service: dbtcollate sync --engine direct")


class NoPipelineServiceError(ActionableError):
    """The server has no pipeline service, or it does not answer: nothing can be deployed or run there."""


class IngestionPipelines:
    """The ingestion pipelines of one server, through a connected `CollateClient`."""

    def __init__(self, client: CollateClient) -> None:
        self.client = client

    async def service_status(self) -> ServiceStatus:
        """Whether a pipeline service can run pipelines; raises only if out of reach."""
        try:
            return await self.client.get(
                ServiceStatus, f"{ROOT}/status", doing="read the pipeline service's status"
            )
        except NotSpokenError:
            return ServiceStatus(reason="This version does not report it")
        except CollateError as error:
            return ServiceStatus(code=error.status, status="unhealthy", reason=error.message)

    async def of_service(self, service_fqn: str) -> list[IngestionPipeline]:
        """Every ingestion pipeline of a database service, of any kind, with its latest run."""
        params = {"service": service_fqn, "fields": "pipelineStatuses"}
        pages = self.client.pages(IngestionPipeline, ROOT, params=params, doing="list ingestion pipelines")
        return [pipeline async for page in pages for pipeline in page]

    async def get(self, fqn: str) -> IngestionPipeline | None:
        """One pipeline by its FQN, with its latest run."""
        return await self.client.find(
            IngestionPipeline,
            f"{ROOT}/name/{path_segment(fqn)}",
            params={"fields": "pipelineStatuses"},
            doing="show the ingestion pipeline",
        )

    async def diff(self, spec: DbtPipelineSpec) -> PipelineDiff:
        """What writing ``spec`` would change; see `PipelineDiff`."""
        service = spec.service.fullyQualifiedName or spec.service.name
        return diff_pipeline(spec, await self.of_service(service), self.client.dialect)

    async def create_or_update(
        self, spec: DbtPipelineSpec, diff: PipelineDiff | None = None
    ) -> IngestionPipeline:
        """Write ``spec``: into the pipeline that ``diff`` (made again if not given) found, else as a new one.

        Settings of an existing pipeline that a spec does not have stay unchanged. The pipeline is not
        deployed by this.
        """
        found = diff if diff is not None else await self.diff(spec)
        secret = spec.token.get_secret_value()
        if found.existing is None:
            body = spec.body(self.client.dialect, secret)
        else:
            answer = await self.client.call(
                "GET", f"{ROOT}/{path_segment(found.existing.id)}", doing="show the ingestion pipeline"
            )
            existing = read_object(answer, "show the ingestion pipeline")
            body = spec.updated_body(existing, self.client.dialect, secret)
        return await self.client.put(IngestionPipeline, ROOT, body, doing="write the ingestion pipeline")

    async def deploy(self, pipeline: IngestionPipeline) -> ServiceStatus:
        """Hand the pipeline to the pipeline service. Raises `NoPipelineServiceError` where there is none."""
        return await self._operate("deploy", pipeline)

    async def trigger(
        self,
        pipeline: IngestionPipeline,
        *,
        patience_seconds: float = 60.0,
        pause_seconds: float = 5.0,
        on_wait: Callable[[float], None] | None = None,
    ) -> str | None:
        """Start a run now; gives its id where the server names it (since 2.0).

        Right after a deploy the server refuses for up to 20 s: such refusals are repeated for
        ``patience_seconds``; ``on_wait`` gets the seconds waited so far.
        """
        started = time.monotonic()
        while True:
            try:
                answer = await self._post("trigger", pipeline)
                run_id = answer.get("runId")
                return str(run_id) if run_id else None
            except InvalidRequestError as error:
                waited = time.monotonic() - started
                says = collate_says(error.message)
                if CollateSays.TRIGGER_FAILED not in says or waited >= patience_seconds:
                    raise _not_run(error) from error
                if on_wait is not None:
                    on_wait(waited)
                await asyncio.sleep(pause_seconds)

    async def kill(self, pipeline: IngestionPipeline) -> None:
        """Stop every run of the pipeline on the server."""
        await self._operate("kill", pipeline)

    async def toggle(self, pipeline: IngestionPipeline) -> IngestionPipeline:
        """Pause the pipeline's schedule, or take the pause off; gives the pipeline as it is then."""
        await self._operate("toggleIngestion", pipeline)
        return await self.client.get(
            IngestionPipeline, f"{ROOT}/{path_segment(pipeline.id)}", doing="show the ingestion pipeline"
        )

    async def statuses(self, pipeline_fqn: str, *, days: int = 14) -> list[PipelineStatus]:
        """The runs of the last days, latest first."""
        now = int(time.time() * 1000)
        try:
            answer = await self.client.call(
                "GET",
                f"{ROOT}/{path_segment(pipeline_fqn)}/pipelineStatus",
                params={"startTs": now - days * DAY_MS, "endTs": now + DAY_MS},
                doing="list the pipeline's runs",
            )
        except NotFoundError:
            return []
        except InvalidRequestError as error:
            raise _not_run(error) from error
        runs = read_data(PipelineStatus, answer, "list the pipeline's runs")
        return sorted(runs, key=lambda run: run.timestamp or run.startDate or 0, reverse=True)

    async def status(self, pipeline_fqn: str, run_id: str) -> PipelineStatus | None:
        """One run by its id; ``None`` where the server has none yet."""
        try:
            answer = await self.client.call(
                "GET",
                f"{ROOT}/{path_segment(pipeline_fqn)}/pipelineStatus/{path_segment(run_id)}",
                doing="show the run",
            )
        except NotFoundError:
            return None
        return read_optional(PipelineStatus, answer, "show the run")

    async def _operate(self, operation: str, pipeline: IngestionPipeline) -> ServiceStatus:
        try:
            return ServiceStatus.model_validate(await self._post(operation, pipeline))
        except ValidationError:
            return ServiceStatus()
        except InvalidRequestError as error:
            raise _not_run(error) from error

    async def _post(self, operation: str, pipeline: IngestionPipeline) -> Mapping[str, Any]:
        path = f"{ROOT}/{operation}/{path_segment(pipeline.id)}"
        doing = f"{_WORDS.get(operation, operation)} the pipeline {pipeline.name}"
        answer = await self.client.call("POST", path, doing=doing)
        if not answer.content.strip():
            return {}
        body = read_loosely(answer)
        reason = plain_text(str((body.get("reason") or "") if isinstance(body, Mapping) else body))
        values = {**body, "reason": reason} if isinstance(body, Mapping) else {"reason": reason}
        record = answer.record
        evidence = f'{record.method} {record.path} answered {answer.status}, reason "{reason}"'
        if CollateSays.PIPELINE_SERVICE_OFF in collate_says(reason):
            raise NoPipelineServiceError(
                "This server has no pipeline service",
                causes=["Ingestion inside the server is switched off, so it cannot run a pipeline."],
                evidence=[evidence],
                fixes=[DIRECT_SYNC, RETRY],
            )
        code = values.get("code")
        if isinstance(code, int) and code >= 300:
            raise InvalidRequestError(
                f"Could not {doing}: {reason}",
                status=code,
                message=reason,
                evidence=(evidence,),
                fixes=(RETRY,),
            )
        return values


def _not_run(error: InvalidRequestError) -> ActionableError:
    says = collate_says(error.message)
    if CollateSays.PIPELINE_SERVICE_DOWN in says:
        return NoPipelineServiceError(
            "Collate's pipeline service does not answer",
            causes=[
                "The service that runs pipelines (Airflow, or an ingestion runner) is down or not set up."
            ],
            evidence=error.evidence,
            fixes=[RETRY, DIRECT_SYNC],
        )
    if CollateSays.TRIGGER_FAILED in says:
        return InvalidRequestError(
            "Collate did not start the run",
            status=error.status,
            message=error.message,
            causes=("The deploy is not finished, or another run was started at the same moment.",),
            evidence=error.evidence,
            fixes=(RETRY, Advice("Deploy the pipeline again, then run it.")),
        )
    return error
