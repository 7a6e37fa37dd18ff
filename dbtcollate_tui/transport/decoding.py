"""Bytes to JSON values, for the one reader that each client has. Nothing else decodes an answer."""

import json
import re
from typing import Any

from pydantic_core import from_json

from dbtcollate_tui.printable import without_surrogates

_ODD = re.compile(rb"NaN|Infinity|\\u[dD]|[0-9][eE]\+?[0-9]{3}")
"""What replaces a value that is not JSON's, or that no text can hold."""


def decode_json(content: bytes) -> Any:
    """The values of a JSON text; raises ``ValueError`` with the reason where it is none.

    NaN and the infinities, which JSON does not have, become ``None``, and half of a surrogate pair U+FFFD.
    """
    if not _ODD.search(content):
        try:
            return from_json(content, allow_inf_nan=False)
        except ValueError:
            pass
    try:
        return _clean(json.loads(content, parse_constant=lambda _: None, parse_float=_finite))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if abs(number) != float("inf") else None


def _clean(value: Any) -> Any:
    """The value with every text fit to be written. Without recursion: it may be nested deeply."""
    if isinstance(value, str):
        return without_surrogates(value)
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            for key in [key for key in holder if without_surrogates(key) != key]:
                holder[without_surrogates(key)] = holder.pop(key)
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, item in list(items) if isinstance(holder, dict | list) else ():
            if isinstance(item, str):
                holder[key] = without_surrogates(item)
            elif isinstance(item, dict | list):
                waiting.append(item)
    return value
