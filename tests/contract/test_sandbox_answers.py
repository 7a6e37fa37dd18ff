"""Every entity that the sandbox tells fits OpenMetadata's own schema of it, and has no key beside it."""

from collections.abc import Iterator

import pytest

from dbtcollate_tui.sandbox.collate.kinds import KINDS
from tests.contract.openmetadata_schemas import complaints
from tests.sandbox.collate_support import DIM_CUSTOMERS, STG_ORDERS, Caller, Json, collate

SCHEMAS = {
    "databaseService": "entity/services/databaseService.json",
    "database": "entity/data/database.json",
    "databaseSchema": "entity/data/databaseSchema.json",
    "table": "entity/data/table.json",
    "user": "entity/teams/user.json",
    "team": "entity/teams/team.json",
    "classification": "entity/classification/classification.json",
    "tag": "entity/classification/tag.json",
    "glossary": "entity/data/glossary.json",
    "glossaryTerm": "entity/data/glossaryTerm.json",
    "domain": "entity/domains/domain.json",
    "dashboard": "entity/data/dashboard.json",
    "metric": "entity/data/metric.json",
    "mlmodel": "entity/data/mlmodel.json",
    "apiEndpoint": "entity/data/apiEndpoint.json",
    "testDefinition": "tests/testDefinition.json",
    "testCase": "tests/testCase.json",
    "testSuite": "tests/testSuite.json",
    "ingestionPipeline": "entity/services/ingestionPipelines/ingestionPipeline.json",
    "dataContract": "entity/data/dataContract.json",
    "workflow": "entity/automations/workflow.json",
    "pipelineService": "entity/services/pipelineService.json",
    "pipeline": "entity/data/pipeline.json",
}
"""The schema of each kind, by its path among OpenMetadata's."""
EMPTY = {"metric", "mlmodel", "apiEndpoint", "ingestionPipeline", "workflow", "pipelineService", "pipeline"}
"""Kinds of which the server below has none, or no list."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A server with something of nearly every kind."""
    with collate(tmp_path_factory.mktemp("collate")) as caller:
        send(caller)
        yield caller


def send(caller: Caller) -> None:
    """A domain, a term, a data model, an edge, a test case with a result, as a dbt sync writes them."""
    table = caller.table(DIM_CUSTOMERS)
    domain = {"name": "Sales", "description": "d", "domainType": "Aggregate"}
    made = caller.send("PUT", "domains", domain, status=201)
    reference = {"id": made["id"], "type": "domain"}
    caller.send("PUT", "glossaries", {"name": "Business", "description": "d"}, status=201)
    term = {"glossary": "Business", "name": "Order", "description": "d"}
    caller.send("PUT", "glossaryTerms", term, status=201)
    caller.patch(f"tables/{table['id']}", {"op": "add", "path": "/domains", "value": [reference]})
    caller.make_tag("dbtTags", "mart")
    label = {
        "tagFQN": "dbtTags.mart",
        "source": "Classification",
        "labelType": "Automated",
        "state": "Suggested",
    }
    column = {"name": "customer_id", "dataType": "INT", "tags": [label]}
    model = {"modelType": "DBT", "resourceType": "model", "tags": [label], "columns": [column]}
    caller.send("PUT", f"tables/{table['id']}/dataModel", model | {"upstream": [STG_ORDERS]})
    contract = {"name": "orders", "entity": {"id": table["id"], "type": "table"}, "description": "d"}
    caller.send("PUT", "dataContracts", contract, status=201)
    definition = {"name": "unique", "entityType": "COLUMN", "testPlatforms": ["dbt"]}
    caller.send("PUT", "dataQuality/testDefinitions", definition, status=201)
    link = f"<#E::table::{DIM_CUSTOMERS}::columns::customer_id>"
    case = {"name": "once", "testDefinition": "unique", "entityLink": link}
    fqn = caller.send("PUT", "dataQuality/testCases", case, status=201)["fullyQualifiedName"]
    result = {"timestamp": 1, "testCaseStatus": "Success", "testResultValue": [{"name": "a", "value": "1"}]}
    caller.send("POST", f"dataQuality/testCases/testCaseResults/{fqn}", result, status=201)


def test_every_kind_is_held_to_a_schema() -> None:
    assert SCHEMAS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", sorted(SCHEMAS.keys() - EMPTY))
def test_every_entity_fits(server: Caller, kind: str) -> None:
    found = KINDS[kind]
    every = ",".join(sorted(found.on_request))
    entities = [
        *server.get(found.path, limit=100)["data"],
        *server.get(found.path, limit=100, fields=every)["data"],
    ]
    assert entities
    for entity in entities:
        assert held(SCHEMAS[kind], entity) == []


def held(schema: str, entity: Json) -> list[str]:
    """What the schema has against it, but that 0.3, as a binary fraction, is no multiple of 0.1."""
    return [text for text in complaints(schema, entity) if "$.version: " not in text]
