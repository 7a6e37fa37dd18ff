"""The checks of a setup's answers so far: problems are shown while answering, not after."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage, StageState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import checks_for_step
from dbtcollate_tui.checks.runner import run_checks, stage_states
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.setup.guided import GuidedSetup

ENDED = frozenset({CheckState.PASS, CheckState.WARN, CheckState.FAIL, CheckState.SKIPPED})


class SetupChecks:
    """Runs the checks that the answered questions allow, each once for the answers that it depends on."""

    def __init__(self, setup: GuidedSetup) -> None:
        self._setup = setup
        self._found: dict[str, tuple[object, CheckResult]] = {}

    def rows(self, stage: Stage | None = None) -> list[CheckResult]:
        """What was found for the current answers, of one stage or of all."""
        inputs = self._inputs()
        held = [row for check_id, (of, row) in self._found.items() if inputs.get(check_id) == of]
        return [row for row in held if stage in (None, row.stage)]

    def states(self) -> dict[Stage, StageState]:
        """The state of each stage that was looked at: its worst check's, as everywhere else.

        A Collate that answers does not yet light the tables: that takes the service.
        """
        rows = self.rows()
        looked_at = {row.stage for row in rows}
        if not self._setup.draft.service and all(
            row.state is CheckState.PASS for row in self.rows(Stage.TABLES)
        ):
            looked_at.discard(Stage.TABLES)
        return {stage: state for stage, state in stage_states(rows).items() if stage in looked_at}

    def due(self) -> frozenset[str]:
        """The checks that these answers allow and that were not looked at for them."""
        return frozenset(self._inputs()) - {row.check_id for row in self.rows()}

    def forget(self, stage: Stage) -> None:
        """Let the stage's checks be due again."""
        self._found = {name: held for name, held in self._found.items() if held[1].stage is not stage}

    async def look(self) -> AsyncGenerator[CheckResult]:
        """Each result as it comes of the checks that were not looked at for these answers.

        Closing the iterator cancels what still runs. Changes nothing on a server.
        """
        inputs, wanted = self._inputs(), self.due()
        if not wanted:
            return
        async with self._setup.connections() as connections:
            context = CheckContext(connections.profile, connections, self._setup.answers.services)
            async with aclosing(run_checks(context, wanted)) as results:
                async for row in results:
                    if row.state in ENDED:
                        self._found[row.check_id] = (inputs[row.check_id], row)
                        yield row

    def _inputs(self) -> dict[str, object]:
        """The checks that can be run, each with the answers that it depends on."""
        setup, draft = self._setup, self._setup.draft
        if draft.account_id is None or not setup.answers.has_token("dbt_cloud"):
            return {}
        account = (draft.dbt_base_url, draft.account_id)
        job = (*account, draft.project_id, draft.job_id, draft.run_rule)
        collate = (draft.collate_base_url,)
        steps: dict[Step, object] = {Step.DBT_TOKEN: account, Step.ACCOUNT: account}
        has_job = draft.job_id is not None or draft.any_job
        if has_job:
            steps[Step.JOB] = job
        if draft.collate_base_url and setup.answers.has_token("collate"):
            steps[Step.COLLATE] = collate
            if has_job and draft.service:
                steps[Step.SERVICE] = (*job, *collate, draft.service, draft.options)
        return {check_id: of for step, of in steps.items() for check_id in checks_for_step(step.value)}
