"""Each scenario of the dbt Cloud side does what its sentence says, and every guide row has one."""

from dataclasses import fields

import httpx
import pytest

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.sandbox.dbt_cloud.content import (
    CI_ID,
    DOCS_ID,
    MOVED_TO,
    NIGHTLY_ID,
    OTHER_ACCOUNT_ID,
    TESTS_ID,
    recorded,
)
from dbtcollate_tui.sandbox.scenarios import HEALTHY, SCENARIOS, Scenario, scenario_named
from tests.sandbox.dbt_cloud_support import Caller, running

GUIDE_ROWS = {
    "Invalid Token",
    "No Runs Found",
    "Wrong Account",
    "Missing catalog.json",
    "Wrong Database Service",
    "Stale data",
}


def test_every_row_of_the_guides_table_has_a_scenario() -> None:
    assert {scenario.guide_row for scenario in SCENARIOS.values()} - {""} == GUIDE_ROWS


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_changes_the_sides_that_it_names_and_says_so_in_one_sentence(scenario: Scenario) -> None:
    changed = {
        field.name
        for field in fields(Scenario)
        if field.name not in ("name", "side", "sentence", "guide_row")
        and getattr(scenario, field.name) != getattr(HEALTHY, field.name)
    }
    dbt = {name for name in changed if name.startswith("dbt_")}
    sides = {(True, False): "dbt_cloud", (False, True): "collate", (True, True): "both"}
    assert scenario.side == sides.get((bool(dbt), bool(changed - dbt)), "none")
    assert scenario.sentence.endswith(".")
    assert (scenario.of_side("dbt_cloud") != HEALTHY.of_side("dbt_cloud")) == bool(dbt)
    assert (scenario.of_side("collate") != HEALTHY.of_side("collate")) == bool(changed - dbt)


def test_no_name_is_the_healthy_one_and_a_wrong_one_gets_the_nearest() -> None:
    assert scenario_named("") is HEALTHY
    assert scenario_named("stale") is SCENARIOS["stale"]
    with pytest.raises(UsageError) as caught:
        scenario_named("expird-token")
    assert caught.value.fixes[0].value == "scenario=expired-token"


def test_expired_token() -> None:
    with running("expired-token") as sandbox, Caller(sandbox) as api:
        answer = api.get("/api/v3/accounts/")
        assert answer.status_code == 401
        assert answer.json()["status"]["user_message"] == "Invalid token."


def test_no_runs_until_one_is_started() -> None:
    with running("no-runs", run_seconds=0.0) as sandbox, Caller(sandbox) as api:
        assert api.body("runs/")["extra"]["pagination"]["total_count"] == 0
        assert len(api.data("jobs/")) == 7
        assert api.data(f"jobs/{NIGHTLY_ID}/", include_related="most_recent_run")["most_recent_run"] is None
        run = api.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "fix"}).json()["data"]
        assert [found["id"] for found in api.data("runs/", status=10)] == [run["id"]]


def test_only_failed() -> None:
    with running("only-failed") as sandbox, Caller(sandbox) as api:
        assert {run["status"] for run in api.data("runs/")} == {20, 30}


def test_wrong_account_answers_403_and_the_list_has_the_right_one() -> None:
    with running("wrong-account") as sandbox, Caller(sandbox) as api:
        answer = api.get("runs/")
        assert answer.status_code == 403
        assert "not scoped" in answer.json()["status"]["user_message"]
        [account] = api.data("/api/v3/accounts/")
        assert account["id"] == OTHER_ACCOUNT_ID != sandbox.account_id
        jobs = api.data(f"/api/v2/accounts/{OTHER_ACCOUNT_ID}/jobs/")
        assert {job["account_id"] for job in jobs} == {OTHER_ACCOUNT_ID}


