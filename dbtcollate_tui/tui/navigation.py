"""Going about: which screen each place is, and what its answer leads to."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from textual.screen import Screen

from dbtcollate_tui.errors import ActionableError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from dbtcollate_tui.checks.chain import Stage
    from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions
    from dbtcollate_tui.dbt_cloud.regions import Region
    from dbtcollate_tui.events.types import SyncEvent
    from dbtcollate_tui.fixes import Step
    from dbtcollate_tui.settings.model import Profile
    from dbtcollate_tui.settings.secrets import Side
    from dbtcollate_tui.setup.guided import GuidedSetup
    from dbtcollate_tui.tui.protocols import Ended, OwningApp, RunEnded, TablesIngested, Then
    from dbtcollate_tui.tui.running_syncs import Running
    from dbtcollate_tui.tui.screens.pipeline import Answer

BASE = 1
"""Textual's own blank screen below all others."""


class Places:
    """Pushes the app's screens. Those that need a profile do nothing without one."""

    def __init__(self, app: "OwningApp", running: "Running") -> None:
        self._app = app
        self._running = running

    def first(self, wanted: str | None) -> Screen[None]:
        """Home of the wanted profile, or of the one last used; the welcome where there is none."""
        app = self._app
        try:
            name = wanted or app.services.profiles.default_name()
        except ActionableError as error:
            return self._home_of(None, error)
        return self._home_of(name)

    def _home_of(self, name: str | None, error: ActionableError | None = None) -> Screen[None]:
        self._app.opening = name is not None
        if name is None:
            from dbtcollate_tui.tui.screens.welcome import WelcomeScreen

            return WelcomeScreen(self._app.services, self._app.offer, error=error)
        from dbtcollate_tui.tui.screens.home import HomeScreen

        return HomeScreen(name)

    def home(self, name: str | None) -> None:
        """Home of the profile, or the welcome, in place of all others."""
        self.stand_on(self._home_of(name))

    def stand_on(self, screen: Screen[None]) -> None:
        """Show the screen in place of all others."""
        while len(self._app.screen_stack) > BASE + 1:
            self._app.pop_screen()
        self._app.switch_screen(screen)

    def sync(self, *, run_id: int | None = None, direct: bool = False, then: "Then | None" = None) -> None:
        """The running sync, or the plan of a new one, by the engine that the command would take too.

        That is Collate's pipeline where the profile has one deployed, unless a run or ``direct`` is named.

        ``run_id`` is the run to begin with in place of the rule's; ``then`` gets the sync, or ``None`` where
        none was begun.
        """
        from dbtcollate_tui.tui.screens.plan import PlanScreen
        from dbtcollate_tui.tui.screens.sync import SyncScreen

        app, session, running = self._app, self._app.session, self._running
        if running.is_running and running.run is not None:
            if not isinstance(app.screen, SyncScreen):
                app.push_screen(SyncScreen(running.run))
            if then is not None:
                then(running.run)
        elif session is not None and run_id is None and not direct and self._syncs_in_collate:
            self.pipeline(then=then, by_default=True)
        elif session is not None:

            def prepare(cancel: asyncio.Event, chosen: int | None) -> "AsyncIterator[SyncEvent]":
                return session.prepare(cancel, chosen or run_id)

            screen = PlanScreen(session.profile.name, prepare, session.choose_run)

            def answered(keys: frozenset[str] | None) -> None:
                plan, run = screen.plan, None
                if keys is not None and plan is not None:
                    from dbtcollate_tui.sync.retry import Leftover

                    run = running.start(
                        session.profile.name,
                        lambda cancel: session.write(plan, keys, cancel),
                        plan,
                        Leftover(plan, keys),
                    )
                    app.push_screen(SyncScreen(run))
                if then is not None:
                    then(run)

            app.push_screen(screen, answered)

    @property
    def _syncs_in_collate(self) -> bool:
        """Whether the profile's pipeline was seen deployed, on a server that runs pipelines."""
        session = self._app.session
        pipeline = session.standing.pipeline if session is not None else None
        return pipeline is not None and pipeline.service and pipeline.deployed

    def pipeline(self, *, by_default: bool = False, then: "Then | None" = None) -> None:
        """The pipeline inside Collate, compared; then the run that deploys it, or the one running now.

        ``then`` gets that run, or ``None`` where none was begun.
        """
        from dbtcollate_tui.tui.screens.pipeline import PipelineScreen
        from dbtcollate_tui.tui.screens.sync import SyncScreen

        app, session = self._app, self._app.session
        if session is None:
            return
        if self._running.is_running:
            self.sync(then=then)
            return
        screen = PipelineScreen(session.profile.name, session.prepare_pipeline, chosen_by_default=by_default)

        def answered(answer: "Answer | None") -> None:
            if answer == "direct":
                self.sync(direct=True, then=then)
                return
            run = None
            if answer is not None and screen.plan is not None:
                run = self._running.start_pipeline(session, screen.plan, trigger=answer == "run")
                app.push_screen(SyncScreen(run))
            if then is not None:
                then(run)

        app.push_screen(screen, answered)

    def job_run(self, options: "JobRunOptions", *, then: "RunEnded | None" = None) -> None:
        """What running the profile's dbt Cloud job would do, then the run; the sync follows where wanted.

        ``then`` gets the answer in place of the sync, or ``None`` where no run was started.
        """
        from dbtcollate_tui.setup.job_runs import JobRunAnswer, JobRunner
        from dbtcollate_tui.tui.screens.job_run import JobRunScreen

        app, session = self._app, self._app.session
        if session is None or isinstance(app.screen, JobRunScreen):
            return

        def answered(answer: JobRunAnswer | None) -> None:
            if then is not None:
                then(answer)
            elif answer is not None:
                app.start_checks()
                if answer.sync:
                    app.show_sync()

        runner = JobRunner.of_profile(session.profile, session.connections)
        app.push_screen(JobRunScreen(session.profile.name, runner, options), answered)

    def table_ingestion(self, *, then: "TablesIngested | None" = None) -> None:
        """The missing tables and what their metadata agent needs, then its run; the sync may follow.

        ``then`` gets how many tables arrived in place of the sync, or ``None`` where the agent did not run.
        """
        from dbtcollate_tui.setup.table_ingestion import TableIngestion
        from dbtcollate_tui.tui.screens.table_ingestion import IngestionAnswer, TableIngestionScreen

        app, session = self._app, self._app.session
        if session is None or isinstance(app.screen, TableIngestionScreen):
            return

        def answered(answer: IngestionAnswer | None) -> None:
            if then is not None:
                then(answer.arrived if answer is not None else None)
            elif answer is not None:
                app.start_checks()
                if answer.sync:
                    app.show_sync()

        async def ingestion() -> TableIngestion:
            return TableIngestion(await session.engine(asyncio.Event()))

        app.push_screen(TableIngestionScreen(session.profile.name, ingestion), answered)

    def troubleshoot(self, check_id: str | None = None) -> None:
        """Troubleshooting: the symptoms, or at once the one that a check's row is about."""
        from dbtcollate_tui.troubleshooting.symptoms import symptom_of
        from dbtcollate_tui.tui.screens.troubleshoot import TroubleshootScreen

        if self._app.session is not None and not isinstance(self._app.screen, TroubleshootScreen):
            symptom = symptom_of(check_id) if check_id is not None else None
            self._app.push_screen(TroubleshootScreen(symptom))

    def checklist(self, at: str | None = None, *, look: bool = False) -> None:
        """The checklist, at a row; with ``look`` every check is looked at again."""
        from dbtcollate_tui.tui.screens.checklist import ChecklistScreen

        app = self._app
        if app.session is None:
            return
        if look:
            app.start_checks(asked=True)
        if not isinstance(app.screen, ChecklistScreen):
            app.push_screen(ChecklistScreen(app.session, at))

    def stage(self, stage: "Stage") -> None:
        """The checklist at the stage's worst check; in a setup the chain is of answers, not of checks."""
        from dbtcollate_tui.tui.screens.setup import SetupScreen

        session = self._app.session
        if session is not None and not isinstance(self._app.screen, SetupScreen):
            self.checklist(session.worst_of(stage))

    def new_setup(self) -> None:
        """The guided setup of a new profile."""
        from dbtcollate_tui.setup.guided import GuidedSetup

        self._setup(GuidedSetup(self._app.services, regions=self._regions()))

    def edit_setup(self, name: str, step: "Step | None" = None, *, then: "Ended | None" = None) -> None:
        """The guided setup filled in with a profile's answers, at a step; ``then`` gets the saved profile.

        Without ``then`` the checklist follows.
        """
        from dbtcollate_tui.setup.guided import GuidedSetup

        try:
            setup = GuidedSetup.edit(self._app.services, name, regions=self._regions())
        except ActionableError as error:
            self._app.notify(error.title, severity="error")
            return
        self._setup(setup, step, then)

    def _setup(self, setup: "GuidedSetup", step: "Step | None" = None, then: "Ended | None" = None) -> None:
        from dbtcollate_tui.tui.screens.setup import SetupScreen

        app = self._app

        def ended(profile: "Profile | None") -> None:
            if profile is not None:
                app.run_worker(app.open_and_verify(profile.name), group="open", exclusive=True)

        app.push_screen(SetupScreen(setup, offer=app.offer, at=step), then or ended)

    def _regions(self) -> "Sequence[Region]":
        """The hosts that a token may be tried on without an address: in the demo the sandbox alone."""
        from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, Region

        if self._app.offer is None:
            return SHARED_REGIONS
        address = urlsplit(self._app.offer.answers.dbt_cloud_address)
        return (Region("Sandbox", f"{address.scheme}://{address.netloc}"),)

    def profiles(self) -> None:
        """The profiles."""
        from dbtcollate_tui.tui.screens.profiles import ProfilesScreen

        self._app.push_screen(ProfilesScreen(self._app.services))

    def history(self) -> None:
        """What syncs, deploys and verifications of the profile left."""
        from dbtcollate_tui.tui.screens.history import HistoryScreen

        app = self._app
        if app.session is not None and not isinstance(app.screen, HistoryScreen):
            app.push_screen(HistoryScreen(app.services.state, app.session.profile.name))

    def explain(self, wanted: str = "", only: Collection[str] = (), title: str = "") -> None:
        """Search the run's tables, or these nodes alone, and explain one."""
        from dbtcollate_tui.tui.screens.explain import ExplainScreen

        app = self._app
        if app.session is not None:
            app.push_screen(ExplainScreen(app.session, wanted=wanted, only=only, title=title))

    def coverage(self) -> None:
        """How much of what dbt declares is in Collate."""
        from dbtcollate_tui.tui.screens.coverage import CoverageScreen

        app = self._app
        if app.session is not None and not isinstance(app.screen, CoverageScreen):
            app.push_screen(CoverageScreen(app.session))

    def requests(self) -> None:
        """The requests of the last minutes."""
        from dbtcollate_tui.tui.screens.requests import RequestsScreen

        self._app.push_screen(RequestsScreen(self._app.services.request_log))

    def help(self) -> None:
        """What the screen does and its keys."""
        from dbtcollate_tui.tui.screens.help import HelpScreen

        if not isinstance(self._app.screen, HelpScreen):
            self._app.push_screen(HelpScreen(self._app.screen))

    async def ask_token(self, side: "Side") -> "SecretStr | None":
        """Ask for a token that is kept nowhere; it is used for as long as the profile is open."""
        from dbtcollate_tui.tui.screens.ask_token import AskToken

        app = self._app
        name = app.session.profile.name if app.session is not None else ""
        screen = AskToken(side, name, app.services.secrets)
        try:
            return await app.push_screen_wait(screen)
        except asyncio.CancelledError:
            if app.screen is screen:
                app.pop_screen()
            raise
