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
    "A source with an `identifier` is found by it. Collate's ingestion searches for dbt's name, finds no "
    "table, and loses the source's descriptions, owners, tags, tests and edges.",
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
    "The freshness of sources arrives as a test. Collate's ingestion never fetches `sources.json` from "
    "dbt Cloud.",
    OURS,
    "*_freshness|test|*",
    "*_freshness_table|dataQuality/testDefinitions",
)
PERSONS_TEXT = reason(
    "A description that a person wrote in Collate remains and is shown as a conflict. Collate's ingestion "
    "overwrites it.",
    BOTH,
    "marts.dim_products|description",
    "marts.dim_customers|column|email|description",
)
ERASED = reason(
    "This includes columns that dbt does not describe. Collate's ingestion erases their descriptions.",
    BOTH,
    "marts.dim_customers|column|order_count|description",
)
SILENT_COLUMN = reason(
    "Columns that dbt does not describe are omitted from the data model. Collate's ingestion adds them "
    "without content.",
    THEIRS,
    "*|dataModel|columns|*",
)
PERSONS_PROPERTY = reason(
    "Custom properties that dbt does not set remain. Collate's ingestion replaces all of them with dbt's.",
    OURS,
    "*|property|mine",
)
SELF_EDGE = reason(
    "An incremental model has no edge to itself.",
    THEIRS,
    "marts.fct_orders|lineage|marts.fct_orders*",
)
MORE_COLUMNS = reason(
    "Column lineage includes quoted columns and columns read through a subquery. Collate's ingestion "
    "finds none for them.",
    OURS,
    "marts.WeeklyRevenue|lineage|marts.fct_order_items|column|*",
    "marts.fct_orders|lineage|staging.stg_orders|column|marts.fct_orders.ordered_at",
)
CREATE_TABLE = reason(
    "An edge holds dbt's SQL unchanged. Collate's ingestion prefixes it with `create table`, masks its "
    "literals, and writes the two forms alternately at each sync.",
    BOTH,
    "*|lineage|*|sqlQuery",
)
MORE_SQL = reason(
    "Compiled SQL, and so column lineage, comes from the step that compiled. Collate's ingestion uses the "
    "last step's manifest, which has none after `dbt test`.",
    f"{OURS}+{BOTH}",
    "*|dataModel|sql",
    "*|lineage|*|sqlQuery",
    "*|lineage|*|column|*",
)
SEVERITY = reason(
    "The message of a test result says whether dbt warned or failed, and the severity. A test that did "
    "not run in this run gets no result.",
    BOTH,
    "*|test|result|result",
)
QUOTED = reason(
    "A test of a quoted column arrives. Collate's ingestion leaves the quotes in the entity link, so the "
    "server refuses it.",
    OURS,
    "marts.WeeklyRevenue.weekStart.not_null_weekly_revenue__weekStart_|test|*",
)
CASE = reason(
    "If dbt spells a column in another case, Collate's spelling is used. Collate's ingestion uses dbt's.",
    f"{OURS}+{THEIRS}",
    "staging.stg_customers|dataModel|columns|[eE][mM][aA][iI][lL]|*",
    "staging.stg_customers.[eE][mM][aA][iI][lL].not_null_stg_customers_EMAIL|test|*",
)
SEED_WINS = reason(
    "A seed that is also a source has the metadata of both. Collate's ingestion overwrites the first with "
    "the second.",
    f"{OURS}+{BOTH}",
    "raw.*|dataModel|owners",
    "raw.*|dataModel|tags",
    "raw.orders|dataModel|columns|order_id|*",
)
SEED_PATH = reason(
    "The path of a seed is relative to the project. Collate's ingestion prefixes it with the folder on "
    "dbt Cloud's runner.",
    BOTH,
    "raw.*|dataModel|path",
)
PARAMETERS = reason(
    "A `relationships` test names what it refers to. Collate's ingestion leaves the parameter empty.",
    BOTH,
    "*.relationships_*|test|parameters",
)
TYPES = reason(
    "Without a catalog, column types are those in Collate. Collate's ingestion writes `UNKNOWN`.",
    BOTH,
    "*|dataModel|columns|*|dataType",
)
NO_COLUMN = reason(
    "Columns missing from the warehouse are reported, not written. Collate's ingestion adds them to the "
    "data model, where nobody sees them.",
    THEIRS,
    "marts.dim_customers|dataModel|columns|loyalty_level|*",
)
UNUSED_TAG = reason(
    "A tag that is used only by models without a table is not created.",
    THEIRS,
    "dbtTags.finance|tags",
)

# The shop of the sandbox shows none of the following, so that no pattern is needed: a difference of that
# kind would be a new one there.
COMMENT = reason(
    "A column's description is dbt's, or the warehouse's comment if dbt has none. Collate's ingestion "
    "prefers the comment.",
    BOTH,
)
NESTED = reason(
    "Documented fields of a struct get their descriptions and tags. Collate's ingestion omits them.",
    OURS,
)
EPHEMERAL = reason(
    "A generic test of an ephemeral model is omitted, with a note. Collate's ingestion attaches it to a "
    "parent's table and column.",
    THEIRS,
)
EXPRESSION = reason(
    "A test of an expression is a test of the table and names the expression. Collate's ingestion does "
    "this only for expressions with `|`, `<` or `>`.",
    f"{OURS}+{THEIRS}",
)
ONE_CASE = reason(
    "If two tests share a test case, the worse result counts. In Collate's ingestion the last one counts.",
    BOTH,
)
ARGUMENTS = reason(
    "The parameter of a generic test holds all its arguments. Collate's ingestion writes only lists of "
    "values.",
    BOTH,
)
NO_RESULTS = reason(
    "Without run results, test cases are created without results. Collate's ingestion creates none.",
    OURS,
)
SKIPPED = reason(
    "A test that dbt skipped gets no result. Collate's ingestion writes `Aborted`.",
    THEIRS,
)
EMPTY_RUN = reason(
    "Results and SQL of runs with `--empty` or `--sample` are omitted. Collate's ingestion uses them.",
    f"{THEIRS}+{BOTH}",
)
NO_CASE = reason(
    "Test definitions without a test case, and tags of operations, are not created.",
    THEIRS,
)
GUEST = reason(
    "A table that another dbt project builds keeps its descriptions and its data model. Collate's "
    "ingestion writes those of the project that ran last.",
    BOTH,
)
PASSED_THROUGH = reason(
    "The inputs of an exposure, a metric or a function are traced to tables. Collate's ingestion stops at "
    "the first node.",
    OURS,
)
EXCLUSIVE = reason(
    "A tag set by dbt replaces another tag of the same mutually exclusive classification. Collate's "
    "ingestion is refused by the server.",
    BOTH,
)
DOTTED_TAG = reason(
    "A dbt tag with a dot is one tag. Collate's ingestion creates another tag that no table gets.",
    f"{OURS}+{THEIRS}",
)
OWNER = reason(
    "An owner is matched with a user, then a team, of that name or email address, even if `meta.owner` is "
    "a mapping. Collate's ingestion tries a team first and also searches display names.",
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
