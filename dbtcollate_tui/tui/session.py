"""One opened profile: its connections, its checklist, and what was last seen of it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import SecretStr

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.last_seen import LastSeen, load_last_seen, save_last_seen
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.checks.runner import run_checks, stage_states
from dbtcollate_tui.checks.summary import PARTS, Summary, read_standing
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import Failed, RunFinished, Sequencer, SyncEvent
from dbtcollate_tui.history.checked import keep_verification
from dbtcollate_tui.history.records import HistoryRecord, list_records
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.pipeline import PipelinePlan
from dbtcollate_tui.session.connections import Ask, Connections
from dbtcollate_tui.session.runs import run_of_profile
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.engine import Engine, connected
from dbtcollate_tui.sync.in_collate import prepare_collate, run_collate
from dbtcollate_tui.sync.retry import Leftover, retry_direct
from dbtcollate_tui.tui.widgets.chain import ChainView

SYNCS_KNOWN = 20
UNDER_WAY = frozenset({CheckState.WAITING, CheckState.RUNNING})
Start = Callable[[Engine], AsyncGenerator[SyncEvent, None]]


class ProfileSession:
    """The clients stay open for as long as the profile is.

    ``rows`` is the latest result of each check; ``looked`` names those of this session, the others are what
    the last visit knew at ``seen_at``. ``active`` are the checks under way, with the time they began
    (monotonic seconds). ``checking_all`` says whether all of them were to be checked last. ``standing``
    is what the last visit knew, part by part replaced by what is read now.
    """

    def __init__(self, services: Services, profile: Profile, ask: Ask | None = None) -> None:
        self.profile = profile
        self.services = services
        self.connections = Connections(profile, services, ask=ask)
        self.context = CheckContext(profile, self.connections, services)
        self.rows: dict[str, CheckResult] = {}
        self.looked: set[str] = set()
        self.standing = Summary()
        self.active: dict[str, tuple[CheckState, float]] = {}
        self.seen_at: datetime | None = None
        self.checking_since: float | None = None
        self._looking = asyncio.Lock()
        self.checking_took = 0.0
        self.checking_all = True
        self.syncs: tuple[HistoryRecord, ...] = ()

    @classmethod
    def open(cls, services: Services, name: str, ask: Ask | None = None) -> "ProfileSession":
        """Read the profile and what the last visit knew; asks no server. Raises `UsageError`."""
        session = cls(services, services.profiles.load(name), ask)
        services.profiles.mark_used(name)
        seen = load_last_seen(services.state, name)
        if seen is not None:
            session.seen_at, session.rows, session.standing = seen.at, seen.rows, seen.standing
        session.syncs = session._read_syncs()
        return session

    async def aclose(self) -> None:
        """Close the clients."""
        await self.context.settle()
        await self.connections.aclose()

    @property
    def chain(self) -> ChainView:
        """The chain as it is known; stages not looked at in this session are stale."""
        rows = [self.shown(check.id) for check in ALL_CHECKS]
        stages = stage_states(row for row in rows if row is not None)
        stale = {row.stage for row in self.rows.values() if row.check_id not in self.looked}
        running = {stage for stage, found in stages.items() if found.state is CheckState.RUNNING}
        return ChainView(stages, frozenset(stale - running))

    def worst_of(self, stage: Stage) -> str | None:
        """The id of the stage's check that most needs a person; ``None`` where nothing is known of it."""
        rows = [
            row for check in ALL_CHECKS if (row := self.shown(check.id)) is not None and row.stage is stage
        ]
        return max(rows, key=lambda row: row.state.severity).check_id if rows else None

    def age_note(self, check_id: str) -> str:
        """Words on a row that is older than this look: being looked at again, or of the last visit."""
        if check_id not in self.rows:
            return ""
        if check_id in self.active:
            return "below as it was before"
        return "" if check_id in self.looked else "from the last visit"

    def shown(self, check_id: str) -> CheckResult | None:
        """A check's latest row, ``running`` while it runs, ``waiting`` where nothing is known yet."""
        known = self.rows.get(check_id)
        state = self.active[check_id][0] if check_id in self.active else None
        if state is None:
            return known
        if known is None:
            check = next(check for check in ALL_CHECKS if check.id == check_id)
            return CheckResult(check.id, check.title, check.stage, state)
        return replace(known, state=state) if state is CheckState.RUNNING else known

    async def check(
        self, ids: Collection[str] | None = None, *, asked: bool = False
    ) -> AsyncGenerator[CheckResult, None]:
        """Look again at these checks, or at all; gives each row as it changes.

        One look at a time: this one begins when the one before, cancelled or not, has ended. A look at all
        that was ``asked`` for leaves a record in the history.
        """
        async with self._looking:
            began = self.checking_since = time.monotonic()
            started = datetime.now(UTC)
            self.checking_all = ids is None
            try:
                await self.context.refresh()
                async with aclosing(run_checks(self.context, ids)) as rows:
                    async for row in rows:
                        await self._take(row)
                        yield row
            finally:
                self.active.clear()
                self.checking_took = time.monotonic() - began
                self.checking_since = None
            self.seen_at = datetime.now(UTC)
            await asyncio.to_thread(self._remember, started if asked and ids is None else None)

    async def _take(self, row: CheckResult) -> None:
        if row.state in UNDER_WAY:
            self.active[row.check_id] = (row.state, time.monotonic())
        else:
            self.active.pop(row.check_id, None)
            self.rows[row.check_id] = row
            self.looked.add(row.check_id)
            if row.check_id in PARTS and not row.blocked_by:
                self.standing = await read_standing(self.context, row.check_id, self.standing)

    async def choose_run(self) -> RunChoice:
        """The run that the profile's rule takes now, and the others; raises what dbt Cloud says."""
        return await run_of_profile(await self.connections.dbt_cloud(), self.profile.dbt_cloud)

    def prepare(self, cancel: asyncio.Event, run_id: int | None = None) -> AsyncGenerator[SyncEvent, None]:
        """The plan's events, for the rule's run or the one that was chosen."""
        return self._with_engine(
            cancel,
            lambda engine: prepare_direct(
                engine,
                run_id=run_id,
            ),
        )

    def write(
        self, plan: Plan, selection: Collection[str], cancel: asyncio.Event
    ) -> AsyncGenerator[SyncEvent, None]:
        """The events of writing the chosen changes of a plan."""
        return self._with_engine(
            cancel,
            lambda engine: run_direct(
                engine,
                plan=plan,
                selection=selection,
            ),
        )

    def retry(self, left: Leftover, cancel: asyncio.Event) -> AsyncGenerator[SyncEvent, None]:
        """The events of writing what a sync left unwritten, guarded by the tables as they are now."""
        return self._with_engine(
            cancel,
            lambda engine: retry_direct(
                engine,
                left,
                plan_again=False,
            ),
        )

    def prepare_pipeline(self, cancel: asyncio.Event) -> AsyncGenerator[SyncEvent, None]:
        """The comparison of the pipeline inside Collate, as events."""
        return self._with_token(cancel, lambda engine, token: prepare_collate(engine, token, needs_run=False))

    def run_pipeline(
        self,
        plan: PipelinePlan,
        cancel: asyncio.Event,
        *,
        trigger: bool,
        kill_on_cancel: Callable[[], bool],
    ) -> AsyncGenerator[SyncEvent, None]:
        """The events of deploying the pipeline and, with ``trigger``, of its run in Collate."""
        return self._with_token(
            cancel,
            lambda engine, token: run_collate(
                engine,
                token,
                plan=plan,
                trigger=trigger,
                kill_on_cancel=kill_on_cancel,
            ),
        )

    def _with_token(
        self,
        cancel: asyncio.Event,
        start: Callable[[Engine, SecretStr], AsyncGenerator[SyncEvent, None]],
    ) -> AsyncGenerator[SyncEvent, None]:
        async def begin(engine: Engine) -> AsyncGenerator[SyncEvent, None]:
            token = await self.connections.secret("dbt_cloud")
            async with aclosing(start(engine, token)) as events:
                async for event in events:
                    yield event

        return self._with_engine(cancel, begin)

    async def recall_syncs(self) -> None:
        """Read the last syncs again."""
        self.syncs = await asyncio.to_thread(self._read_syncs)

    def _read_syncs(self) -> tuple[HistoryRecord, ...]:
        """The last syncs, oldest first."""
        found = list_records(self.services.state, self.profile.name, action="sync", limit=SYNCS_KNOWN)
        return tuple(record for record in reversed(found) if record.outcome != "running")

    async def engine(self, cancel: asyncio.Event | None = None) -> Engine:
        """What a sync of the profile works with; raises what the servers answer."""
        return await connected(self.connections, self.services, cancel)

    async def _with_engine(self, cancel: asyncio.Event, start: Start) -> AsyncGenerator[SyncEvent, None]:
        try:
            engine = await self.engine(cancel)
        except ActionableError as error:
            stamp = Sequencer().stamp
            yield stamp(Failed(error=error))
            yield stamp(
                RunFinished(
                    outcome="failed", counts=Counts(), exit_code=error.exit_code, text=f"{error.title}."
                )
            )
            return
        async with aclosing(start(engine)) as events:
            async for event in events:
                yield event

    def _remember(self, started: datetime | None) -> None:
        at, state, name = self.seen_at, self.services.state, self.profile.name
        if at is None:
            return
        save_last_seen(state, name, LastSeen(at, self.rows, self.standing))
        if started is not None:
            rows = [row for check in ALL_CHECKS if (row := self.rows.get(check.id)) is not None]
            keep_verification(state, self.profile, rows, started, self.checking_took)
