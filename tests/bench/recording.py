"""Artifacts of a project of any size, made by a real dbt and kept in a cache folder for the sandbox.

Two recordings of the layout of ``dbtcollate_tui/sandbox/data``: ``first``, the whole project built and
tested, and ``changed``, after one model was changed and only that one built.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import dbt_project

PINNED = {"dbt-core": "1.10.23", "dbt-duckdb": "1.9.6", "duckdb": "2.0.1"}
"""The versions that the sandbox's own artifacts are made with."""
ARTIFACTS = ("manifest.json", "run_results.json", "catalog.json")
FIRST = ("dbt seed", "dbt run", "dbt test", "dbt docs generate")
_LAYOUT = 1
SUCCESS, SUCCESS_WORD = 10, "Success"
_RUN_SQL = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())"
_COLUMNS = """
import json, sys, duckdb
rows = duckdb.connect(sys.argv[1], read_only=True).execute('''
    select t.table_schema, t.table_name, t.table_type,
           c.column_name, c.data_type, c.ordinal_position, c.is_nullable
    from information_schema.tables t
    join information_schema.columns c using (table_catalog, table_schema, table_name)
    where t.table_catalog = 'shop' order by 1, 2, 6''').fetchall()
json.dump(rows, sys.stdout)
"""

Say = Callable[[str], object]


def made(cache: Path, models: int, say: Say) -> Path:
    """The folder that holds ``first`` and ``changed`` for that many models, made where it is not there.

    Raises ``SystemExit`` where dbt cannot be installed or a command of it fails.
    """
    made_by = (Path(dbt_project.__file__).read_text(encoding="utf-8"), PINNED, FIRST, _LAYOUT)
    key = hashlib.sha256(repr(made_by).encode()).hexdigest()[:10]
    folder = cache / f"artifacts-{models}-{key}"
    if (folder / "changed" / "runs.json").exists():
        return folder
    dbt = _dbt(cache, say)
    work = cache / f"making-{models}-{os.getpid()}"
    try:
        _make(work, dbt, models, say)
        shutil.rmtree(folder, ignore_errors=True)
        (work / "made").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _dbt(cache: Path, say: Say) -> Path:
    """The folder of the programs of an environment that has the pinned dbt."""
    home = cache / ("dbt-" + "-".join(PINNED.values()))
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    if (home / "whole").exists():
        return programs
    say(f"installing dbt-core {PINNED['dbt-core']} and dbt-duckdb {PINNED['dbt-duckdb']}")
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    pins = [f"{name}=={version}" for name, version in PINNED.items()]
    done = subprocess.run([str(programs / "python"), "-m", "pip", "install", "-q", *pins], check=False)
    if done.returncode:
        raise SystemExit("dbt could not be installed")
    (home / "whole").touch()
    return programs


def _make(work: Path, dbt: Path, models: int, say: Say) -> None:
    project = work / "usr" / "app" / "shop"
    project.mkdir(parents=True)
    dbt_project.write(project, models)
    _python(dbt, project, _RUN_SQL, dbt_project.LAND)
    player = _Player(work, project, dbt, say)
    player.record(work / "made" / "first", FIRST)
    changed = dbt_project.change(project, models)
    player.record(work / "made" / "changed", (f"dbt build --select {changed}", "dbt docs generate"))


def _python(dbt: Path, project: Path, code: str, text: str = "") -> str:
    command = [str(dbt / "python"), "-c", code, str(project / "shop.duckdb")]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


class _Player:
    """Plays runs in one project."""

    def __init__(self, work: Path, project: Path, dbt: Path, say: Say) -> None:
        self._work = work
        self._project = project
        self._dbt = dbt
        self._say = say

    def record(self, folder: Path, commands: tuple[str, ...]) -> None:
        """Play a run of these commands and write its recording."""
        (folder / "store").mkdir(parents=True)
        began = datetime.now(UTC)
        setup = (
            "Clone Git Repository",
            "Create Profile from Connection Shop DuckDB",
            "Invoke dbt with `dbt deps`",
        )
        steps = [
            _step(index, name, "dbt deps" if index == 3 else None, began, 0.01, {})
            for index, name in enumerate(setup, start=1)
        ]
        for index, command in enumerate(commands, start=4):
            started, clock = datetime.now(UTC), time.monotonic()
            self._run(command)
            seconds = time.monotonic() - clock
            self._say(f"{command}: {seconds:.0f} s")
            files = self._kept(folder / "store")
            steps.append(_step(index, f"Invoke dbt with `{command}`", command, started, seconds, files))
        run = {
            "job": "nightly",
            "status": SUCCESS,
            "status_humanized": SUCCESS_WORD,
            "git_branch": "main",
            "git_sha": hashlib.sha1(repr(commands).encode(), usedforsecurity=False).hexdigest(),
            "schema_override": None,
            "pull_request": None,
            "dbt_version": PINNED["dbt-core"],
            "started_at": began.isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
            "has_docs_generated": True,
            "has_sources_generated": False,
            "steps": steps,
        }
        names = ("nightly-success", "nightly-failed", "ci")
        (folder / "warehouse.json").write_text(json.dumps({"tables": self._warehouse()}))
        runs = [{"name": name, **run} for name in names]
        (folder / "runs.json").write_text(json.dumps({"versions": PINNED, "runs": runs}))

    def _run(self, command: str) -> None:
        for name in ARTIFACTS:
            (self._project / "target" / name).unlink(missing_ok=True)
        environment = {
            "PATH": f"{self._dbt}{os.pathsep}{os.defpath}",
            "HOME": str(self._work / "home"),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
            "DBT_PROFILES_DIR": ".",
        }
        words = [str(self._dbt / "dbt"), "--quiet", *command.split()[1:]]
        done = subprocess.run(words, cwd=self._project, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write((done.stdout + done.stderr)[-4000:])
            raise SystemExit(f"{command} ended with {done.returncode}")

    def _kept(self, store: Path) -> dict[str, str]:
        """Each artifact that is there, put into the store, and its name there."""
        found = {}
        for artifact in ARTIFACTS:
            path = self._project / "target" / artifact
            if path.exists():
                content = path.read_bytes().replace(str(self._work).encode(), b"")
                found[artifact] = f"{hashlib.sha256(content).hexdigest()[:12]}.json"
                (store / f"{found[artifact]}.gz").write_bytes(gzip.compress(content, 3, mtime=0))
        return found

    def _warehouse(self) -> list[dict[str, object]]:
        tables: dict[tuple[str, ...], list[dict[str, object]]] = {}
        for schema, name, kind, column, data_type, position, nullable in json.loads(
            _python(self._dbt, self._project, _COLUMNS)
        ):
            tables.setdefault((schema, name, kind), []).append(
                {
                    "name": column,
                    "data_type": data_type,
                    "ordinal_position": position,
                    "nullable": nullable == "YES",
                }
            )
        return [
            {"database": "shop", "schema": schema, "name": name, "type": kind, "columns": columns}
            for (schema, name, kind), columns in tables.items()
        ]


def _step(
    index: int, name: str, command: str | None, started: datetime, seconds: float, files: dict[str, str]
) -> dict[str, object]:
    return {
        "index": index,
        "name": name,
        "command": command,
        "status": SUCCESS,
        "status_humanized": SUCCESS_WORD,
        "started_at": started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "duration": round(seconds, 3),
        "files": files,
        "log": None,
    }
