"""The fault campaign: the commands between two servers that misbehave, over TLS.

    python -m tests.campaign.campaign sweep             every fault at every kind of request
    python -m tests.campaign.campaign random --seeds 1-300   random faults, a third with kills

Each line is one run as JSON; ``bad`` is empty where everything held. The exit code is 1 after a finding.
`tests/campaign/test_slice.py` runs a part of it in CI.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from dbtcollate_tui.sandbox.server import Sandbox
from tests.campaign import proxy as faults

LIMIT_SECONDS = 240.0
EXIT_CODES = frozenset({0, 1, 2, 3, 4, 5, 129, 130})
TRACES = re.compile(
    r"Traceback|never retrieved|never awaited|Exception ignored|Unclosed|unexpected|Logging error|MemoryError"
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TOO_SLOW = re.compile(
    r"^429-(none|feature|ra-(1e9|1e9f|inf|far|hex|junk|empty|nan|neg))|bomb|pad-|^503-ra1e9"
)
"""Faults that a server asks a long pause with, or that take long to make: left out of the random runs."""
COMMANDS: Mapping[str, Sequence[str]] = {
    "verify": ("verify", "--json"),
    "plan": ("plan", "--json"),
    "status": ("status", "--json"),
    "sync": ("sync", "--yes", "--engine", "direct", "--json"),
    "collate": ("sync", "--yes", "--engine", "collate", "--json"),
}
READS = (
    ("dbt", r"GET .*/accounts/\d+/$", "verify"),
    ("dbt", r"GET .*/jobs/\d+", "verify"),
    ("dbt", r"GET .*/runs/($|\?)", "status"),
    ("dbt", r"GET .*/runs/\d+/($|\?)", "plan"),
    ("dbt", r"GET .*/artifacts/($|\?)", "verify"),
    ("dbt", r"GET .*manifest\.json", "plan"),
    ("dbt", r"GET .*run_results\.json", "plan"),
    ("collate", r"GET /api/v1/system/version", "verify"),
    ("collate", r"GET /api/v1/users/loggedInUser", "plan"),
    ("collate", r"GET /api/v1/permissions", "verify"),
    ("collate", r"GET /api/v1/services/databaseServices", "verify"),
    ("collate", r"GET /api/v1/databases", "plan"),
    ("collate", r"GET /api/v1/tables($|\?)", "plan"),
    ("collate", r"GET /api/v1/lineage", "plan"),
    ("collate", r"GET /api/v1/dataQuality", "plan"),
    ("collate", r"GET .*/pipelineStatus", "collate"),
    ("collate", r"GET .*/logs/", "collate"),
    ("collate", r"(PUT|PATCH|POST) /api/v1/services/ingestionPipelines", "collate"),
    ("collate", r"PATCH /api/v1/tables", "sync"),
    ("collate", r"PUT /api/v1/lineage", "sync"),
    ("collate", r"(PUT|POST) /api/v1/dataQuality", "sync"),
)
Decide = Callable[[Any, int], str | None]


@dataclass
class Ran:
    """A command that has ended."""

    code: int
    seconds: float
    out: str
    err: str
    hung: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)


class Servers:
    """The sandbox, and before each of its two servers a proxy that speaks TLS."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.sandbox = Sandbox(run_seconds=0.2)
        self.decide: dict[str, Decide] = {}

    async def __aenter__(self) -> "Servers":
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.bundle = self.folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.bundle))
        await asyncio.to_thread(self.sandbox.start)
        self.dbt = await self._before(self.sandbox.dbt_cloud_url, "dbt", context)
        self.collate = await self._before(self.sandbox.collate_url, "collate", context)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dbt.stop()
        await self.collate.stop()
        await asyncio.to_thread(self.sandbox.stop)

    async def _before(self, url: str, side: str, context: ssl.SSLContext) -> Any:
        def decide(request: Any, number: int) -> str | None:
            chosen = self.decide.get(side)
            return chosen(request, number) if chosen is not None else None

        return await faults.FaultProxy(int(url.rsplit(":", 1)[1]), decide, self.rng, ssl=context).start()  # type: ignore[no-untyped-call]

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a command: a home of its own, both tokens, the proxies' certificate."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        folders = {
            f"DBTCOLLATE_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "LOG")
        }
        return {
            **kept,
            **folders,
            "HOME": str(home),
            "TMPDIR": str(home),
            "DBT_CLOUD_TOKEN": self.sandbox.dbt_cloud_token.get_secret_value(),
            "COLLATE_TOKEN": self.sandbox.collate_token.get_secret_value(),
            "SSL_CERT_FILE": str(self.bundle),
            "DBTCOLLATE_REQUESTS_PER_MINUTE": "1000000",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }

    async def run(self, home: Path, *arguments: str, kill: tuple[int, float] | None = None) -> Ran:
        """Run a command to its end; ``kill`` is a signal, and the seconds after which it is sent."""
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dbtcollate_tui", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(home),
            cwd=Path.cwd(),
        )
        ending = asyncio.ensure_future(process.communicate())
        hung = False
        if kill is not None:
            await asyncio.wait([ending], timeout=kill[1])
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(kill[0])
        try:
            out, err = await asyncio.wait_for(asyncio.shield(ending), LIMIT_SECONDS)
        except TimeoutError:
            hung = True
            process.kill()
            out, err = await ending
        texts = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        ran = Ran(process.returncode or 0, round(time.monotonic() - began, 1), *texts, hung)
        for line in texts[0].splitlines():
            with contextlib.suppress(ValueError):
                ran.events.append(json.loads(line))
        return ran

    async def make_profile(self, home: Path) -> None:
        """A profile of the two proxies; nothing misbehaves meanwhile."""
        self.decide = {}
        sandbox = self.sandbox
        ran = await self.run(
            home,
            "setup",
            "--dbt-cloud",
            f"https://127.0.0.1:{self.dbt.port}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}",
            *("--collate", f"https://127.0.0.1:{self.collate.port}", "--name", "shop"),
            *("--job", str(sandbox.job_id), "--service", "shop_warehouse", "--json"),
        )
        assert ran.code == 0, ran.out + ran.err


