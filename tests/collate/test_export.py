"""What a pipeline is taken away as."""

import json

import yaml

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.export import ingestion_yaml, pipeline_json
from tests.collate.test_pipeline_spec import SECRET, SPEC

NEW = Dialect.of("2.0.7")


def test_the_yaml_is_complete_and_holds_no_secret() -> None:
    text = ingestion_yaml(SPEC, NEW, "https://acme.getcollate.io/", report_as_pipeline=True, file="x.yaml")
    assert SECRET not in text
    assert text.startswith("# dbt Cloud → shop")
    assert "metadata ingest -c x.yaml" in text
    assert "dbtCloudAuthToken: '${DBT_CLOUD_TOKEN}'\n" in text
    assert "jwtToken: '${COLLATE_TOKEN}'\n" in text
    config = yaml.safe_load(text)
    assert config["source"]["type"] == "dbt"
    assert config["source"]["serviceName"] == "shop"
    source = config["source"]["sourceConfig"]["config"]["dbtConfigSource"]
    assert source["dbtCloudAuthToken"] == "${DBT_CLOUD_TOKEN}"
    server = config["workflowConfig"]["openMetadataServerConfig"]
    assert server["hostPort"] == "https://acme.getcollate.io/api"
    assert server["securityConfig"] == {"jwtToken": "${COLLATE_TOKEN}"}
    assert config["ingestionPipelineFQN"] == "shop.dbt_cloud_sync"


def test_the_json_is_the_request() -> None:
    body = json.loads(pipeline_json(SPEC, NEW))
    assert body == SPEC.body(NEW, "${DBT_CLOUD_TOKEN}")
