"""Runs in the reference's environment: how it joins names to an FQN, and takes that apart again.

The file that is named holds a list of lists of names. Prints a list of ``[FQN, names]`` on the last line.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main(path: str) -> list[Any]:
    """Join and split each list of names."""
    fqn = importlib.import_module("metadata.utils.fqn")
    found = []
    for names in json.loads(Path(path).read_text(encoding="utf-8")):
        joined = ".".join(fqn.quote_name(name) for name in names)
        found.append([joined, fqn.split(joined)])
    return found


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
