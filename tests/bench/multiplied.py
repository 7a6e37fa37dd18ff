"""A recording made larger: its models several times over, each time under other names.

A real dbt takes the better part of an hour for 5,000 models. What it wrote for 1,000 is repeated instead:
every entry of an artifact that names a model (``stg_0007``) is written again with a number before the model's
own (``stg_20007``), its parents and tests likewise. Sources and seeds are shared and stay unchanged.
"""

import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_MODEL = re.compile(r"\b((?:\w+_)?(?:stg|int|mart))_(\d{4})(?=\b|_)")
_PARTS = {"nodes", "sources", "parent_map", "child_map", "group_map"}


def multiplied(recording: Path, target: Path, times: int) -> Path:
    """Write ``recording`` that many times over into ``target``, where it is not there yet; ``target``."""
    if (target / "runs.json").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    (target / "store").mkdir(parents=True)
    for path in (recording / "store").iterdir():
        content = json.loads(gzip.decompress(path.read_bytes()))
        larger = json.dumps(_larger(content, times)).encode()
        (target / "store" / path.name).write_bytes(gzip.compress(larger, 3, mtime=0))
    warehouse = json.loads((recording / "warehouse.json").read_bytes())
    tables = [table for item in warehouse["tables"] for table in _copies(item, times)]
    (target / "warehouse.json").write_text(json.dumps({"tables": tables}))
    shutil.copy(recording / "runs.json", target / "runs.json")
    return target


def _larger(artifact: Mapping[str, Any], times: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, part in artifact.items():
        if key in _PARTS and isinstance(part, dict):
            found[key] = dict(pair for item in part.items() for pair in _copies(item, times))
        elif key == "results":
            found[key] = [copy for item in part for copy in _copies(item, times)]
        else:
            found[key] = part
    return found


def _copies(item: Any, times: int) -> Iterator[Any]:
    """The entry itself, and its copies where it names a model."""
    yield item
    text = json.dumps(item)
    if _MODEL.search(text) is None:
        return
    for number in range(1, times):
        yield json.loads(_MODEL.sub(rf"\g<1>_{number}\g<2>", text))


if __name__ == "__main__":
    multiplied(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
