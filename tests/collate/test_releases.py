"""What the program sends and asks for, against the published schemas of every OpenMetadata release."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from pydantic import SecretStr

from dbtcollate_tui.collate import catalog, quality
from dbtcollate_tui.collate.automations import try_dbt_cloud
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.entity import EntityReference, TagLabel
from dbtcollate_tui.collate.errors import NotSpokenError
from dbtcollate_tui.collate.export import connector_config
from dbtcollate_tui.collate.models import (
    Column,
    LineageEdge,
    StackTraceError,
    StepSummary,
    Table,
    TableConstraint,
)
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.collate.pipeline_models import FilterPattern
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.collate.run_report import RunReport
from dbtcollate_tui.sandbox.collate.api import ApiError
from dbtcollate_tui.sandbox.collate.bodies import (
    ADD_LINEAGE,
    CONTRACT_RESULT,
    CREATE,
    DATA_MODEL,
    DBT_CLOUD_CONNECTION,
    DBT_PIPELINE,
    PIPELINE_SERVICE_PIPELINE,
    PIPELINE_STATUS,
    PROGRESS,
    TEST_RESULT,
    TEST_RESULT_OLD,
    check_body,
)
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.releases import ServerRelease, numbers_of, schema_table
from dbtcollate_tui.sync.reading import server as reading
from dbtcollate_tui.sync.reading import test_cases
from tests.collate.server import TOKEN

TABLE = KINDS["table"].schema
CASE = KINDS["testCase"].schema
CONSTRAINT = "entity/data/table#TableConstraint"
RELEASES = schema_table().releases
VERSIONS = sorted({numbers_of(release)[:3] for release in RELEASES})
FILTER = FilterPattern(includes=("a",), excludes=("b",))
USER = EntityReference(id="u1", type="user", name="ana", fullyQualifiedName="ana")
TAG = TagLabel(tagFQN="dbtTags.mart", source="Classification", labelType="Automated", state="Confirmed")
SPEC = DbtPipelineSpec(
    name="dbt_cloud_sync",
    display_name="dbt Cloud sync",
    service=EntityReference(id="s1", type="databaseService", name="shop", fullyQualifiedName="shop"),
    account_id=1,
    project_id=2,
    job_id=3,
    base_url="https://ab123.us1.dbt.com",
    token=SecretStr("dbtc_x"),
    search_across_databases=True,
    override_lineage=True,
    include_metrics=True,
    catalog_mapping={"a": "b"},
    database_filter=FILTER,
    schema_filter=FILTER,
    table_filter=FILTER,
    tag_filter=FILTER,
    schedule="0 6 * * *",
    streamable_logs=True,
)
FOREIGN_KEY = TableConstraint(
    constraintType="FOREIGN_KEY", columns=("id",), referredColumns=("shop.wh.marts.customers.id",)
)
DATA_MODEL_BODY = {
    "modelType": "DBT",
    "resourceType": "model",
    "description": "Orders.",
    "dbtSourceProject": "shop",
    "path": "models/orders.sql",
    "rawSql": "select 1",
    "sql": "select 1",
    "upstream": ["shop.wh.raw.orders"],
    "owners": [{"id": "u1", "type": "user"}],
    "tags": [TAG.as_request()],
    "columns": [
        {
            "name": "id",
            "dataType": "UNKNOWN",
            "dataLength": 1,
            "description": "The order.",
            "ordinalPosition": 1,
            "tags": [TAG.as_request()],
        }
    ],
}
CONTRACT_RESULT_BODY = {
    "id": "00000000-0000-0000-0000-000000000001",
    "dataContractFQN": "shop.wh.marts.orders.dataContract_dbt_orders",
    "timestamp": 1,
    "contractExecutionStatus": "Failed",
    "result": "no",
}
RESULT = {
    "timestamp": 1,
    "testCaseStatus": "Failed",
    "result": "Got 1 result",
    "testResultValue": [{"name": "rows", "value": "1"}],
}


class Recording(CollateClient):
    """A client that sends nothing: every body is kept, every call refused as one that is not spoken."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__("http://127.0.0.1:9", TOKEN)
        self._dialect = dialect
        self.sent: list[tuple[str, Any]] = []

    async def call(self, method: str, path: str, *, body: object = None, **_: Any) -> NoReturn:
        self.sent.append((f"{method} {path}", body))
        raise NotSpokenError("not sent", status=405, message="")

    async def body_of(self, work: Callable[["Recording"], Awaitable[object]]) -> Any:
        """The first body that some work would send."""
        self.sent.clear()
        with suppress(NotSpokenError):
            await work(self)
        return self.sent[0][1] if self.sent else None


