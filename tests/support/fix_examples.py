"""One fix of each kind."""

from dataclasses import fields
from typing import Any, get_args

from dbtcollate_tui.fixes import (
    Fix,
    ProfileField,
    Step,
)

KINDS: tuple[Any, ...] = get_args(Fix)
VALUES: dict[str, object] = {
    "label": "Do it",
    "with_docs": False,
    "retry_of": None,
    "side": "collate",
    "step": Step.JOB,
    "field": ProfileField.SERVICE,
}


def example(kind: Any) -> Fix:
    made: Fix = kind(**{item.name: VALUES.get(item.name, "x") for item in fields(kind)})
    return made
