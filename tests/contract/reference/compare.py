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
    "A source with an `identifier` is found. The reference looks for dbt's name of it, finds no table, and "
    "loses its texts, owners, tags, tests and edges.",
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
    "The freshness of sources arrives, as a test. The reference never fetches `sources.json` from dbt Cloud.",
    OURS,
    "*_freshness|test|*",
    "*_freshness_table|dataQuality/testDefinitions",
)
PERSONS_TEXT = reason(
    "A text that a person wrote in Collate stays, and is shown as a conflict. The reference writes over it.",
    BOTH,
    "marts.dim_products|description",
    "marts.dim_customers|column|email|description",
)
ERASED = reason(
    "That holds for a column about which dbt's file says nothing, too. The reference erases its text.",
    BOTH,
    "marts.dim_customers|column|order_count|description",
)
SILENT_COLUMN = reason(
    "Such a column is not in the data model. The reference puts it there, with nothing to say of it.",
    THEIRS,
    "*|dataModel|columns|*",
)
PERSONS_PROPERTY = reason(
    "Custom properties that dbt does not name stay. The reference writes dbt's in place of all of them.",
    OURS,
    "*|property|mine",
)
SELF_EDGE = reason(
    "An incremental model has no edge to itself.",
    THEIRS,
    "marts.fct_orders|lineage|marts.fct_orders*",
)
MORE_COLUMNS = reason(
    "Column lineage also goes to columns in quotes and past a subquery, where the reference finds none.",
    OURS,
    "marts.WeeklyRevenue|lineage|marts.fct_order_items|column|*",
    "marts.fct_orders|lineage|staging.stg_orders|column|marts.fct_orders.ordered_at",
)
CREATE_TABLE = reason(
    "An edge holds dbt's SQL as it is. The reference puts a `create table` before it, masks its literals, "
    "and writes both in turn at each sync.",
    BOTH,
    "*|lineage|*|sqlQuery",
)
MORE_SQL = reason(
    "Compiled SQL, and so column lineage, comes from the step that compiled. The reference takes the last "
    "step's manifest, which after `dbt test` holds none.",
    f"{OURS}+{BOTH}",
    "*|dataModel|sql",
    "*|lineage|*|sqlQuery",
    "*|lineage|*|column|*",
)
SEVERITY = reason(
    "A result's message says whether dbt warned or failed, and the severity; a test that did not run in this "
    "run gets no result.",
    BOTH,
    "*|test|result|result",
)
QUOTED = reason(
    "A test of a quoted column arrives. The reference keeps the quotes in the link, so it is refused.",
    OURS,
    "marts.WeeklyRevenue.weekStart.not_null_weekly_revenue__weekStart_|test|*",
)
CASE = reason(
    "A column that dbt's file spells in another case has Collate's spelling. The reference keeps dbt's.",
    f"{OURS}+{THEIRS}",
    "staging.stg_customers|dataModel|columns|[eE][mM][aA][iI][lL]|*",
    "staging.stg_customers.[eE][mM][aA][iI][lL].not_null_stg_customers_EMAIL|test|*",
)
SEED_WINS = reason(
    "A seed that is also a source keeps what both say. The reference's second write wipes the first.",
    f"{OURS}+{BOTH}",
    "raw.*|dataModel|owners",
    "raw.*|dataModel|tags",
    "raw.orders|dataModel|columns|order_id|*",
)
SEED_PATH = reason(
    "A seed's path is the project's. The reference puts the folder on dbt Cloud's worker before it.",
    BOTH,
    "raw.*|dataModel|path",
)
PARAMETERS = reason(
    "A `relationships` test says what it refers to. The reference leaves its parameter empty.",
    BOTH,
    "*.relationships_*|test|parameters",
)
TYPES = reason(
    "Without a catalog the columns' types are Collate's own. The reference writes `UNKNOWN`.",
    BOTH,
    "*|dataModel|columns|*|dataType",
)
NO_COLUMN = reason(
    "A column that the warehouse does not have is told, not written. The reference puts it into the data "
    "model, where nobody sees it.",
    THEIRS,
    "marts.dim_customers|dataModel|columns|loyalty_level|*",
)
UNUSED_TAG = reason(
    "A tag of a model that has no table is not made.",
    THEIRS,
    "dbtTags.finance|tags",
)

