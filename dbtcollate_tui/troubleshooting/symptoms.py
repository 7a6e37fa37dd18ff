"""What a person sees when something is wrong, in the guide's words and in users', and what to look at."""

from collections.abc import Iterable
from dataclasses import dataclass

from dbtcollate_tui.check_ids import SymptomId
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.registry import ALL_CHECKS, check_of
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.nearest import nearest

_NEAR = 60.0


@dataclass(frozen=True, slots=True)
class Symptom:
    """One way in. ``checks`` are those it concerns, in the order of the chain.

    ``seen`` is what a person sees, ``issue`` its name; ``cause`` and ``solution`` are the guide's own words
    for its rows (``from_guide``), and empty for the others. ``explains`` are the checks whose warning may be
    the whole reason, likeliest first.
    """

    id: SymptomId
    seen: str
    issue: str
    checks: tuple[str, ...]
    explains: tuple[str, ...] = ()
    cause: str = ""
    solution: str = ""

    @property
    def from_guide(self) -> bool:
        """Whether it is a row of the guide's troubleshooting table."""
        return bool(self.solution)

    def explanation(self, rows: Iterable[CheckResult]) -> CheckResult | None:
        """The row that explains the symptom although nothing failed.

        A check that was left out and offers a fix ("switched off") comes before warnings.
        """
        found: dict[str, CheckResult] = {row.check_id: row for row in rows}
        concerned = [found[check_id] for check_id in self.explains if check_id in found]
        for row in concerned:
            if row.state is CheckState.SKIPPED and row.fixes and not row.blocked_by:
                return row
        return next((row for row in concerned if row.state is CheckState.WARN), None)


_DBT = ("dbt.reachable", "dbt.token", "dbt.account")
_MAY_READ = (*_DBT, "dbt.permissions")
_RUN = (*_MAY_READ, "dbt.job", "run.exists")
_COLLATE = ("collate.reachable", "collate.token")
_TABLES = (*_RUN, "run.kind", "artifacts.manifest", *_COLLATE, "collate.service", "tables.matched")
_PIPELINE = (
    "pipeline.service",
    "pipeline.exists",
    "pipeline.status",
    "pipeline.schedule",
    "collate.network",
)

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom(
        SymptomId.INVALID_TOKEN,
        "401 Unauthorized",
        "Invalid Token",
        _MAY_READ,
        ("dbt.token",),
        "Token expired or wrong",
        "Regenerate API token in dbt Cloud",
    ),
    Symptom(
        SymptomId.NO_RUNS,
        "No recent successful runs",
        "No Runs Found",
        (*_RUN, "run.fresh", "run.kind"),
        ("run.exists", "run.fresh", "run.kind"),
        "No completed jobs",
        "Run a dbt Cloud job and wait for completion",
    ),
    Symptom(
        SymptomId.WRONG_ACCOUNT,
        "403 Forbidden",
        "Wrong Account",
        _MAY_READ,
        ("dbt.account",),
        "Account ID incorrect",
        "Verify Account ID from URL or API",
    ),
    Symptom(
        SymptomId.MISSING_CATALOG,
        "No column descriptions",
        "Missing catalog.json",
        (*_RUN, "dbt.commands", "artifacts.manifest", "artifacts.catalog"),
        ("artifacts.catalog", "dbt.commands"),
        "Job didn’t run dbt docs generate",
        "Add docs generation to job commands",
    ),
    Symptom(
        SymptomId.NO_LINEAGE,
        "No lineage appears",
        "Wrong Database Service",
        (*_TABLES, "verification.ingestion", "verification.lineage"),
        ("collate.token", "verification.ingestion", "tables.matched", "verification.lineage"),
        "Service name mismatch",
        "Ensure Collate service name matches dbt target",
    ),
    Symptom(
        SymptomId.STALE,
        "Old metadata showing",
        "Stale data",
        (*_TABLES, "run.fresh", *_PIPELINE, "verification.ingestion"),
        ("pipeline.exists", "pipeline.status", "pipeline.schedule", "verification.ingestion", "run.fresh"),
        "Ingestion not running",
        "Check ingestion schedule and logs",
    ),
    Symptom(
        SymptomId.OTHER_HOST,
        "A valid dbt Cloud token is refused",
        "Another region or host",
        _MAY_READ,
        ("dbt.token",),
    ),
    Symptom(
        SymptomId.OTHER_RUN,
        "Another run was taken than expected",
        "CI runs, failed runs, old runs",
        (*_RUN, "run.fresh", "run.kind"),
        ("run.kind", "run.fresh", "run.exists"),
    ),
    Symptom(
        SymptomId.SOME_TABLES,
        "Some tables get no metadata",
        "Case, schema or database differs",
        _TABLES,
        ("tables.matched", "run.kind"),
    ),
    Symptom(
        SymptomId.NO_DESCRIPTIONS,
        "Descriptions did not arrive, or came back",
        "Not synced, or edited in Collate",
        (*_TABLES, "verification.ingestion", "verification.descriptions"),
        ("collate.token", "verification.ingestion", "tables.matched", "verification.descriptions"),
    ),
    Symptom(
        SymptomId.NO_TESTS,
        "Test results are missing",
        "Not run, or not sent",
        (*_TABLES, "dbt.commands", "artifacts.results", "verification.ingestion", "verification.tests"),
        ("artifacts.results", "verification.ingestion", "tables.matched", "verification.tests"),
    ),
    Symptom(
        SymptomId.PIPELINE,
        "The pipeline in Collate fails or never runs",
        "Pipeline service, deploy, network",
        (*_RUN, "artifacts.manifest", *_COLLATE, "collate.service", *_PIPELINE),
        ("pipeline.service", "pipeline.status", "pipeline.exists", "pipeline.schedule", "collate.network"),
    ),
    Symptom(
        SymptomId.COLLATE_REFUSES,
        "Collate answers 401 or 403",
        "Collate's token and its roles",
        _COLLATE,
        ("collate.token",),
    ),
    Symptom(
        SymptomId.NOT_SURE,
        "Not sure: check the whole chain",
        "Every stage, in order",
        tuple(check.id for check in ALL_CHECKS),
    ),
)
"""The guide's six rows in its words, what users report beside them, and the whole chain."""

WHOLE_CHAIN = SYMPTOMS[-1]


def symptom_named(name: str) -> Symptom:
    """The symptom of that id, or of those words; the empty name is the whole chain.

    Raises `UsageError` with the known ids, the nearest one first.
    """
    wanted = name.strip().lower()
    if not wanted:
        return WHOLE_CHAIN
    for symptom in SYMPTOMS:
        if wanted in (symptom.id, symptom.seen.lower(), symptom.issue.lower()):
            return symptom
    texts = {f"{symptom.id} {symptom.seen} {symptom.issue}": symptom.id for symptom in SYMPTOMS}
    fixes = [Advice(f"{symptom.id:16} {symptom.seen}") for symptom in SYMPTOMS]
    for near in nearest(wanted, texts, most=1, at_least=_NEAR, in_part=True):
        fixes.insert(0, Advice(f"Nearest: dbtcollate troubleshoot {texts[near]}"))
    raise UsageError(f"No symptom is called {name!r}", fixes=fixes)


def symptom_of(check_id: str) -> Symptom:
    """The symptom to begin with for a check that did not pass; the whole chain where none is its own."""
    check = check_of(check_id)
    wanted = check.symptom if check is not None else None
    return next((symptom for symptom in SYMPTOMS if symptom.id == wanted), WHOLE_CHAIN)
