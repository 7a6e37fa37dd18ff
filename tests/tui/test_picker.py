"""The picker by itself."""

from textual.app import App, ComposeResult

from dbtcollate_tui.tui.widgets.picker import Picker, PickerRow


class Picking(App[None]):
    def compose(self) -> ComposeResult:
        yield Picker()


async def test_rows_that_come_while_it_is_taken_down_are_shown_nowhere() -> None:
    app = Picking()
    async with app.run_test() as pilot:
        picker = app.query_one(Picker)
        picker.set_rows([PickerRow("1", "nightly")])
        await pilot.pause()
        assert picker.current is not None
        await picker.remove_children()
        assert picker.current is None
        picker.set_rows([PickerRow("1", "nightly"), PickerRow("2", "weekly")])
        assert picker.current is None
