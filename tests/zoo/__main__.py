"""Sync artifacts of other people's dbt projects twice; a second sync must write nothing.

    python -m tests.zoo [FOLDER ...]

Without folders it downloads pinned packages that ship real artifacts. A folder holds `manifest.json` files,
each with a `catalog.json` and a `run_results.json` beside it where there are such: `orders_manifest.json`
goes with `orders_catalog.json`. One line for each project; ends with 1 where one fails or writes twice.
"""

import asyncio
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dbtcollate_tui.adapters import CUSTOM_SERVICE, NO_DATABASE, adapter_of
from tests.cases.runner import Cases, cases

PACKAGES = ("dbt-metabase==1.7.5", "dbt-score==0.19.0")
"""Source distributions whose tests hold manifests that dbt wrote."""
_BUILT = frozenset({"model", "seed", "snapshot", "source"})


def main() -> int:
    """Sync every project; 1 where one is not right."""
    with tempfile.TemporaryDirectory(prefix="zoo-") as temporary:
        folders = [Path(name) for name in sys.argv[1:]] or list(_installed(Path(temporary)))
        manifests = sorted(path for folder in folders for path in folder.rglob("*manifest*.json"))
        lines = asyncio.run(_lines(manifests, Path(temporary) / "state"))
    return 1 if not lines or any(lines) else 0


def _installed(folder: Path) -> Iterator[Path]:
    """The packages' sources, unpacked."""
    for package in PACKAGES:
        name = package.partition("==")[0]
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            name,
            package,
        ]
        subprocess.run(command, cwd=folder, check=True)
    for archive in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(archive) as found:
            found.extractall(folder, filter="data")
    yield folder


async def _lines(manifests: list[Path], folder: Path) -> list[bool]:
    """Whether each project is wrong; projects without nodes are left out."""
    wrong = []
    async with cases() as world:
        for number, path in enumerate(manifests):
            case = _case(path)
            if case is None:
                continue
            try:
                text, right = await _synced(world, case, folder / str(number))
            except Exception as error:  # noqa: BLE001 - one project's crash is its line
                text, right = f"{type(error).__name__}: {str(error)[:300]}", False
            wrong.append(not right)
            metadata = case["contents"]["manifest.json"]["metadata"]
            adapter = metadata.get("adapter_type", "?")
            version = metadata.get("dbt_version", "?")
            print(
                f"{'ok   ' if right else 'WRONG'} {path.name} (dbt {version}, {adapter}): {text}", flush=True
            )
    return wrong


async def _synced(world: Cases, case: Mapping[str, Any], folder: Path) -> tuple[str, bool]:
    place = world.place(folder)
    await place.prepare(case)
    first = await place.sync(case)
    second = await place.sync(case)
    report = first.plan.match
    text = (
        f"{len(report.matched)} of {report.expected} tables, {len(first.changes)} changes, "
        f"{len(first.plan.match.unread)} queries not read, then {len(second.changes)} changes"
    )
    if first.failures:
        text += f"; failed: {first.failures[:2]}"
    if second.changes:
        text += f"; again: {second.changes[:2]}"
    return text, not first.failures and not second.changes and not report.missing


def _case(path: Path) -> dict[str, Any] | None:
    """The artifacts beside a manifest, with the tables that they speak of."""
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(manifest, dict) or not (manifest.get("nodes") and manifest.get("metadata")):
        return None
    contents = {"manifest.json": manifest}
    for name in ("catalog", "run_results"):
        beside = path.with_name(path.name.replace("manifest", name))
        if beside != path and beside.exists():
            contents[f"{name}.json"] = json.loads(beside.read_text(encoding="utf-8"))
    adapter = adapter_of(str(manifest["metadata"].get("adapter_type") or ""))
    return {
        "type": next(iter(adapter.service_types), CUSTOM_SERVICE),
        "steps": [{"command": "dbt build", "files": {name: name for name in contents}}],
        "tables": list(_tables(contents)),
        "contents": contents,
    }


def _tables(contents: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a connector would have brought: the catalog's tables, else those that the manifest names."""
    manifest, catalog = contents["manifest.json"], contents.get("catalog.json") or {}
    seen: set[tuple[str, str, str]] = set()
    for unique_id, node in {**manifest["nodes"], **(manifest.get("sources") or {})}.items():
        config = node.get("config") or {}
        if node.get("resource_type") not in _BUILT or config.get("materialized") == "ephemeral":
            continue
        if config.get("enabled") is False:
            continue
        entry = (catalog.get("nodes") or {}).get(unique_id) or (catalog.get("sources") or {}).get(unique_id)
        there = (entry or {}).get("metadata") or {}
        database = there.get("database") or node.get("database") or NO_DATABASE
        schema = there.get("schema") or node.get("schema") or ""
        name = there.get("name") or node.get("identifier") or node.get("alias") or node["name"]
        if (database, schema, name) in seen:
            continue
        seen.add((database, schema, name))
        columns = (entry or node).get("columns") or {}
        yield {
            "database": database,
            "schema": schema,
            "name": name,
            "columns": [
                {"name": column.get("name", key), "data_type": _plain(column)}
                for key, column in columns.items()
            ],
        }


def _plain(column: Mapping[str, Any]) -> str:
    return re.sub(r"\s+", " ", str(column.get("type") or column.get("data_type") or "VARCHAR"))


if __name__ == "__main__":
    sys.exit(main())
