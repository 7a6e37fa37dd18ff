"""Time and peak memory of decoding a large manifest, as a ratio to ``json.load`` of the same file.

    python -m tests.bench.decode_manifest [--megabytes 300] [--repeat 3]

The manifest is synthetic, of dbt's v12 shape: models of 15 documented columns, their SQL raw and compiled,
three tests a model, sources, macros, docs and the parent and child maps. It is written to a temporary folder.
Each decoding runs in a process of its own; the best time and the largest ``ru_maxrss`` of the repeats count.
``ru_maxrss`` holds the interpreter and its imports too, and of a mapped file the pages that are in memory.

Measured once with 500 MB (133,940 nodes, tests and sources): ``load_project`` peaked at 1,131 MiB,
2.4 times the file and 0.61 times ``json.load``.
"""

import argparse
import gc
import json
import mmap
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dbtcollate_tui.artifacts.load import load_project

COLUMNS = 15
WORDS = [
    f"{stem}_{number}" for stem in ("customer", "order", "amount", "region", "status") for number in range(40)
]


def entries() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Endless manifest entries: the part, the unique_id and the entry."""
    chance = random.Random(7)
    for number in range(10**9):
        name = f"model_{number:06}"
        model_id = f"model.shop.{name}"
        parents = [f"model.shop.model_{chance.randrange(number):06}" for _ in range(3)] if number else []
        columns = chance.sample(WORDS, COLUMNS)
        sql = "select\n" + ",\n".join(f"    {word} as {word}_x" for word in chance.choices(WORDS, k=80))
        yield "nodes", model_id, _model(name, model_id, parents, columns, sql, chance)
        for kind, column in zip(("not_null", "unique", "not_null"), columns, strict=False):
            test_id = f"test.shop.{kind}_{name}_{column}.{number:010x}"
            yield "nodes", test_id, _test(test_id, kind, name, column, model_id)
        if number % 8 == 0:
            source_id = f"source.shop.raw.table_{number}"
            yield "sources", source_id, _source(source_id, number, columns)
        if number % 10 == 0:
            macro_id = f"macro.shop.macro_{number}"
            yield "macros", macro_id, {"unique_id": macro_id, "macro_sql": sql, "arguments": [], "meta": {}}


def _model(
    name: str, unique_id: str, parents: list[str], columns: list[str], sql: str, chance: random.Random
) -> dict[str, object]:
    meta = {
        "owner": f"user{chance.randrange(50)}@shop.example",
        "team": "data",
        "sla": {"hours": 6, "tier": 2},
    }
    return {
        **_common(unique_id, name, "model"),
        "database": "ANALYTICS",
        "schema": f"area_{len(name) % 7}",
        "alias": name,
        "relation_name": f'"ANALYTICS"."area"."{name}"',
        "description": " ".join(chance.choices(WORDS, k=20)),
        "tags": ["nightly", "core"],
        "meta": meta,
        "config": {
            "enabled": True,
            "materialized": "table",
            "tags": ["nightly"],
            "meta": meta,
            "docs": {"show": True},
        },
        "columns": {column: _column(column, chance) for column in columns},
        "depends_on": {"nodes": parents, "macros": ["macro.dbt.is_incremental"]},
        "refs": [{"name": parent, "package": None, "version": None} for parent in parents],
        "raw_code": sql + "\nfrom {{ ref('a') }}",
        "compiled_code": sql + '\nfrom "ANALYTICS"."area"."a"',
        "compiled": True,
        "extra_ctes": [],
    }


def _column(name: str, chance: random.Random) -> dict[str, object]:
    description = " ".join(chance.choices(WORDS, k=6))
    return {
        "name": name,
        "description": description,
        "data_type": chance.choice(["varchar", "number(38,0)", "timestamp_ntz"]),
        "meta": {},
        "tags": [],
        "constraints": [],
        "quote": None,
        "config": {"meta": {}, "tags": []},
        "granularity": None,
    }


def _test(unique_id: str, kind: str, model: str, column: str, attached: str) -> dict[str, object]:
    kwargs = {"column_name": column, "model": f"{{{{ get_where_subquery(ref('{model}')) }}}}"}
    return {
        **_common(unique_id, f"{kind}_{model}_{column}", "test"),
        "config": {"enabled": True, "severity": "ERROR", "materialized": "test", "tags": [], "meta": {}},
        "columns": {},
        "depends_on": {"nodes": [attached], "macros": [f"macro.dbt.test_{kind}"]},
        "raw_code": "{{ test_not_null(**_dbt_generic_test_kwargs) }}",
        "compiled_code": f"select {column} from {model} where {column} is null",
        "test_metadata": {"name": kind, "kwargs": kwargs, "namespace": None},
        "attached_node": attached,
        "column_name": column,
    }


def _source(unique_id: str, number: int, columns: list[str]) -> dict[str, object]:
    return {
        **_common(unique_id, f"table_{number}", "source"),
        "source_name": "raw",
        "identifier": f"TABLE_{number}",
        "database": "RAW",
        "schema": "landing",
        "columns": {
            column: {"name": column, "description": "", "meta": {}, "tags": []} for column in columns
        },
        "config": {"enabled": True},
    }


def _common(unique_id: str, name: str, kind: str) -> dict[str, object]:
    return {
        "unique_id": unique_id,
        "name": name,
        "resource_type": kind,
        "package_name": "shop",
        "path": f"area/{name}.sql",
        "original_file_path": f"models/area/{name}.sql",
        "fqn": ["shop", "area", name],
        "checksum": {"name": "sha256", "checksum": "0" * 64},
        "created_at": 1790000000.5,
        "docs": {"show": True, "node_color": None},
        "language": "sql",
        "patch_path": "shop://models/area/_area.yml",
        "unrendered_config": {"materialized": "table"},
    }


def write_manifest(path: Path, megabytes: int) -> int:
    """Write a manifest of about that size (10^6 bytes); its real size in bytes."""
    parts: dict[str, list[str]] = {"nodes": [], "sources": [], "macros": [], "parent_map": []}
    written = 0
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        files = {part: (Path(folder) / part).open("w") for part in parts}
        first = dict.fromkeys(parts, True)
        for part, unique_id, entry in entries():
            pieces = {part: json.dumps(entry)}
            if "depends_on" in entry:
                pieces["parent_map"] = json.dumps([unique_id, f"model.shop.{entry['name']}"])
            for target, text in pieces.items():
                line = f"{'' if first[target] else ', '}{json.dumps(unique_id)}: {text}"
                first[target] = False
                written += files[target].write(line)
            if written >= megabytes * 1_000_000:
                break
        for file in files.values():
            file.close()
        with path.open("w") as out:
            address = "https://schemas.getdbt.com/dbt/manifest/v12.json"
            out.write('{"metadata": {"dbt_schema_version": "' + address + '", "project_name": "shop"}')
            for part in parts:
                out.write(f', "{part}": {{')
                with (Path(folder) / part).open() as piece:
                    while block := piece.read(1 << 20):
                        out.write(block)
                out.write("}")
            out.write("}")
    return path.stat().st_size


def decode_mapped(path: Path) -> int:
    """Our decoding, of a mapped file; the number of nodes and tests."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        project = load_project(mapped)
    return len(project.nodes) + len(project.tests)


