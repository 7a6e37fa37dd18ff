"""The CI example of the help topic: its commands, run as a runner's shell would, against the sandbox."""

import os
import re
import subprocess
import sys
from pathlib import Path

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from tests.conftest import Places

TOPIC = Path(__file__).parents[2] / "dbtcollate_tui" / "help" / "ci.md"


def steps() -> list[str]:
    (example,) = re.findall(r"```yaml\n(.*?)```", TOPIC.read_text(encoding="utf-8"), flags=re.DOTALL)
    runs = re.findall(r"- run: (.*)", example)
    assert runs[0] == "pip install dbtcollate-tui"
    return runs[1:]


def test_the_ci_example_syncs_and_verifies(places: Places) -> None:
    sandbox = Sandbox()
    sandbox.start()
    try:
        page = f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}"
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CI": "true",
            "DBT_CLOUD_TOKEN": sandbox.dbt_cloud_token.get_secret_value(),
            "COLLATE_TOKEN": sandbox.collate_token.get_secret_value(),
            "DBT_CLOUD_URL": page,
            "COLLATE_URL": sandbox.collate_url,
        }
        for step in steps():
            done = subprocess.run(
                ["sh", "-c", step], capture_output=True, text=True, env=environment, timeout=120, check=False
            )
            assert done.returncode == ExitCode.OK, (step, done.stdout, done.stderr)
    finally:
        sandbox.stop()
