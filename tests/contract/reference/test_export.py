"""The exported workflow through the reference's own configuration parser: every value arrives."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.export import ingestion_yaml
from dbtcollate_tui.collate.fqn import join_fqn, quote_part, split_fqn
from dbtcollate_tui.collate.models import EntityReference, FilterPattern
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from tests.contract.reference.interpreter import run_theirs

NEWEST = Dialect.of("2.0.7")
TOKENS = {"DBT_CLOUD_TOKEN": "dbtc_a: {b} # c", "COLLATE_TOKEN": "e.y.j"}
PLAIN = DbtPipelineSpec(
    name="dbt_cloud_sync",
    service=EntityReference(id="0b6f0c39-7a4f-4b6e-8f3b-2f7d6f0c9a11", type="databaseService", name="shop"),
    account_id=70471823100417,
    base_url="https://ab123.us1.dbt.com",
    token=SecretStr("dbtc_secret"),
)
RICH = replace(
    PLAIN,
    name='nightly: "dbt" # 1',
    service=EntityReference(
        id="0b6f0c39-7a4f-4b6e-8f3b-2f7d6f0c9a11",
        type="databaseService",
        name="shop: größer",
        fullyQualifiedName="shop: größer",
    ),
    project_id=2,
    job_id=3,
    update_descriptions=False,
    update_owners=False,
    include_tags=False,
    classification="dbt: tags",
    search_across_databases=True,
    override_lineage=True,
    parsing_timeout_seconds=45,
    catalog_mapping={"lake": "glue"},
    database_filter=FilterPattern(includes=("^shop$",)),
    schema_filter=FilterPattern(excludes=(".*_tmp", "it's: #1")),
    table_filter=FilterPattern(includes=("a",), excludes=("b",)),
    tag_filter=FilterPattern(excludes=("x",)),
    log_level="DEBUG",
)


async def parsed(folder: Path, spec: DbtPipelineSpec, *, report: bool = False) -> dict[str, Any]:
    """What the reference understands of a spec's export."""
    file = folder / "dbt_cloud.yaml"
    text = ingestion_yaml(spec, NEWEST, "https://acme.getcollate.io/", report_as_pipeline=report)
    assert "dbtc_secret" not in text
    file.write_text(text, encoding="utf-8")
    told: dict[str, Any] = await run_theirs("config.py", str(file), env=TOKENS)
    return told


@pytest.mark.parametrize("spec", [PLAIN, RICH], ids=["plain", "rich"])
async def test_every_value_arrives(tmp_path: Path, spec: DbtPipelineSpec) -> None:
    told = await parsed(tmp_path, spec, report=spec is RICH)
    assert (told["kind"], told["source_kind"]) == ("DbtPipeline", "DbtCloudConfig")
    assert told["service"] == spec.service.name
    assert (told["dbt_token"], told["collate_token"]) == tuple(TOKENS.values())
    assert told["host"] == "https://acme.getcollate.io/api"
    assert told["log_level"] == spec.log_level
    assert told["pipeline"] == (join_fqn(*spec.fqn_parts) if spec is RICH else None)
    sent = spec.config(NEWEST, "")
    cloud = {**sent.pop("dbtConfigSource"), "dbtCloudAuthToken": "**********"}
    assert told["cloud"] == {**cloud, "dbtCloudUrl": f"{spec.base_url}/"}
    assert told["source"] == sent


async def test_names_are_joined_and_taken_apart_alike(tmp_path: Path) -> None:
    names = [
        ["shop", "Orders"],
        ["shop.warehouse", "a b", "größer", "with-dash", "x/y", "50%"],
        ["a.b", "c"],
        ["UPPER", "lower", "1st"],
    ]
    file = tmp_path / "names.json"
    file.write_text(json.dumps(names), encoding="utf-8")
    told = await run_theirs("names.py", str(file))
    assert [joined for joined, _ in told] == [join_fqn(*parts) for parts in names]
    assert [parts for _, parts in told] == [[quote_part(part) for part in parts] for parts in names]
    assert [split_fqn(joined) for joined, _ in told] == [tuple(parts) for parts in names]
