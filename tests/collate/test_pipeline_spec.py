"""A pipeline as values: its body, the difference to one that exists, the stored secret."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import FilterPattern
from dbtcollate_tui.collate.pipeline_spec import diff_pipeline, is_masked
from dbtcollate_tui.errors import UsageError
from tests.collate.pipeline_specs import NEW, OLD, SECRET, SPEC, stored


def test_the_guides_fields_and_options() -> None:
    body = SPEC.body(NEW, "T")
    assert body["sourceConfig"]["config"]["dbtConfigSource"] == {
        "dbtConfigType": "cloud",
        "dbtCloudAuthToken": "T",
        "dbtCloudAccountId": "70403",
        "dbtCloudUrl": "https://ab123.us1.dbt.com",
        "dbtCloudProjectId": "2",
        "dbtCloudJobId": "3",
    }
    config = body["sourceConfig"]["config"]
    assert config["dbtUpdateDescriptions"] is config["dbtUpdateOwners"] is config["includeTags"] is True
    assert config["dbtClassificationName"] == "dbtTags"
    assert body["airflowConfig"]["scheduleInterval"] == "0 */6 * * *"
    assert body["service"] == {"id": "s1", "type": "databaseService"}
    assert "schemaFilterPattern" not in config


def test_any_job_on_demand_for_an_old_server() -> None:
    spec = replace(SPEC, project_id=None, job_id=None, schedule=None, streamable_logs=True)
    body = spec.body(OLD, "T")
    source = body["sourceConfig"]["config"]["dbtConfigSource"]
    assert set(source) == {"dbtCloudAuthToken", "dbtCloudAccountId", "dbtCloudUrl"}
    assert "scheduleInterval" not in body["airflowConfig"]
    assert not {"raiseOnError", "enableStreamableLogs"} & set(body)
    assert "dbtUpdateOwners" not in body["sourceConfig"]["config"]


def test_the_secret_is_in_no_text_of_a_spec() -> None:
    assert SECRET not in repr(SPEC)


def test_a_new_pipeline_is_all_changes() -> None:
    diff = diff_pipeline(SPEC, [], NEW)
    assert diff.creates
    assert diff.credential == "new"
    assert {change.field: change.new for change in diff.changes}["dbtCloudJobId"] == "3"


def test_the_same_again_is_no_change() -> None:
    diff = diff_pipeline(SPEC, [stored()], NEW)
    assert (diff.changes, diff.credential) == ((), "same")


@pytest.mark.parametrize("mask", ["*********", "", "secret:/om/dbt/token", None])
def test_a_masked_secret_is_never_the_real_one(mask: str | None) -> None:
    pipeline = stored(secret=mask) if mask is not None else stored()
    if mask is None:
        source = pipeline.config.dbtConfigSource.model_copy(update={"dbtCloudAuthToken": None})  # type: ignore[union-attr]
        config = pipeline.config.model_copy(update={"dbtConfigSource": source})  # type: ignore[union-attr]
        pipeline = pipeline.model_copy(update={"config": config})
    diff = diff_pipeline(SPEC, [pipeline], NEW)
    assert (diff.credential, diff.visible_changes) == ("hidden", False)
    assert is_masked(SecretStr("*********"))
    assert not is_masked(SecretStr(SECRET))


def test_differing_values_and_secrets_are_reported() -> None:
    spec = replace(
        SPEC,
        update_owners=False,
        schedule=None,
        schema_filter=FilterPattern(includes=("mart",), excludes=("tmp_.*",)),
    )
    diff = diff_pipeline(spec, [stored(secret="dbtc_OlderSecret000000")], NEW)
    assert diff.credential == "differs"
    assert {change.field: (change.old, change.new) for change in diff.changes} == {
        "dbtUpdateOwners": ("yes", "no"),
        "scheduleInterval": ("0 */6 * * *", "on demand"),
        "schemaFilterPattern": ("", "+mart -tmp_.*"),
    }


def test_the_same_job_under_another_name_is_updated_not_doubled() -> None:
    other = stored(replace(SPEC, name="made_in_the_ui"))
    diff = diff_pipeline(SPEC, [other], NEW)
    assert diff.existing is other
    assert diff.changes == ()


def test_further_pipelines_of_the_job_are_named() -> None:
    mine, other = stored(), stored(replace(SPEC, name="zz"), id="p2")
    diff = diff_pipeline(SPEC, [other, mine], NEW)
    assert diff.existing is mine
    assert diff.others == (other,)


def test_another_job_is_another_pipeline() -> None:
    other = stored(replace(SPEC, name="weekly", job_id=9))
    assert diff_pipeline(SPEC, [other], NEW).creates
    by_name = diff_pipeline(replace(SPEC, name="weekly"), [other], NEW)
    assert [change.field for change in by_name.changes] == ["dbtCloudJobId"]


def test_a_name_that_another_kind_of_pipeline_has() -> None:
    taken = stored(pipelineType="metadata")
    with pytest.raises(UsageError, match="metadata pipeline"):
        diff_pipeline(SPEC, [taken], NEW)


def test_a_paused_pipeline_is_resumed() -> None:
    paused = stored(airflowConfig={"scheduleInterval": "0 */6 * * *", "pausePipeline": True})
    diff = diff_pipeline(SPEC, [paused], NEW)
    assert [(change.field, change.new) for change in diff.changes] == [("pausePipeline", "no")]


def test_an_update_keeps_what_others_set() -> None:
    existing: dict[str, Any] = {
        **SPEC.body(NEW, "*********"),
        "id": "p1",
        "name": "made_in_the_ui",
        "displayName": "Our dbt",
        "loggerLevel": "DEBUG",
        "owners": [{"id": "u1", "type": "user", "name": "ana"}],
        "airflowConfig": {
            "scheduleInterval": "0 0 * * *",
            "retries": 3,
            "pipelineTimezone": "UTC",
            "email": None,
        },
        "openMetadataServerConnection": {"securityConfig": {"jwtToken": "x"}},
        "deployed": True,
    }
    existing["sourceConfig"]["config"]["tableFilterPattern"] = {"excludes": ["tmp"]}
    body = replace(SPEC, update_owners=False).updated_body(existing, NEW, SECRET)
    assert body["name"] == "made_in_the_ui"
    assert (body["displayName"], body["loggerLevel"]) == ("Our dbt", "DEBUG")
    assert body["owners"] == [{"id": "u1", "type": "user"}]
    assert body["airflowConfig"] == {
        "scheduleInterval": "0 */6 * * *",
        "retries": 3,
        "pipelineTimezone": "UTC",
        "pausePipeline": False,
    }
    config = body["sourceConfig"]["config"]
    assert config["tableFilterPattern"] == {"excludes": ["tmp"]}
    assert config["dbtUpdateOwners"] is False
    assert config["dbtConfigSource"]["dbtCloudAuthToken"] == SECRET
    assert not {"openMetadataServerConnection", "deployed", "id"} & set(body)


def test_an_update_keeps_the_runner_and_its_secret() -> None:
    """A PUT without the engine takes it away; a plain token would replace the reference into the vault."""
    existing: dict[str, Any] = {**SPEC.body(NEW, "secret:/dbt/token"), "id": "p1"}
    existing["processingEngine"] = {"id": "e1", "type": "ingestionEngine", "name": "eu"}
    body = SPEC.updated_body(existing, NEW, SECRET)
    assert body["sourceConfig"]["config"]["dbtConfigSource"]["dbtCloudAuthToken"] == "secret:/dbt/token"
    assert body["processingEngine"] == {"id": "e1", "type": "ingestionEngine"}
    assert "processingEngine" not in SPEC.updated_body(existing, Dialect.of("1.8.0"), SECRET)
