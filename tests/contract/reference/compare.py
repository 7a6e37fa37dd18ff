"""Where the reference's sync and the direct one leave a Collate unlike: each difference has a reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.contract.reference.held import Fact, Held

PREFIX = "shop_warehouse.shop."
OURS, THEIRS, BOTH = "ours only", "reference only", "both, unlike"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why facts of some shape differ: ``patterns`` are about facts joined by ``|``, without `PREFIX`.

    ``sides`` says who may have them.
    """

    text: str
    sides: frozenset[str]
    patterns: tuple[str, ...]

    def explains(self, side: str, fact: str) -> bool:
        """Whether this is the reason for that difference."""
        return side in self.sides and any(fnmatchcase(fact, pattern) for pattern in self.patterns)


def reason(text: str, side: str, *patterns: str) -> Reason:
    """A `Reason`; ``side`` is one of the three, or several joined by ``+``."""
    return Reason(text, frozenset(side.split("+")), patterns)


LOST_SOURCE = reason(
    "a source with an identifier: the reference looks for its name, finds no table, and loses all of it",
    f"{OURS}+{BOTH}",
    "raw.raw_customers|column|*",
    "raw.raw_customers|owner|*",
    "raw.raw_customers|tag|*",
    "raw.raw_customers|dataModel|*",
    "raw.raw_customers.customer_id.source_*|test|*",
    "*|dataModel|upstream|raw.raw_customers",
    "*|lineage|raw.raw_customers",
)
FRESHNESS = reason(
    "a source's freshness: the reference never fetches sources.json from dbt Cloud",
    OURS,
    "*_freshness|test|*",
    "*_freshness_table|dataQuality/testDefinitions",
)
SEED_WINS = reason(
    "a seed that is also a source: the reference's second write wipes the source's part of the data model",
    f"{OURS}+{BOTH}",
    "raw.*|dataModel|owners",
    "raw.*|dataModel|tags",
    "raw.orders|dataModel|columns|order_id|*",
)
SEED_PATH = reason(
    "the reference puts the project's folder on dbt Cloud's worker before a seed's path",
    BOTH,
    "raw.*|dataModel|path",
)
QUOTED = reason(
    "a quoted column: the reference keeps the quotes in the link, and the server refuses it",
    OURS,
    "marts.WeeklyRevenue.weekStart.not_null_weekly_revenue__weekStart_|test|*",
)
CASE = reason(
    "a column that dbt's file spells otherwise: Collate's spelling is written, the reference keeps dbt's",
    f"{OURS}+{THEIRS}",
    "staging.stg_customers|dataModel|columns|[eE][mM][aA][iI][lL]|*",
    "staging.stg_customers.[eE][mM][aA][iI][lL].not_null_stg_customers_EMAIL|test|*",
)
NO_COLUMN = reason(
    "a column that the warehouse does not have, only in the data model, where nobody sees it",
    THEIRS,
    "marts.dim_customers|dataModel|columns|loyalty_level|*",
)
SILENT_COLUMN = reason(
    "a column about which dbt's file says nothing is not sent",
    THEIRS,
    "*|dataModel|columns|*",
)
PARAMETERS = reason(
    "what a relationships test refers to is told, where the reference leaves it empty",
    BOTH,
    "*.relationships_*|test|parameters",
)
SEVERITY = reason(
    "the message says that dbt warned or failed, and the severity",
    BOTH,
    "*|test|result|result",
)
UNUSED_TAG = reason(
    "a tag of a model without a table is not made",
    THEIRS,
    "dbtTags.finance|tags",
)
EXPOSURE = reason(
    "the exposure's edges to a dashboard",
    THEIRS,
    "shop_bi.weekly_sales_board|lineage|*",
)
SELF_EDGE = reason(
    "an incremental model has no edge to itself",
    THEIRS,
    "marts.fct_orders|lineage|marts.fct_orders*",
)
COLUMN_LINEAGE = reason(
    "column lineage, which the reference finds by parsing the SQL",
    THEIRS,
    "*|lineage|*|column|*",
)
CREATE_TABLE = reason(
    "dbt's SQL as it is, where the reference puts a create table before it and masks literals",
    BOTH,
    "*|lineage|*|sqlQuery",
)
MORE_SQL = reason(
    "compiled SQL out of the step that compiled, where the reference takes the last step's manifest",
    f"{OURS}+{BOTH}",
    "*|dataModel|sql",
    "*|lineage|*|sqlQuery",
)
TYPES = reason(
    "without a catalog the types are Collate's own, where the reference writes UNKNOWN",
    BOTH,
    "*|dataModel|columns|*|dataType",
)


def differences(theirs: Held, ours: Held, reasons: Iterable[Reason]) -> tuple[Counter[Reason], list[str]]:
    """How many differences each reason explains (the first that does), and those without one."""
    explained: Counter[Reason] = Counter()
    known = tuple(reasons)
    unexplained = []
    for fact in sorted(theirs.keys() | ours.keys()):
        left, right = theirs.get(fact), ours.get(fact)
        if left == right:
            continue
        side = BOTH if left is not None and right is not None else THEIRS if right is None else OURS
        name = _joined(fact)
        found = next((item for item in known if item.explains(side, name)), None)
        if found is None:
            unexplained.append(f"{name} ({side}): {left!r} / {right!r}"[:300])
        else:
            explained[found] += 1
    return explained, unexplained


def equalities(before: Held, theirs: Held, ours: Held) -> Counter[str]:
    """How many facts of each kind both syncs wrote alike."""
    alike = [fact for fact, value in theirs.items() if before.get(fact) != value and ours.get(fact) == value]
    return Counter(_kind(fact) for fact in alike)


def _joined(fact: Fact) -> str:
    return "|".join(part.replace(PREFIX, "") for part in fact)


def _kind(fact: Fact) -> str:
    match fact[1:]:
        case ("column", _, what, *_):
            return f"column {what}"
        case ("dataModel", *_):
            return "data model"
        case ("lineage", _):
            return "edge"
        case ("lineage", *_, what):
            return f"edge {what}"
        case ("test", *what):
            return f"test {' '.join(what)}"
        case (what, *_):
            return what
    raise ValueError(f"{fact} tells nothing")
