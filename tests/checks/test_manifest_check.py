"""The manifest check warns of what Collate's own ingestion cannot read."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dbtcollate_tui.artifacts.load import load_project
from dbtcollate_tui.checks.artifacts import manifest
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.collate.dialect import Dialect
from tests.cases.runner import load_case


def context(case: str, version: str) -> CheckContext:
    project = load_project(json.dumps(load_case(case)["contents"]["manifest.json"]).encode())
    file = SimpleNamespace(name="manifest.json", step=None, command="", run_id=None, size=1, from_cache=False)
    values: dict[str, Any] = {
        "fetched": SimpleNamespace(manifest=file, files=[file]),
        "project": project,
        "collate": SimpleNamespace(dialect=Dialect.of(version)),
    }

    def giving(value: Any) -> Any:
        async def give() -> Any:
            return value

        return give

    return cast(CheckContext, SimpleNamespace(**{name: giving(value) for name, value in values.items()}))


@pytest.mark.parametrize(
    ("case", "version", "state"),
    [
        ("declared-metrics-inline", "2.0.0", CheckState.WARN),
        ("declared-metrics-inline", "2.0.7", CheckState.WARN),
        ("declared-metrics-inline", "2.0.8", CheckState.PASS),
        ("declared-metrics-inline", "1.13.0", CheckState.PASS),
        ("declared-metrics-measures", "2.0.7", CheckState.PASS),
    ],
)
async def test_inline_conversion_metric_is_warned_of(case: str, version: str, state: CheckState) -> None:
    finding = await manifest(context(case, version))
    assert finding.state is state
    assert any("visit_to_order" in cause for cause in finding.causes) is (state is CheckState.WARN)