def judge(ran: Ran, home: Path, *, killed: bool = False) -> list[str]:
    """What must not be, whatever the servers do."""
    bad = []
    if ran.hung:
        bad.append(f"did not end within {LIMIT_SECONDS:.0f} s")
    elif not killed and ran.code not in EXIT_CODES:
        bad.append(f"exit code {ran.code}")
    log = home / "log" / "dbtcollate.log"
    texts = {"stdout": ran.out, "stderr": ran.err, "log": log.read_text("utf-8") if log.exists() else ""}
    for name, text in texts.items():
        for pattern in (TRACES, CONTROL):
            if found := pattern.search(text):
                bad.append(f"{name}: {text[max(0, found.start() - 80) : found.start() + 160]!r}")
    return bad


async def mended(servers: Servers, home: Path, ran: Ran) -> list[str]:
    """The faults are over: what was reported as written is there, and a sync leaves nothing to write."""
    servers.decide = {}
    plan = await servers.run(home, *COMMANDS["plan"])
    plans = [event for event in plan.events if event.get("event") == "plan" and event.get("complete", True)]
    if plan.code != 0 or not plans:
        return [f"a plan afterwards ends with {plan.code}: {plan.err[:200]}"]
    left = {change["key"] for change in plans[-1]["plan"]["changes"]}
    reported = {event["change"]["key"] for event in ran.events if event.get("event") == "applied"}
    finished = [event for event in ran.events if event.get("event") == "run_finished"]
    bad = []
    if reported & left and (not finished or finished[-1].get("exit_code") == 0):
        bad.append(f"reported as written and is not there: {sorted(reported & left)[:3]}")
    if ran.code == 0 and left:
        bad.append(f"exit code 0, and {len(left)} changes are left")
    again = await servers.run(home, *COMMANDS["sync"])
    bad += judge(again, home)
    if again.code != 0:
        bad.append(f"a sync afterwards ends with {again.code}: {again.err[:200]}")
    return bad


