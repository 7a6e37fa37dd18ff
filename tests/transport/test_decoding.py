import ast
import math
from pathlib import Path
from typing import Any

import pytest

import dbtcollate_tui
from dbtcollate_tui.transport.decoding import decode_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, "\xc3\xa9"]}', {"a": [1, "é"]}),
        (
            b'{"a": NaN, "b": [Infinity, -Infinity, 1e400, 1e300]}',
            {"a": None, "b": [None, None, None, 1e300]},
        ),
        (b'{"\\ud800k": "x \\udfff", "p": "\\ud83d\\ude00"}', {"\ufffdk": "x \ufffd", "p": "😀"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"[" * 300 + b'"\\ud800"' + b"]" * 300, None),
        (b'"NaN"', "NaN"),
    ],
)
def test_decoding_gives_values_that_can_be_written(text: bytes, value: Any) -> None:
    found = decode_json(text)
    if value is None:
        while isinstance(found, list):
            (found,) = found
        assert found == "\ufffd"
    else:
        assert found == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"oops",
        b'{"a":',
        b"[" * 200_000,
        b'{"a": ' + b"9" * 6000 + b"}",
        b'{"a": "\xff"}',
        b"{} <!-- -->",
    ],
)
def test_decoding_what_is_not_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_json(text)


def test_a_finite_float_stays_finite() -> None:
    assert math.isfinite(decode_json(b"[1e308]")[0])


READERS = {"collate/reader.py": "answer.json()", "dbt_cloud/client.py": "answer.json()"}
ERROR_BODIES = {
    "collate/errors.py",
    "dbt_cloud/errors.py",
    "dbt_cloud/client.py",
    "dbt_cloud/error_bodies.py",
}


def test_only_the_readers_decode_an_answer() -> None:
    """One door a client: nothing else calls ``json()`` or ``decode_json``."""
    root = Path(dbtcollate_tui.__file__).parent
    outside = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name.startswith(("sandbox/", "transport/")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "json"
            ):
                call = ast.unparse(node)
                allowed = READERS.get(name) == call or (name in ERROR_BODIES and call == "error.json()")
                if not allowed:
                    outside.append(f"{name}:{node.lineno} {call}")
            elif (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "decode_json"
                and name != "collate/sse.py"
            ):
                outside.append(f"{name}:{node.lineno} decode_json")
    assert outside == []
