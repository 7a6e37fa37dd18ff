"""Plain commands where standard output is not UTF-8: a Windows pipe (cp1252), a Latin-1 or ASCII locale."""

import os
import subprocess
import sys

import pytest

from dbtcollate_tui.sandbox.server import Sandbox
from tests.e2e.commands import WITHIN_SECONDS, tokens

ALWAYS_UTF8 = (
    "export yaml",
    "export curl",
    "verify --json",
    "plan --json",
    "status --json",
    "coverage --json",
)
TEXTS = (
    "status",
    "plan",
    "verify --requests",
    "troubleshoot no-lineage --support-message",
    "explain fct_orders",
    "explain fct_orders --mermaid",
    "coverage",
    "coverage --csv",
    "doctor",
    "history",
    "profiles",
    "ingest-tables",
    "run-job",
    "deploy",
    "help self-hosted",
)
IN_CI = ("status", "plan", "export yaml", "plan --json")


def ended(command: str, profile: str, sandbox: Sandbox, encoding: str) -> tuple[int, bytes]:
    """Exit code and standard output."""
    takes_no_profile = command.split()[0] in ("profiles", "help")
    arguments = [*command.split(), *(() if takes_no_profile else ("--profile", profile))]
    done = subprocess.run(
        [sys.executable, "-m", "dbtcollate_tui", *arguments],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=WITHIN_SECONDS,
        env={**os.environ, **tokens(sandbox), "PYTHONIOENCODING": encoding},
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("encoding", "commands"),
    [
        ("cp1252", IN_CI),
        *(
            pytest.param(encoding, (*TEXTS, *ALWAYS_UTF8), marks=pytest.mark.slow)
            for encoding in ("ascii", "latin-1", "cp1252")
        ),
    ],
)
def test_every_command_ends_as_in_utf8(
    encoding: str, commands: tuple[str, ...], sandbox: Sandbox, profile: str
) -> None:
    for command in commands:
        code, output = ended(command, profile, sandbox, encoding)
        wanted, _ = ended(command, profile, sandbox, "utf-8")
        assert (command, code) == (command, wanted)
        assert code != 70
        assert output.decode("utf-8" if command in ALWAYS_UTF8 else encoding) is not None
