"""Runs in the reference's environment: a workflow file through its loader and its own parser.

Prints one JSON object on the last line: the source's configuration as the parser understood it, the names of
its types, and both tokens, which come from environment variables.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main(path: str) -> dict[str, Any]:
    """Parse that file as ``metadata ingest`` does before it starts; raises what the parser raises."""
    values = importlib.import_module("metadata.config.common").load_config_file(Path(path))
    parser = importlib.import_module("metadata.ingestion.api.parser")
    config = parser.parse_workflow_config_gracefully(values)
    source = config.source.sourceConfig.config
    cloud = source.dbtConfigSource
    server = config.workflowConfig.openMetadataServerConfig
    return {
        "kind": type(source).__name__,
        "source_kind": type(cloud).__name__,
        "service": config.source.serviceName,
        "source": json.loads(source.model_dump_json(exclude={"dbtConfigSource"}, exclude_none=True)),
        "cloud": json.loads(cloud.model_dump_json(exclude_none=True)),
        "dbt_token": cloud.dbtCloudAuthToken.get_secret_value(),
        "collate_token": server.securityConfig.jwtToken.get_secret_value(),
        "host": server.hostPort,
        "log_level": config.workflowConfig.loggerLevel.value,
        "pipeline": config.ingestionPipelineFQN,
    }


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
