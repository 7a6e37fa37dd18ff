"""Hangs, loops and floods: each has a bound, and the command says what it waits for."""

import json
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.campaign import proxy
from tests.campaign.world import COMMANDS, Case, World, judge, log_of

Json = Any


def _pages_forever(body: Json, request: Any, rng: random.Random) -> Json:
    if isinstance(body, dict) and "paging" in body:
        return {**body, "paging": {"total": 10**6, "after": str(rng.random())}}
    return body


def _total(total: int) -> Callable[[Json, Any, random.Random], Json]:
    def change(body: Json, request: Any, rng: random.Random) -> Json:
        if isinstance(body, dict) and "extra" in body:
            return {**body, "data": body["data"][:1], "extra": {"pagination": {"total_count": total}}}
        return body

    return change


def _full_pages(body: Json, request: Any, rng: random.Random) -> Json:
    if isinstance(body, dict) and isinstance(body.get("data"), list) and body["data"]:
        body["data"] = [{**body["data"][0], "id": 5000 + number} for number in range(100)]
        body.pop("extra", None)
    return body


def _running(body: Json, request: Any, rng: random.Random) -> Json:
    if isinstance(body, dict) and isinstance(body.get("data"), list):
        return {**body, "data": [{**item, "pipelineState": "running"} for item in body["data"]]}
    if isinstance(body, dict) and "pipelineState" in body:
        return {**body, "pipelineState": "running"}
    return body


def _description(text: str) -> Callable[[Json, Any, random.Random], Json]:
    """All descriptions of an answer, or one node's of a manifest, become this text."""

    def walk(value: Json) -> Json:
        if isinstance(value, dict):
            return {
                key: text if key == "description" and isinstance(item, str) else walk(item)
                for key, item in value.items()
            }
        return [walk(item) for item in value] if isinstance(value, list) else value

    def change(body: Json, request: Any, rng: random.Random) -> Json:
        if len(text) < 1000:
            return walk(body)
        if isinstance(body, dict) and "nodes" in body:
            next(node for node in body["nodes"].values() if node.get("name") == "fct_orders")[
                "description"
            ] = text
        return body

    return change


def _log_page(request: Any, answer: Any, rng: random.Random) -> bytes:
    body = json.dumps({"ingestion_task": "", "after": str(rng.random()), "total": "9"}).encode()
    return proxy.http(200, body)  # type: ignore[no-untyped-call, no-any-return]


