"""Which job describes production: the best one marked, the run that it leads to shown."""

import time
from contextlib import aclosing
from datetime import UTC, datetime

from textual import work

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.job_run import options_of
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Fix, GoOnWithoutRun, ProfileField, RunJob, Step
from dbtcollate_tui.setup.dbt_cloud_steps import RunPreview
from dbtcollate_tui.setup.rows import JobList, JobRow
from dbtcollate_tui.transport.pacing import Retrying
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.picking import ANY, PickPane
from dbtcollate_tui.tui.widgets.picker import PickerRow
from dbtcollate_tui.wording import ago, some

REFILL_SECONDS = 0.2
"""The list is filled again no more often than this while pages come in."""
PREVIEW_SECONDS = 0.15
"""A run is looked up once the cursor rests so long."""
HELD_SECONDS = 2.0
"""A run that is held back says so after so long."""
FILES = (("manifest.json", "manifest"), ("catalog.json", "catalog"), ("run_results.json", "run results"))
ON_WITHOUT_RUN = GoOnWithoutRun("Continue without a run")
ON_ALL_THE_SAME = GoOnWithoutRun("Continue anyway")


def preview_lines(preview: RunPreview) -> tuple[str, ...]:
    """The run in words: which one and why, its files, what to know about it."""
    good, bad = GLYPHS.states[CheckState.PASS], GLYPHS.states[CheckState.FAIL]
    lines: list[str] = []
    choice = preview.choice
    if choice is not None:
        run = choice.run
        when = ago(run.finished_at or run.created_at, datetime.now(UTC))
        lines.append(f"run #{run.id}, {run.outcome}{f' {when}' if when else ''}: {choice.reason_in_job}")
        if preview.error is None:
            names = {name.rsplit("/", 1)[-1] for name in preview.artifacts}
            files = [f"{good if name in names else bad} {word}" for name, word in FILES]
            lines.append("  ".join(files))
        lines.extend(f"{'! ' if note.level == 'warn' else ''}{note.text}" for note in choice.notes)
        others = choice.other_runs(datetime.now(UTC))
        if others:
            lines.append(f"Other finished runs: {some(others, 2)}")
    if preview.error is not None:
        lines.append(f"{bad} {preview.error.title}")
    return tuple(lines)


def job_row(row: JobRow) -> PickerRow:
    """A job as a row of the list."""
    return PickerRow(
        str(row.id),
        row.job.name,
        row.facts,
        badge=row.badge,
        state=row.last_state if row.last_state is not None else CheckState.WAITING,
        dim=row.poor,
        details=row.details[:-1],
        words=" ".join((row.environment, *row.job.commands)),
    )


