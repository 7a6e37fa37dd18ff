"""Print every text that a user can see, or fail where one holds a banned word.

    .ci/words.py            print all texts, each with its place
    .ci/words.py --check    print the texts with words of banned-words.txt; exit code 1 if there are any

Texts are the literals of the package (without docstrings, patterns, styles and identifiers), the commands'
``--help``, the help topics and the Markdown pages. Values in f-strings appear as ``{…}``.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dbtcollate_tui.cli import dbtcollate

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dbtcollate_tui"
PAGES = (
    "README.md",
    "CHANGELOG.md",
    ".github/CONTRIBUTING.md",
    "dbtcollate_tui/README.md",
    "tests/README.md",
)
BANNED = Path(__file__).with_name("banned-words.txt")
SERVERS = ("sandbox/collate", "sandbox/dbt_cloud")
"""Folders whose texts are a server's, in its own words."""
PATTERNS = frozenset({"compile", "search", "match", "fullmatch", "sub", "findall", "finditer", "phrase"})
"""Calls whose texts are patterns of what others say."""
CODE = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|BEGIN|WITH) |\{ *[a-z-]+: ")
"""SQL, and the styles of widgets."""
WORDS = re.compile(r"[A-Za-z’'…]{2,}.*\s.*[A-Za-z’']{2,}|^[A-Z][a-z]+$", re.DOTALL)
"""At least two words, or one that begins like a sentence."""


def literals() -> Iterator[tuple[str, str]]:
    """Place and text of every literal of the package that reads like language."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if any(f"/{folder}/" in name for folder in SERVERS):
            continue
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            if WORDS.search(text) and not CODE.search(text):
                yield f"{name}:{line}", text


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in PATTERNS:
            return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values]
        yield node.lineno, "".join(parts)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _texts(part.value)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def helps(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """The help of a command and of those below it, a line at a time."""
    context = click.Context(command, info_name=path)
    for line in command.get_help(context).splitlines():
        if line.strip():
            yield f"{path} --help", line.strip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from helps(below, f"{path} {name}")


def pages() -> Iterator[tuple[str, str]]:
    """The paragraphs of the topics and pages."""
    for path in (*sorted((PACKAGE / "help").glob("*.md")), *(ROOT / page for page in PAGES)):
        line = 1
        for paragraph in re.split(r"(\n\n+|\n(?=- ))", path.read_text(encoding="utf-8")):
            if paragraph.strip():
                yield f"{path.relative_to(ROOT).as_posix()}:{line}", " ".join(paragraph.split())
            line += paragraph.count("\n")


def banned() -> re.Pattern[str]:
    """One pattern for all words and phrases of the list."""
    entries = [
        re.split(r"\s{2,}", line)[0]
        for line in BANNED.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    words = [re.escape(word).replace(r"\ ", r"\s+") for entry in entries for word in entry.split("|")]
    return re.compile(rf"(?<![\w.`-])(?:{'|'.join(words)})(?![\w`]|[-.]\w)", re.IGNORECASE)


def main() -> int:
    """Print the texts; with ``--check`` only those that hold a banned word."""
    pattern = banned() if "--check" in sys.argv[1:] else None
    bad = 0
    for place, text in (*helps(dbtcollate, "dbtcollate"), *literals(), *pages()):
        if pattern is None:
            print(f"{place}: {' '.join(text.split())}")
        elif found := pattern.search(text):
            bad += 1
            print(f"{place}: {found[0]!r} in {' '.join(text.split())}")
    if bad:
        print(
            f"{bad} texts hold a word of .ci/{BANNED.name}; it says what to write instead.", file=sys.stderr
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
