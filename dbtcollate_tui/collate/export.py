"""A pipeline to take away: OpenMetadata's ingestion YAML, or the request's JSON; no secret in either."""

import json
import shlex
from typing import Any

from dbtcollate_tui.collate.automations import discovery_api
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.printable import json_safe, one_line, printable

DBT_CLOUD_VARIABLE = "${DBT_CLOUD_TOKEN}"
COLLATE_VARIABLE = "${COLLATE_TOKEN}"

_HEADER = """\
# dbt Cloud → {service}, for OpenMetadata's ingestion framework.
#   export DBT_CLOUD_TOKEN=... COLLATE_TOKEN=...
#   metadata ingest -c {file}
"""

_SCRIPT = """\
#!/bin/sh
# dbt Cloud → {service}: write, deploy and run the ingestion pipeline.
#   export DBT_CLOUD_TOKEN=... COLLATE_TOKEN=...
set -eu
: "${{DBT_CLOUD_TOKEN:?}}" "${{COLLATE_TOKEN:?}}"
api={root}

collate() {{
  curl -fsS -K /dev/fd/3 "$@" 3<<HEADER
header = "Authorization: Bearer $COLLATE_TOKEN"
HEADER
}}

written=$(collate -X PUT -H 'Content-Type: application/json' --data-binary @- "$api" <<PIPELINE
{body}
PIPELINE
)
id=$(printf '%s' "$written" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
collate -X POST "$api/deploy/$id"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
  if collate -X POST "$api/trigger/$id"; then exit 0; fi
  sleep 5
done
exit 1
"""


def pipeline_json(spec: DbtPipelineSpec, dialect: Dialect) -> str:
    """The body of ``PUT services/ingestionPipelines``, with ``${DBT_CLOUD_TOKEN}`` for the token."""
    return json_safe(json.dumps(spec.body(dialect, DBT_CLOUD_VARIABLE), indent=2, ensure_ascii=False)) + "\n"


def _target(spec: DbtPipelineSpec, collate_url: str) -> dict[str, Any]:
    """Where an ingestion writes."""
    return {
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
        **_target(spec, collate_url),
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

    The variables are in quotes: the framework fills them in before it reads the YAML. A dollar sign in
    any other value is written as an escape, so that a name is never filled in.
    """
    config = ingestion_config(spec, dialect, collate_url, report_as_pipeline=report_as_pipeline)
    return _as_yaml(config, _HEADER.format(service=_in_comment(spec.service.name), file=_in_comment(file)))


def connector_config(spec: DbtPipelineSpec, dialect: Dialect, collate_url: str) -> dict[str, Any]:
    """OpenMetadata's own dbt Cloud connector for the same account, as values; it writes no lineage.

    It shows the account's job runs as a pipeline service. Raises `UsageError` before OpenMetadata 1.5.
    """
    connection = dialect.dbt_cloud_connection(
        {
            "type": "DBTCloud",
            "host": spec.base_url.rstrip("/"),
            "discoveryAPI": discovery_api(spec.base_url),
            "accountId": str(spec.account_id),
            "token": DBT_CLOUD_VARIABLE,
            **({"projectIds": [str(spec.project_id)]} if spec.project_id is not None else {}),
            **({"jobIds": [str(spec.job_id)]} if spec.job_id is not None else {}),
        }
    )
    if connection is None:
        raise UsageError(
            f"OpenMetadata {dialect.text} has no dbt Cloud connector",
            causes=["It came with version 1.5."],
        )
    service = spec.service.fullyQualifiedName or spec.service.name
    return {
        "source": {
            "type": "dbtcloud",
            "serviceName": "dbt_cloud",
            "serviceConnection": {"config": connection},
            "sourceConfig": {
                "config": {
                    "type": "PipelineMetadata",
                    "includeLineage": False,
                    "lineageInformation": {"dbServiceNames": [service]},
                }
            },
        },
        **_target(spec, collate_url),
    }


def connector_yaml(spec: DbtPipelineSpec, dialect: Dialect, collate_url: str) -> str:
    """The connector's configuration for ``metadata ingest``, both tokens as environment variables."""
    config = connector_config(spec, dialect, collate_url)
    return _as_yaml(config, _HEADER.format(service="its job runs", file="dbt_cloud_connector.yaml"))


def _as_yaml(config: dict[str, Any], header: str) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts with a dollar sign in double quotes, where it can be escaped."""

    def text_of(dumper: Any, value: str) -> Any:
        kept = value in (DBT_CLOUD_VARIABLE, COLLATE_VARIABLE)
        style = "'" if kept else '"' if "$" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text_of)
    text = yaml.dump(config, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    if printable(text) != text:
        text = yaml.dump(config, Dumper=Dumper, sort_keys=False, allow_unicode=False, width=100)
    variables = tuple(f": '{variable}'\n" for variable in (DBT_CLOUD_VARIABLE, COLLATE_VARIABLE))
    return header + "".join(
        line if line.endswith(variables) else line.replace("$", "\\x24")
        for line in text.splitlines(keepends=True)
    )


def pipeline_curl(spec: DbtPipelineSpec, dialect: Dialect, collate_url: str) -> str:
    """A shell script: the pipeline written, deployed and triggered by curl, both tokens from the environment.

    The trigger is repeated for a minute: the server refuses it for some seconds after a deploy.
    """
    mark = "@DBT_CLOUD_TOKEN@"
    while mark in json.dumps(spec.body(dialect, ""), ensure_ascii=False):
        mark += "@"
    body = json_safe(json.dumps(spec.body(dialect, mark), indent=2, ensure_ascii=False))
    for special in ("\\", "$", "`"):
        body = body.replace(special, "\\" + special)
    body = body.replace(f'"{mark}"', f'"{DBT_CLOUD_VARIABLE}"')
    root = f"{collate_url.rstrip('/')}/api/v1/services/ingestionPipelines"
    return _SCRIPT.format(service=_in_comment(spec.service.name), root=shlex.quote(root), body=body)


def _in_comment(text: str) -> str:
    """The text on one line: a line break would end the comment and begin a command."""
    return one_line(printable(text))
