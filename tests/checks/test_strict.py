"""``verify --strict`` ends with 1 where data or unit tests failed in the dbt run."""

import io
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.events.outcome import Verification
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless import checks
from dbtcollate_tui.render.ndjson import NdjsonRenderer


def context(*failed: str) -> CheckContext:
    async def verification() -> Verification:
        return Verification((), failed_tests=failed)

    return cast(CheckContext, SimpleNamespace(verification=verification))


async def outcome(
    monkeypatch: pytest.MonkeyPatch, failed: tuple[str, ...], *, strict: bool, state: CheckState
) -> tuple[ExitCode, str]:
    async def run_checks(*_: Any) -> Any:
        yield CheckResult(CheckId.VERIFICATION_TESTS, "Test results visible", Stage.VERIFICATION, state)

    monkeypatch.setattr(checks, "run_checks", run_checks)
    written = io.StringIO()
    code = await checks.report_checks(NdjsonRenderer(written), context(*failed), strict=strict)
    return code, written.getvalue()


@pytest.mark.parametrize("state", [CheckState.PASS, CheckState.SKIPPED])
@pytest.mark.parametrize(
    ("failed", "strict", "expected"),
    [
        (("goes_wrong",), True, ExitCode.FAILED),
        (("goes_wrong",), False, ExitCode.OK),
        ((), True, ExitCode.OK),
    ],
)
async def test_failed_dbt_tests_fail_a_strict_verification(
    monkeypatch: pytest.MonkeyPatch,
    failed: tuple[str, ...],
    strict: bool,
    expected: ExitCode,
    state: CheckState,
) -> None:
    code, text = await outcome(monkeypatch, failed, strict=strict, state=state)
    assert code is expected
    assert ('"tests": ["goes_wrong"]' in text or '"tests":["goes_wrong"]' in text) is (
        code is ExitCode.FAILED
    )
