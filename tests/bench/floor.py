"""The least that a sync can cost: bare httpx sending recorded writes, nothing else.

    python -m tests.bench.floor URL WRITES AT_ONCE HTTP2

``WRITES`` is the file that `serving` wrote. The writes go out in the recorded order, so many at once; one
kind of write is through before the next begins, since it may stand on it. Ends with 1 where one is refused.
"""

import asyncio
import itertools
import json
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench.serving import COLLATE_TOKEN

ENDINGS = 5
"""Over HTTP/2 httpx loses what is under way when nginx ends a connection after 1,000 requests: sent again."""


def stages(writes: Path) -> list[list[dict[str, str]]]:
    """The writes by kind, the kinds in the order in which they first appear."""
    found: dict[str, list[dict[str, str]]] = {}
    with writes.open(encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            found.setdefault(told["kind"], []).append(told)
    return list(found.values())


async def send(url: str, writes: Path, at_once: int, http2: bool) -> int:
    """Send all writes; how many were refused."""
    refused = 0
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    headers = {"Authorization": f"Bearer {COLLATE_TOKEN}"}
    context: ssl.SSLContext | bool = True
    if bundle := os.environ.get("SSL_CERT_FILE"):
        context = ssl.create_default_context(cafile=bundle)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=120, http2=http2, verify=context
    ) as client:

        async def worker(queue: Iterator[dict[str, str]]) -> None:
            nonlocal refused
            for told in queue:
                for _ in range(ENDINGS):
                    try:
                        answer = await client.request(
                            told["method"],
                            told["path"],
                            content=told["body"].encode(),
                            headers={"Content-Type": told["type"]} if told["type"] else {},
                        )
                    except httpx.ProtocolError:
                        continue
                    refused += answer.status_code >= 400
                    break
                else:
                    refused += 1

        for stage in stages(writes):
            queue = iter(stage)
            await asyncio.gather(*itertools.starmap(worker, [(queue,)] * at_once))
    return refused


def main(arguments: list[str]) -> int:
    """Send the writes of a file."""
    url, writes, at_once, http2 = arguments
    return 1 if asyncio.run(send(url, Path(writes), int(at_once), http2 == "1")) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
