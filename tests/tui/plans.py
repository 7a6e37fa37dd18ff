"""Plans for the tests of screens, and the screen that shows one."""

from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.model import DescriptionChange, Plan
from dbtcollate_tui.tui.screens.plan import PlanScreen
from tests.tui.whole import Whole


def many(tables: int, columns: int = 1) -> Plan:
    """A plan with this many descriptions."""
    changes: list[DescriptionChange] = []
    for number in range(tables):
        name = f"model_{number:04}"
        ref = TableRef("id", f"warehouse.shop.marts.{name}", "warehouse", "shop", "marts", name)
        changes += [
            DescriptionChange(
                unique_id=f"model.shop.{name}",
                table=ref,
                column=f"column_{column}" if column else "",
                before=f"old text of {name}",
                after=f"new text of {name}, {column}",
            )
            for column in range(columns)
        ]
    return Plan(tuple(changes), MatchReport({}, ()))


def screen_of(app: Whole) -> PlanScreen:
    screen = app.top
    assert isinstance(screen, PlanScreen)
    return screen
