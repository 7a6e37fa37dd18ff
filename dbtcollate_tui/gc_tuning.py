"""The garbage collector kept off values that live to the end anyway: a plan's, and the loaded program's."""

import contextlib
import gc
from collections.abc import Iterator

YOUNG, MIDDLE, OLD = 3_000, 20, 50
"""Objects made, and collections of the younger ones, before the collector looks."""

_lasting = 0
_former = (0, 0, 0)


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """While it lasts the collector looks less often; what was set before is set again by the last to end."""
    global _lasting, _former
    if _lasting == 0:
        _former = gc.get_threshold()
        gc.set_threshold(YOUNG, MIDDLE, OLD)
    _lasting += 1
    try:
        yield
    finally:
        _lasting -= 1
        if _lasting == 0:
            gc.set_threshold(*_former)


@contextlib.contextmanager
def not_looked_at() -> Iterator[None]:
    """While it lasts the collector leaves alone what is there now.

    Within another such time that one goes on, without what was left meanwhile.
    """
    within = gc.get_freeze_count() > 0
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if within:
            gc.collect()
            gc.freeze()
