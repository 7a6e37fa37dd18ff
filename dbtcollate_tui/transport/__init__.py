"""HTTP for both API clients; the one room that imports the HTTP library."""

import sys
from types import ModuleType
from typing import cast

if "httpx" not in sys.modules:
    # httpx's own command line, which it does without: it loads rich and pygments, 4.5 MB.
    sys.modules["httpx._main"] = cast(ModuleType, None)
