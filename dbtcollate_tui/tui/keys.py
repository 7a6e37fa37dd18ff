"""Remapped keys: ``keys.toml`` in the configuration folder names actions and the keys that do them."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from textual.app import App
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.screen import Screen

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.nesting import is_deep
from dbtcollate_tui.printable import safe
from dbtcollate_tui.settings.store import ProfileStore

FILE_NAME = "keys.toml"
ALIASES = {
    "dismiss": "back",
    "leave": "back",
    "again": "retry",
    "quit_asking": "quit",
    "command_palette": "palette",
}
"""Actions that do the same under another name."""
NOT_NAMED = frozenset({"focus_next", "focus_previous", "first", "last", "other_field", "next_row"})
"""Moving about keeps its keys."""


def keys_file(profiles: ProfileStore) -> Path:
    """Where the file is, beside the profiles' folder."""
    return profiles.folder.parent / FILE_NAME


def id_of(action: str) -> str:
    """The name by which the file knows an action; empty for those that no one would look for."""
    name, _, parameters = action.partition("(")
    name = name.rpartition(".")[2]
    if name in ALIASES:
        return ALIASES[name]
    return "" if parameters or name in NOT_NAMED else name


def key_of(node: DOMNode, name: str) -> str:
    """The key, as it is shown, that does an action on this node's screen: the file's, else the usual one.

    Empty where neither the screen nor the app binds an action of this name.
    """
    for place in (node.screen, node.app):
        for _, binding in place._bindings:
            if id_of(binding.action) == name:
                return node.app.get_key_display(binding)
    return ""


def letters_of(screen: Screen[object]) -> str:
    """The single keys that do something on the screen now, and so are not free for a fix."""
    return "".join(key for key in screen.active_bindings if len(key) == 1)


def remap_keys(path: Path) -> None:
    """Move the actions that the file names to its keys, for every screen made from now on.

    Does nothing where there is no file. Raises `UsageError` that names the file, the id and the nearest that
    exist, or the two actions that one key would do. (Textual's own keymap takes a moved key from every
    action that shares it, so it is not used.)
    """
    if not path.exists():
        return
    import tomllib

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        if is_deep(found):
            raise ValueError("Its keys are nested too deep.")
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as TOML", causes=[str(error)]) from error
    kinds = _kinds()
    own = [binding for kind in kinds for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ()))]
    known = {id_of(binding.action) for binding in own} - {""}
    keymap = {name: _keys(path, name, value, known) for name, value in found.items()}
    pairs = {(binding.key, binding.action) for binding in own}
    moved = {kind: _moved(kind, keymap, pairs) for kind in kinds}
    everywhere = [bindings for kind, bindings in moved.items() if issubclass(kind, App)]
    for kind, bindings in moved.items():
        others = everywhere if issubclass(kind, Screen) else []
        _refuse_clash(path, kind, [bindings, *others], keymap)
    for kind, bindings in moved.items():
        kind._merged_bindings = BindingsMap.from_keys(bindings)


def check_keys(path: Path) -> int:
    """Read the file as the app would and print what is wrong with it; 0 where nothing is."""
    import sys

    try:
        remap_keys(path)
    except UsageError as error:
        sys.stderr.write(safe(error.as_text()) + "\n")
        return int(error.exit_code)
    return 0


def _keys(path: Path, name: str, value: object, known: set[str]) -> tuple[str, ...]:
    if name not in known:
        near = ", ".join(nearest(name, sorted(known), at_least=0, in_part=True))
        raise UsageError(
            f'{path} names an action that does not exist: "{name}"',
            causes=[f"Nearest: {near}."],
            fixes=[Advice(f"There are: {', '.join(sorted(known))}.")],
        )
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise UsageError(
            f'{path}: "{name}" has no key',
            fixes=[Advice(f'Write {name} = "f5", or {name} = ["f5", "ctrl+r"].')],
        )
    return tuple(keys)


def _moved(
    kind: type[DOMNode], keymap: Mapping[str, tuple[str, ...]], own: Container[tuple[str, str]]
) -> dict[str, list[Binding]]:
    bindings: dict[str, list[Binding]] = {}
    for key, binding in kind._merged_bindings or BindingsMap():
        keys = keymap.get(id_of(binding.action)) if (key, binding.action) in own else None
        if keys is None:
            bindings.setdefault(key, []).append(binding)
        else:
            for made in Binding.make_bindings([replace(binding, key=",".join(keys), key_display=None)]):
                held = bindings.setdefault(made.key, [])
                if all(other.action != made.action for other in held):
                    held.append(made)
    return bindings


def _refuse_clash(
    path: Path,
    kind: type[DOMNode],
    maps: Sequence[Mapping[str, list[Binding]]],
    keymap: Mapping[str, tuple[str, ...]],
) -> None:
    for key in {key for bindings in maps for key in bindings}:
        ids = {id_of(binding.action): binding for bindings in maps for binding in bindings.get(key, ())}
        wanted = [name for name in ids if name in keymap]
        others = [name or ids[name].action for name in ids if name not in wanted[:1]]
        if wanted and others:
            raise UsageError(
                f'{path}: {key} would be both "{wanted[0]}" and "{others[0]}" ({kind.__name__})',
                fixes=[Advice(f'Give "{wanted[0]}" a free key, or "{others[0]}" another too.')],
            )


def _kinds() -> list[type[DOMNode]]:
    import importlib
    import pkgutil

    import dbtcollate_tui.tui as room

    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
    return [kind for kind in _below(DOMNode) if kind.__module__.startswith(f"{room.__name__}.")]


def _below(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)