CHANGES: dict[str, Callable[[Json, Any, random.Random], Json]] = {
    "new-cursor-forever": _pages_forever,
    "total-1e9": _total(10**9),
    "total-1e7": _total(10**7),
    "full-pages-forever": _full_pages,
    "run-forever": _running,
    "backslashes": _description('"password": "' + "\\" * 60),
    "spaces": _description("authorization:" + " " * 60_000 + "x"),
    "half-tokens": _description("-eyJ" * 30_000),
}
FAULTS: dict[str, Callable[[Any, Any, random.Random], bytes]] = {
    **{name: proxy._of(change) for name, change in CHANGES.items()},  # type: ignore[no-untyped-call]
    "log-cursor-forever": _log_page,
}
FOLLOWED = ("sync", "--yes", "--engine", "collate", "--json", "--timeout", "0.2")
CASES: tuple[tuple[str, str, str, str, float], ...] = (
    # server, request, fault, command, seconds that it may take
    ("collate", r"GET /api/v1/tables\?", "json-same-cursor", "plan", 30),
    ("collate", r"GET /api/v1/tables\?", "new-cursor-forever", "plan", 30),
    ("collate", r"GET /api/v1/(databases|tables)\?", "json-empty-page-more", "plan", 30),
    ("collate", r"GET /api/v1/services/databaseServices", "json-same-cursor", "verify", 30),
    ("dbt", r"GET .*/jobs/\?", "total-1e9", "setup", 30),
    ("dbt", r"GET .*/jobs/\?", "total-1e7", "setup", 30),
    ("dbt", r"GET .*/projects", "full-pages-forever", "setup", 30),
    ("collate", r"GET .*/logs/.*/last", "log-cursor-forever", "collate", 60),
    ("collate", r"GET .*/pipelineStatus", "run-forever", "followed", 60),
    ("collate", r"GET .*/logs/", "silence", "followed", 120),
    ("dbt", r".", "429-ra-1e9", "status", 30),
    ("collate", r".", "429-ra-1e9", "sync", 30),
    ("collate", r".", "429-ra-0", "sync", 120),
    ("collate", r"(PUT|PATCH|POST)", "429-ra-0", "sync", 180),
    ("collate", r".", "429-ra-neg", "sync", 120),
    ("collate", r"GET /api/v1/tables\?", "gzip-bomb-200", "plan", 60),
    ("dbt", r"manifest", "gzip-bomb-200", "plan", 60),
    ("dbt", r"/runs/", "gzip-bomb-200", "status", 60),
    ("collate", r".", "pad-50mb", "verify", 120),
    ("collate", r"GET /api/v1/tables", "backslashes", "sync", 60),
    ("dbt", r"manifest", "backslashes", "sync", 60),
    ("dbt", r"manifest", "spaces", "sync", 60),
    ("dbt", r"manifest", "half-tokens", "sync", 60),
    ("collate", r".", "redos-500", "verify", 60),
    ("dbt", r".", "redos-500", "status", 60),
)
LONG: tuple[tuple[str, str, str, str, float], ...] = (
    ("dbt", r"manifest", "1xx-forever", "plan", 450),
    ("dbt", r"manifest", "body-forever", "plan", 300),
    ("dbt", r"manifest", "drip-1", "plan", 300),
    ("dbt", r".", "header-forever", "status", 450),
    ("collate", r".", "header-forever", "verify", 450),
    ("collate", r".", "body-forever", "verify", 450),
    ("dbt", r".", "silence", "status", 400),
    ("collate", r".", "silence", "verify", 400),
    ("collate", r"(PUT|PATCH|POST)", "silence", "sync", 400),
    ("dbt", r".", "429-none", "status", 1000),
    ("collate", r".", "429-none", "sync", 1000),
)
"""Cases that end at the bounds of minutes that `transport.bounds` states."""


async def slow(world: World, *, long: bool = False) -> AsyncIterator[Case]:
    """Each case, with the seconds that it may take."""
    proxy.AFTER.update(FAULTS)
    for case in LONG if long else CASES:
        yield await one_slow(world, *case)


async def one_slow(world: World, side: str, pattern: str, fault: str, command: str, seconds: float) -> Case:
    """One command against a server that hangs, loops or floods."""
    case = Case("slow", f"{side} {fault} at {pattern} of {command}")
    world.calm()
    world.fresh(world.synced if command in ("collate", "followed") else None)
    world.rng.seed(fault)
    home = world.home("slow")

    def decide(request: Any, number: int) -> str | None:
        if not re.search(pattern, f"{request.method} {request.target}"):
            return None
        case.faults += 1
        return fault

    world.decide = {side: decide}
    arguments = {"setup": (*world.setup(job=False), "--json"), "followed": FOLLOWED}.get(command) or COMMANDS[
        command
    ]
    ran = await world.run(home, *arguments, limit=seconds)
    case.bad += judge(ran, home)
    if not case.faults:
        case.bad.append("no request met the fault")
    if case.faults > 2000:
        case.bad.append(f"{case.faults} requests")
    stored = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    if stored > 100 * 1024 * 1024:
        case.bad.append(f"{stored // 1024 // 1024} MB of files")
    case.facts = {"code": ran.code, "seconds": ran.seconds, "MB": ran.megabytes}
    if case.bad:
        case.facts |= {"err": ran.err[:300], "log": log_of(home)[-300:]}
    await world.settled()
    return case
