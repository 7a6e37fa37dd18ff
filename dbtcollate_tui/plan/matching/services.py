"""Which database service fits a dbt target, best first, with the reason in words. No IO."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.adapters import CUSTOM_SERVICE, adapter_of, is_type_for
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.models import DatabaseService
from dbtcollate_tui.plan.matching.nodes import Inventory, match, wanted_databases
from dbtcollate_tui.settings.model import SyncOptions


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of dbt's warehouse before any artifact is read."""

    adapter_type: str = ""
    databases: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceScore:
    """How well a service fits: ``score`` from 0 to 100, tables found of those expected, the reasons in words.

    ``matched`` and ``expected`` are ``None`` where the service's tables or dbt's nodes are not known yet.
    """

    service: DatabaseService
    score: int
    reasons: tuple[str, ...]
    type_fits: bool
    matched: int | None = None
    expected: int | None = None
    tables: int | None = None
    missing_databases: tuple[str, ...] = field(default=())

    @property
    def reason(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)

    @property
    def fits(self) -> bool:
        """Whether the service is worth proposing."""
        return self.type_fits and self.score >= 50


def score_services(
    project: Project | Target,
    services: Sequence[DatabaseService],
    inventories: Mapping[str, Inventory],
    options: SyncOptions | None = None,
) -> tuple[ServiceScore, ...]:
    """The services, best first. ``inventories`` are by FQN; a service without one is judged by its type."""
    chosen = options if options is not None else SyncOptions()
    scores = [
        _score(project, service, inventories.get(service.fullyQualifiedName or service.name), chosen)
        for service in services
    ]
    return tuple(sorted(scores, key=lambda item: (-item.score, item.service.name)))


def _score(
    project: Project | Target, service: DatabaseService, inventory: Inventory | None, options: SyncOptions
) -> ServiceScore:
    adapter = project.adapter_type.lower()
    kinds = adapter_of(adapter).service_types
    exact_type = not kinds or service.serviceType in kinds
    type_fits = is_type_for(adapter, service.serviceType)
    reasons = [_type_words(project.adapter_type, service.serviceType, kinds)]
    points = 30.0 if exact_type else 5.0
    if inventory is None:
        return ServiceScore(service, round(points), tuple(reasons), type_fits)
    if isinstance(project, Project):
        wanted = {name for name in wanted_databases(project, options, inventory.databases) if name}
    else:
        wanted = {options.database_map.get(name, name).casefold() for name in project.databases}
    known = {name.casefold() for name in inventory.databases}
    missing = tuple(sorted(wanted - known))
    if wanted:
        points += 20.0 * len(wanted & known) / len(wanted)
        reasons.append(
            f"no database {', '.join(missing)}" if missing else f"has database {', '.join(sorted(wanted))}"
        )
    if isinstance(project, Project):
        report = match(project, inventory, options)
        matched, expected = len(report.matched), report.expected
        points += 50.0 * matched / expected if expected else 0.0
        reasons.append(f"{matched} of {expected} dbt nodes have their table")
        score = round(points)
        return ServiceScore(
            service,
            score,
            tuple(reasons),
            type_fits,
            matched,
            expected,
            len(inventory.tables),
            missing,
        )
    schemas = {ref.schema.casefold() for ref in inventory.tables}
    schemas |= {name.casefold() for names in inventory.schemas.values() for name in names}
    asked = {name.casefold() for name in project.schemas}
    if asked:
        points += 50.0 * len(asked & schemas) / len(asked)
        reasons.append(f"{len(asked & schemas)} of {len(asked)} schemas")
    return ServiceScore(
        service,
        round(points),
        tuple(reasons),
        type_fits,
        tables=len(inventory.tables),
        missing_databases=missing,
    )


def _type_words(adapter: str, service_type: str, kinds: tuple[str, ...]) -> str:
    if not kinds:
        return f"type {service_type}"
    if service_type in kinds:
        return f"type {service_type} fits dbt's adapter {adapter}"
    if service_type == CUSTOM_SERVICE:
        return f"a custom database, which may hold dbt's adapter {adapter}"
    return f"type {service_type}, but dbt's adapter {adapter} goes with {' or '.join(kinds)}"
