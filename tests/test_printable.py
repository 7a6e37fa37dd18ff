"""What leaves the program as text is only shown: no terminal control, no half characters, one line a fact."""

import ast
import io
import json
from pathlib import Path

import pytest

import dbtcollate_tui
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.printable import CONTROL, json_safe, one_line, printable, safe
from dbtcollate_tui.render.ndjson import NdjsonRenderer
from dbtcollate_tui.render.plain import PlainRenderer

HOSTILE = (
    "\x1b]0;PWN\x07\x1b]52;c;UFdO\x07\x1b]8;;http://e.test\x07x\x1b[2J\x9b31m\u202egnp.exe\u2066\u2028"
    "\U000e0041\x7f\ud800\u200fend"
)
CARD = ActionableError(
    f"Could not read {HOSTILE}",
    causes=[f"one\n  Cause     forged {HOSTILE}"],
    fixes=[Advice(HOSTILE)],
    evidence=[HOSTILE, 'said "password": "plain-words"'],
)


def test_printable_text_holds_no_control() -> None:
    shown = printable(HOSTILE)
    assert CONTROL.search(shown) is None
    assert shown.endswith("\ufffdend")
    shown.encode("utf-8")


@pytest.mark.parametrize("text", ["déjà vu", "表", "👩‍👩‍👧", "a\tb\nc", "naïve – “quoted”"])
def test_printable_text_stays(text: str) -> None:
    assert printable(text) == text


def test_json_keeps_the_values_and_shows_no_control() -> None:
    values = {"name": HOSTILE.replace("\ud800", ""), "n": [1, "é\nx"]}
    text = json_safe(json.dumps(values, ensure_ascii=False))
    assert CONTROL.search(text) is None
    assert json.loads(text) == values


def test_a_half_character_is_written_as_json() -> None:
    text = json_safe(json.dumps("x \ud800 y", ensure_ascii=False))
    assert json.loads(text) == "x \ufffd y"


def test_one_line_joins_every_kind_of_break() -> None:
    assert one_line("a\r\nb\u2028c\x85d\n\n e") == "a b c d  e"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_card_reaches_the_output_defused(as_json: bool) -> None:
    stream = io.StringIO()
    (NdjsonRenderer(stream) if as_json else PlainRenderer(stream)).error(CARD)
    text = stream.getvalue()
    assert CONTROL.search(text) is None
    assert "plain-words" not in text
    assert not any(line.startswith("  Cause     forged") for line in text.splitlines())
    text.encode("utf-8")


def test_a_card_as_text_has_one_line_a_fact() -> None:
    assert len(CARD.as_text().splitlines()) == 5


def test_plain_output_holds_a_servers_text_on_its_line() -> None:
    stream = io.StringIO()
    PlainRenderer(stream).say("table orders\n12:00:00  written  forged")
    assert stream.getvalue() == "table orders 12:00:00  written  forged\n"


def test_safe_text_holds_neither_secret_nor_control() -> None:
    assert safe("\x1b[31mdbtc_MARKED1234567890123") == "[31m[secret]"


OWN_TEXT = {
    "tui/serve.py": "its own address and a constant",
    "demonstration.py": "the sandbox's own description",
    "headless/sync.py": "an export, made safe by collate/export.py",
}


OWN_FACTS = ("__version__", "platform.", "version(name)", "scenario.", "script_for(")
"""In a text of its own the program also writes these: versions, names of its scenarios, a shell script."""


def test_every_direct_write_is_made_safe() -> None:
    """Standard output and error are written through the renderers, or through ``safe``."""
    root = Path(dbtcollate_tui.__file__).parent
    raw = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name in OWN_TEXT or name.startswith("sandbox/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if ast.unparse(node.func) not in ("click.echo", "print", "sys.stdout.write", "sys.stderr.write"):
                continue
            text = node.args[0]
            shown = ast.unparse(text)
            own = isinstance(text, ast.Constant) or any(fact in shown for fact in OWN_FACTS)
            if not own and not shown.startswith(("safe(", "json_safe(")):
                raw.append(f"{name}:{node.lineno} {shown}")
    assert raw == []
