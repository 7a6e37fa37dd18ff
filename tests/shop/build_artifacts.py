"""Build the artifacts that the sandbox serves, by really running dbt on the project beside this file.

`python tests/shop/build_artifacts.py` makes a virtual environment with the pinned dbt-core and dbt-duckdb in
a temporary folder, plays three runs as dbt Cloud would (a failing step ends the run, the steps after it are
skipped) and writes the package data of the sandbox: `runs.json`, `warehouse.json` and the files themselves,
each once, under `store/`. It takes about a minute and needs a Python package index. Where a run ends
otherwise than its scenario says, the data stay as they were.

The only change made to what dbt wrote: the temporary folder's path is cut off, so that the project stands at
`/usr/app/shop` in every artifact and log. Times are dbt's own.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PINNED = {"dbt-core": "1.10.23", "dbt-duckdb": "1.9.6", "duckdb": "2.0.1"}
PROJECT = Path(__file__).resolve().parent
DATA = PROJECT.parents[1] / "dbtcollate_tui" / "sandbox" / "data"
ARTIFACTS = ("manifest.json", "run_results.json", "sources.json", "catalog.json")
NOT_CLONED = (
    *("build_artifacts.py", "variants", "profiles.yml", "__pycache__"),
    *("target", "logs", "dbt_packages", "package-lock.yml", ".user.yml", "*.duckdb*"),
)

SUCCESS, ERROR, SKIPPED = 10, 20, 30
HUMANIZED = {SUCCESS: "Success", ERROR: "Error", SKIPPED: "Skipped"}

NIGHTLY = (
    "dbt seed",
    "dbt snapshot",
    "dbt run",
    "dbt test",
    "dbt source freshness",
    "dbt docs generate",
)

# Tables of the warehouse that dbt knows nothing of.
FOREIGN_TABLES = """
create schema if not exists raw;
create schema if not exists marts;
create table raw.web_events (
    event_id bigint not null, session_id varchar not null, customer_id integer,
    url varchar, occurred_at timestamp with time zone not null);
create table raw.search_queries (query_id bigint not null, query_text varchar, hits integer, asked_on date);
create view raw.web_sessions as
    select session_id, min(occurred_at) as began_at, count(*) as events
    from raw.web_events group by session_id;
create table marts.manual_targets (month date not null, category varchar, target_amount decimal(12, 2));
"""

RUN_SQL = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())"
DUMP_COLUMNS = """
import json, sys, duckdb
rows = duckdb.connect(sys.argv[1], read_only=True).execute('''
    select t.table_catalog, t.table_schema, t.table_name, t.table_type,
           c.column_name, c.data_type, c.ordinal_position, c.is_nullable
    from information_schema.tables t
    join information_schema.columns c using (table_catalog, table_schema, table_name)
    where t.table_catalog = 'shop'
    order by 2, 3, 7''').fetchall()
