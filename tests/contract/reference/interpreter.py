"""The reference's own interpreter, and scripts run by it."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "DBTCOLLATE_REFERENCE_PYTHON"
"""Names the interpreter of the environment that the reference is installed in."""
_SCRIPTS = Path(__file__).parent / "theirs"


async def run_theirs(script: str, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """Run a script of ``theirs/``; the JSON of the last line that it prints."""
    process = await asyncio.create_subprocess_exec(
        os.environ[VARIABLE],
        str(_SCRIPTS / script),
        *arguments,
        env={**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore", **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode("utf-8", "replace")
    assert process.returncode == 0, f"{script} ended with {process.returncode}:\n{text[-6000:]}"
    return json.loads(text.rstrip().rsplit("\n", 1)[-1])
