"""An unfinished setup was found: go on with it, or begin again."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from dbtcollate_tui.setup.draft import SetupDraft
from dbtcollate_tui.tui.leaving import LeavableModal


def draft_words(draft: SetupDraft) -> str:
    """The answers of a draft in few words."""
    parts = [
        draft.dbt_base_url or draft.address_text,
        f"account {draft.account_name or draft.account_id}" if draft.account_id is not None else "",
        f"project {draft.project_name}" if draft.project_name else "",
        f"job {draft.job_name}" if draft.job_name else "any job" if draft.any_job else "",
        draft.collate_base_url,
        f"service {draft.service}" if draft.service else "",
    ]
    return "\n".join(f"  {part}" for part in parts if part)


class ResumeScreen(LeavableModal[str]):
    """Gives ``resume``, ``again`` or ``back``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('back')", "Back"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = """
    ResumeScreen { align: center middle; }
    ResumeScreen > Vertical {
        width: 70; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    ResumeScreen Horizontal { height: auto; margin-top: 1; }
    ResumeScreen Button { margin-right: 2; }
    """

    def __init__(self, draft: SetupDraft) -> None:
        super().__init__()
        self._draft = draft

    def compose(self) -> ComposeResult:
        """What was answered, and the two ways on."""
        with Vertical():
            yield Static("An unfinished setup was found", classes="title", markup=False)
            yield Static(f"\n{draft_words(self._draft)}\n", markup=False)
            yield Static("It contains no token.", classes="muted", markup=False)
            with Horizontal():
                yield Button("Go on with it", id="resume", variant="primary", compact=True)
                yield Button("Start over", id="restart", compact=True)

    def on_mount(self) -> None:
        """Going on is the proposal."""
        self.query_one("#resume").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)
