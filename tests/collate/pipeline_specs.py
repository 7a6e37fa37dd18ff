"""Pipelines as the program writes them and as a server stores them."""

from typing import Any

from pydantic import SecretStr

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import EntityReference, IngestionPipeline
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec

NEW, OLD = Dialect.of("2.0.7"), Dialect.of("1.1.0")
SECRET = "dbtc_PlantedPipelineSecret42"
SPEC = DbtPipelineSpec(
    name="dbt_cloud_sync",
    service=EntityReference(id="s1", type="databaseService", name="shop", fullyQualifiedName="shop"),
    account_id=70403,
    project_id=2,
    job_id=3,
    base_url="https://ab123.us1.dbt.com/",
    token=SecretStr(SECRET),
    schedule="0 */6 * * *",
)


def stored(spec: DbtPipelineSpec = SPEC, secret: str = SECRET, **changes: Any) -> IngestionPipeline:
    body = {**spec.body(NEW, secret), "id": "p1", "fullyQualifiedName": f"shop.{spec.name}", **changes}
    return IngestionPipeline.model_validate(body)