# The shop of the sandbox shows none of the following, so that no pattern is needed: a difference of that
# kind would be a new one there.
COMMENT = reason(
    "A column's text is dbt's, and the warehouse's comment only where dbt has none. The reference "
    "prefers the comment.",
    BOTH,
)
NESTED = reason(
    "Documented fields of a struct have their texts and tags. The reference leaves them out.",
    OURS,
)
EPHEMERAL = reason(
    "A generic test of an ephemeral model is left out, with a note. The reference puts it on a "
    "parent's table and column.",
    THEIRS,
)
EXPRESSION = reason(
    "A test of an expression is a test of the table, and names the expression. The reference does "
    "that only where it holds `|`, `<` or `>`.",
    f"{OURS}+{THEIRS}",
)
ONE_CASE = reason(
    "Of two tests that share a test case the worse result counts. The reference lets the last one count.",
    BOTH,
)
ARGUMENTS = reason(
    "The parameter of any generic test holds all its arguments. The reference writes lists of values alone.",
    BOTH,
)
NO_RESULTS = reason(
    "Without run results the test cases are made, without results. The reference makes none.",
    OURS,
)
SKIPPED = reason(
    "A test that dbt skipped gets no result. The reference writes `Aborted`.",
    THEIRS,
)
EMPTY_RUN = reason(
    "Results and SQL of runs with `--empty` or `--sample` are left out. The reference takes them.",
    f"{THEIRS}+{BOTH}",
)
NO_CASE = reason(
    "Definitions of tests without a test case, and tags of operations, are not made.",
    THEIRS,
)
GUEST = reason(
    "A table that another dbt project builds keeps its texts and its data model. The reference "
    "writes those of the project that ran last.",
    BOTH,
)
PASSED_THROUGH = reason(
    "What an exposure, a metric or a function reads is followed to the tables below. The reference "
    "stops there.",
    OURS,
)
EXCLUSIVE = reason(
    "A tag that dbt set gives way to another of the same mutually exclusive classification. The "
    "reference is refused.",
    BOTH,
)
DOTTED_TAG = reason(
    "A dbt tag with a dot is one tag. The reference makes another tag, which no table gets.",
    f"{OURS}+{THEIRS}",
)
OWNER = reason(
    "An owner is a user or team of that name or address, a user first, also where `meta.owner` is a "
    "mapping. The reference takes a team first and searches display names too.",
    f"{OURS}+{THEIRS}+{BOTH}",
)

DIFFERENCES = (
    LOST_SOURCE,
    FRESHNESS,
    PERSONS_TEXT,
    ERASED,
    SILENT_COLUMN,
    PERSONS_PROPERTY,
    SELF_EDGE,
    MORE_COLUMNS,
    CREATE_TABLE,
    MORE_SQL,
    SEVERITY,
    QUOTED,
    CASE,
    SEED_WINS,
    SEED_PATH,
    PARAMETERS,
    TYPES,
    NO_COLUMN,
    UNUSED_TAG,
    COMMENT,
    NESTED,
    EPHEMERAL,
    EXPRESSION,
    ONE_CASE,
    ARGUMENTS,
    NO_RESULTS,
    SKIPPED,
    EMPTY_RUN,
    NO_CASE,
    GUEST,
    PASSED_THROUGH,
    EXCLUSIVE,
    DOTTED_TAG,
    OWNER,
)
"""Every difference, in the order and words of `dbtcollate_tui/help/differences.md`."""


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
        case ("lineage", _, what, *_):
            return f"edge {what}"
        case ("property", _):
            return "custom property"
        case ("test", *what):
            return f"test {' '.join(what)}"
        case (what, *_):
            return what
    raise ValueError(f"{fact} tells nothing")
