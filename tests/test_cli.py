"""The command line itself: help, completion, the default profile, consent to plain http, exit codes."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import CheckResult, finding_of_error
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.cli import dbtcollate
from dbtcollate_tui.collate.addresses import read_collate_address
from dbtcollate_tui.completion import COMPLETE_VARIABLE, SHELLS, script_for
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.checks import exit_code_of
from dbtcollate_tui.render.plain import PlainRenderer
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.settings.store import ProfileStore
from dbtcollate_tui.standard_streams import has_screen
from dbtcollate_tui.transport.addresses import UnencryptedAddress
from tests.conftest import Places


def completed(arguments: list[str], typed: str) -> list[str]:
    shell = ShellComplete(dbtcollate, {}, "dbtcollate", COMPLETE_VARIABLE)
    return [item.value for item in shell.get_completions(arguments, typed)]


def save(name: str, *, job: str = "nightly") -> None:
    ProfileStore().save(
        Profile(
            name=name,
            dbt_cloud=DbtCloudSettings(
                base_url="https://ab1.us1.dbt.com", account_id=1, job_id=7, job_name=job
            ),
            collate=CollateSettings(base_url="https://acme.getcollate.io", service="shop"),
        )
    )


@pytest.mark.parametrize("command", ["", *dbtcollate.commands])
def test_every_command_has_help_under_both_names(command: str) -> None:
    for option in ("-h", "--help"):
        shown = CliRunner().invoke(dbtcollate, [*command.split(), option])
        assert shown.exit_code == 0
        assert shown.output.startswith("Usage: dbtcollate")


def test_the_version_names_python_and_libraries() -> None:
    shown = CliRunner().invoke(dbtcollate, ["--version"]).output
    for name in ("dbtcollate ", "Python 3.", "textual ", "httpx "):
        assert name in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_completion_script(shell: str) -> None:
    assert f"{COMPLETE_VARIABLE}={shell}_complete" in script_for(dbtcollate, shell)


def test_completion_knows_profiles_scenarios_and_jobs(places: Places) -> None:
    save("shop-nightly")
    save("staging", job="hourly")
    assert completed(["sync", "--profile"], "shop") == ["shop-nightly"]
    assert completed(["demo", "--scenario"], "expired") == ["expired-token"]
    assert completed(["setup", "--job"], "") == ["nightly", "hourly"]
    assert "--engine" in completed(["sync"], "--e")
    assert "troubleshoot" in completed([], "tr")


def test_a_pinned_profile_stays_the_default(places: Places) -> None:
    save("first")
    save("second")
    store = ProfileStore()
    store.mark_used("second")
    assert store.default_name() == "second"
    store.pin("first")
    store.mark_used("second")
    assert store.default_name() == "first"
    store.pin(None)
    assert store.default_name() == "second"


def test_a_reading_command_keeps_the_default_profile(places: Places) -> None:
    save("production")
    save("staging")
    ProfileStore().mark_used("production")
    CliRunner().invoke(dbtcollate, ["history", "-p", "staging"])
    assert ProfileStore().default_name() == "production"


def test_a_broken_profile_does_not_hide_the_others(places: Places) -> None:
    save("good")
    ProfileStore().path("bad").write_text("nonsense", encoding="utf-8")
    shown = CliRunner().invoke(dbtcollate, ["profiles"])
    assert shown.exit_code == ExitCode.USAGE
    assert "good" in shown.output
    assert "bad.toml is not TOML" in shown.output


def test_plain_http_needs_consent_and_keeps_the_port() -> None:
    with pytest.raises(UnencryptedAddress) as caught:
        read_collate_address("http://openmetadata.internal:8585/table/x")
    labels = [fix.label for fix in caught.value.fixes]
    assert "ssh -L 8585:localhost:8585 openmetadata.internal" in labels[0]
    assert "https://openmetadata.internal:8585" in labels[1]
    allowed = read_collate_address("http://openmetadata.internal:8585/table/x", allow_http=True)
    assert allowed == "http://openmetadata.internal:8585"
    assert read_collate_address("http://127.0.0.1:8585/my-data") == "http://127.0.0.1:8585"


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([ActionableError("no run")], ExitCode.FAILED),
        ([ActionableError("no run"), UnreachableError("down")], ExitCode.UNREACHABLE),
        ([UnreachableError("down"), AuthError("refused")], ExitCode.AUTH),
    ],
)
def test_a_failed_check_ends_with_its_causes_code(errors: list[ActionableError], code: ExitCode) -> None:
    rows = []
    for check_id, error in zip(CheckId, errors, strict=False):
        found = finding_of_error(error)
        rows.append(CheckResult(check_id, "t", next(iter(Stage)), CheckState.FAIL, exit_code=found.exit_code))
    assert exit_code_of(rows) is code


def test_results_and_progress_go_to_their_own_streams() -> None:
    results, progress = io.StringIO(), io.StringIO()
    out = PlainRenderer(results, progress=progress)
    out.say("Plan: 3 changes")
    out.note("reading tables")
    out.error(AuthError("The token was refused"))
    assert results.getvalue() == "Plan: 3 changes\n"
    assert progress.getvalue() == "reading tables\nThe token was refused\n"


@pytest.mark.parametrize(("environment", "screen"), [({"TERM": "dumb"}, False), ({"TERM": "xterm"}, True)])
def test_a_dumb_terminal_has_no_screen(
    environment: Mapping[str, str], screen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbtcollate_tui.standard_streams.is_terminal", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    monkeypatch.setenv("TERM", environment["TERM"])
    assert has_screen() is screen


def test_config_shows_every_place(places: Places) -> None:
    shown = CliRunner().invoke(dbtcollate, ["config"]).output
    for folder in (places.config, Path(os.environ["DBTCOLLATE_STATE_DIR"])):
        assert str(folder) in shown
    assert "keys.toml" in shown


def test_an_impossible_port_is_a_usage_error() -> None:
    shown = CliRunner().invoke(dbtcollate, ["serve", "--port", "80000"])
    assert shown.exit_code == ExitCode.USAGE
