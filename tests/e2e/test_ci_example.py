"""The examples of the help topic on CI: their commands, run in a clean environment, against the sandbox."""

import json
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


def container() -> tuple[dict[str, str], list[str], list[str]]:
    """The container file's variables, entry point and default command."""
    (example,) = re.findall(r"```dockerfile\n(.*?)```", TOPIC.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line.partition(" ")[::2] for line in example.splitlines()]
    assert ("RUN", "pip install --no-cache-dir dbtcollate-tui") in lines
    variables = dict(rest.split("=", 1) for word, rest in lines if word == "ENV")
    told = {word: json.loads(rest) for word, rest in lines if word in ("ENTRYPOINT", "CMD")}
    return variables, told["ENTRYPOINT"], told["CMD"]


def test_the_container_sets_up_then_syncs_every_profile(tmp_path: Path) -> None:
    """Nothing is inherited; the volume is all that lasts from one run to the next."""
    variables, entry, command = container()
    sandbox = Sandbox()
    sandbox.start()
    try:
        environment = {
            **{name: value.replace("/data", str(tmp_path / "data")) for name, value in variables.items()},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "LANG": "C.UTF-8",
            "DBT_CLOUD_TOKEN": sandbox.dbt_cloud_token.get_secret_value(),
            "COLLATE_TOKEN": sandbox.collate_token.get_secret_value(),
        }
        page = f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}"
        for given in (["setup", "--dbt-cloud", page, "--collate", sandbox.collate_url], command):
            done = subprocess.run(
                [*entry, *given], capture_output=True, text=True, env=environment, timeout=120, check=False
            )
            assert done.returncode == ExitCode.OK, (given, done.stdout, done.stderr)
        assert "Synced 1 profile" in done.stdout
        assert {path.name for path in (tmp_path / "data").iterdir()} >= {"config", "state", "log"}
    finally:
        sandbox.stop()
