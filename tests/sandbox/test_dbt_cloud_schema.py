"""The sandbox's bodies are those of dbt's own OpenAPI document, wherever that document is at hand.

The document is not part of this project: the variable ``DBT_CLOUD_OPENAPI`` names its file. It marks nothing
as nullable, while the real API answers null for what is not there, so null is taken for every property.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from dbtcollate_tui.sandbox.dbt_cloud.content import NIGHTLY_ID, PRODUCTION_ID
from tests.sandbox.dbt_cloud_support import Caller, running

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "dbt-cloud-openapi-v2.yaml"
DOCUMENT = Path(os.environ.get("DBT_CLOUD_OPENAPI", BESIDE))
NIGHTLY_RUNS = f"job_definition_id={NIGHTLY_ID}"
ANSWERS = [
    ("/api/v2/accounts/", "AccountListEnveloped"),
    ("/api/v3/accounts/", "AccountListEnveloped"),
    ("", "AccountEnveloped"),
    ("projects/", "ProjectListEnveloped"),
    ("environments/", "EnvironmentV2ListEnveloped"),
    (f"environments/{PRODUCTION_ID}/", "EnvironmentV2Enveloped"),
    ("users/", "UserListEnveloped"),
    ("jobs/", "HumanReadableJobDefinitionListEnveloped"),
    (
        "jobs/?include_related=environment,project,account,most_recent_run",
        "HumanReadableJobDefinitionListEnveloped",
    ),
    (f"jobs/{NIGHTLY_ID}/", "HumanReadableJobDefinitionEnveloped"),
    ("runs/", "RunResponseListEnveloped"),
    (f"runs/?{NIGHTLY_RUNS}&include_related=trigger,environment,run_steps", "RunResponseListEnveloped"),
    ("runs/RUN/?include_related=trigger,environment,run_steps,debug_logs", "RunResponseEnveloped"),
    ("runs/RUN/artifacts/", "ListOfStringsEnveloped"),
    ("steps/STEP/", "RunStepEnveloped"),
]


def nullable(schema: Any) -> Any:
    """The schema with null allowed for each property."""
    if isinstance(schema, list):
        return [nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: nullable(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        found["properties"] = {
            name: {"anyOf": [nullable(value), {"type": "null"}]}
            for name, value in schema["properties"].items()
        }
    return found


@pytest.fixture(scope="module")
def api() -> Iterator[Caller]:
    with running() as sandbox, Caller(sandbox) as found:
        yield found


if DOCUMENT.is_file():
    COMPONENTS = nullable(
        yaml.load(DOCUMENT.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
            "components"
        ]
    )

    @pytest.mark.parametrize(("path", "schema"), ANSWERS, ids=[f"{path} {name}" for path, name in ANSWERS])
    def test_answers_are_valid(api: Caller, path: str, schema: str) -> None:
        if "RUN" in path or "STEP" in path:
            run = api.data("runs/", status=10, job_definition_id=NIGHTLY_ID, order_by="-id", limit=1)[0]["id"]
            steps = api.data(f"runs/{run}/", include_related="run_steps")["run_steps"]
            path = path.replace("RUN", str(run)).replace("STEP", str(steps[6]["id"]))
        body = api.body(path)
        validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": COMPONENTS})
        wrong = best_match(validator.iter_errors(body))
        assert wrong is None, f"{wrong.json_path}: {wrong.message[:300]}"

    @pytest.mark.parametrize("call", ["run", "cancel", "retry"])
    def test_answers_to_orders_are_valid(api: Caller, call: str) -> None:
        failed = api.data("runs/", status=20, job_definition_id=NIGHTLY_ID, limit=1)[0]["id"]
        path = f"jobs/{NIGHTLY_ID}/run/" if call == "run" else f"runs/{failed}/{call}/"
        answer = api.post(path, {"cause": "a test"} if call == "run" else None)
        assert answer.status_code == 200
        name = "#/components/schemas/RunResponseEnveloped"
        wrong = best_match(
            Draft202012Validator({"$ref": name, "components": COMPONENTS}).iter_errors(answer.json())
        )
        assert wrong is None, f"{wrong.json_path}: {wrong.message[:300]}"


def test_bodies_of_lists_and_objects_have_the_same_keys(api: Caller) -> None:
    in_list = api.data("jobs/", limit=1)[0]
    assert set(api.data(f"jobs/{in_list['id']}/")) == set(in_list)
    run = api.data("runs/", limit=1)[0]
    assert set(api.data(f"runs/{run['id']}/")) == set(run)
