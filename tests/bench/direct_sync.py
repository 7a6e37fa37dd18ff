"""What a direct sync costs over the wires that users have, beside today's build and beside the least.

    python -m tests.bench.direct_sync [--models 1000] [--latency 0 20 50] [--wires h1 h2 plain] [--repeat 3]
        [--today DIR] [--slow] [--reference] [--rows first unchanged changed] [--cache DIR] [--json FILE]

A real dbt (installed from PyPI) builds a project of that many models, with 1.9 edges, three tests and 8
described columns a model. The sandbox serves its artifacts, and an OpenMetadata that has its tables, in a
process of its own that waits so many ms before each answer; nginx of the distribution stands in front of it
with TLS and HTTP/2 or HTTP/1.1. Then in turn, each from the same state: this program as ``dbtcollate sync
--yes`` in an environment as a user's, the build in ``DIR`` (over HTTP/2, as it chooses itself), and bare
httpx sending just the writes that each of them sent, as many at once, over the same wire. Three rows: the
first sync; again with nothing changed, after one such sync that is not measured; a newer run with one model
changed. What takes less than 20 s is measured ``--repeat`` times in turn, and the median by wall time is
shown.

``--slow`` makes the sandbox as slow as a loaded real server: a tenth of a second a table and a test case
read, half a second a write. ``--reference`` measures Collate's own ingestion too.
"""

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.bench import nginx, recording, report, sides
from tests.bench.report import Measured
from tests.bench.serving import free_ports, served

