"""Runs in the reference's environment: its dbt workflow on the configuration file that is named.

Prints one JSON object on the last line: the warnings, failures and counts of each step, and what it raised.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main(path: str) -> dict[str, Any]:
    """Run the workflow of that file as ``metadata ingest -c`` does; what became of it."""
    config = importlib.import_module("metadata.config.common").load_config_file(Path(path))
    workflow = importlib.import_module("metadata.workflow.metadata").MetadataWorkflow.create(config)
    raised = ""
    workflow.execute()
    steps = {step.name: step.get_status() for step in workflow.workflow_steps()}
    try:
        workflow.raise_from_status()
    except Exception as error:  # noqa: BLE001 - whatever the reference raises is told
        raised = f"{type(error).__name__}: {error}"
    finally:
        workflow.stop()
    return {
        "raised": raised,
        "steps": {
            name: {
                "records": len(status.records),
                "warnings": [text for warning in status.warnings for text in warning.values()],
                "failures": [[failure.name, failure.error] for failure in status.failures],
            }
            for name, status in steps.items()
        },
    }


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
