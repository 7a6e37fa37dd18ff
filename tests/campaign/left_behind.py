"""What `verify` leaves behind in Collate: nothing, in every ending."""

import json
import re
import signal
from collections.abc import AsyncIterator
from typing import Any

from tests.campaign.world import Case, Kill, World, judge

ENDINGS: tuple[tuple[str, str, str, Kill | None], ...] = (
    # request, fault, name, kill
    ("", "", "undisturbed", None),
    ("POST .*/workflows$", "lost-reset", "the answer to its creation lost", None),
    ("POST .*/workflows$", "lost-502", "a gateway in place of its creation's answer", None),
    ("POST .*/workflows$", "lost-garbage", "garbage in place of its creation's answer", None),
    ("POST .*/trigger", "500-json", "its start refused", None),
    ("GET .*/workflows/", "500-json", "its state unreadable", None),
    ("GET .*/workflows/", "login-200", "a login page in place of its state", None),
    ("DELETE .*/workflows", "reset-before", "its removal lost once", None),
    ("workflows", "late-1s", "interrupted", (signal.SIGINT, 1.8)),
    ("workflows", "late-1s", "terminated", (signal.SIGTERM, 1.8)),
    ("workflows", "late-1s", "hung up", (signal.SIGHUP, 1.8)),
    ("workflows", "late-1s", "killed", (signal.SIGKILL, 1.8)),
)


def workflows(world: World) -> list[dict[str, Any]]:
    """The connection tests that Collate holds."""
    rows = world.in_server(
        lambda: world._database().execute("select json from entities where kind='workflow'").fetchall()
    )
    return [json.loads(row[0]) for row in rows]


async def left_behind(world: World) -> AsyncIterator[Case]:
    """`verify` in each of its endings; what a killed one left is removed by the next."""
    for request, fault, name, kill in ENDINGS:
        case = Case("left-behind", name)
        world.calm()
        world.fresh()
        home = world.home("left")
        await world.run(home, "deploy", "--yes")

        def decide(asked: Any, number: int, request: str = request, fault: str = fault) -> str | None:
            if not request or not re.search(request, f"{asked.method} {asked.path}"):
                return None
            case.faults += 1  # noqa: B023
            if fault == "reset-before" and case.faults > 1:  # noqa: B023
                return None
            return fault

        world.calm()
        world.decide = {"collate": decide}
        ran = await world.run(home, "verify", "--json", kill=kill)
        case.kills = int(ran.killed)
        case.bad += judge(ran, home)
        made = sum(seen.method == "POST" and "workflows" in seen.target for seen in world.collate.seen)
        if request and not case.faults:
            case.bad.append("no request met the fault")
        left = workflows(world)
        case.facts = {"code": ran.code, "requests": made, "left": len(left)}
        is_killed = kill is not None and kill[0] is signal.SIGKILL
        if left and not is_killed:
            case.bad.append(f"{len(left)} connection tests are left in Collate")
        world.calm()
        again = await world.run(home, "verify", "--json")
        case.bad += judge(again, home)
        if after := workflows(world):
            case.bad.append(f"{len(after)} connection tests are left after the next visit")
        yield case
