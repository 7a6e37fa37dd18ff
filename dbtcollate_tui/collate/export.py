"""A pipeline to take away: OpenMetadata's ingestion YAML, or the request's JSON; no secret in either."""

import json
from typing import Any

import yaml

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec

DBT_CLOUD_VARIABLE = "${DBT_CLOUD_TOKEN}"
COLLATE_VARIABLE = "${COLLATE_TOKEN}"

_HEADER = """\
# dbt Cloud → {service}, for OpenMetadata's ingestion framework.
#   export DBT_CLOUD_TOKEN=... COLLATE_TOKEN=...
#   metadata ingest -c {file}
"""


def pipeline_json(spec: DbtPipelineSpec, dialect: Dialect) -> str:
    """The body of ``PUT services/ingestionPipelines``, with ``${DBT_CLOUD_TOKEN}`` for the token."""
    return json.dumps(spec.body(dialect, DBT_CLOUD_VARIABLE), indent=2, ensure_ascii=False) + "\n"


def ingestion_config(
    spec: DbtPipelineSpec, dialect: Dialect, collate_url: str, *, report_as_pipeline: bool = False
) -> dict[str, Any]:
    """The workflow's configuration as values; with ``report_as_pipeline`` its runs show in Collate."""
    config: dict[str, Any] = {
        "source": {
            "type": "dbt",
            "serviceName": spec.service.fullyQualifiedName or spec.service.name,
            "sourceConfig": {"config": spec.config(dialect, DBT_CLOUD_VARIABLE)},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "loggerLevel": spec.log_level,
            "openMetadataServerConfig": {
                "hostPort": f"{collate_url.rstrip('/')}/api",
                "authProvider": "openmetadata",
                "securityConfig": {"jwtToken": COLLATE_VARIABLE},
            },
        },
    }
    if report_as_pipeline:
        config["ingestionPipelineFQN"] = join_fqn(*spec.fqn_parts)
    return config


def ingestion_yaml(
    spec: DbtPipelineSpec,
    dialect: Dialect,
    collate_url: str,
    *,
    report_as_pipeline: bool = False,
    file: str = "dbt_cloud.yaml",
) -> str:
    """The complete configuration for ``metadata ingest``, both tokens as environment variables.

    The variables stand in quotes: the framework fills them in before it reads the YAML.
    """
    config = ingestion_config(spec, dialect, collate_url, report_as_pipeline=report_as_pipeline)
    header = _HEADER.format(service=spec.service.name, file=file)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
    for variable in (DBT_CLOUD_VARIABLE, COLLATE_VARIABLE):
        text = text.replace(f": {variable}\n", f": '{variable}'\n")
    return header + text
