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
from dbtcollate_tui.collate.pipeline_models import DbtPipelineConfig
from dbtcollate_tui.settings.model import PipelineSettings
from tests.cases.runner import load_case


def context(case: str, version: str, *, pipeline: bool = False, include_metrics: bool = True) -> CheckContext:
    project = load_project(json.dumps(load_case(case)["contents"]["manifest.json"]).encode())
    file = SimpleNamespace(name="manifest.json", step=None, command="", run_id=None, size=1, from_cache=False)
    values: dict[str, Any] = {
        "fetched": SimpleNamespace(manifest=file, files=[file]),
        "project": project,
        "collate": SimpleNamespace(dialect=Dialect.of(version)),
        "pipeline": SimpleNamespace(config=DbtPipelineConfig(includeMetrics=include_metrics))
        if pipeline
        else None,
    }

    def giving(value: Any) -> Any:
        async def give() -> Any:
            return value

        return give

    profile = SimpleNamespace(pipeline=PipelineSettings())
    given = {name: giving(value) for name, value in values.items()}
    return cast(CheckContext, SimpleNamespace(profile=profile, **given))


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


@pytest.mark.parametrize(
    ("case", "version", "pipeline", "include_metrics", "words"),
    [
        ("declared-foreign-key", "1.13.0", True, False, ["foreign keys of 1 model (orders_fk)"]),
        ("declared-foreign-key", "1.13.0", False, False, []),
        (
            "declared-metrics-measures",
            "2.0.7",
            True,
            True,
            [
                "foreign keys of 1 model (fct_orders)",
                "writes 3 metrics (order_count, paid_revenue, revenue) without the aggregation",
                "tags of 1 metric (revenue)",
            ],
        ),
        ("declared-metrics-measures", "2.0.7", True, False, ["foreign keys of 1 model (fct_orders)"]),
        ("declared-metrics-measures", "1.13.0", True, True, ["foreign keys of 1 model (fct_orders)"]),
    ],
)
async def test_what_a_pipeline_writes_wrongly_is_warned_of(
    case: str, version: str, pipeline: bool, include_metrics: bool, words: list[str]
) -> None:
    finding = await manifest(context(case, version, pipeline=pipeline, include_metrics=include_metrics))
    found = [cause for cause in finding.causes if cause.startswith("Collate's own ingestion")]
    assert len(found) == len(words)
    assert [word in cause for word, cause in zip(words, found, strict=True)] == [True] * len(words)
    assert finding.state is (CheckState.WARN if words else CheckState.PASS)
