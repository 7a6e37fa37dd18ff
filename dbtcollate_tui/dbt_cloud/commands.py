"""One dbt command line of a job or a run step, read: its verb, its selection, whether it defers."""

import re
import shlex
from dataclasses import dataclass
from functools import lru_cache

_VERBS = frozenset(
    {
        "build", "run", "test", "seed", "snapshot", "compile", "parse", "deps", "clean", "clone", "debug",
        "ls", "list", "show", "retry", "run-operation", "init", "docs", "source", "freshness", "lint", "sl",
    }
)  # fmt: skip
_WITH_VALUE = frozenset(
    {
        "--log-level", "--log-level-file", "--log-format", "--log-path", "--profiles-dir", "--project-dir",
        "--target-path", "--target", "-t", "--profile", "--vars", "--threads", "--printer-width",
        "--warn-error-options", "--event-time-start", "--event-time-end",
    }
)  # fmt: skip
_SELECTING = frozenset(
    {"--select", "-s", "--models", "--model", "-m", "--exclude", "--selector", "--resource-type"}
)
_DEFERRING = frozenset({"--defer", "--state", "--defer-state"})
_ONLY_PART = frozenset({"--empty", "--sample"})
_BACKTICKED = re.compile(r"`([^`]+)`")

MAKES_RESULTS = frozenset(
    {"build", "run", "test", "seed", "snapshot", "docs generate", "compile", "clone", "retry"}
)
"""Verbs that write run_results.json."""
RUNS_TESTS = frozenset({"build", "test", "retry"})
"""Verbs whose run_results.json holds results of tests that ran."""
COMPILES = frozenset({"build", "run", "docs generate", "compile"})
"""Verbs whose manifest.json holds the compiled code of what they select."""
COMPILES_PART = frozenset({"retry", "snapshot"})
"""Verbs whose manifest.json holds the compiled code of a part of the project, whatever they select."""


@dataclass(frozen=True, slots=True)
class DbtCommand:
    """A command line: ``verb`` is ``build``, ``docs generate``, …; empty where it is not dbt's."""

    text: str
    verb: str
    selection: tuple[str, ...] = ()
    defers: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether it works on a part of the project or on no rows."""
        return bool(self.selection)

    @property
    def is_sample(self) -> bool:
        """Whether it works on no rows or on a few, so that its SQL and its results are not the project's."""
        return bool(_ONLY_PART.intersection(word.partition("=")[0] for word in self.text.split()))

    @property
    def writes_catalog(self) -> bool:
        """Whether it says that it writes catalog.json: ``docs generate``, or dbt 2's ``--write-catalog``."""
        return self.verb == "docs generate" or "--write-catalog" in self.text.split()


@lru_cache(maxsize=4096)
def read_command(text: str) -> DbtCommand:
    """Read a line such as ``dbt --warn-error build --select marts``; anything else has an empty verb."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    if not words or words[0] not in ("dbt", "dbtf"):
        return DbtCommand(text, "")
    rest = words[1:]
    verb, index = "", 0
    while index < len(rest) and not verb:
        word = rest[index]
        if word.startswith("-"):
            index += 2 if word in _WITH_VALUE else 1
            continue
        if word not in _VERBS:
            break
        verb = word
        index += 1
    if verb == "freshness":
        verb = "source freshness"
    if verb in ("docs", "source"):
        follower = next((word for word in rest[index:] if not word.startswith("-")), "")
        verb = f"{verb} {'freshness' if follower == 'snapshot-freshness' else follower}".strip()
    selection: list[str] = []
    defers = False
    for place, word in enumerate(rest):
        name, _, value = word.partition("=")
        if name in _SELECTING:
            selection.append(f"{name} {value or ' '.join(_values(rest[place + 1 :]))}".strip())
        elif name in _ONLY_PART:
            selection.append(word)
        elif name in _DEFERRING:
            defers = True
    return DbtCommand(text, verb, tuple(selection), defers)


def command_of_step(name: str, dbt_command: str | None) -> str:
    """A run step's command: as dbt gives it, else between its name's backticks, else from its name."""
    if dbt_command:
        return dbt_command
    match = _BACKTICKED.search(name)
    if match:
        return match.group(1)
    lowered = name.lower()
    if "generate docs" in lowered or "docs generate" in lowered:
        return "dbt docs generate"
    if "source freshness" in lowered or "generate sources" in lowered:
        return "dbt source freshness"
    return ""


def _values(words: list[str]) -> list[str]:
    values: list[str] = []
    for word in words:
        if word.startswith("-"):
            break
        values.append(word)
    return values