def decode_bytes(path: Path) -> int:
    """Our decoding, of the file's bytes; the number of nodes and tests."""
    project = load_project(path.read_bytes())
    return len(project.nodes) + len(project.tests)


def decode_stdlib(path: Path) -> int:
    """``json.load``; the number of nodes, tests and sources."""
    with path.open() as file:
        manifest = json.load(file)
    return len(manifest["nodes"]) + len(manifest["sources"])


WAYS: dict[str, Callable[[Path], int]] = {
    "json.load": decode_stdlib,
    "load_project(mmap)": decode_mapped,
    "load_project(bytes)": decode_bytes,
}


def measure(way: str, path: Path) -> tuple[float, float, int]:
    """Seconds, peak MiB and entries of one decoding in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.decode_manifest", "--child", way, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak, count = done.stdout.split()
    return float(seconds), float(peak), int(count)


def child(way: str, path: Path) -> None:
    """Decode once; print seconds, peak MiB and the number of entries."""
    gc.collect()
    started = time.perf_counter()
    count = WAYS[way](path)
    seconds = time.perf_counter() - started
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count)


def main() -> None:
    """Write the manifest, measure each way, print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], Path(arguments.child[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        size = write_manifest(path, arguments.megabytes)
        print(f"manifest of {size / 1e6:.1f} MB")
        results = {}
        for way in WAYS:
            runs = [measure(way, path) for _ in range(arguments.repeat)]
            results[way] = (min(run[0] for run in runs), max(run[1] for run in runs), runs[0][2])
        base_seconds, base_peak, count = results["json.load"]
        print(f"{count:,} nodes, tests and sources")
        print(f"{'way':22}{'seconds':>9}{'ratio':>7}{'peak MiB':>10}{'ratio':>7}")
        for way, (seconds, peak, entries_read) in results.items():
            if entries_read != count:
                raise SystemExit(f"{way} read {entries_read:,} entries of {count:,}")
            print(f"{way:22}{seconds:9.2f}{seconds / base_seconds:7.2f}{peak:10.0f}{peak / base_peak:7.2f}")


if __name__ == "__main__":
    main()
