"""Seeded runs among random faults and kills, and several syncs at once; each ends with a compared state."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from tests.campaign import proxy
from tests.campaign.requests import HEAVY, LONG_PAUSES
from tests.campaign.world import COMMANDS, Case, Kill, World, differences, judge, log_of, recovered

RATES = {"sparse": (0.01, 0.08), "dense": (0.15, 0.5), "burst": (1.0, 1.0), "writes": (0.05, 0.4)}
KILLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Drawn:
    """Faults as one seed draws them."""

    def __init__(self, rng: random.Random, case: Case) -> None:
        self._rng = rng
        self._case = case
        self.style = rng.choice(("sparse", "sparse", "dense", "burst", "writes"))
        self._rate = rng.uniform(*RATES[self.style])
        names = [name for name in proxy.ALL if name not in HEAVY and not name.startswith("pad")]
        self._pool = rng.sample(names, rng.choice((1, 3, 8, 40)))
        self._first, self._length = rng.randrange(150), rng.randrange(2, 60)
        self._asked = 0
        self.drawn: set[str] = set()

    def for_collate(self, request: Any, number: int) -> str | None:
        """The fault of one request, if any."""
        self._asked += 1
        is_write = request.method != "GET"
        if self.style == "burst":
            if not self._first <= self._asked < self._first + self._length:
                return None
        elif self._rng.random() >= self._rate or (self.style == "writes" and not is_write):
            return None
        lose = is_write and self._rng.random() < 0.5
        fault: str = self._rng.choice(proxy.WRITE_LOST if lose else self._pool)
        if fault == "429-ra-1e9" and self._rng.random() < 0.9:
            fault = "429-ra-1"
        self._case.faults += 1
        self.drawn.add(fault)
        return fault

    def for_dbt_cloud(self, request: Any, number: int) -> str | None:
        """The same, without the pauses that dbt Cloud is given minutes for."""
        fault = self.for_collate(request, number)
        return "429-ra-1" if fault and LONG_PAUSES.match(fault) else fault


def begin(world: World, part: str, seed: int) -> tuple[Case, random.Random]:
    """A case of its own on servers as they were at first, and what its choices are drawn by."""
    world.calm()
    world.rng.seed(seed)
    world.fresh()
    return Case(part, str(seed)), random.Random(seed)


async def seeds(world: World, numbers: Sequence[int]) -> AsyncIterator[Case]:
    """One case a seed."""
    for seed in numbers:
        yield await one_seed(world, seed)


async def one_seed(world: World, seed: int) -> Case:
    """A few commands and one to three syncs while faults are drawn, a third of them killed."""
    case, rng = begin(world, "seeds", seed)
    engine = "collate" if rng.random() < 0.2 else "direct"
    home = world.home("seed")
    drawn = Drawn(rng, case)
    world.decide = {"dbt": drawn.for_dbt_cloud, "collate": drawn.for_collate}
    caught = len(world.caught)
    codes: list[Any] = []
    names = ("setup", "verify", "plan", "status", "troubleshoot", "explain")
    for name in rng.sample(names, rng.choice((0, 1, 2))):
        arguments = (*world.setup(job=False), "--json") if name == "setup" else COMMANDS[name]
        ran = await world.run(home, *arguments)
        codes.append((name, ran.code))
        case.bad += [f"{name}: {one}" for one in judge(ran, home)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        kill: Kill | None = None
        if rng.random() < 0.35:
            kill = (rng.choice(KILLS), rng.uniform(0.02, 1.5 if engine == "direct" else 4))
        ran = await world.run(home, *COMMANDS["sync" if engine == "direct" else "collate"], kill=kill)
        case.kills += ran.killed
        codes.append((engine, ran.code, kill[0].name if kill and ran.killed else ""))
        case.bad += [f"sync: {one}" for one in judge(ran, home)]
    if len(world.caught) > caught:
        case.bad.append("a redirect to another origin was followed")
    world.calm()
    if "refused-1s" in drawn.drawn or case.kills:
        await asyncio.sleep(1.2)  # the proxy listens again; files of a killed command are no longer new
    history = await world.run(home, "history", "--json")
    if history.code != 0 or history.err:
        case.bad.append(f"history afterwards: exit code {history.code} {history.err[:200]}")
    await recovered(world, home, ran, engine, case)
    case.bad += [f"left behind: {name}" for name in left_behind(home)]
    case.facts = {"engine": engine, "style": drawn.style, "codes": codes}
    if case.bad:
        case.facts |= {"drawn": sorted(drawn.drawn), "err": ran.err[:300]}
    return case


def left_behind(home: Path) -> list[str]:
    """Half-written files that are still there after a later command has cleaned up."""
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and (path.suffix in (".tmp", ".part") or path.parent.name == "tmp")
    )


async def at_once(world: World, rounds: Sequence[int]) -> AsyncIterator[Case]:
    """Two or four syncs at once: of one profile, of two profiles, of two machines."""
    for seed in rounds:
        yield await one_round(world, seed)


async def one_round(world: World, seed: int) -> Case:
    """One round of syncs at once, some among faults, some killed."""
    case, rng = begin(world, "at once", seed)
    style = rng.choice(("one profile", "two profiles", "two machines"))
    with_faults, count = rng.random() < 0.4, rng.choice((2, 2, 2, 4))
    homes = world.home("first"), world.home("second")
    profiles = homes[0] / ".config" / "dbtcollate" / "profiles"
    (profiles / "two.toml").write_text((profiles / "shop.toml").read_text())
    others = ["503-html", "reset-before", "429-ra-0", "late-1s", "drip-fast", "409-json"]
    pool = rng.sample(proxy.WRITE_LOST + others, 3)

    def decide(request: Any, number: int) -> str | None:
        if request.method == "GET" or rng.random() >= 0.1:
            return None
        case.faults += 1
        found: str = rng.choice(pool)
        return found

    if with_faults:
        world.decide = {"collate": decide}
    plans = [
        (
            rng.uniform(0, 0.4),
            homes[1] if style == "two machines" and number % 2 else homes[0],
            "two" if style == "two profiles" and number % 2 else "shop",
            (rng.choice((signal.SIGKILL, signal.SIGINT)), rng.uniform(0.1, 0.8))
            if with_faults and rng.random() < 0.3
            else None,
        )
        for number in range(count)
    ]

    async def one(pause: float, home: Path, profile: str, kill: Kill | None) -> Any:
        await asyncio.sleep(pause)
        return await world.run(home, *COMMANDS["sync"], "--profile", profile, kill=kill)

    rans = await asyncio.gather(*(one(*plan) for plan in plans))
    world.calm()
    plan = await world.run(homes[0], *COMMANDS["plan"])
    left = {change["key"] for found in plan.of("plan") for change in found["plan"]["changes"]}
    for ran in rans:
        case.kills += ran.killed
        case.bad += judge(ran)
        if found := set(ran.applied) & left:
            case.bad.append(f"reported as written and not there: {sorted(found)[:2]}")
        if ran.code == 0 and left:
            case.bad.append(f"exit code 0, and {len(left)} changes are left: {sorted(left)[:2]}")
    again = await world.run(homes[0], *COMMANDS["sync"])
    case.bad += judge(again, homes[0]) + ([f"afterwards {again.code}"] if again.code else [])
    case.compared += 1
    if differing := differences(world.state(), world.ends["direct"]):
        case.differences += len(differing)
        case.bad.append(f"the state in the end differs in {len(differing)}: {differing[:3]}")
    case.facts = {"style": style, "codes": [ran.code for ran in rans]}
    if case.bad:
        case.facts["log"] = log_of(homes[0])[-300:]
    return case