SHORT_SECONDS = 20.0
ROWS = ("first", "unchanged", "changed")

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
    fronts: dict[str, int]
    repeat: int
    slow: bool

    def state(self, who: str, row: str) -> Path:
        """The server's state after that measurement; with no ``row`` the one that everyone begins with."""
        return self.work / f"{who}-{row or 'seeded'}.sqlite"

    def seed(self) -> None:
        """Make the state that everyone begins with."""
        with served(self.made / "first", self.state("all", ""), self.ports, 0.0):
            pass

    def once(self, who: "Contender", row: str) -> Measured:
        """One run of a contender, on a copy of the state and of the files that it starts from."""
        name = f"{who.name}-{who.wire}"
        before = f"{who.after}-{who.wire}" if row != "first" else ""
        home = self.work / f"{name}-{row}"
        shutil.rmtree(home, ignore_errors=True)
        former = self.work / f"{before}-first"
        if before and former.is_dir() and who.of is None:
            shutil.copytree(former, home)
        else:
            home.mkdir()
        shutil.copy(self.state(before or "all", "first" if before else ""), self.state(name, row))
        writes = self.work / f"{who.of or name}-{row}.writes"
        with (
            served(
                self.made / ("changed" if row == "changed" else "first"),
                self.state(name, row),
                self.ports,
                self.latency_ms / 1000,
                new_run=row == "changed",
                writes=writes if who.of is None else None,
                slow=self.slow,
            ) as server,
            nginx.fronted(who.wire, self.ports, self.work / "nginx", self.fronts) as (urls, authority),
        ):
            build = dataclasses.replace(who.build, authority=authority, http2=who.wire == "h2")
            if who.of is None:
                ended = sides.ours(urls, home, build)
            else:
                ended = sides.floor(urls["collate"], writes, who.at_once, home, build)
        assert server.tally is not None
        found = Measured.of(self.models, self.latency_ms, row, f"{who.name} {who.wire}", ended, server.tally)
        say(found.line())
        return found

    def settle(self, who: "Contender") -> None:
        """Sync once more after the first sync, unmeasured: what an unchanged sync remembers is there then."""
        name = f"{who.name}-{who.wire}"
        with (
            served(self.made / "first", self.state(name, "first"), self.ports, 0.0),
            nginx.fronted(who.wire, self.ports, self.work / "nginx", self.fronts) as (urls, authority),
        ):
            build = dataclasses.replace(who.build, authority=authority, http2=who.wire == "h2")
            sides.ours(urls, self.work / f"{name}-first", build)

    def row(self, row: str, contenders: list["Contender"]) -> Iterator[Measured]:
        """All contenders in turn, as often as asked for; then the floor of each that wrote, in turn too."""
        if row == "unchanged":
            for who in contenders:
                self.settle(who)
        found = self._in_turn(row, contenders)
        yield from found.values()
        if row != "first":
            return
        floors = [
            Contender(
                f"floor of {who.name}", who.wire, who.build, f"{who.name}-{who.wire}", item.tally.at_once
            )
            for who, item in found.items()
            if item.tally.writes and not item.failed
        ]
        yield from self._in_turn(row, floors).values()

    def _in_turn(self, row: str, contenders: list["Contender"]) -> dict["Contender", Measured]:
        runs: dict[Contender, list[Measured]] = {who: [] for who in contenders}
        for _ in range(self.repeat):
            for who, done in runs.items():
                if not done or (done[0].seconds < SHORT_SECONDS and not done[0].failed):
                    done.append(self.once(who, row))
        return {
            who: sorted(done, key=lambda item: item.seconds)[len(done) // 2] for who, done in runs.items()
        }


@dataclass(frozen=True)
class Contender:
    """A build over a wire, or (``of``) bare httpx sending what that one wrote, so many at once."""

    name: str
    wire: nginx.Wire
    build: sides.Build
    of: str | None = None
    at_once: int = 0

    @property
    def after(self) -> str:
        """Whose first sync it goes on from."""
        return self.name


def run(options: argparse.Namespace) -> tuple[list[Measured], list[str]]:
    """Measure everything that was asked for; what was found, and what was left out and why."""
    found: list[Measured] = []
    left_out: list[str] = []
    options.cache.mkdir(parents=True, exist_ok=True)
    ours = sides.Build(python=sides.our_python(options.cache))
    contenders = [Contender("ours", wire, ours) for wire in options.wires]
    if options.today:
        today = sides.Build(options.today, sides.our_python(options.cache, options.today))
        contenders.append(Contender("today", "h2", today))
    else:
        left_out.append("today's build (--today)")
    for models in options.models:
        made = recording.made(options.cache, models, say)
        for latency in options.latency:
            with tempfile.TemporaryDirectory(prefix="dbtcollate-bench-") as folder:
                bench = Bench(
                    models,
                    latency,
                    made,
                    Path(folder),
                    free_ports(),
                    free_ports(),
                    options.repeat,
                    options.slow,
                )
                bench.seed()
                for row in options.rows:
                    found += bench.row(row, contenders)
                if options.reference:
                    found += _reference(bench)
    return found, left_out


def _reference(bench: Bench) -> Iterator[Measured]:
    """Collate's own ingestion, its first sync, plain: it is so much slower that the wire does not matter."""
    home = bench.work / "reference"
    home.mkdir()
    shutil.copy(bench.state("all", ""), bench.state("reference", "first"))
    with served(
        bench.made / "first", bench.state("reference", "first"), bench.ports, bench.latency_ms / 1000
    ) as server:
        ended = sides.reference(sides.reference_python(), server.urls, home)
    assert server.tally is not None
    yield Measured.of(bench.models, bench.latency_ms, "first", "reference", ended, server.tally)


def main(arguments: list[str]) -> int:
    """Measure, print the table; 1 where a side failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=int, nargs="+", default=[1000])
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 20, 50], help="ms before each answer")
    parser.add_argument("--wires", nargs="+", choices=nginx.WIRES, default=list(nginx.WIRES))
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--repeat", type=int, default=3, help="runs of what takes less than 20 s")
    parser.add_argument("--today", type=Path, help="a checkout of the build to compare with")
    parser.add_argument("--slow", action="store_true", help="a server as slow as a real one under load")
    parser.add_argument("--reference", action="store_true", help="Collate's own ingestion too")
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
