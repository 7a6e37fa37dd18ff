"""Commands in a process of their own, and what curl would read from the sandbox."""

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from typing import Any

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.sandbox.shop_data import load_runs
from tests.support.world import SERVICE

WITHIN_SECONDS = 60


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dbtcollate_tui", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        timeout=WITHIN_SECONDS,
        check=False,
    )


def tokens(sandbox: Sandbox) -> dict[str, str]:
    return {
        "DBT_CLOUD_TOKEN": sandbox.dbt_cloud_token.get_secret_value(),
        "COLLATE_TOKEN": sandbox.collate_token.get_secret_value(),
    }


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def get(sandbox: Sandbox, path: str) -> Any:
    """What curl would read from the sandbox's Collate."""
    request = urllib.request.Request(
        f"{sandbox.collate_url}/api/v1/{path}",
        headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def table(sandbox: Sandbox, name: str) -> Any:
    fqn = urllib.parse.quote(f"{SERVICE}.shop.{name}", safe="")
    return get(sandbox, f"tables/name/{fqn}?fields=columns,owners,tags,dataModel")


def artifact(name: str) -> Any:
    recorded = next(run for run in load_runs() if run.name == "nightly-success")
    step = 6 if name == "manifest.json" else 7
    found = recorded.artifact(step, name)
    assert found is not None
    return json.loads(found)