async def bodies_of(dialect: Dialect) -> dict[str, list[Any]]:
    """Every body that the program builds for a server, by the object of the schemas that it must fit."""
    client = Recording(dialect)
    body_of = client.body_of
    edge = LineageEdge(
        fromEntity=EntityReference(id="t1", type="table"),
        toEntity=EntityReference(id="t2", type="table"),
        source="DbtLineage",
        sqlQuery="select 1",
        columnsLineage=(),
    )
    step = StepSummary(name="dbt", records=1, failures=(StackTraceError(name="a", error="b"),))
    suite = "shop.wh.marts.orders.testSuite"
    test: Any = {"definition": "unique", "table_fqn": "shop.wh.marts.orders", "column": "id"}
    connection = await body_of(
        lambda it: try_dbt_cloud(
            it, base_url=SPEC.base_url, account_id=1, token=SPEC.token, project_ids=[2], job_ids=[3]
        )
    )
    return {
        CREATE["testDefinition"]: [
            await body_of(lambda it: it.put_test_definition("unique", entity_type="COLUMN", parameters="p"))
        ],
        CREATE["testSuite"]: [await body_of(lambda it: it.put_test_suite("shop.wh.marts.orders"))],
        CREATE["testCase"]: [
            await body_of(
                lambda it: it.put_test_case(
                    "unique_id", description="d", parameters={"p": "1"}, suite_fqn=suite, **test
                )
            ),
            *([] if dialect.needs_test_suite else [quality.case_body("unique_id", **test)]),
        ],
        TEST_RESULT if dialect.posts_results else TEST_RESULT_OLD: [
            await body_of(lambda it: it.add_test_case_result("x", RESULT))
        ],
        CREATE["dataContract"]: [contract_body(dialect)] if dialect.has_contracts else [],
        CONTRACT_RESULT: [CONTRACT_RESULT_BODY] if dialect.has_contract_results else [],
        CREATE["classification"]: [await body_of(lambda it: it.put_classification("dbtTags"))],
        CREATE["tag"]: [await body_of(lambda it: it.put_tag("dbtTags", "mart"))],
        DATA_MODEL: [
            await body_of(lambda it: it.put_data_model("t1", DATA_MODEL_BODY)),
            await body_of(lambda it: it.put_data_model("t1", {"modelType": "DBT"})),
        ],
        ADD_LINEAGE: [await body_of(lambda it: it.put_lineage(edge))],
        CREATE["ingestionPipeline"]: [SPEC.body(dialect, "x")],
        DBT_PIPELINE: [SPEC.config(dialect, "x")],
        CREATE["workflow"]: [] if connection is None else [connection],
        DBT_CLOUD_CONNECTION: ([] if connection is None else [connection["request"]["connection"]["config"]]),
        PIPELINE_STATUS: [
            await body_of(lambda it: RunReport(it, "shop.p").start()),
            await body_of(lambda it: RunReport(it, "shop.p").steps([step])),
            await body_of(lambda it: RunReport(it, "shop.p").finish("failed", [step])),
            await body_of(lambda it: RunReport(it, "shop.p").finish(dialect.stopped_state, [step])),
        ],
        PROGRESS: [
            body
            for body in [
                await body_of(lambda it: RunReport(it, "shop.p").progress("PROCESSING", "dbt", "half"))
            ]
            if body is not None
        ],
    }


def contract_body(dialect: Dialect) -> dict[str, Any]:
    body: dict[str, Any] = {"name": "dbt_orders", "entity": {"id": "t1", "type": "table"}}
    if dialect.has_contract_columns:
        body["schema"] = [{"name": "id", "dataType": "INT", "constraint": "NOT_NULL"}]
    return {**body, "description": "d", dialect.contract_status[0]: dialect.contract_status[1]}


