"""What a key is called on the footer just now."""

from dataclasses import replace

from textual.dom import DOMNode


def relabel(node: DOMNode, action: str, words: str, *, show: bool = True) -> None:
    """Call the action by these words, whichever keys it has; ``show`` puts it on the footer."""
    held = node._bindings.key_to_bindings
    for key, bindings in list(held.items()):
        if any(binding.action == action for binding in bindings):
            held[key] = [
                replace(binding, description=words, show=show) if binding.action == action else binding
                for binding in bindings
            ]
