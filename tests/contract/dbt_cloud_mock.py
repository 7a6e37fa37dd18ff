"""A mock of dbt Cloud that Stoplight's Prism makes from dbt's own OpenAPI documents."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY = b"Prism is listening"


def prism() -> str | None:
    """Its command: ``PRISM``, or ``prism`` on the path or in ``node_modules`` (npm: @stoplight/prism-cli)."""
    installed = ROOT / "node_modules" / ".bin" / "prism"
    return (
        os.environ.get("PRISM") or shutil.which("prism") or (str(installed) if installed.exists() else None)
    )


def document(version: int) -> Path | None:
    """dbt's document of a version: beside that of version 2, which ``DBT_CLOUD_OPENAPI`` may name."""
    named = os.environ.get("DBT_CLOUD_OPENAPI")
    second = Path(named) if named else ROOT.parent / "shared" / "data" / "dbt-cloud-openapi-v2.yaml"
    found = second.with_name(second.name.replace("v2", f"v{version}"))
    return found if found.is_file() else None


@asynccontextmanager
async def mocking(version: int, *options: str) -> AsyncIterator[str]:
    """Prism on a free loopback port, refusing what the document forbids; gives its address."""
    command, path = prism(), document(version)
    assert command is not None
    assert path is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(command, "mock", "--host", "127.0.0.1", "--port", str(port), "--errors", *options, str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in process.stdout:
                if READY in line:
                    break
            else:
                raise AssertionError("Prism ended before it listened")
        drain = asyncio.create_task(process.stdout.read())
        yield f"http://127.0.0.1:{port}"
        drain.cancel()
    finally:
        process.terminate()
        await process.wait()