def test_missing_catalog_and_its_fix() -> None:
    with running("missing-catalog", run_seconds=0.0) as sandbox, Caller(sandbox) as api:
        assert api.body("runs/", has_docs_generated="true")["extra"]["pagination"]["total_count"] == 0
        jobs = api.data("jobs/")
        assert not any(job["generate_docs"] for job in jobs)
        assert not any("docs" in command for job in jobs for command in job["execute_steps"])
        [run] = api.data("runs/", job_definition_id=NIGHTLY_ID, status=10, order_by="-finished_at", limit=1)
        assert api.get(f"runs/{run['id']}/artifacts/catalog.json").status_code == 404
        manifest = api.get(f"runs/{run['id']}/artifacts/manifest.json")
        assert manifest.content == recorded("nightly-success").artifact(8, "manifest.json")
        order = {"cause": "fix", "generate_docs_override": True}
        fixed = api.post(f"jobs/{NIGHTLY_ID}/run/", order).json()["data"]
        assert api.get(f"runs/{fixed['id']}/artifacts/catalog.json").status_code == 200


def test_stale_has_no_run_of_the_last_nine_days() -> None:
    with running("stale") as sandbox, Caller(sandbox) as api:
        [newest] = api.data("runs/", order_by="-finished_at", limit=1)
        assert newest["finished_at_humanized"].startswith("9 days")
        assert (newest["job_id"], newest["status"]) == (NIGHTLY_ID, 10)


def test_running_has_a_run_at_work_before_all_finished_ones() -> None:
    with running("running") as sandbox, Caller(sandbox) as api:
        [newest] = api.data("runs/", order_by="-finished_at", limit=1, include_related="run_steps")
        assert (newest["status"], newest["is_running"], newest["finished_at"]) == (3, True, None)
        assert {step["status"] for step in newest["run_steps"]} == {1, 3, 10}
        assert newest["id"] == api.data("runs/", order_by="-id", limit=1)[0]["id"]


def test_ci_newest() -> None:
    with running("ci-newest") as sandbox, Caller(sandbox) as api:
        [newest] = api.data("runs/", status=10, order_by="-finished_at", limit=1)
        assert (newest["job_id"], newest["has_docs_generated"]) == (CI_ID, False)


def test_missing_permission_closes_artifacts_only() -> None:
    with running("missing-permission") as sandbox, Caller(sandbox) as api:
        run = api.data("runs/", status=10, limit=1)[0]["id"]
        assert api.get(f"runs/{run}/artifacts/manifest.json").status_code == 404


def test_no_job_runner_reads_and_starts_nothing() -> None:
    with running("no-job-runner") as sandbox, Caller(sandbox) as api:
        assert api.data("jobs/")
        assert api.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"}).status_code == 404


def test_ip_restricted_leaves_the_account_out() -> None:
    with running("ip-restricted") as sandbox, Caller(sandbox) as api:
        assert api.data("/api/v3/accounts/") == []
        answer = api.get("")
        assert answer.status_code == 403
        assert answer.json()["data"]["account_access_denied"] is True


def test_plans_decide_which_token_reads() -> None:
    with running("team-plan") as sandbox, Caller(sandbox) as api:
        assert api.data("")["plan"] == "team_2022"
        assert api.data("jobs/")
    with running("starter-plan") as sandbox, Caller(sandbox) as api:
        assert api.get("jobs/").status_code == 404
        with Caller(sandbox, sandbox.dbt_cloud_tokens.personal) as personal:
            assert personal.data("jobs/")


def test_fusion_writes_the_catalog_without_saying_so() -> None:
    with running("fusion") as sandbox, Caller(sandbox) as api:
        [run] = api.data("runs/", status=10, job_definition_id=NIGHTLY_ID, order_by="-id", limit=1)
        assert (run["dbt_version"], run["has_docs_generated"]) == ("latest-fusion", False)
        steps = api.data(f"runs/{run['id']}/", include_related="run_steps")["run_steps"]
        [writes] = [step["index"] for step in steps if step["name"] == "Invoke dbt with `dbt run`"]
        found = api.get(f"runs/{run['id']}/artifacts/catalog.json", step=writes)
        assert found.content == recorded("nightly-success").artifact(None, "catalog.json")


