"""The three that are measured: the reference, this program, and bare httpx sending its writes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.bench import measured
from tests.bench.serving import COLLATE_TOKEN, DBT_TOKEN
from tests.contract.reference import run as reference_environment

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "shop_warehouse"
_WORKFLOW = Path(reference_environment.__file__).parent / "theirs" / "workflow.py"
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "PYTHONPATH")


@dataclass(frozen=True)
class Ended:
    """What a side cost, and what went wrong in it; ``trouble`` is empty where nothing did."""

    cost: measured.Cost
    trouble: str
    failed: bool = False
    """Whether it did not do its work, so that its cost says nothing."""


def reference_python() -> str:
    """The interpreter of the reference's environment, made where it is not there, its modules compiled."""
    python = os.environ.get("DBTCOLLATE_REFERENCE_PYTHON") or str(reference_environment.reference_python())
    warm = "import metadata.workflow.metadata, metadata.ingestion.source.database.dbt.metadata"
    subprocess.run([python, "-c", warm], check=True, capture_output=True)
    return python


def our_python(cache: Path) -> str:
    """An interpreter with what a user of this program has installed and no test tools, made if not there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = ROOT / ".ci" / "constraints.txt"
    needed = [*project["dependencies"], constraints.read_text(encoding="utf-8")]
    home = cache / f"own-{hashlib.sha256(repr(needed).encode()).hexdigest()[:10]}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (home / "whole").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        install = [str(python), "-m", "pip", "install", "-q", "-c", str(constraints)]
        subprocess.run([*install, *project["dependencies"]], check=True)
        (home / "whole").touch()
    return str(python)


def reference(python: str, urls: dict[str, str], home: Path) -> Ended:
    """The reference's own dbt workflow, as Collate's workers run it; what went wrong is told."""
    config = home / "workflow.json"
    config.write_text(json.dumps(_workflow(urls)), encoding="utf-8")
    env = _environment() | {"PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
    cost = measured.run([python, str(_WORKFLOW), str(config)], env, home / "output.txt")
    if cost.code:
        return _judged(cost)
    steps = json.loads(cost.output.rstrip().rsplit("\n", 1)[-1])["steps"]
    failures = sum(len(step["failures"]) for step in steps.values())
    warnings = sum(len(step["warnings"]) for step in steps.values())
    trouble = f"{failures} failures, {warnings} warnings" if failures or warnings else ""
    return Ended(cost, trouble)


def ours(urls: dict[str, str], home: Path, python: str = sys.executable) -> Ended:
    """``dbtcollate sync --yes`` with folders of its own below ``home``, by that interpreter."""
    profiles = home / "config" / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / "bench.toml").write_text(_profile(urls), encoding="utf-8")
    env = _environment() | {"DBT_CLOUD_TOKEN": DBT_TOKEN, "COLLATE_TOKEN": COLLATE_TOKEN}
    env |= {
        f"DBTCOLLATE_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "LOG")
    }
    command = [python, "-m", "dbtcollate_tui", "sync", "--yes", "--engine", "direct", "-p", "bench"]
    cost = measured.run(command, env, home / "output.txt")
    return _judged(cost)


def floor(url: str, writes: Path, at_once: int, home: Path, python: str = sys.executable) -> Ended:
    """Bare httpx sending these writes, by that interpreter."""
    command = [python, "-m", "tests.bench.floor", url, str(writes), str(max(at_once, 1))]
    cost = measured.run(command, _environment(), home / "output.txt")
    return _judged(cost)


def _judged(cost: measured.Cost) -> Ended:
    trouble = f"ended with {cost.code}: {cost.output.strip()[-500:]}" if cost.code else ""
    return Ended(cost, trouble, failed=cost.code != 0)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH", ""))))
    return kept | {"NO_COLOR": "1", "PYTHONPATH": path}


def _profile(urls: dict[str, str]) -> str:
    from dbtcollate_tui.sandbox.dbt_cloud.content import ACCOUNT_ID, NIGHTLY_ID, PROJECT_ID

    return (
        'name = "bench"\nschema_version = 1\n[dbt_cloud]\n'
        f'base_url = "{urls["dbt_cloud"]}"\naccount_id = {ACCOUNT_ID}\nproject_id = {PROJECT_ID}\n'
        f'job_id = {NIGHTLY_ID}\n[collate]\nbase_url = "{urls["collate"]}"\nservice = "{SERVICE}"\n'
    )


def _workflow(urls: dict[str, str]) -> dict[str, object]:
    from dbtcollate_tui.sandbox.dbt_cloud.content import ACCOUNT_ID, NIGHTLY_ID, PROJECT_ID

    cloud = {
        "dbtConfigType": "cloud",
        "dbtCloudAuthToken": DBT_TOKEN,
        "dbtCloudAccountId": str(ACCOUNT_ID),
        "dbtCloudProjectId": str(PROJECT_ID),
        "dbtCloudJobId": str(NIGHTLY_ID),
        "dbtCloudUrl": urls["dbt_cloud"],
    }
    options = {
        "type": "DBT",
        "dbtConfigSource": cloud,
        "dbtUpdateDescriptions": True,
        "dbtUpdateOwners": True,
        "includeTags": True,
    }
    server = {
        "hostPort": f"{urls['collate']}/api",
        "authProvider": "openmetadata",
        "securityConfig": {"jwtToken": COLLATE_TOKEN},
    }
    return {
        "source": {"type": "dbt", "serviceName": SERVICE, "sourceConfig": {"config": options}},
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {"loggerLevel": "WARN", "openMetadataServerConfig": server},
    }