def patched_parts(dialect: Dialect) -> list[dict[str, Any]]:
    """What patches write into a table, as parts of the table."""
    table = Table(
        id="t1",
        name="orders",
        fullyQualifiedName="shop.wh.marts.orders",
        columns=(Column(name="id", dataType="INT"),),
    )
    patch = TablePatch(table, dialect).set_description("d").set_owners([USER]).set_tags([TAG])
    if dialect.has_domains:
        patch.set_domain(EntityReference(id="d1", type="domain"))
        patch.set_data_products([EntityReference(id="p1", type="dataProduct")])
    patch.set_property("tier", "gold")
    relation = "MANY_TO_ONE" if dialect.has_key_relations else ""
    if dialect.has_status:
        patch.set_status("Deprecated")
    patch.set_constraints([replace(FOREIGN_KEY, relationshipType=relation)])
    column = TablePatch(table, dialect).set_column_description("id", "d").set_column_tags("id", [TAG])
    if dialect.has_column_properties:
        column.set_column_property("id", "grade", "gold")
    parts = [
        {op["path"].split("/")[1]: op["value"]}
        for op in patch.ops()
        if op["op"] != "test" and op["path"].count("/") == 1
    ]
    for op in column.ops():
        if op["op"] != "test":
            name = op["path"].split("/")[3]
            parts.append({"columns": [{"name": "id", "dataType": "INT", name: op["value"]}]})
    return parts


def asked_fields(dialect: Dialect) -> Mapping[str, Sequence[str]]:
    """The names of ``fields=`` that the program asks for."""
    return {
        TABLE: dialect.fields({*catalog.TABLE_FIELDS, *reading.TABLE_FIELDS}).split(","),
        CASE: dialect.fields({*quality.CASE_FIELDS, *test_cases.CASE_FIELDS}).split(","),
        KINDS["ingestionPipeline"].schema: ["pipelineStatuses"],
    }


@pytest.mark.parametrize("text", [".".join(map(str, version)) for version in VERSIONS if version >= (1, 5)])
def test_the_exported_connector_fits_each_release(text: str) -> None:
    server = ServerRelease(text, schema_table())
    source = connector_config(SPEC, Dialect.of(text), "https://collate.example")["source"]
    check_body(server, source["serviceConnection"]["config"], DBT_CLOUD_CONNECTION)
    check_body(server, source["sourceConfig"]["config"], PIPELINE_SERVICE_PIPELINE)


@pytest.mark.parametrize("line", sorted({release[: release.index(".", 2)] for release in RELEASES}))
async def test_no_release_is_sent_what_it_does_not_know(line: str) -> None:
    """Every body, patch and ``fields=`` fits the schemas of each release, patch releases included."""
    problems = []
    for release in (item for item in RELEASES if item.startswith(f"{line}.")):
        text = ".".join(release.split(".")[:3])
        server = ServerRelease(text, schema_table(), release)
        dialect = Dialect.of(text)
        bodies = await bodies_of(dialect)
        bodies[TABLE] = patched_parts(dialect)
        for name, sent in bodies.items():
            for body in sent:
                try:
                    check_body(server, body, name, converted=name in (TABLE, DBT_PIPELINE))
                except ApiError as error:
                    problems.append(f"{release} {name}: {error.message.splitlines()[0][:200]}")
        for name, fields in asked_fields(dialect).items():
            problems.extend(f"{release} {name}: {item}" for item in fields if item not in server.fields(name))
    assert problems == []


def test_results_are_posted_where_the_schema_has_them() -> None:
    """Their schema came with 1.6.0, yet a real 1.6 takes the old call, and its client changed with 1.8.0."""
    assert sent_since(lambda dialect: dialect.posts_results) == (1, 8, 0)
    assert first_version_with(schema_table().field_releases(TEST_RESULT, "timestamp")) == (1, 6, 0)


def first_version_with(releases: Sequence[str]) -> tuple[int, ...]:
    """The first version from which on every release is among ``releases``."""
    known = set(releases)
    found = VERSIONS[-1]
    for version in reversed(VERSIONS):
        if not all(release in known for release in RELEASES if numbers_of(release)[:3] == version):
            break
        found = version
    return found


def sent_since(uses: Callable[[Dialect], bool]) -> tuple[int, ...]:
    """The first version from which on the program uses something."""
    found = next(version for version in VERSIONS if uses(Dialect.of(".".join(map(str, version)))))
    assert all(uses(Dialect.of(".".join(map(str, version)))) for version in VERSIONS if version >= found)
    return found


def in_config(field: str) -> Callable[[Dialect], bool]:
    return lambda dialect: field in SPEC.config(dialect, "x")


def in_body(field: str) -> Callable[[Dialect], bool]:
    return lambda dialect: field in SPEC.body(dialect, "x")