def test_split_jobs_hold_their_part_each() -> None:
    with running("split-jobs") as sandbox, Caller(sandbox) as api:
        parts = {}
        for job_id in (NIGHTLY_ID, TESTS_ID, DOCS_ID):
            [run] = api.data("runs/", status=10, job_definition_id=job_id, order_by="-id", limit=1)
            parts[job_id] = set(api.data(f"runs/{run['id']}/artifacts/"))
        assert "catalog.json" not in parts[NIGHTLY_ID] | parts[TESTS_ID]
        assert {"catalog.json", "sources.json"} <= parts[DOCS_ID]


def test_step_ignored_sends_the_last_steps_file_for_any_step() -> None:
    with running("step-ignored") as sandbox, Caller(sandbox) as api:
        [run] = api.data("runs/", status=10, job_definition_id=NIGHTLY_ID, order_by="-id", limit=1)
        path = f"runs/{run['id']}/artifacts/run_results.json"
        assert api.get(path, step=4).content == api.get(path, step=7).content == api.get(path).content


def test_cut_download_breaks_off_once_for_each_artifact() -> None:
    with running("cut-download") as sandbox, Caller(sandbox) as api:
        [run] = api.data("runs/", status=10, job_definition_id=NIGHTLY_ID, order_by="-id", limit=1)
        for name in ("manifest.json", "catalog.json"):
            with pytest.raises(httpx.RemoteProtocolError):
                api.get(f"runs/{run['id']}/artifacts/{name}")
            whole = api.get(f"runs/{run['id']}/artifacts/{name}")
            assert whole.content == recorded("nightly-success").artifact(None, name)


def test_broken_manifest_is_not_json() -> None:
    with running("broken-manifest") as sandbox, Caller(sandbox) as api:
        [run] = api.data("runs/", status=10, job_definition_id=NIGHTLY_ID, order_by="-id", limit=1)
        with pytest.raises(ValueError, match="Unterminated string"):
            api.get(f"runs/{run['id']}/artifacts/manifest.json").json()
        assert api.get(f"runs/{run['id']}/artifacts/catalog.json").json()["nodes"]


def test_rate_limited_says_when_to_come_back() -> None:
    with running("rate-limited") as sandbox, Caller(sandbox) as api:
        answers = [api.get("jobs/", limit=1) for _ in range(9)]
        assert [answer.status_code for answer in answers] == [200] * 8 + [429]
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].json()["status"]["code"] == 429
        assert api.get("jobs/", limit=1).status_code == 429
        api.play("rate-limited", dbt_rate_limit=1, dbt_rate_window=0.001, dbt_retry_after=0)
        assert api.get("jobs/", limit=1).status_code == 200


def test_flaky_fails_some_paths_once_and_each_in_its_own_way() -> None:
    with running("flaky") as sandbox, Caller(sandbox) as api:
        first: list[object] = []
        for limit in range(1, 31):
            try:
                first.append(api.get("runs/", limit=limit).status_code)
            except httpx.RemoteProtocolError:
                first.append("cut")
            assert api.get("runs/", limit=limit).status_code == 200
        assert {200, 502, 503, "cut"} == set(first)


@pytest.mark.parametrize("name", ["html", "down"])
def test_web_pages_instead_of_answers(name: str) -> None:
    with running(name) as sandbox, Caller(sandbox) as api:
        answer = api.get("jobs/")
        assert answer.status_code == {"html": 200, "down": 503}[name]
        assert answer.headers["content-type"].startswith("text/html")


def test_moved_points_at_a_host_of_the_accounts_own() -> None:
    with running("moved") as sandbox, Caller(sandbox) as api:
        answer = api.get("jobs/", limit=5)
        assert answer.status_code == 301
        assert answer.headers["Location"] == f"{MOVED_TO}{api.url('jobs/')}?limit=5"


def test_slow_waits_before_it_answers() -> None:
    with running("slow") as sandbox:
        client = httpx.Client(base_url=sandbox.dbt_cloud_url, timeout=0.2)
        with client, pytest.raises(httpx.ReadTimeout):
            client.get("/api/v3/accounts/")
