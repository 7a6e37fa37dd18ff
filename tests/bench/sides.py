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


def our_python(cache: Path, root: Path = ROOT) -> str:
    """An interpreter with what a user of this program has installed and no test tools, made if not there.

    ``root`` is the checkout whose dependencies are meant.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = root / ".ci" / "constraints.txt"
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


@dataclass(frozen=True)
class Build:
    """A checkout of this program, the interpreter that runs it, and how it speaks to the servers."""

    root: Path = ROOT
    python: str = sys.executable
    authority: Path | None = None
    http2: bool = False

    def environment(self) -> dict[str, str]:
        """The variables of a process of this build."""
        found = _environment(self.root) | {"DBTCOLLATE_HTTP2": "1" if self.http2 else "0"}
        return found | ({"SSL_CERT_FILE": str(self.authority)} if self.authority else {})


def ours(urls: dict[str, str], home: Path, build: Build = Build(), *words: str) -> Ended:
    """``dbtcollate sync --yes``, or what ``words`` say, with folders of its own below ``home``."""
    profiles = home / "config" / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / "bench.toml").write_text(_profile(urls), encoding="utf-8")
    env = build.environment() | {"DBT_CLOUD_TOKEN": DBT_TOKEN, "COLLATE_TOKEN": COLLATE_TOKEN}
    env |= {
        f"DBTCOLLATE_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "LOG")
    }
    asked = words or ("sync", "--yes", "--engine", "direct", "-p", "bench")
    cost = measured.run([build.python, "-m", "dbtcollate_tui", *asked], env, home / "output.txt")
    return _judged(cost)


def floor(url: str, writes: Path, at_once: int, home: Path, build: Build = Build()) -> Ended:
    """Bare httpx sending these writes, by that build's interpreter and over its protocol."""
    command = [build.python, "-m", "tests.bench.floor", url, str(writes), str(max(at_once, 1))]
    env = build.environment() | {"PYTHONPATH": str(ROOT)}
    cost = measured.run([*command, "1" if build.http2 else "0"], env, home / "output.txt")
    return _judged(cost)


def _judged(cost: measured.Cost) -> Ended:
    trouble = f"ended with {cost.code}: {cost.output.strip()[-500:]}" if cost.code else ""
    return Ended(cost, trouble, failed=cost.code != 0)


def _environment(root: Path = ROOT) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH", ""))))
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