async def random_run(servers: Servers, base: Path, seed: int) -> dict[str, Any]:
    """One seeded run: a few commands while faults are drawn, then the state is checked."""
    rng = random.Random(seed)
    servers.rng.seed(seed)
    home = fresh(base, servers.folder / f"home-{seed}")
    names = [name for name in faults.ALL if not TOO_SLOW.search(name)]
    pool, rate, hits = rng.sample(names, 12), rng.uniform(0.02, 0.3), []

    def decide(request: Any, number: int) -> str | None:
        if rng.random() > rate:
            return None
        writes = request.method != "GET"
        chosen: str = rng.choice(faults.WRITE_LOST if writes and rng.random() < 0.5 else pool)
        hits.append(chosen)
        return chosen

    servers.decide = {"dbt": decide, "collate": decide}
    bad: list[str] = []
    first = rng.choice(("verify", "plan", "status"))
    bad += [f"{first}: {one}" for one in judge(await servers.run(home, *COMMANDS[first]), home)]
    kill = None
    if rng.random() < 0.35:
        kill = (
            int(rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))),
            rng.uniform(1, 4),
        )
    ran = await servers.run(home, *COMMANDS["sync"], kill=kill)
    bad += [f"sync: {one}" for one in judge(ran, home, killed=kill is not None and ran.code < 0)]
    bad += await mended(servers, home, ran)
    shutil.rmtree(home)
    return {"mode": "random", "seed": seed, "faults": len(hits), "killed": kill is not None, "bad": bad}


async def sweep(servers: Servers, base: Path, only: str = "") -> list[dict[str, Any]]:
    """Every fault at every kind of request, one command each."""
    found = []
    for side, pattern, command in READS:
        for name in faults.ALL:
            if TOO_SLOW.search(name) or (only and not re.search(only, f"{side} {pattern} {command} {name}")):
                continue
            found.append(await one_fault(servers, base, side, pattern, command, name))
            print(json.dumps(found[-1]), flush=True)
    return found


async def one_fault(
    servers: Servers, base: Path, side: str, pattern: str, command: str, name: str
) -> dict[str, Any]:
    """One command while one kind of request fails in one way."""
    home = fresh(base, servers.folder / "home-one")
    servers.rng.seed(f"{pattern} {name}")
    hits = 0

    def decide(request: Any, number: int) -> str | None:
        nonlocal hits
        if not re.search(pattern, f"{request.method} {request.target}"):
            return None
        hits += 1
        return name

    servers.decide = {side: decide}
    ran = await servers.run(home, *COMMANDS[command])
    bad = judge(ran, home)
    if command == "sync":
        bad += await mended(servers, home, ran)
    return {"mode": "sweep", "fault": name, "at": pattern, "hits": hits, "code": ran.code, "bad": bad}


def fresh(base: Path, home: Path) -> Path:
    """A home with the base's profile alone."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(base, home)
    return home


async def main() -> int:
    """Run what the arguments ask for; 1 after a finding."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["sweep", "random"])
    parser.add_argument("--seeds", default="1-300")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dbtcollate-campaign-") as name:
        async with Servers(Path(name), 1) as servers:
            base = Path(name) / "base"
            base.mkdir()
            await servers.make_profile(base)
            if given.mode == "sweep":
                found = await sweep(servers, base, given.only)
            else:
                first, last = map(int, given.seeds.split("-"))
                found = []
                for seed in range(first, last + 1):
                    found.append(await random_run(servers, base, seed))
                    print(json.dumps(found[-1]), flush=True)
    findings = [one for one in found if one["bad"]]
    print(
        f"{len(found)} runs, {sum(one.get('faults', one.get('hits', 0)) for one in found)} faults",
        file=sys.stderr,
    )
    print(f"{sum(bool(one.get('killed')) for one in found)} kills, {len(findings)} findings", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
