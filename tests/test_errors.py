import json
import logging
import os
import stat
import subprocess
import sys

import pytest
from pydantic import SecretStr

from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import RETRY, EnterToken
from dbtcollate_tui.log import LOGGER, log_path, start_logging, stop_logging
from dbtcollate_tui.redact import MASK, redact
from tests.conftest import Places


def card() -> ActionableError:
    return AuthError(
        "dbt Cloud refused the token",
        causes=("The token was revoked.", "It belongs to another region."),
        fixes=(EnterToken("Give another token", "dbt_cloud"), RETRY),
        evidence=("GET /api/v2/accounts/ 401",),
    )


def test_the_card_as_text_has_causes_evidence_and_fixes_in_order() -> None:
    assert card().as_text().splitlines() == [
        "dbt Cloud refused the token",
        "  Cause     The token was revoked.",
        "  Or        It belongs to another region.",
        "  Evidence  GET /api/v2/accounts/ 401",
        "  Fix       Give another token: set DBT_CLOUD_TOKEN, or save it in the app: dbtcollate",
        "  Fix       Run the command again",
    ]


def test_the_card_as_json_has_every_part() -> None:
    assert json.loads(json.dumps(card().as_dict())) == {
        "title": "dbt Cloud refused the token",
        "causes": ["The token was revoked.", "It belongs to another region."],
        "fixes": [
            {"kind": "enter_token", "label": "Give another token", "value": "dbt_cloud"},
            {"kind": "retry", "label": "Try again", "value": ""},
        ],
        "evidence": ["GET /api/v2/accounts/ 401"],
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ActionableError, ExitCode.FAILED),
        (UsageError, ExitCode.USAGE),
        (AuthError, ExitCode.AUTH),
        (UnreachableError, ExitCode.UNREACHABLE),
    ],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[ActionableError], code: ExitCode) -> None:
    assert kind("x").exit_code is code
    assert kind("x", exit_code=ExitCode.PARTIAL).exit_code is ExitCode.PARTIAL
    assert kind.exit_code is code


def test_exit_codes_are_distinct_and_each_is_explained() -> None:
    assert len({int(code) for code in ExitCode}) == len(ExitCode.__members__)
    assert all(code.meaning for code in ExitCode)


def test_the_log_file_is_private_and_redacted_also_in_tracebacks(places: Places) -> None:
    secret = "plain-MARKED-secret"
    redact.learn(SecretStr(secret))
    path = start_logging()
    LOGGER.info("opened with %s", secret)
    try:
        raise RuntimeError(f"failed with {secret} and dbtc_MARKED1234567890")
    except RuntimeError:
        LOGGER.exception("crash")
    assert path == log_path() == places.log / "dbtcollate.log"
    text = path.read_text(encoding="utf-8")
    assert "MARKED" not in text
    assert f"opened with {MASK}" in text
    assert "RuntimeError: failed with" in text
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_rotated_log_is_private_too(places: Places) -> None:
    start_logging()
    for _ in range(12):
        LOGGER.info("x" * 100_000)
    files = sorted(places.log.iterdir())
    assert [f.name for f in files] == ["dbtcollate.log", "dbtcollate.log.1"]
    if os.name == "posix":
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}


def test_logging_started_twice_writes_each_record_once_and_follows_the_folder(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_logging()
    first = start_logging(logging.DEBUG)
    LOGGER.debug("once")
    assert first.read_text(encoding="utf-8").count("once") == 1
    monkeypatch.setenv("DBTCOLLATE_LOG_DIR", str(places.root / "elsewhere"))
    second = start_logging()
    LOGGER.info("moved")
    stop_logging()
    assert "moved" in second.read_text(encoding="utf-8")
    assert "moved" not in first.read_text(encoding="utf-8")


def test_importing_the_root_modules_loads_neither_keyring_nor_textual() -> None:
    code = (
        "import sys, dbtcollate_tui.errors, dbtcollate_tui.log\n"
        "import dbtcollate_tui.settings.store, dbtcollate_tui.settings.secrets\n"
        "sys.exit(any(name in sys.modules for name in ('keyring', 'textual', 'httpx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
