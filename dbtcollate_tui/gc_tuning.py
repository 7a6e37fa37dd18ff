"""All policies of the garbage collector: it is kept off values that live to the end anyway."""

import contextlib
import gc
from collections.abc import Iterator

YOUNG, MIDDLE, OLD = 3_000, 20, 50
"""Objects made, and collections of the younger ones, before the collector looks."""
STARTING_YOUNG = 50_000
"""The same while modules are loaded, which makes hundreds of thousands of lasting objects and little else."""
WORKER_YOUNG = 5_000
"""The same in a process that only parses SQL, whose trees are large and short-lived."""

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


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """While it lasts nothing is collected: decoding a manifest makes millions of objects, and no cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def seldom_while_starting() -> None:
    """Let the collector look rarely until a longer piece of work sets a policy of its own."""
    gc.set_threshold(STARTING_YOUNG, MIDDLE, OLD)


def rarely_from_here_on() -> None:
    """Leave alone what is loaded, and collect the rest rarely, until this process ends."""
    gc.freeze()
    gc.set_threshold(WORKER_YOUNG)