json.dump(rows, sys.stdout)
"""


@dataclass(frozen=True)
class Scenario:
    """One run to play: its job, its commands, how it ends, the variants of the project laid over it."""

    name: str
    job: str
    commands: tuple[str, ...]
    ends: int
    git_branch: str = "main"
    variants: tuple[str, ...] = ()
    schema_override: str | None = None
    pull_request: int | None = None


SCENARIOS = (
    Scenario("nightly-success", "nightly", NIGHTLY, SUCCESS),
    Scenario("nightly-failed", "nightly", NIGHTLY, ERROR, variants=("bad_orders",)),
    Scenario(
        "ci",
        "ci",
        ("dbt build --select stg_orders+",),
        SUCCESS,
        git_branch="accept-lost-orders",
        variants=("bad_orders", "accept_lost"),
        schema_override="dbt_cloud_pr_1002_42",
        pull_request=42,
    ),
)


@dataclass
class Workshop:
    """The temporary folder: a virtual environment, the clone of the project and the warehouse in it."""

    root: Path
    blobs: dict[str, bytes] = field(default_factory=dict)

    @property
    def clone(self) -> Path:
        return self.root / "usr" / "app" / "shop"

    @property
    def state(self) -> Path:
        return self.root / "usr" / "app" / "production"

    @property
    def bin(self) -> Path:
        return self.root / "venv" / ("Scripts" if os.name == "nt" else "bin")

    @property
    def warehouse(self) -> Path:
        return self.clone / "shop.duckdb"

    def neutral(self, content: bytes) -> bytes:
        """`content` without the temporary folder's path."""
        return content.replace(str(self.root).encode(), b"")

    def keep(self, content: bytes, suffix: str) -> str:
        """Put `content` into the store, once, and return its file's name without `.gz`."""
        content = self.neutral(content)
        name = f"{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
        self.blobs[name] = content
        return name

    def python(self, code: str, stdin: str = "") -> str:
        """Run `code` with the pinned duckdb on the warehouse and return what it prints."""
        command = [str(self.bin / "python"), "-c", code, str(self.warehouse)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


def install(shop: Workshop) -> None:
    """Make the virtual environment with the pinned packages."""
    venv.create(shop.bin.parent, with_pip=True)
    pins = [f"{name}=={version}" for name, version in PINNED.items()]
    subprocess.run([str(shop.bin / "python"), "-m", "pip", "install", "-q", *pins], check=True)


def clone(shop: Workshop, scenario: Scenario) -> bytes:
    """Lay out the project of the scenario, keep the warehouse as it stands, and return the step's log."""
    shop.clone.mkdir(parents=True, exist_ok=True)
    for entry in shop.clone.iterdir():
        if entry != shop.warehouse:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(PROJECT, shop.clone, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_CLONED))
    for variant in scenario.variants:
        shutil.copytree(PROJECT / "variants" / variant, shop.clone, dirs_exist_ok=True)
    return f"Cloned branch {scenario.git_branch} at {tree_sha(shop.clone)}.\n".encode()


def tree_sha(folder: Path) -> str:
    """A digest of the project's files, in the form of a git commit's (40 hexadecimal digits)."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".duckdb"):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def write_profile(shop: Workshop, scenario: Scenario) -> bytes:
    """Put the connection profile in its place and return the step's log."""
    shutil.copy(PROJECT / "profiles.yml", shop.clone / "profiles.yml")
    schema = scenario.schema_override or "marts"
    return f"Wrote profile shop, target default, schema {schema}.\n".encode()


def dbt(shop: Workshop, scenario: Scenario, command: str) -> tuple[int, bytes]:
    """Run one dbt command in the clone and return its exit code and its output."""
    environment = {
        "PATH": f"{shop.bin}{os.pathsep}{os.defpath}",
        "HOME": str(shop.root / "home"),
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
        "DBT_PROFILES_DIR": ".",
    }
    if scenario.schema_override:
        environment["SHOP_TARGET_SCHEMA"] = scenario.schema_override
        environment |= {"DBT_DEFER": "true", "DBT_STATE": str(shop.state)}
    for name in ARTIFACTS:
        (shop.clone / "target" / name).unlink(missing_ok=True)
    words = [str(shop.bin / "dbt"), *command.split()[1:]]
    done = subprocess.run(words, cwd=shop.clone, env=environment, capture_output=True)
    return done.returncode, done.stdout + done.stderr


