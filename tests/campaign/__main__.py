"""Run the fault campaign: ``python -m tests.campaign [PART …]``; without a part, all of them.

    python -m tests.campaign                               everything
    python -m tests.campaign seeds --seeds 1-300           random faults and kills, one case a seed
    python -m tests.campaign sweep --slice 0/20            a twentieth of every fault at every kind of request

Each case is one line of JSON; ``bad`` is empty where everything held. The exit code is 1 after a finding.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.campaign import app, files, left_behind, networks, requests, seeds, slow, texts
from tests.campaign.world import Case, World, world_in


def numbers(text: str) -> range:
    """``1-300`` as a range."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


PARTS: dict[str, Callable[[World, argparse.Namespace], AsyncIterator[Case]]] = {
    "sweep": lambda world, given: requests.sweep(world, given.slice, given.only),
    "seeds": lambda world, given: seeds.seeds(world, numbers(given.seeds)),
    "at-once": lambda world, given: seeds.at_once(world, numbers(given.rounds)),
    "lost": lambda world, given: requests.lost(world, given.slice),
    "slow": lambda world, given: slow.slow(world),
    "long": lambda world, given: slow.slow(world, long=True),
    "hostile": lambda world, given: texts.hostile(world),
    "exports": lambda world, given: texts.exports(world),
    "secrets": lambda world, given: texts.secrets(world),
    "app": lambda world, given: app.app(world, numbers(given.rounds)),
    "files": lambda world, given: files.files(world),
    "networks": lambda world, given: networks.networks(world),
    "left-behind": lambda world, given: left_behind.left_behind(world),
}
COMPARING = {"sweep", "seeds", "at-once", "lost", "slow"}
"""Parts that compare states with those that an undisturbed sync leaves."""


async def run(given: argparse.Namespace) -> int:
    """Run the parts; 1 after a finding."""
    parts = given.parts or list(PARTS)
    ends = time.monotonic() + given.minutes * 60
    totals = {"runs": 0, "faults": 0, "kills": 0, "compared": 0, "differences": 0, "findings": 0}
    with tempfile.TemporaryDirectory(prefix="dbtcollate-campaign-") as folder:
        async with world_in(Path(folder)) as world:
            if COMPARING & set(parts):
                await world.find_ends()
            for part in parts:
                async for case in PARTS[part](world, given):
                    print(case.line(), flush=True)
                    totals["runs"] += 1
                    totals["findings"] += bool(case.bad)
                    for name in ("faults", "kills", "compared", "differences"):
                        totals[name] += getattr(case, name)
                    if time.monotonic() > ends:
                        print(f"{part}: stopped after {given.minutes} minutes", file=sys.stderr)
                        break
    print(
        "{runs} runs, {faults} faults, {kills} kills, {compared} states compared, {differences} differences,"
        " {findings} findings".format(**totals),
        file=sys.stderr,
    )
    return 1 if totals["findings"] else 0


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seeds", default="1-300")
    parser.add_argument("--rounds", default="0-39")
    parser.add_argument("--only", default="", help="a pattern that the cases of the sweep match")
    parser.add_argument(
        "--slice", default=(0, 1), metavar="I/N", type=lambda text: tuple(map(int, text.split("/")))
    )
    parser.add_argument("--minutes", type=float, default=10_000.0, help="time for each run of this command")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    os.nice(5)
    return asyncio.run(run(given))


if __name__ == "__main__":
    sys.exit(main())
