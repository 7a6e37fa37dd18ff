"""``sync --all``: every profile in its turn, one line for each, the worst exit code at the end."""

import json

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.e2e.commands import run, tokens
from tests.support.world import profile_for


def test_sync_all_ends_with_the_worst_exit_code(sandbox: Sandbox, profile: str) -> None:
    """A profile that fails comes first and keeps no other from being synced."""
    made = profile_for(sandbox)
    side = made.dbt_cloud.model_copy(update={"account_id": 1})
    ProfileStore().save(made.model_copy(update={"name": "another", "dbt_cloud": side}))
    done = run("sync", "--all", "--yes", "--engine", "direct", **tokens(sandbox))
    assert done.returncode == ExitCode.AUTH, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    summary = lines[lines.index("Synced 2 profiles") + 1 :]
    assert [line.split()[:2] for line in summary] == [["FAIL", "another"], ["ok", profile]]
    again = run("sync", "--all", "--yes", "--engine", "direct", "--json", **tokens(sandbox))
    facts = [json.loads(line) for line in again.stdout.splitlines()]
    ends = {item["profile"]: item["exit_code"] for item in facts if item["event"] == "profile_synced"}
    assert ends == {"another": ExitCode.AUTH, profile: ExitCode.OK}


def test_sync_all_takes_no_single_profile(sandbox: Sandbox, profile: str) -> None:
    done = run("sync", "--all", "--yes", "--profile", profile, **tokens(sandbox))
    assert done.returncode == ExitCode.USAGE
    assert "--all excludes --profile" in done.stderr