def play(shop: Workshop, scenario: Scenario) -> dict[str, object]:
    """Play a run step by step and return its description for runs.json."""
    steps: list[dict[str, object]] = []
    written: set[str] = set()
    failed = False
    began = now()
    git_sha = ""
    plan = [
        ("Clone Git Repository", None),
        ("Create Profile from Connection Shop DuckDB", None),
        *((f"Invoke dbt with `{command}`", command) for command in ("dbt deps", *scenario.commands)),
    ]
    for index, (name, command) in enumerate(plan, start=1):
        step: dict[str, object] = {"index": index, "name": name, "command": command}
        if failed:
            step |= {"status": SKIPPED, "started_at": None, "finished_at": None, "duration": 0.0, "files": {}}
            steps.append(step | {"status_humanized": HUMANIZED[SKIPPED], "log": None})
            continue
        started, status, files = now(), SUCCESS, {}
        if command is None:
            log = clone(shop, scenario) if index == 1 else write_profile(shop, scenario)
            git_sha = git_sha or tree_sha(shop.clone)
        else:
            code, log = dbt(shop, scenario, command)
            status = SUCCESS if code == 0 else ERROR
            for artifact in ARTIFACTS:
                path = shop.clone / "target" / artifact
                if path.exists():
                    files[artifact] = shop.keep(path.read_bytes(), "json")
            written.update(files)
        finished = now()
        failed = status == ERROR
        steps.append(
            step
            | {
                "status": status,
                "status_humanized": HUMANIZED[status],
                "started_at": started.isoformat(),
                "finished_at": finished.isoformat(),
                "duration": round((finished - started).total_seconds(), 3),
                "files": files,
                "log": shop.keep(log, "txt"),
            }
        )
        print(f"{scenario.name:<16} {index} {HUMANIZED[status]:<8} {name}", flush=True)
    return {
        "name": scenario.name,
        "job": scenario.job,
        "status": ERROR if failed else SUCCESS,
        "status_humanized": HUMANIZED[ERROR if failed else SUCCESS],
        "git_branch": scenario.git_branch,
        "git_sha": git_sha,
        "schema_override": scenario.schema_override,
        "pull_request": scenario.pull_request,
        "dbt_version": PINNED["dbt-core"],
        "started_at": began.isoformat(),
        "finished_at": now().isoformat(),
        "has_docs_generated": "catalog.json" in written,
        "has_sources_generated": "sources.json" in written,
        "steps": steps,
    }


def read_warehouse(shop: Workshop) -> list[dict[str, object]]:
    """Every table and view of the warehouse with its columns, out of duckdb's information_schema."""
    columns: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for *table, name, data_type, position, nullable in json.loads(shop.python(DUMP_COLUMNS)):
        column = {
            "name": name,
            "data_type": data_type,
            "ordinal_position": position,
            "nullable": nullable == "YES",
        }
        columns.setdefault(tuple(table), []).append(column)
    keys = ("database", "schema", "name", "type")
    return [dict(zip(keys, table, strict=True)) | {"columns": rows} for table, rows in columns.items()]


def write_json(path: Path, value: object) -> None:
    """Write `value` for people to read, one line per leaf, non-ASCII as it stands."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def build(root: Path) -> None:
    """Play all runs below `root` and replace the sandbox's package data."""
    shop = Workshop(root)
    install(shop)
    shop.clone.mkdir(parents=True)
    shop.python(RUN_SQL, FOREIGN_TABLES)
    runs: list[dict[str, object]] = []
    warehouse: list[dict[str, object]] = []
    for scenario in SCENARIOS:
        runs.append(play(shop, scenario))
        if runs[-1]["status"] != scenario.ends:
            raise SystemExit(f"{scenario.name} ended with status {runs[-1]['status']}, not {scenario.ends}")
        if scenario.name == "nightly-success":
            warehouse = read_warehouse(shop)
            shop.state.mkdir()
            shutil.copy(shop.clone / "target" / "manifest.json", shop.state)

    shutil.rmtree(DATA, ignore_errors=True)
    (DATA / "store").mkdir(parents=True)
    for name, content in shop.blobs.items():
        (DATA / "store" / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    write_json(DATA / "runs.json", {"versions": PINNED, "runs": runs})
    write_json(DATA / "warehouse.json", {"tables": warehouse})
    size = sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file())
    print(f"{len(runs)} runs, {len(warehouse)} tables, {len(shop.blobs)} files, {size / 1e6:.2f} MB")


def main() -> int:
    """Build in a temporary folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="shop-artifacts-") as folder:
        build(Path(folder).resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
