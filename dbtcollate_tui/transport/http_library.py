"""httpx without its command, which imports rich and pygments: a sixth of the start of a short command."""

import sys
from types import ModuleType

_COMMAND = "httpx._main"


def _stand_in() -> ModuleType:
    module = ModuleType(_COMMAND)
    module.__dict__["main"] = lambda: None
    return module


if "httpx" in sys.modules:
    import httpx as httpx
else:
    sys.modules[_COMMAND] = _stand_in()
    try:
        import httpx as httpx
    finally:
        del sys.modules[_COMMAND]
