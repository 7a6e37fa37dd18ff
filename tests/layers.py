"""Which layer a test belongs to: plain logic, or anything that starts a server, the app or a process.

A module's layer follows from what it imports, directly or through other test modules. Nobody has to remember
a marker: ``pytest -m logic`` is the quick run, and a test that starts needing a server leaves it by itself.
"""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = (
    "dbtcollate_tui.sandbox.server",
    "dbtcollate_tui.tui.app",
    "dbtcollate_tui.tui.screens",
    "dbtcollate_tui.tui.widgets",
    "dbtcollate_tui.sql_lineage.workers",
    "hypercorn",
    "multiprocessing",
    "pty",
    "pyte",
    "selenium",
    "subprocess",
    "textual",
    "uvicorn",
)
"""Importing one of these means that a test starts a server, an app or a process, or may."""

STARTS = frozenset({"create_subprocess_exec", "create_subprocess_shell", "start_server", "start_unix_server"})
"""Calls that start a process or a server without an import that says so."""


def is_logic(path: Path) -> bool:
    """Whether the test module at this path needs neither a server nor the app nor another process."""
    conftest = path.parent / "conftest.py"
    todo = [path] if not conftest.exists() or path.parent == ROOT / "tests" else [path, conftest]
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        names = _imports(file)
        if names & STARTS or any(f"{name}.".startswith(f"{heavy}.") for name in names for heavy in HEAVY):
            return False
        todo += [below for name in names if (below := _test_file(name)) is not None]
    return True


@cache
def _imports(file: Path) -> frozenset[str]:
    """The modules that a file imports, and the calls of `STARTS` in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in STARTS:
            found.add(node.attr)
    return frozenset(found)


def _test_file(name: str) -> Path | None:
    """The file of a module below ``tests``."""
    if not name.startswith("tests."):
        return None
    file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return file if file.exists() else None
