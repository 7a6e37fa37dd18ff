"""What explaining one table costs beside planning its whole project for the first time.

    python -m tests.bench.explain_table --today DIR [--times 5] [--repeat 3] [--name mart_10007] [--cache DIR]

The artifacts are those of `tests.bench.direct_sync` for 1,000 models, ``--times`` times over. In turn, from
the same server: ``--version`` of both builds, ``dbtcollate plan`` of the one in ``DIR`` with an empty cache,
then ``dbtcollate explain`` of this build with the run's artifacts cached, with and without the lineage tree.
The aims: at most a tenth of the plan's wall time and half of its memory, both less what ``--version`` takes.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import platformdirs

from tests.bench import multiplied, recording, sides
from tests.bench.direct_sync import say
from tests.bench.measured import Cost
from tests.bench.serving import free_ports, served

MODELS = 1000
WALL, MEMORY = 0.1, 0.5
PLAN = ("plan", "-p", "bench", "--json")


def run(options: argparse.Namespace) -> dict[str, list[Cost]]:
    """All costs by what was run, in turn."""
    ours = sides.Build(python=sides.our_python(options.cache))
    today = sides.Build(options.today, sides.our_python(options.cache, options.today))
    made = recording.made(options.cache, MODELS, say)
    larger = options.cache / f"{made.name}-times-{options.times}"
    making = [sys.executable, "-m", multiplied.__name__, str(made / "first"), str(larger), str(options.times)]
    subprocess.run(making, check=True)  # apart, since a child's peak of memory begins with this process's own
    explain = ("explain", options.name, "-p", "bench", "--json")
    found: dict[str, list[Cost]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="dbtcollate-bench-") as folder:
        work, ports = Path(folder), free_ports()
        with served(larger, work / "state.sqlite", ports, 0.0) as server:

            def measure(who: str, home: Path, build: sides.Build, *words: str) -> None:
                home.mkdir(exist_ok=True)
                ended = sides.ours(server.urls, home, build, *words)
                if ended.failed:
                    raise SystemExit(f"{who} {ended.trouble}")
                found[who].append(ended.cost)
                say(f"{who}: {ended.cost.seconds:.2f} s, {ended.cost.peak_mb:.0f} MB")

            home = work / "ours"
            measure("explain, artifacts not cached", home, ours, *explain)
            for number in range(options.repeat):
                measure("version of today", work / "version", today, "--version")
                measure("version", work / "version", ours, "--version")
                first = work / f"today-{number}"
                measure("first plan of today", first, today, *PLAN)
                shutil.rmtree(first)
                measure("explain", home, ours, *explain)
                measure("explain without tree", home, ours, *explain, "--levels", "0")
    return found


def report(found: dict[str, list[Cost]]) -> str:
    """The medians, and both aims for each explanation, met or missed."""
    lines = ["", f"{'':32} {'wall s':>8} {'cpu s':>8} {'peak MB':>8}"]
    wall = {who: statistics.median(cost.seconds for cost in costs) for who, costs in found.items()}
    peak = {who: statistics.median(cost.peak_mb for cost in costs) for who, costs in found.items()}
    for who, costs in found.items():
        cpu = statistics.median(cost.cpu_seconds for cost in costs)
        lines.append(f"{who:32} {wall[who]:8.2f} {cpu:8.2f} {peak[who]:8.0f}")
    lines.append("")
    for who in ("explain", "explain without tree"):
        for name, values, aim in (("wall", wall, WALL), ("memory", peak, MEMORY)):
            ratio = (values[who] - values["version"]) / (
                values["first plan of today"] - values["version of today"]
            )
            lines.append(f"{who}, {name}: {ratio:.3f} of a first plan of today (<= {aim}), ")
            lines[-1] += "met" if ratio <= aim else "missed"
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--today", type=Path, required=True, help="a checkout of the build to compare with")
    parser.add_argument("--times", type=int, default=5, help="how often the 1,000 models are repeated")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--name", default="mart_10007", help="what is explained")
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("dbtcollate-bench"))
    parser.add_argument("--json", type=Path, help="a file for all values")
    options = parser.parse_args(arguments)
    found = run(options)
    sys.stdout.write(report(found))
    if options.json:
        values = {who: [[c.seconds, c.cpu_seconds, c.peak_mb] for c in costs] for who, costs in found.items()}
        options.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
