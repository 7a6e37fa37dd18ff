"""`dbtcollate setup`: from two addresses and two tokens to a profile, as a script runs it."""

from pathlib import Path

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.dbt_cloud.content import DOCS_ID
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.conftest import Places
from tests.e2e.commands import events, run, tokens


def _addresses(sandbox: Sandbox) -> tuple[str, ...]:
    page = f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}"
    return ("setup", "--dbt-cloud", page, "--collate", f"{sandbox.collate_url}/my-data")


def test_a_profile_is_made_verified_and_holds_no_token(sandbox: Sandbox, places: Places) -> None:
    secrets = tokens(sandbox)
    made = run(*_addresses(sandbox), "--job", str(sandbox.job_id), **secrets)
    assert made.returncode == ExitCode.OK, made.stderr
    assert "shop-nightly.toml" in made.stdout
    profile = ProfileStore().load("shop-nightly")
    assert profile.dbt_cloud.job_id == sandbox.job_id
    assert profile.collate.service == "shop_warehouse"
    assert profile.pipeline.schedule == "0 7 * * *"
    verified = run("verify", "--check", "dbt.account", "--json", **secrets)
    assert verified.returncode == ExitCode.OK, verified.stderr
    again = run(*_addresses(sandbox), "--name", "shop-nightly", **secrets)
    assert again.returncode == ExitCode.USAGE
    assert "There is already a profile shop-nightly" in again.stderr
    more = ("--also-job", str(DOCS_ID), "--reads", "each_job")
    replaced = run(
        *_addresses(sandbox), "--name", "shop-nightly", "--overwrite", "--schedule", "none", *more, **secrets
    )
    assert replaced.returncode == ExitCode.OK, replaced.stderr
    profile = ProfileStore().load("shop-nightly")
    assert (profile.pipeline.schedule, profile.pipeline.reads) == (None, "each_job")
    assert profile.dbt_cloud.jobs == (DOCS_ID,)
    written = "".join(path.read_text() for path in Path(places.config).rglob("*.toml"))
    for secret in secrets.values():
        assert secret not in written + made.stdout + made.stderr + verified.stdout


def test_without_a_token_nobody_is_asked_in_a_script(sandbox: Sandbox) -> None:
    ended = run(
        *_addresses(sandbox),
        "--json",
        DBT_CLOUD_TOKEN=sandbox.dbt_cloud_token.get_secret_value(),
        COLLATE_TOKEN="",
    )
    assert ended.returncode == ExitCode.USAGE
    (error,) = [line for line in events(ended) if line["event"] == "error"]
    assert "COLLATE_TOKEN is not set" in error["causes"][0]


def test_a_cron_that_is_too_frequent_is_refused(sandbox: Sandbox) -> None:
    ended = run(*_addresses(sandbox), "--schedule", "*/5 * * * *", **tokens(sandbox))
    assert ended.returncode == ExitCode.USAGE
    assert ProfileStore().names() == ()
