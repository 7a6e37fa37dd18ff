"""Every regular expression is linear in its text, or is listed with the bound of that text."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import dbtcollate_tui
from dbtcollate_tui import redact
from tests.support.regex_work import worst_growth

ROOT = Path(dbtcollate_tui.__file__).parent
CALLS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
ANCHORED = {"match", "fullmatch"}
QUADRATIC = 2.7
"""Twice the text is twice the work of a linear pattern and four times that of a quadratic one."""
BOUNDED = {
    r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_\-+/=.]{80,}": "whole values of a profile",
}
"""Patterns that are not linear, each with what bounds the text that it sees."""
BUILT = {
    "dbtcollate_tui.redact": "from the parts in _PATTERNS, which are counted below",
    "dbtcollate_tui.artifacts.constraints": "a column's name, escaped, between two boundaries: linear",
    "dbtcollate_tui.server_words": "from the tables of the two clients, on messages of at most 4 KiB",
    "dbtcollate_tui.sql_lineage.resolver": "a pattern over column names, in a worker with a time limit",
    "dbtcollate_tui.sql_lineage.values": "a LIKE pattern over column names, in a worker with a time limit",
    "dbtcollate_tui.collate.agents": "an agent's own filters, those that `is_quick` takes alone",
    "dbtcollate_tui.plan.matching.nodes": "one dbt identifier, at most as long as a warehouse's name",
}
"""Modules that build a pattern from a value, each with why it stays bounded."""


def _patterns() -> list[tuple[str, str, int, bool]]:
    found: list[tuple[str, str, int, bool]] = []
    for path in sorted(ROOT.rglob("*.py")):
        if "sandbox" in path.relative_to(ROOT).parts:
            continue
        name = ".".join(("dbtcollate_tui", *path.relative_to(ROOT).with_suffix("").parts))
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        names = {
            id(node.value): ast.unparse(node.targets[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{call}" for call in CALLS}:
                used = {ast.unparse(node.func)[3:]}
                if used == {"compile"}:
                    used = set(re.findall(rf"\b{re.escape(names.get(id(node), '?'))}\.(\w+)\(", source))
                found += _of_call(node, name.removesuffix(".__init__"), bool(used) and used <= ANCHORED)
    return found + [("dbtcollate_tui.redact", pattern, 0, False) for pattern in redact._PATTERNS.values()]


def _of_call(node: ast.Call, module: str, anchored: bool) -> list[tuple[str, str, int, bool]]:
    names = vars(importlib.import_module(module))
    source = ast.unparse(node.args[0])
    try:
        pattern = eval(source, dict(names))
    except NameError:
        built = module in BUILT
        return [] if built else [(module, f"(a|a)*built from {source}", 0, False)]
    flags = [word for word in ("IGNORECASE", "DOTALL", "MULTILINE") if word in ast.unparse(node)]
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    return [(module, text, sum(int(getattr(re, flag)) for flag in flags), anchored)]


@pytest.mark.parametrize(("module", "pattern", "flags", "anchored"), _patterns())
def test_a_pattern_does_linear_work(module: str, pattern: str, flags: int, anchored: bool) -> None:
    growth, worst = worst_growth(pattern, flags, anchored=anchored)
    assert growth < QUADRATIC or pattern in BOUNDED, f"{module} {pattern!r}: times {growth:.1f} for {worst}"


@pytest.mark.parametrize(
    "pattern", [r'"(\\.|(?!").)*"', r"authorization:\s*\w?\s*x", r"\beyJ[\w-]{8,}\.", "(a|a)*b"]
)
def test_the_count_of_steps_finds_more_than_linear_work(pattern: str) -> None:
    assert worst_growth(pattern, 0)[0] > QUADRATIC
