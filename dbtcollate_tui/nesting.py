"""How deep a value is nested: what walks it by calling itself would end at Python's limit."""

from typing import Any

DEEPEST = 50


def is_deep(value: Any, most: int = DEEPEST) -> bool:
    """Whether mappings and lists are nested deeper than this; itself without recursion."""
    level = [value]
    for _ in range(most):
        level = [
            item
            for held in level
            if isinstance(held, dict | list)
            for item in (held.values() if isinstance(held, dict) else held)
        ]
        if not level:
            return False
    return True
