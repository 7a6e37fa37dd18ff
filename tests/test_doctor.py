"""What a bug report gets: facts, and no secret."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from dbtcollate_tui.cli import dbtcollate
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.settings.store import ProfileStore
from tests.conftest import Places

MARK = "s3cr3t-Marked-Value"


def test_doctor_names_versions_folders_and_no_secret(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://person:{MARK}@proxy.example:3128")
    monkeypatch.setenv("DBT_CLOUD_TOKEN", f"dbtc_{MARK}")
    monkeypatch.setenv("COLLATE_TOKEN", MARK)
    places.log.mkdir(parents=True)
    (places.log / "dbtcollate.log").write_text("2026-11-30 10:00:00 ERROR x Bearer " + MARK + "\n")
    bundle = tmp_path / "bundle.json"
    done = CliRunner().invoke(dbtcollate, ["doctor", "--bundle", str(bundle)])
    assert done.exit_code == ExitCode.OK
    assert "proxy.example:3128" in done.output
    assert str(places.state) in done.output
    assert MARK not in done.output
    text = bundle.read_text(encoding="utf-8")
    assert MARK not in text
    assert set(json.loads(text)) == {
        "versions",
        "folders",
        "environment",
        "keyring",
        "servers",
        "last errors",
    }
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600


def test_doctor_ends_with_4_where_no_server_answers() -> None:
    ProfileStore().save(
        Profile(
            name="gone",
            dbt_cloud=DbtCloudSettings(base_url="http://127.0.0.1:9", account_id=1, project_id=2),
            collate=CollateSettings(base_url="http://127.0.0.1:9", service="pg"),
        )
    )
    done = CliRunner().invoke(dbtcollate, ["doctor", "--json"])
    assert done.exit_code == ExitCode.UNREACHABLE
    servers = next(
        found for line in done.output.splitlines() if (found := json.loads(line))["event"] == "doctor_servers"
    )
    assert "refuses" in servers["gone: Collate"]
