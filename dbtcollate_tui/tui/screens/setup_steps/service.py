"""Which database service holds dbt's tables: the best one marked, with the reason in words."""

from contextlib import aclosing

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.plan.matching.services import ServiceScore
from dbtcollate_tui.setup.collate_steps import ServiceList
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.picking import PickPane
from dbtcollate_tui.tui.widgets.picker import PickerRow


def service_row(score: ServiceScore, best: bool, basis: str) -> PickerRow:
    """A service as a row of the list."""
    service = score.service
    found = ""
    if score.matched is not None and score.expected is not None:
        found = f"{score.matched} of {score.expected} nodes"
    held = f"{score.tables:,} tables" if score.tables is not None else ""
    fqn = service.fullyQualifiedName or service.name
    return PickerRow(
        fqn,
        service.name,
        tuple(text for text in (service.serviceType, found, held, service.host) if text),
        badge="best" if best else "",
        dim=not score.type_fits,
        details=(
            f"{fqn}  {service.host}".rstrip(),
            *(f"  {reason}" for reason in score.reasons),
            basis,
        ),
        words=service.serviceType,
    )


class ServicePane(PickPane):
    """Ranked by type at once, then by their tables while these are read."""

    step = Step.SERVICE
    question = "Which database service in Collate holds these tables?"
    noun = "database service"
    reading = "Comparing dbt's tables with Collate's"

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        self._scores: dict[str, ServiceScore] = {}

    def scope(self) -> tuple[object, ...]:
        """The server."""
        return (self.setup.draft.collate_base_url,)

    async def read(self) -> None:
        """Fill the list, and order it again with each service that was read."""
        async with aclosing(self.setup.collate.iter_services()) as lists:
            async for listed in lists:
                self._fill(listed)
        self.status.clear()
        self.say_cleared()

    def _fill(self, listed: ServiceList) -> None:
        proposed = listed.proposed
        names = [score.service.fullyQualifiedName or score.service.name for score in listed.scores]
        self._scores = dict(zip(names, listed.scores, strict=True))
        best = next((name for name, score in self._scores.items() if score is proposed), None)
        rows = [service_row(score, name == best, listed.basis) for name, score in self._scores.items()]
        loading = "" if listed.complete else "reading their tables"
        self.picker.set_rows(rows, chosen=self.setup.draft.service or best, loading=loading)

    async def take(self, row: PickerRow) -> None:
        """Take the service."""
        self.setup.collate.choose_service(row.id)
        self.context.score = self._scores.get(row.id)
        await self.go_on()

    def page(self, row: PickerRow) -> str:
        """The service's page in Collate."""
        return f"{self.setup.draft.collate_base_url}/service/databaseServices/{path_segment(row.id)}"


def tables_state(score: ServiceScore) -> tuple[CheckState, str]:
    """How the chosen service looks on the chain."""
    if score.matched is None or score.expected is None:
        return (CheckState.PASS if score.type_fits else CheckState.WARN), score.service.name
    good = score.matched == score.expected
    return (CheckState.PASS if good else CheckState.WARN), f"{score.matched} of {score.expected}"
