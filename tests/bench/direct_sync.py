"""What a direct sync costs beside the reference, and beside the least that it can cost.

    python -m tests.bench.direct_sync [--models 1000 5000] [--latency 0 20] [--repeat 3]
        [--without-reference] [--reference-up-to 1000] [--reference-first-only]
        [--cache DIR] [--json FILE]

A real dbt (installed from PyPI) builds a project of that many models, with 1.9 edges, three tests and 8
described columns a model. The sandbox serves its artifacts, and an OpenMetadata that has its tables, in a
process of its own that waits so many ms before each answer. Then in turn, each from the same state: the
reference (PyPI's ``openmetadata-ingestion``, in the environment of ``tests/contract/reference``), this
program as ``dbtcollate sync --yes`` in an environment as a user's, and there, too, bare httpx sending just
the writes that this program sent, as many at once. Three rows: the first sync; again with nothing changed; a
newer run with one model changed. What takes less than 20 s is measured ``--repeat`` times, and the median by
wall time is told.

Environments and artifacts stay in the cache folder; states and logs are in a temporary one.
"""

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.bench import recording, report, sides
from tests.bench.report import Measured
from tests.bench.serving import free_ports, served

SHORT_SECONDS = 20.0
ROWS = ("first", "unchanged", "changed")
Work = Callable[[dict[str, str], Path], sides.Ended]
"""Gets the servers' addresses and a folder for its files."""

_began = time.monotonic()


def say(text: str) -> None:
    """A line of progress on standard error."""
    sys.stderr.write(f"[{time.monotonic() - _began:5.0f} s] {text}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Bench:
    """One size of project at one latency."""

    models: int
    latency_ms: int
    made: Path
    """The folder with both recordings."""
    work: Path
    ports: dict[str, int]
    repeat: int
    python: str
    """The interpreter that has what this program needs and no more, for it and for bare httpx."""

    def state(self, who: str, row: str) -> Path:
        """The server's state after that measurement; with no ``row`` the one that everyone begins with."""
        return self.work / f"{who}-{row or 'seeded'}.sqlite"

    def home(self, who: str, row: str) -> Path:
        """The files that the side left in that measurement."""
        return self.work / f"{who}-{row}"

    def writes(self, row: str) -> Path:
        """What this program wrote in that row."""
        return self.work / f"{row}.writes"

    def seed(self) -> None:
        """Make the state that everyone begins with."""
        with served(self.made / "first", self.state("all", ""), self.ports, 0.0):
            pass

    def measure(self, who: str, row: str, after: tuple[str, str], work: Work) -> Measured:
        """The median of some runs, each on a copy of the state, and the files, that ``after`` left."""
        found: list[Measured] = []
        home, before = self.home(who, row), self.home(*after)
        while len(found) < self.repeat and (not found or found[0].seconds < SHORT_SECONDS):
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(before, home) if before.is_dir() else home.mkdir()
            shutil.copy(self.state(*after), self.state(who, row))
            with served(
                self.made / ("changed" if row == "changed" else "first"),
                self.state(who, row),
                self.ports,
                self.latency_ms / 1000,
                new_run=row == "changed",
                writes=self.writes(row) if who == "ours" else None,
            ) as server:
                ended = work(server.urls, home)
            assert server.tally is not None
            found.append(Measured.of(self.models, self.latency_ms, row, who, ended, server.tally))
            say(found[-1].line())
        found.sort(key=lambda item: item.seconds)
        return found[len(found) // 2]

    def reference(self, rows: Sequence[str]) -> Iterator[Measured]:
        """The reference's rows, of which the first sync is one; none after one that failed."""
        python = sides.reference_python()
        for row in rows:
            after = ("all", "") if row == "first" else ("reference", "first")
            found = self.measure(
                "reference", row, after, lambda urls, home: sides.reference(python, urls, home)
            )
            yield found
            if found.failed:
                return

    def ours(self) -> Iterator[Measured]:
        """This program's three rows, and the floor under those that write; none after one that failed."""
        for row in ROWS:
            after = ("all", "") if row == "first" else ("ours", "first")
            found = self.measure("ours", row, after, lambda urls, home: sides.ours(urls, home, self.python))
            yield found
            if found.failed:
                return
            if found.tally.writes:
                writes, at_once = self.writes(row), found.tally.at_once
                yield self.measure(
                    "floor",
                    row,
                    after,
                    lambda urls, home, writes=writes, at_once=at_once: sides.floor(  # type: ignore[misc]
                        urls["collate"], writes, at_once, home, self.python
                    ),
                )


def run(options: argparse.Namespace) -> tuple[list[Measured], list[str]]:
    """Measure everything that was asked for; what was found, and what was left out and why."""
    found: list[Measured] = []
    left_out: list[str] = []
    rows = ROWS[:1] if options.reference_first_only else ROWS
    options.cache.mkdir(parents=True, exist_ok=True)
    python = sides.our_python(options.cache)
    for models in options.models:
        made = recording.made(options.cache, models, say)
        with_reference = not options.without_reference and models <= options.reference_up_to
        if not with_reference:
            why = "--without-reference" if options.without_reference else "--reference-up-to"
            left_out.append(f"the reference at {models:,} models ({why})")
        elif options.reference_first_only:
            left_out.append("the reference's unchanged and changed sync (--reference-first-only)")
        for latency in options.latency:
            with tempfile.TemporaryDirectory(prefix="dbtcollate-bench-") as folder:
                bench = Bench(models, latency, made, Path(folder), free_ports(), options.repeat, python)
                bench.seed()
                reference = bench.reference(rows) if with_reference else ()
                found += [*reference, *bench.ours()]
    return found, left_out


def main(arguments: list[str]) -> int:
    """Measure, print the table; 1 where a side failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 20], help="ms before each answer")
    parser.add_argument("--repeat", type=int, default=3, help="runs of what takes less than 20 s")
    parser.add_argument("--without-reference", action="store_true")
    parser.add_argument("--reference-up-to", type=int, default=1000, help="the largest project for it")
    parser.add_argument("--reference-first-only", action="store_true")
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("dbtcollate-bench"))
    parser.add_argument("--json", type=Path, help="a file for all values")
    options = parser.parse_args(arguments)
    try:
        found, left_out = run(options)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    sys.stdout.write(report.table(found, left_out))
    if options.json:
        values = {"rows": [dataclasses.asdict(item) for item in found], "left_out": left_out}
        options.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 1 if any(item.failed for item in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
