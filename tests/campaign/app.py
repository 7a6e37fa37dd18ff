"""The app in a terminal among faults and on damaged files: it lives, answers keys, and ends."""

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from tests.campaign import proxy
from tests.campaign.files import DEEP, PROFILE, STATE
from tests.campaign.requests import HEAVY, LONG_PAUSES
from tests.campaign.world import COMMANDS, TRACES, Case, World, log_of
from tests.support.terminal import Terminal, terminal

F1 = b"\x1bOP"
VISITS = (
    # a key of home, and the seconds that are left for what it begins
    ("v", 3.0),
    ("t", 2.0),
    ("h", 1.0),
    ("c", 2.0),
    ("/", 1.0),
    ("p", 1.0),
    ("s", 4.0),
)
HEALTHY = 0


async def app(world: World, seeds: Sequence[int]) -> AsyncIterator[Case]:
    """The app among faults, one case a seed; then on each kind of damaged file."""
    for seed in seeds:
        world.calm()
        world.fresh()
        world.rng.seed(seed)
        rng = random.Random(seed)
        case = Case("app", f"seed {seed}")
        names = [name for name in proxy.ALL if name not in HEAVY and not LONG_PAUSES.match(name)]
        pool, rate = rng.sample(names, 12), rng.choice((0.05, 0.2, 0.5))
        world.decide = dict.fromkeys(("dbt", "collate"), _drawing(case, rng, pool, rate))
        await _visit(world, world.home("app"), case)
        world.calm()
        yield case
    async for case in _damaged(world):
        yield case


def _drawing(
    case: Case, rng: random.Random, pool: Sequence[str], rate: float
) -> Callable[[Any, int], str | None]:
    def decide(request: Any, number: int) -> str | None:
        if rng.random() >= rate:
            return None
        case.faults += 1
        return rng.choice(pool)

    return decide


async def _damaged(world: World) -> AsyncIterator[Case]:
    world.fresh()
    base = world.home("app-base")
    await world.run(base, *COMMANDS["sync"])
    history = base / STATE / "shop" / "history"
    record = next(path for path in history.glob("*-sync-*.json") if "plan" not in path.name)
    good = json.loads(record.read_text())
    keys = Path(".config", "dbtcollate", "keys.toml")
    odd = "\x1b]0;x\x07[b]x[/nowhere]"
    damages: dict[str, tuple[Path, str]] = {
        "a record's time": (record.relative_to(base), json.dumps({**good, "at": "yesterday"})),
        "a record's text": (record.relative_to(base), json.dumps({**good, "text": odd})),
        "a record, deep": (record.relative_to(base), DEEP),
        "a second profile": (PROFILE.with_name("two.toml"), "x ="),
        "the only profile": (PROFILE, "x ="),
        "the only profile, deep": (PROFILE, ".".join("a" * 3000) + " = 1"),
        "the state": (STATE / "app.json", DEEP),
        "the keys": (keys, "sync = ["),
        "the keys, deep": (keys, "sync = " + "[" * 3000 + "]" * 3000),
    }
    for label, (path, text) in damages.items():
        home = world.home("app")
        for part in (".local", ".cache"):
            if (base / part).exists():
                shutil.copytree(base / part, home / part, dirs_exist_ok=True)
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
        case = Case("app", f"damaged: {label}")
        codes = (0, 2) if "keys" in label else (0,)
        await _visit(world, home, case, codes=codes)
        yield case


async def _visit(world: World, home: Path, case: Case, codes: Sequence[int] = (HEALTHY,)) -> None:
    """Go through the screens, ask for help on each, and leave; every wait has a limit."""
    environment = {**world.environment(home), "TERM": "xterm-256color"}

    def go() -> None:
        with terminal(["--no-animation"], size=(120, 40), environment=environment) as here:
            try:
                here.until("dbtcollate")
                here.rest(2.0)
                for key, seconds in VISITS:
                    here.press(key)
                    here.rest(seconds)
                    _help(here, key, case)
                    here.press("escape")
                    here.rest(0.3)
                code = _leave(here)
            except (AssertionError, OSError) as error:
                code = here.ended() if "never came" not in str(error) else -1
                if code not in codes:
                    case.bad.append(f"exit code {code}: {str(error)[-600:]}")
                return
            if code not in codes:
                case.bad.append(f"exit code {code}")

    await asyncio.to_thread(go)
    if found := TRACES.search(log := log_of(home)):
        case.bad.append(f"log: {log[max(0, found.start() - 80) : found.start() + 1200]!r}")


def _help(here: Terminal, where: str, case: Case) -> None:
    before = here.drawn()
    here.send(F1)
    for _ in range(40):
        here.rest(0.25)
        if here.drawn() != before:
            break
    else:
        case.bad.append(f"no answer to F1 after {where} within 10 s")
    here.press("escape")
    here.rest(0.4)


def _leave(here: Terminal) -> int:
    here.send(b"\x11")
    here.rest(1.0)
    here.send(b"\x11")
    here.rest(0.5)
    here.press("enter")
    return here.ended()