class JobPane(PickPane):
    """The jobs as their pages come, and any job of the project."""

    step = Step.JOB
    question = "Which job describes production?"
    answered_before = (Step.ACCOUNT, Step.PROJECT)
    noun = "job"
    reading = "Reading jobs"

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        self._without_run = False
        self._reasons: dict[str, str] = {}
        self._again = False
        self._looking = ""
        self._held_until = 0.0

    async def enter(self) -> None:
        """Read the jobs."""
        self._without_run = False
        await super().enter()

    async def read(self) -> None:
        """Fill the list as pages come."""
        filled = 0.0
        again, self._again = self._again, False
        async with aclosing(self.setup.dbt_cloud.iter_jobs(again=again)) as lists:
            async for listed in lists:
                if listed.complete or time.monotonic() - filled > REFILL_SECONDS:
                    self._fill(listed)
                    filled = time.monotonic()
                    self.status.clear()
        self.refresh_bindings()

    def _fill(self, listed: JobList) -> None:
        draft = self.setup.draft
        chosen = ANY if draft.any_job else None
        if draft.job_id is not None:
            chosen = str(draft.job_id)
        elif chosen is None and listed.proposed is not None:
            chosen = str(listed.proposed.id)
        where = "this project" if draft.project_id is not None else "any project"
        rows = [job_row(row) for row in listed.rows]
        self._reasons = {str(row.id): row.details[-1] for row in listed.rows}
        rows.append(
            PickerRow(
                ANY,
                f"any job of {where}",
                ("the latest run is used",),
                state=CheckState.SKIPPED,
                details=(
                    "As an empty job filter in Collate's guide: the last job that ran is used, even CI.",
                    "Suitable if several jobs build the project together.",
                ),
                words="all",
                counted=False,
            )
        )
        self.picker.set_rows(rows, chosen=chosen, loading="" if listed.complete else "reading more")

    def action_again(self) -> None:
        """Read again, from dbt Cloud and not from what is known."""
        self._again = True
        super().action_again()

    def moved(self, row: PickerRow) -> None:
        """Look up the run that the row leads to."""
        self.workers.cancel_group(self, "preview")
        if row.id != ANY:
            self.picker.set_extra((self._reasons.get(row.id, ""),))
            self.set_timer(PREVIEW_SECONDS, lambda: self._preview_if_still(row))

    def _preview_if_still(self, row: PickerRow) -> None:
        current = self.picker.current
        if self.display and current is not None and current.id == row.id:
            self._preview(row)

    @work(group="preview", exclusive=True)
    async def _preview(self, row: PickerRow) -> None:
        self._looking, self._held_until = row.id, 0.0
        try:
            lines = preview_lines(await self.setup.dbt_cloud.run_preview(int(row.id)))
        except ActionableError as error:
            lines = (f"{GLYPHS.states[CheckState.FAIL]} {error.title}",)
        finally:
            if self._looking == row.id:
                self._looking = ""
        self._say_below(row.id, lines)

    def _say_below(self, row_id: str, lines: tuple[str, ...]) -> None:
        current = self.picker.current
        if current is not None and current.id == row_id:
            self.picker.set_extra((*lines, self._reasons.get(row_id, "")))

    def held(self, event: Retrying) -> None:
        """A request waits: after two seconds that is said where the run will be shown."""
        super().held(event)
        if not self.busy and self._looking:
            self._held_until = time.monotonic() + event.wait_seconds
            why = "held back by the rate limit" if event.attempt == 1 else event.reason
            row_id = self._looking
            self.set_timer(HELD_SECONDS, lambda: self._say_held(row_id, why))

    def _say_held(self, row_id: str, why: str) -> None:
        left = self._held_until - time.monotonic()
        if self._looking == row_id and left > 0:
            self._say_below(row_id, (f"{why}, {left:.0f} s",))
            self.set_timer(1.0, lambda: self._say_held(row_id, why))

    async def take(self, row: PickerRow) -> None:
        """Take the job and look up its run; without it, or its files, the card says what to do."""
        self.status.waiting("Reading the latest run")
        await self.setup.dbt_cloud.choose_job(None if row.id == ANY else int(row.id))
        preview = await self.setup.dbt_cloud.run_preview()
        self.context.preview = preview
        if preview.error is not None and not self._without_run:
            error = preview.error
            raise ActionableError(
                error.title,
                causes=error.causes,
                evidence=error.evidence,
                fixes=(*error.fixes, ON_WITHOUT_RUN if preview.choice is None else ON_ALL_THE_SAME),
            )
        await self.go_on()

    def fix(self, fix: Fix) -> None:
        """Run the job from here; every other fix as on every step."""
        if isinstance(fix, RunJob):
            from dbtcollate_tui.setup.job_runs import JobRunAnswer
            from dbtcollate_tui.tui.screens.job_run import JobRunScreen

            def answered(answer: JobRunAnswer | None) -> None:
                if answer is not None and answer.run.is_success and self._work is not None:
                    self.begin(self._work, "Reading the latest run")

            title = self.setup.draft.job_name or "new profile"
            screen = JobRunScreen(title, self.setup.dbt_cloud.job_runner(), options_of(fix), "Go on")
            self.app.push_screen(screen, answered)
        else:
            super().fix(fix)

    def set_field(self, field: ProfileField, value: str) -> bool:
        """Another rule for the run."""
        if field is not ProfileField.RUN_RULE:
            return False
        self.setup.dbt_cloud.set_run_rule(
            "newest_completed" if value == "newest_completed" else "newest_successful"
        )
        self._read_again()
        return True

    def go_on_without_run(self) -> None:
        """Take the job although it has no run yet."""
        self._without_run = True
        self._read_again()

    def _read_again(self) -> None:
        if self._work is not None:
            self.begin(self._work, self.reading)

    def page(self, row: PickerRow) -> str:
        """The job's page in dbt Cloud."""
        draft = self.setup.draft
        if row.id == ANY or draft.project_id is None:
            return ""
        return f"{draft.dbt_base_url}/deploy/{draft.account_id}/projects/{draft.project_id}/jobs/{row.id}"