def in_connection(field: str) -> Callable[[Dialect], bool]:
    return lambda dialect: field in (dialect.dbt_cloud_connection({field: "x"}) or {})


def in_data_model(field: str) -> Callable[[Dialect], bool]:
    return lambda dialect: field in dialect.data_model(DATA_MODEL_BODY)


FIELD_USES: list[tuple[str, str, Callable[[Dialect], bool]]] = [
    (TABLE, "owners", lambda dialect: dialect.fields(["owners"]) == "owners"),
    (TABLE, "domains", lambda dialect: dialect.many_domains),
    (TABLE, "domain", lambda dialect: dialect.has_domains),
    (CREATE["dataContract"], "name", lambda dialect: dialect.has_contracts),
    (CONTRACT_RESULT, "timestamp", lambda dialect: dialect.has_contract_results),
    (CREATE["dataContract"], "entityStatus", lambda dialect: dialect.contract_status[0] == "entityStatus"),
    (TABLE, "entityStatus", lambda dialect: dialect.has_status),
    (CONSTRAINT, "relationshipType", lambda dialect: dialect.has_key_relations),
    (DATA_MODEL, "owners", in_data_model("owners")),
    (DATA_MODEL, "resourceType", in_data_model("resourceType")),
    (DATA_MODEL, "dbtSourceProject", in_data_model("dbtSourceProject")),
    (CREATE["testSuite"], "basicEntityReference", lambda dialect: "basic" in dialect.suite_key),
    (CREATE["ingestionPipeline"], "raiseOnError", in_body("raiseOnError")),
    (CREATE["ingestionPipeline"], "enableStreamableLogs", in_body("enableStreamableLogs")),
    (
        CREATE["ingestionPipeline"],
        "processingEngine",
        lambda dialect: bool(dialect.pipeline_fields({"processingEngine": {}})),
    ),
    (PIPELINE_STATUS, "status", lambda dialect: dialect.status_has_steps),
    (PROGRESS, "runId", lambda dialect: dialect.tracks_progress),
    *(
        (DBT_CLOUD_CONNECTION, field, in_connection(field))
        for field in ("type", "jobIds", "projectIds", "numberOfRuns", "environmentIds")
    ),
    *(
        (DBT_PIPELINE, field, in_config(field))
        for field in (
            "searchAcrossDatabases",
            "dbtUpdateOwners",
            "tagFilterPattern",
            "overrideLineage",
            "catalogMapping",
            "includeMetrics",
        )
    ),
]


@pytest.mark.parametrize(("name", "field", "uses"), FIELD_USES, ids=[use[1] for use in FIELD_USES])
def test_a_field_is_used_from_its_first_release_on(
    name: str, field: str, uses: Callable[[Dialect], bool]
) -> None:
    releases = schema_table().field_releases(name, field)
    if field == "domain":
        releases = (*releases, *schema_table().field_releases(name, "domains"))
    assert sent_since(uses) == first_version_with(releases)


VALUE_USES: list[tuple[str, str, Callable[[Dialect], bool]]] = [
    ("tests/testDefinition#TestPlatform", "dbt", lambda dialect: dialect.dbt_platform == "dbt"),
    (
        "entity/services/ingestionPipelines/ingestionPipeline#PipelineState",
        "stopped",
        lambda dialect: dialect.stopped_state == "stopped",
    ),
]


@pytest.mark.parametrize(("name", "value", "uses"), VALUE_USES, ids=[use[1] for use in VALUE_USES])
def test_a_value_is_used_from_its_first_release_on(
    name: str, value: str, uses: Callable[[Dialect], bool]
) -> None:
    assert sent_since(uses) == first_version_with(schema_table().value_releases(name, value))


def test_a_suite_is_named_as_long_as_a_case_needs_it() -> None:
    for version in VERSIONS:
        text = ".".join(map(str, version))
        suite = ServerRelease(text, schema_table()).fields(CREATE["testCase"]).get("testSuite")
        assert Dialect.of(text).needs_test_suite == (suite is not None and suite.required), text


def test_a_definition_is_described_as_long_as_it_must_be() -> None:
    for version in VERSIONS:
        text = ".".join(map(str, version))
        shape = ServerRelease(text, schema_table()).fields(CREATE["testDefinition"])["description"]
        assert Dialect.of(text).definition_needs_description == shape.required, text
