"""OpenMetadata's own JSON schemas, from a folder beside the repository or one that the environment names."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

_JAVA_UNICODE_FLAG = "(?U)"
BASE = "https://schemas.invalid/"


def schemas_folder() -> Path | None:
    """The folder: ``OPENMETADATA_SCHEMAS``, or ``../shared/data/openmetadata-schemas`` of the repository."""
    named = os.environ.get("OPENMETADATA_SCHEMAS")
    root = Path(__file__).resolve().parents[2]
    folder = Path(named) if named else root.parent / "shared" / "data" / "openmetadata-schemas"
    return folder if folder.is_dir() else None


def _read(uri: str) -> Resource[Any]:
    folder = schemas_folder()
    if folder is None or not uri.startswith(BASE):
        raise FileNotFoundError(uri)
    text = (folder / uri.removeprefix(BASE)).read_text(encoding="utf-8")
    schema = json.loads(text.replace(_JAVA_UNICODE_FLAG, ""))
    schema.pop("$id", None)
    return Resource.from_contents(schema, default_specification=DRAFT7)


@cache
def validator(path: str) -> Draft7Validator:
    """The validator of a schema by its path in the folder, which may end in ``#/definitions/…``."""
    registry: Registry[Any] = Registry(retrieve=_read)  # type: ignore[call-arg]
    return Draft7Validator({"$ref": BASE + path}, registry=registry)


def complaints(path: str, body: Any) -> list[str]:
    """What the schema has against a body; empty where it fits."""
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(path).iter_errors(body)]
