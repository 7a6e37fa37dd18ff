"""Fixes carried out while the chain is checked: after each the session goes on where it was."""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, assert_never

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.dbt_cloud.job_run import options_of
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.types import Failed
from dbtcollate_tui.fixes import (
    Advice,
    Argument,
    ChooseRun,
    Copy,
    DeployPipeline,
    EnterToken,
    Fix,
    GoOnWithoutRun,
    GoToStep,
    IngestTables,
    OpenUrl,
    RerunCheck,
    Retry,
    RunJob,
    SetField,
    Step,
    SyncNow,
    UseProfile,
)
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.setup.fixes import (
    accounts_of,
    iter_jobs,
    iter_services,
    moved_to_account,
    with_job,
    with_service,
)
from dbtcollate_tui.troubleshooting.session import earlier, first_affected
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.widgets.picker import PickerRow

if TYPE_CHECKING:
    from dbtcollate_tui.checks.context import CheckContext
    from dbtcollate_tui.settings.model import Profile
    from dbtcollate_tui.settings.secrets import Side
    from dbtcollate_tui.setup.job_runs import JobRunAnswer
    from dbtcollate_tui.troubleshooting.session import TroubleshootingSession
    from dbtcollate_tui.tui.screens.fixing import Rows
    from dbtcollate_tui.tui.sync_run import SyncRun


class SessionScreen(FittedScreen[None]):
    """A screen with a session of the chain that its fixes lead on.

    ``run_id`` is the dbt Cloud run taken in place of the rule's; ``reopened`` says that a fix opened the
    profile again.
    """

    walk: "TroubleshootingSession | None"
    run_id: int | None
    reopened: bool

    @property
    @abstractmethod
    def context(self) -> "CheckContext | None":
        """What the checks of this session share."""

    @abstractmethod
    def shows(self, check_id: str) -> bool:
        """Put the cursor on a row of the session that needs a person; false where it is none."""

    @abstractmethod
    def go_on(self, origin: str) -> None:
        """Walk on from the stage of a check; from the first for an empty id."""

    @abstractmethod
    def fixed(self, row: CheckResult, words: str, origin: str = "") -> None:
        """Note what was done about a row, and walk on from the check ``origin``, else from the row's own."""

    @abstractmethod
    def take_run(self, run_id: int | None) -> None:
        """Walk with this run in place of the rule's, or with the rule's again."""

    @abstractmethod
    async def show_end(self) -> None:
        """Put the cursor on what was found, and show its card."""


