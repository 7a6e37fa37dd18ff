"""Every fault at every kind of request, and every write with its answer lost."""

import re
from collections.abc import AsyncIterator
from typing import Any

from tests.campaign import proxy
from tests.campaign.world import COMMANDS, Case, World, judge, log_of, recovered

PLACES = (
    ("dbt", r"GET /api/v3/accounts/($|\?)", "setup"),
    ("dbt", r"GET /api/v2/accounts/\d+/$", "verify"),
    ("dbt", r"GET /api/v3/accounts/\d+/projects", "setup"),
    ("dbt", r"GET /api/v2/accounts/\d+/jobs/($|\?)", "setup"),
    ("dbt", r"GET /api/v2/accounts/\d+/jobs/\d+", "verify"),
    ("dbt", r"GET /api/v2/accounts/\d+/runs/($|\?)", "verify"),
    ("dbt", r"GET /api/v2/accounts/\d+/runs/\d+/($|\?)", "plan"),
    ("dbt", r"GET .*/artifacts/($|\?)", "verify"),
    ("dbt", r"GET .*manifest\.json", "plan"),
    ("dbt", r"GET .*catalog\.json", "plan"),
    ("dbt", r"GET .*run_results\.json", "plan"),
    ("dbt", r"GET .*sources\.json", "plan"),
    ("dbt", r"GET .*(environments|connections)", "setup"),
    ("collate", r"GET /api/v1/system/version", "verify"),
    ("collate", r"GET /api/v1/users/loggedInUser", "plan"),
    ("collate", r"GET /api/v1/permissions", "verify"),
    ("collate", r"GET /api/v1/services/databaseServices", "verify"),
    ("collate", r"GET /api/v1/databases", "plan"),
    ("collate", r"GET /api/v1/tables($|\?)", "plan"),
    ("collate", r"GET /api/v1/tables/", "plan"),
    ("collate", r"GET /api/v1/lineage", "plan after a sync"),
    ("collate", r"GET /api/v1/dataQuality", "plan after a sync"),
    ("collate", r"GET /api/v1/(tags|classifications|glossar)", "plan after a sync"),
    ("collate", r"GET /api/v1/(users|teams)(/name|\?|$)", "plan"),
    ("collate", r"GET /api/v1/(metadata/types|search|dashboards|domains)", "plan"),
    ("collate", r"GET /api/v1/services/ingestionPipelines", "verify after a sync"),
    ("collate", r"GET /api/v1/services/ingestionPipelines", "collate"),
    ("collate", r"GET .*/pipelineStatus", "collate"),
    ("collate", r"GET .*/logs/", "collate"),
    ("collate", r"GET .*/progress/", "collate"),
    ("collate", r"(PUT|PATCH|POST) /api/v1/services/ingestionPipelines", "collate"),
    ("collate", r"PATCH /api/v1/tables", "sync"),
    ("collate", r"PUT /api/v1/tables", "sync"),
    ("collate", r"PUT /api/v1/lineage", "sync"),
    ("collate", r"(PUT|POST) /api/v1/dataQuality", "sync"),
    ("collate", r"PUT /api/v1/(tags|classifications)", "sync"),
    ("collate", r"GET ", "explain"),
    ("dbt", r"GET ", "status"),
    ("collate", r"GET ", "troubleshoot"),
)
"""The kinds of requests: the server, the pattern, and the command that makes them."""
HEAVY = frozenset({"gzip-bomb-200", "pad-50mb"})
"""Faults that `slow` tries: they take this process long to make."""
LONG_PAUSES = re.compile(
    r"^429-(none|feature|ra-(1e9|1e9f|inf|nan|neg|far|hex|junk|empty|minus0000|badzone))$"
)
"""Faults that dbt Cloud is given minutes for; `slow` tries them."""


def sweep_cases() -> list[tuple[str, str, str, str]]:
    """Every place with every fault."""
    return [
        (*place, fault)
        for place in PLACES
        for fault in proxy.ALL
        if fault not in HEAVY and not (place[0] == "dbt" and LONG_PAUSES.match(fault))
    ]


async def sweep(world: World, share: tuple[int, int] = (0, 1), only: str = "") -> AsyncIterator[Case]:
    """One command a fault and a place; a ``share`` of (2, 20) takes every twentieth, from the third on."""
    part, parts = share
    for number, (side, pattern, command, fault) in enumerate(sweep_cases()):
        if number % parts == part and (not only or re.search(only, f"{side} {pattern} {command} {fault}")):
            yield await one_fault(world, side, pattern, command, fault)


async def one_fault(world: World, side: str, pattern: str, command: str, fault: str) -> Case:
    """One command while one kind of request fails in one way."""
    case = Case("sweep", f"{fault} at {pattern} of {command}")
    world.calm()
    after_a_sync = command.endswith(" after a sync") or command == "collate"
    world.fresh(world.synced if after_a_sync else None)
    home = world.home("one")
    world.rng.seed(f"{pattern} {fault}")

    def decide(request: Any, number: int) -> str | None:
        if not re.search(pattern, f"{request.method} {request.target}"):
            return None
        case.faults += 1
        return fault

    world.decide = {side: decide}
    name = command.removesuffix(" after a sync")
    arguments = (*world.setup(job=False), "--json") if name == "setup" else COMMANDS[name]
    caught = len(world.caught)
    ran = await world.run(home, *arguments)
    case.facts = {"code": ran.code, "seconds": ran.seconds}
    case.bad += judge(ran, home)
    if len(world.caught) > caught:
        case.bad.append("a redirect to another origin was followed")
    if name in ("sync", "collate") and case.faults:
        await recovered(world, home, ran, "direct" if name == "sync" else "collate", case)
    if case.bad:
        case.facts |= {"err": ran.err[:300], "log": log_of(home)[-300:]}
    return case


async def lost(world: World, share: tuple[int, int] = (0, 1)) -> AsyncIterator[Case]:
    """Every write of a first sync in turn, done with its answer lost, in two of ten ways each."""
    part, parts = share
    world.calm()
    world.fresh()
    await world.run(world.home("lost"), *COMMANDS["sync"])
    writes = sum(seen.method != "GET" for seen in world.collate.seen)
    for number in range(writes):
        for way in (number, number + 5):
            if (2 * number + (way != number)) % parts == part:
                ways = proxy.WRITE_LOST
                yield await lost_answer(world, number + 1, ways[way % len(ways)])


async def lost_answer(world: World, wanted: int, fault: str) -> Case:
    """A first sync of which one write is done and its answer is lost."""
    case = Case("lost", f"write {wanted} {fault}")
    world.calm()
    world.fresh()
    home = world.home("lost")
    writes = 0

    def decide(request: Any, number: int) -> str | None:
        nonlocal writes
        writes += request.method != "GET"
        if request.method == "GET" or writes != wanted:
            return None
        case.faults += 1
        case.facts["at"] = f"{request.method} {request.target[:80]}"
        return fault

    world.decide = {"collate": decide}
    ran = await world.run(home, *COMMANDS["sync"])
    case.bad += judge(ran, home)
    case.facts["code"] = ran.code
    await recovered(world, home, ran, "direct", case)
    return case
