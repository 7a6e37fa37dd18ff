"""The metadata agent of a database service: which tables its filters take, and what is added to them."""

import pytest

from dbtcollate_tui.collate.agents import (
    AgentChange,
    MetadataAgent,
    WantedTable,
    include_schemas,
    is_quick,
    metadata_agent,
)
from dbtcollate_tui.collate.errors import GuardFailedError
from dbtcollate_tui.collate.models import FilterPattern, IngestionPipeline
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from tests.collate.server import FakeCollate, connected, refuse, say

PIPELINE = IngestionPipeline(
    id="p1", name="shop_metadata", fullyQualifiedName="shop.shop_metadata", pipelineType="metadata"
)
ORDERS = WantedTable("wh", "raw", "orders")
MARTS = WantedTable("wh", "marts", "orders")


ALL = FilterPattern()


def agent(
    databases: FilterPattern = ALL, schemas: FilterPattern = ALL, tables: FilterPattern = ALL
) -> MetadataAgent:
    return MetadataAgent(PIPELINE, databases, schemas, tables)


def only(*patterns: str) -> FilterPattern:
    return FilterPattern(includes=patterns)


def without(*patterns: str) -> FilterPattern:
    return FilterPattern(excludes=patterns)


@pytest.mark.parametrize(
    ("held", "change"),
    [
        (agent(), AgentChange(())),
        (agent(schemas=only("^marts$")), AgentChange(("^raw$",))),
        (agent(schemas=only("MARTS", "raw")), AgentChange(())),
        (agent(schemas=without("^raw")), AgentChange((), ("wh.raw.orders",))),
        (agent(tables=without("^orders$")), AgentChange((), ("wh.raw.orders", "wh.marts.orders"))),
        (agent(databases=only("^other$")), AgentChange((), ("wh.raw.orders", "wh.marts.orders"))),
        (agent(schemas=only("^marts$", "(")), AgentChange(("^raw$",))),
    ],
)
def test_a_schema_is_added_only_where_the_pattern_lacks_it(held: MetadataAgent, change: AgentChange) -> None:
    assert held.change_for([ORDERS, MARTS]) == change


def test_a_pattern_for_fqns_gets_an_fqn() -> None:
    held = MetadataAgent(PIPELINE, schemas=only(r"^shop\.wh\.marts$"), by_fqn=True)
    assert held.change_for([ORDERS, MARTS]) == AgentChange((r"^shop\.wh\.raw$",))


METADATA = {
    "id": "p1",
    "name": "shop_metadata",
    "fullyQualifiedName": "shop.shop_metadata",
    "pipelineType": "metadata",
    "deployed": True,
    "sourceConfig": {
        "config": {"type": "DatabaseMetadata", "schemaFilterPattern": {"includes": ["^marts$"]}}
    },
}
LIST = "GET /services/ingestionPipelines"
ONE = "/services/ingestionPipelines/p1"


async def test_a_pattern_is_added_to_and_never_replaced() -> None:
    fake = FakeCollate(
        answers={LIST: say({"data": [METADATA]}), f"GET {ONE}": say(METADATA), f"PATCH {ONE}": say(METADATA)}
    )
    async with connected(fake) as client:
        pipelines = IngestionPipelines(client)
        found = await metadata_agent(pipelines, "shop")
        assert found is not None
        await include_schemas(pipelines, found, found.change_for([ORDERS]).schemas)
    place = "/sourceConfig/config/schemaFilterPattern/includes"
    assert fake.bodies(f"PATCH {ONE}") == [
        [
            {"op": "test", "path": place, "value": ["^marts$"]},
            {"op": "add", "path": f"{place}/-", "value": "^raw$"},
        ]
    ]


async def test_a_pattern_that_changed_meanwhile_stays() -> None:
    failed = refuse(500, "[JsonPatch.Operation.TEST fails! Values are not equal]")
    fake = FakeCollate(answers={f"PATCH {ONE}": failed})
    async with connected(fake) as client:
        with pytest.raises(GuardFailedError):
            await include_schemas(IngestionPipelines(client), agent(schemas=only("^marts$")), ["^raw$"])


async def test_a_service_may_have_no_agent() -> None:
    fake = FakeCollate(answers={LIST: say({"data": [{**METADATA, "pipelineType": "dbt"}]})})
    async with connected(fake) as client:
        assert await metadata_agent(IngestionPipelines(client), "shop") is None


@pytest.mark.parametrize(
    "pattern",
    ["^marts$", "^stg_.*$", ".*_tmp.*", "^(a|b)_x$", r"^shop\.marts\..*", "^[^_]+_[a-z*+?]+$", "(?i)^marts"],
)
def test_a_common_filter_is_matched(pattern: str) -> None:
    assert is_quick(pattern, "marts")


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "(a{1,9}){9}", "(?:a|b)+x", "a?" * 30 + "a" * 30, ".*.*.*.*x", "x" * 501],
)
def test_a_filter_that_may_take_long_is_not_matched(pattern: str) -> None:
    assert not is_quick(pattern, "a" * 40)


def test_a_filter_on_a_long_name_may_repeat_twice() -> None:
    assert is_quick("a*a*a*b", "a" * 100)
    assert not is_quick("a*a*a*b", "a" * 200)
    assert is_quick("a*a*b", "a" * 200)
