"""dbt Cloud as Collate's own network sees it: the guide's Test Connection, done by the server."""

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.collate.automations import try_dbt_cloud
from dbtcollate_tui.collate.errors import CollateError, ForbiddenError
from dbtcollate_tui.fixes import RETRY, Advice


async def network(context: CheckContext) -> Finding:
    """Whether Collate's workers reach dbt Cloud with this token; asked only where a pipeline needs it.

    A last run that succeeded has shown it already. Else the server's automations try, and the test is
    removed again.
    """
    pipeline = await context.pipeline()
    if pipeline is None:
        return Finding(CheckState.SKIPPED, "No pipeline yet: Collate does not connect to dbt Cloud")
    run = pipeline.pipelineStatuses
    if run is not None and run.pipelineState == "success":
        return Finding(CheckState.PASS, f"The last run of {pipeline.name} read dbt Cloud")
    client, side = await context.collate(), context.profile.dbt_cloud
    try:
        test = await try_dbt_cloud(
            client,
            base_url=side.base_url,
            account_id=side.account_id,
            token=await context.clients.secret("dbt_cloud"),
            project_ids=[side.project_id] if side.project_id is not None else (),
            job_ids=[side.job_id] if side.job_id is not None else (),
        )
    except (CollateError, ForbiddenError) as error:
        return Finding(
            CheckState.SKIPPED, f"This server cannot test it: {error.title}", evidence=error.evidence
        )
    evidence = context.seen(client.transport.host, "/automations/workflows")
    if not test.ended:
        return Finding(
            CheckState.WARN,
            f"Collate's ingestion runner did not answer within a minute; the test is {test.status}",
            causes=("They are busy or down.",),
            evidence=evidence,
            fixes=(RETRY,),
        )
    steps = test.response.steps
    failed = [step for step in steps if not step.passed]
    passed = f"{len(steps) - len(failed)} of {len(steps)} steps"
    if test.status == "Successful":
        return Finding(CheckState.PASS, f"{passed} passed from Collate's network", evidence=evidence)
    return Finding(
        CheckState.WARN,
        f"{passed} passed from Collate's network: {', '.join(step.name for step in failed)} failed",
        detail="A pipeline in Collate would fail in the same way.",
        caption="not reached",
        causes=(
            "dbt Cloud's IP allow list does not contain the addresses of Collate's ingestion runner.",
            "A firewall on Collate's side blocks requests to dbt Cloud.",
        ),
        evidence=(*evidence, *(f"{step.name}: {step.why}" for step in failed if step.why)),
        fixes=(
            Advice("Add Collate's addresses in dbt Cloud: Account settings → IP restrictions"),
            Advice("Or sync from here: dbtcollate sync --engine direct"),
        ),
    )


CHECKS = (
    ChainCheck(
        CheckId.COLLATE_NETWORK,
        "dbt Cloud from Collate",
        Stage.PIPELINE,
        network,
        requires=(
            CheckId.PIPELINE_SERVICE,
            CheckId.DBT_TOKEN,
            CheckId.COLLATE_SERVICE,
        ),
        guide_ref="Step 2: Test Connection",
        symptom=SymptomId.PIPELINE,
    ),
)
"""The check of this module."""
