"""What a part of the program drags in when it is imported: seen from outside, in a fresh interpreter."""

import ast
import importlib.metadata
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import dbtcollate_tui
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.support.world import profile_for

PACKAGE = Path(dbtcollate_tui.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "dbtcollate_tui.")
    if not module.name.startswith("dbtcollate_tui.tui") and module.name != "dbtcollate_tui.__main__"
)


def loaded_by(statement: str, **environment: str) -> set[str]:
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_httpcore_finds_sniffio_in_every_installation() -> None:
    """Httpcore tries to import it several times a request; the tests' own tools bring it along too."""
    assert any(line.startswith("sniffio") for line in importlib.metadata.requires("dbtcollate-tui") or ())


def test_helpers_are_not_imported_from_test_modules() -> None:
    tests = Path(__file__).parent
    importers = {
        f"{path.relative_to(tests)}: {node.module}"
        for path in tests.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("tests.")
        and (node.module or "").rpartition(".")[2].startswith("test_")
    }
    assert not importers


def test_only_the_tui_room_reaches_textual() -> None:
    loaded = loaded_by("\n".join(f"import {name}" for name in MODULES))
    assert "dbtcollate_tui.sync.direct" in loaded
    assert not {name for name in loaded if name == "textual" or name.startswith("textual.")}


def test_the_command_line_starts_light() -> None:
    loaded = loaded_by("import dbtcollate_tui.cli")
    heavy = {"textual", "httpx", "keyring", "starlette", "uvicorn", "msgspec"}
    assert not heavy & loaded


@pytest.mark.parametrize("command", ["status", "verify"])
def test_checks_load_neither_screens_nor_sandbox_nor_parser(command: str, tmp_path: Path) -> None:
    """The whole command, run against servers: what it asks for on the way counts too."""
    sandbox = Sandbox()
    sandbox.start()
    try:
        ProfileStore().save(profile_for(sandbox))
        tokens = {
            "DBT_CLOUD_TOKEN": sandbox.dbt_cloud_token.get_secret_value(),
            "COLLATE_TOKEN": sandbox.collate_token.get_secret_value(),
        }
        statement = f"from dbtcollate_tui.cli import run\nassert run([{command!r}, '-p', 'shop']) in (0, 1)"
        loaded = loaded_by(statement, **tokens)
    finally:
        sandbox.stop()
    assert "dbtcollate_tui.collate.client" in loaded
    unused = {
        "textual",
        "sqlglot",
        "starlette",
        "uvicorn",
        "jsonpatch",
        "dbtcollate_tui.sandbox",
    }
    assert not unused & loaded
    if command == "status":
        room = "dbtcollate_tui"
        assert not {f"{room}.sync.direct", f"{room}.plan.model", f"{room}.artifacts.project"} & loaded


@pytest.mark.parametrize("room", ["artifacts", "plan", "plan.build"])
def test_pure_packages_reach_no_io(room: str) -> None:
    loaded = loaded_by(f"import dbtcollate_tui.{room}")
    assert not {"httpx", "keyring", "dbtcollate_tui.transport"} & loaded


def test_the_app_asks_no_keyring_to_start() -> None:
    loaded = loaded_by("import dbtcollate_tui.tui.app")
    assert "textual" in loaded
    assert "keyring" not in loaded


def test_no_two_modules_import_each_other() -> None:
    """Within a package, imports point one way: no two modules of it import each other."""
    imports = {path: _modules_in(path) for path in PACKAGE.rglob("*.py")}
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in imports}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    pairs = {
        (one, other)
        for one, path in names.items()
        for other in imports[path]
        if other in names and one < other and one in imports[names[other]]
    }
    assert not pairs


def _modules_in(path: Path) -> set[str]:
    """The modules that a file imports when it is loaded or a function of it runs, not for types alone."""
    found: set[str] = set()
    stack: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        stack.extend(ast.iter_child_nodes(node))
    return found


def test_public_functions_of_sync_take_few_arguments() -> None:
    """Of two engines and what they read and write: six at most, beside ``self``."""
    wide = []
    for path in sorted((PACKAGE / "sync").rglob("*.py")):
        for found in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            names = [one.arg for one in (*found.args.posonlyargs, *found.args.args, *found.args.kwonlyargs)]
            if not found.name.startswith("_") or found.name == "__init__":
                count = len([name for name in names if name not in ("self", "cls")])
                if count > 6:
                    wide.append(f"{path.name}: {found.name} takes {count}")
    assert wide == []