class SessionFixes:
    """Carries out the fixes of a row of the screen's walk."""

    def __init__(self, screen: SessionScreen) -> None:
        self._screen = screen
        self._app = app_of(screen)

    def carry_out(self, fix: Fix, row: CheckResult) -> None:
        """Carry out a fix of the row, then go on with the session; advice alone does nothing."""
        screen, app = self._screen, self._app
        match fix:
            case OpenUrl():
                app.open_url(fix.url)
            case Copy():
                copy_text(screen, fix.text, fix.label)
            case RerunCheck():
                if fix.check == row.check_id or not screen.shows(fix.check):
                    screen.go_on(fix.check)
            case Retry():
                screen.go_on(row.check_id)
            case SetField():
                self._work(self._set_field(fix, row), fix, row)
            case EnterToken():
                self._new_token(fix.side, row)
            case GoToStep(step=Step.ACCOUNT):
                self._choose("Which account?", "account", self._accounts, self._take_account, fix, row)
            case GoToStep(step=Step.JOB):
                self._choose("Which job describes production?", "job", self._jobs, self._take_job, fix, row)
            case GoToStep(step=Step.SERVICE):
                question = "Which database service in Collate holds dbt's tables?"
                self._choose(question, "database service", self._services, self._take_service, fix, row)
            case GoToStep():
                self._setup(fix, row)
            case ChooseRun():
                self._choose_run(row)
            case SyncNow():
                app.show_sync(run_id=screen.run_id, then=lambda run: self._follow(run, fix, row))
            case DeployPipeline():
                app.show_pipeline(then=lambda run: self._follow(run, fix, row))
            case UseProfile():
                app.go_home(fix.profile)
            case IngestTables():
                app.show_table_ingestion(then=lambda arrived: self._ingested(arrived, row))
            case RunJob():
                app.show_job_run(options_of(fix), then=lambda answer: self._job_ran(answer, row))
            case Advice() | Argument() | GoOnWithoutRun():
                pass
            case _:
                assert_never(fix)

    def _work(self, work: Awaitable[None], fix: Fix, row: CheckResult) -> None:
        """Carry out in a worker; what it raises is shown in the row's place, with its own fixes."""

        async def carried() -> None:
            try:
                await work
            except ActionableError as error:
                await self._failed(error, fix, row)

        self._screen.run_worker(carried(), group="fix", exclusive=True)

    async def _failed(self, error: ActionableError, fix: Fix, row: CheckResult) -> None:
        if self._screen.walk is not None:
            self._screen.walk.failed(fix.label, row, error)
            await self._screen.show_end()

    async def _save(self, profile: "Profile", words: str, row: CheckResult) -> None:
        """Save the changed profile, open it again, and walk on from the first check that it concerns."""
        session = self._app.session
        if session is None:
            return
        before = session.profile
        await asyncio.to_thread(self._app.services.profiles.save, profile)
        await self._reopen()
        origin = earlier(first_affected(before, profile), row.check_id)
        if profile.pipeline != before.pipeline:
            self._deploy(words, origin, row)
        else:
            self._screen.fixed(row, words, origin)

    async def _reopen(self) -> None:
        session = self._app.session
        if session is not None:
            await self._app.open_session(session.profile.name)
            self._screen.reopened = True

    def _deploy(self, words: str, origin: str, row: CheckResult) -> None:
        """Settings of the pipeline hold in Collate once they are deployed."""
        fix = DeployPipeline(words)

        def then(run: "SyncRun | None") -> None:
            if run is None:
                self._screen.fixed(row, f"{words}: saved in the profile, not deployed yet", origin)
            else:
                self._follow(run, fix, row)

        self._app.show_pipeline(then=then)

    async def _set_field(self, fix: SetField, row: CheckResult) -> None:
        if self._app.session is not None:
            await self._save(changed_profile(self._app.session.profile, fix), fix.label, row)

    # ------------------------------------------------------------------ asked for

    def _new_token(self, side: "Side", row: CheckResult) -> None:
        from dbtcollate_tui.tui.screens.fixing import NewToken

        session = self._app.session
        if session is None:
            return

        async def taken(words: str | None) -> None:
            if words is not None:
                await self._reopen()
                self._screen.fixed(row, words)

        self._app.push_screen(NewToken(self._app.services, session.profile, side), taken)

    def _choose(
        self,
        question: str,
        noun: str,
        read: "Callable[[], Rows]",
        take: Callable[[str, CheckResult], Awaitable[None]],
        fix: Fix,
        row: CheckResult,
    ) -> None:
        from dbtcollate_tui.tui.screens.fixing import ChooseOne

        def taken(chosen: str | None) -> None:
            if chosen is not None:
                self._work(take(chosen, row), fix, row)

        self._app.push_screen(ChooseOne(question, noun, read), taken)

    async def _accounts(self) -> "Rows":
        context = self._screen.context
        if context is not None:
            accounts = await accounts_of(context)
            yield (
                [PickerRow(str(item.id), item.name, (f"#{item.id}", item.plan or "")) for item in accounts],
                "",
            )

    async def _take_account(self, chosen: str, row: CheckResult) -> None:
        context = self._screen.context
        if context is not None:
            account = next(item for item in await accounts_of(context) if str(item.id) == chosen)
            fixed = await moved_to_account(context, account)
            await self._save(fixed.profile, fixed.words, row)

    async def _jobs(self) -> "Rows":
        from dbtcollate_tui.tui.screens.setup_steps.job import job_row

        context = self._screen.context
        if context is not None:
            async for jobs in iter_jobs(context):
                yield [job_row(item) for item in jobs.rows], "" if jobs.complete else "reading more"

    async def _take_job(self, chosen: str, row: CheckResult) -> None:
        context = self._screen.context
        if context is not None:
            side = context.profile.dbt_cloud
            job = await (await context.dbt_cloud()).job(side.account_id, int(chosen))
            fixed = await with_job(context, job)
            await self._save(fixed.profile, fixed.words, row)

    async def _services(self) -> "Rows":
        from dbtcollate_tui.tui.screens.setup_steps.service import service_row

        context = self._screen.context
        if context is not None:
            async for scores in iter_services(context):
                best = scores[0] if scores and scores[0].fits else None
                yield [service_row(score, score is best, "") for score in scores], ""

    async def _take_service(self, chosen: str, row: CheckResult) -> None:
        if self._app.session is not None:
            fixed = with_service(self._app.session.profile, chosen)
            await self._save(fixed.profile, fixed.words, row)

    def _choose_run(self, row: CheckResult) -> None:
        from dbtcollate_tui.tui.screens.runs import RunsScreen

        session, screen = self._app.session, self._screen
        if session is None:
            return

        def taken(run_id: int | None) -> None:
            if run_id is not None:
                screen.take_run(run_id)
                words = f"run #{run_id} used instead of the rule's, for this session and its sync"
                screen.fixed(row, words, "run.exists")

        self._app.push_screen(RunsScreen(session.profile.name, session.choose_run, screen.run_id), taken)

    def _setup(self, fix: GoToStep, row: CheckResult) -> None:
        session = self._app.session
        if session is None:
            return
        before = session.profile

        async def ended(profile: "Profile | None") -> None:
            if profile is not None:
                await self._reopen()
                origin = earlier(first_affected(before, profile), row.check_id)
                self._screen.fixed(row, f"{fix.label}: saved in the profile", origin)

        self._app.edit_setup(before.name, fix.step, then=ended)

    # ------------------------------------------------------------------ syncs and pipelines

    def _job_ran(self, answer: "JobRunAnswer | None", row: CheckResult) -> None:
        """Sync what the job's run built where asked, then go on with the session.

        A run that is still in progress is followed again.
        """
        if answer is None:
            return
        if answer.run.is_success:
            self._screen.take_run(None)
            self._screen.fixed(row, f"run #{answer.run.id} of the job finished", "run.exists")
            if answer.sync:
                fix = SyncNow("Sync of what the run built")
                self._app.show_sync(then=lambda run: self._follow(run, fix, row))
        else:
            self._screen.go_on(row.check_id)

    def _ingested(self, arrived: int | None, row: CheckResult) -> None:
        """Go on with the session once the metadata agent has run."""
        if arrived is not None:
            self._screen.fixed(row, f"{arrived} missing tables ingested")

    def _follow(self, run: "SyncRun | None", fix: Fix, row: CheckResult) -> None:
        """Wait for the end of a run, then come back automatically and go on; a failure stays to be read."""
        if run is not None:
            self._screen.run_worker(self._ended(run, fix, row), group="fix", exclusive=True)

    async def _ended(self, run: "SyncRun", fix: Fix, row: CheckResult) -> None:
        from dbtcollate_tui.tui.screens.sync import SyncScreen

        await run.ended.wait()
        finished = run.finished
        if finished is None:
            return
        if finished.outcome in ("ok", "partial"):
            top = self._app.screen
            if isinstance(top, SyncScreen) and top.run is run:
                top.dismiss(None)
            self._screen.fixed(row, f"{fix.label}: {finished.text}")
            return
        errors = [event.error for event in run.history if isinstance(event, Failed) and event.change is None]
        await self._failed(errors[-1] if errors else ActionableError(finished.text), fix, row)
