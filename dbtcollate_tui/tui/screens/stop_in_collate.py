"""One question: stop following a run inside Collate, stop it there as well, or neither."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Static

from dbtcollate_tui.tui.leaving import LeavableModal


class StopInCollate(LeavableModal[str | None]):
    """Gives ``here`` (follow it no more), ``there`` (stop the run itself too) or ``None``; esc goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Go on", show=False),
        Binding("up,left,k", "app.focus_previous", show=False),
        Binding("down,right,j", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = """
    StopInCollate { align: center middle; }
    StopInCollate > Vertical {
        width: 64; max-width: 90%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    StopInCollate Button { margin-top: 1; }
    """

    def compose(self) -> ComposeResult:
        """The question and its three answers; the harmless one has the focus."""
        with Vertical():
            yield Static("This run is executing in Collate. Stop it?", markup=False)
            yield Static("What has been written remains.", markup=False, classes="muted")
            yield Button("Go on", id="on", compact=True)
            yield Button("Stop following; it continues in Collate", id="here", compact=True)
            yield Button("Stop it in Collate too", id="there", variant="warning", compact=True)

    def on_mount(self) -> None:
        """Focus the harmless answer."""
        self.query_one("#on").focus()

    @on(Button.Pressed)
    def _answered(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id if event.button.id in ("here", "there") else None)
