"""The app as its screens know it: what it owns, and what they may ask it to do."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from textual.dom import DOMNode

from dbtcollate_tui.tui.terminal import TerminalApp

if TYPE_CHECKING:
    from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions
    from dbtcollate_tui.fixes import Fix, Step
    from dbtcollate_tui.session.services import Services
    from dbtcollate_tui.settings.model import Profile
    from dbtcollate_tui.setup.job_runs import JobRunAnswer
    from dbtcollate_tui.tui.demo_credentials import DemoOffer
    from dbtcollate_tui.tui.session import ProfileSession
    from dbtcollate_tui.tui.sync_run import SyncRun

Then = Callable[["SyncRun | None"], None]
"""Gets the sync that was begun, or ``None`` where none was."""
RunEnded = Callable[["JobRunAnswer | None"], None]
"""Gets the dbt Cloud run that was followed and what is next, or ``None`` where none was started."""
TablesIngested = Callable[[int | None], None]
"""Gets how many missing tables arrived, or ``None`` where the metadata agent did not run."""
Ended = Callable[["Profile | None"], Awaitable[None]]
"""Gets the profile that a setup saved, or ``None`` where it was left."""


@runtime_checkable
class WithServers(Protocol):
    """A screen that knows servers of its own, such as those of a setup's answers."""

    def own_addresses(self) -> Iterable[str]:
        """Their addresses."""


class OwningApp(TerminalApp):
    """Owns the services, the open profile (``session``) and the one running sync.

    ``offer`` are the demo's addresses and tokens.
    """

    services: "Services"
    offer: "DemoOffer | None"
    session: "ProfileSession | None"
    opening: bool = False
    """Whether home is still opening its profile; keys that need the profile wait for it."""

    @abstractmethod
    def opening_ended(self) -> None:
        """Run the action of the last key that waited for the profile, where it is open."""

    # ------------------------------------------------------------------ the open profile

    @abstractmethod
    async def open_session(self, name: str) -> "ProfileSession":
        """Open a profile in place of the open one; asks no server. Raises `UsageError`."""

    @abstractmethod
    async def profile_deleted(self, name: str) -> bool:
        """Close the profile where it is the open one, and go home with another; false for any other."""

    @abstractmethod
    def action_explain(self, wanted: str = "") -> None:
        """Search the run's tables, and explain the one that ``wanted`` names."""

    @abstractmethod
    def explain_tables(self, unique_ids: Collection[str], title: str) -> None:
        """List the tables of these nodes, to explain them; one alone is explained at once."""

    @abstractmethod
    def start_checks(self, ids: Collection[str] | None = None, *, asked: bool = False) -> None:
        """Look again at these checks of the open profile, or at all.

        A look at all that a person ``asked`` for leaves a record in the history.
        """

    @abstractmethod
    def rerun(self, check_id: str) -> None:
        """Run a check and all that depend on it again; every check for an empty id."""

    @abstractmethod
    def carry_out(self, fix: "Fix") -> None:
        """Carry out a fix of the open profile."""

    # ------------------------------------------------------------------ going about

    @abstractmethod
    def go_home(self, name: str | None = None) -> None:
        """Show the home screen of the profile, or the welcome, in place of all others."""

    @abstractmethod
    async def open_and_verify(self, name: str) -> None:
        """Go home with a new or changed profile, and show its checklist."""

    @abstractmethod
    def show_checklist(self, at: str | None = None, *, look: bool = False) -> None:
        """Show the checklist, at a row; with ``look`` every check is looked at again."""

    @abstractmethod
    def show_sync(self, *, run_id: int | None = None, direct: bool = False, then: Then | None = None) -> None:
        """Show the running sync, or the plan of a new one.

        ``run_id`` is the dbt Cloud run to begin with in place of the rule's; ``direct`` plans a direct sync
        even where Collate's pipeline is deployed.
        """

    @abstractmethod
    def show_pipeline(self, *, then: Then | None = None) -> None:
        """Show the pipeline inside Collate, compared, or the sync that is running."""

    @abstractmethod
    def show_job_run(self, options: "JobRunOptions", *, then: "RunEnded | None" = None) -> None:
        """Show what running the profile's dbt Cloud job would do, then the run; the sync may follow.

        ``then`` gets the run in place of the sync; ``None`` where none was started.
        """

    @abstractmethod
    def show_table_ingestion(self, *, then: "TablesIngested | None" = None) -> None:
        """Show the missing tables and what their metadata agent needs, then its run; the sync may follow.

        ``then`` gets how many tables arrived in place of the sync; ``None`` where the agent did not run.
        """

    @abstractmethod
    def show_troubleshooting(self, check_id: str | None = None) -> None:
        """Show the symptoms, or at once the session that a check's row is about."""

    @abstractmethod
    def new_setup(self) -> None:
        """Set up a new profile."""

    @abstractmethod
    def edit_setup(self, name: str, step: "Step | None" = None, *, then: Ended | None = None) -> None:
        """Change a profile's answers, at a step; without ``then`` its checklist follows."""

    # ------------------------------------------------------------------ the running sync

    @property
    @abstractmethod
    def sync_run(self) -> "SyncRun | None":
        """The running sync, or the last one."""

    @property
    @abstractmethod
    def is_syncing(self) -> bool:
        """Whether a sync is running."""

    @abstractmethod
    def retry(self, run: "SyncRun") -> "SyncRun | None":
        """Write what an ended direct run did not write; ``None`` where there is nothing."""


def app_of(node: DOMNode) -> OwningApp:
    """The app that the node belongs to."""
    return cast("OwningApp", node.app)
