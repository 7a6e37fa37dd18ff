"""Build the real artifacts in ``samples/``: one small project, run by real releases of dbt.

    python tests/artifacts/build_version_samples.py 1.0=~/dbt-1.0/bin/dbt 1.8=~/dbt-1.8/bin/dbt

Each argument is ``NAME=DBT``: the sample's name and a dbt with dbt-duckdb. What installs from PyPI: dbt-core
1.0.9 with duckdb 0.5.1 on Python 3.8; 1.3.8 with duckdb 0.6.1 on Python 3.9; on Python 3.11 1.5.12 with
duckdb < 1.2, 1.8.10, 1.11.16, and 1.12.6 without its experimental parser; each with its own dbt-duckdb.

The steps are those of a dbt Cloud job: ``build`` (4; one test fails, so it ends in an error), ``source
freshness`` (5) and ``docs generate`` (6). The run_results.json of 4 and 6 are kept.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def run(dbt: str, project: Path, *arguments: str, step: int | None = None, may_fail: bool = False) -> None:
    """Run one dbt command; keep its run_results.json under the step's number."""
    environment = {**os.environ, "DBT_PROFILES_DIR": str(project), "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [dbt, *arguments], cwd=project, env=environment, text=True, capture_output=True, check=False
    )
    print(f"{dbt} {' '.join(arguments)}: {done.returncode}")
    if done.returncode > int(may_fail):
        raise SystemExit(done.stdout + done.stderr)
    written = project / "target" / "run_results.json"
    if step is not None:
        shutil.copy(written, project / "target" / f"run_results_{step}.json")


def slim(name: str, text: str) -> bytes:
    """The artifact without what is long and never read: dbt's own macros, and machine paths."""
    artifact = json.loads(text)
    if name == "manifest.json":
        for part in ("macros", "parent_map", "child_map", "docs", "selectors", "group_map"):
            if part in artifact:
                artifact[part] = {}
    metadata = artifact["metadata"]
    metadata["env"] = {}
    if "user_id" in metadata:
        metadata["user_id"] = None
    artifact["args"] = {"which": artifact.get("args", {}).get("which")}
    return gzip.compress(json.dumps(artifact, sort_keys=True).encode(), mtime=0)


def build(name: str, dbt: str) -> None:
    """Make one sample folder."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "tiny"
        shutil.copytree(HERE / "sample_project", project)
        run(dbt, project, "seed")
        run(dbt, project, "build", step=4, may_fail=True)
        run(dbt, project, "source", "freshness")
        run(dbt, project, "docs", "generate", step=6)
        target = HERE / "samples" / f"dbt-{name}"
        target.mkdir(parents=True, exist_ok=True)
        for file in ("manifest", "catalog", "sources", "run_results_4", "run_results_6"):
            text = (project / "target" / f"{file}.json").read_text().replace(str(project), "/dbt/tiny")
            (target / f"{file}.json.gz").write_bytes(slim(f"{file}.json", text))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sample, _, command = argument.partition("=")
        build(sample, command)
