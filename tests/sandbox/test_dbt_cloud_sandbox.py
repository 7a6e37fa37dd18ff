"""The sandbox's dbt Cloud speaks the Administrative API as the real one does, and refuses what it refuses."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.sandbox.dbt_cloud.content import (
    CI_ID,
    FINANCE_PROJECT_ID,
    NIGHTLY_FULL_ID,
    NIGHTLY_ID,
    PRODUCTION_ID,
    STAGING_ID,
    recorded,
)
from dbtcollate_tui.sandbox.dbt_cloud.history import step_name
from dbtcollate_tui.sandbox.server import Sandbox
from tests.sandbox.dbt_cloud_support import Caller, running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(run_seconds=0.8) as found:
        yield found


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> Iterator[Caller]:
    with Caller(sandbox) as found:
        yield found


@pytest.fixture(scope="module")
def run(api: Caller) -> int:
    """Id of the newest successful run of the production job."""
    found = api.data("runs/", status=10, job_definition_id=NIGHTLY_ID, order_by="-finished_at", limit=1)
    return int(found[0]["id"])


def error(code: int, message: str) -> dict[str, Any]:
    status = {"code": code, "is_success": False, "user_message": message, "developer_message": None}
    return {"status": status, "data": None}


class TestAccess:
    @pytest.mark.parametrize("scheme", ["Token", "Bearer"])
    @pytest.mark.parametrize("path", ["/api/v3/accounts/", "/api/v3/accounts", "/api/v2/accounts/"])
    def test_both_schemes_and_both_spellings_of_a_path(
        self, sandbox: Sandbox, scheme: str, path: str
    ) -> None:
        with Caller(sandbox, scheme=scheme) as caller:
            body = caller.body(path)
        assert [(item["id"], item["name"]) for item in body["data"]] == [(sandbox.account_id, "Shop")]
        assert body["status"] == {
            "code": 200,
            "is_success": True,
            "user_message": "Success!",
            "developer_message": "",
        }

    def test_a_wrong_token_is_answered_as_the_real_api_does(self, sandbox: Sandbox) -> None:
        with Caller(sandbox, sandbox.collate_token) as caller:
            answer = caller.get("jobs/")
        assert answer.status_code == 401
        assert answer.json() == error(401, "Invalid token.")

    def test_no_token_is_401_before_the_path_is_looked_at(self, sandbox: Sandbox) -> None:
        with Caller(sandbox, scheme="Basic") as caller:
            assert caller.get("/api/v2/nothing/").status_code == 401

    def test_another_account_is_403_not_404(self, api: Caller) -> None:
        answer = api.get("/api/v2/accounts/12345/runs/")
        assert answer.status_code == 403
        assert answer.json() == error(403, "Access denied: Token is not scoped to account.")

    def test_a_personal_token_of_few_rights_lists_but_reads_no_artifact_and_starts_nothing(
        self, sandbox: Sandbox
    ) -> None:
        assert sandbox.dbt_cloud_tokens.personal.get_secret_value().startswith("dbtu_")
        with Caller(sandbox, sandbox.dbt_cloud_tokens.personal) as caller:
            run = caller.data("runs/", limit=1, status=10)[0]["id"]
            assert caller.get(f"runs/{run}/artifacts/").status_code == 404
            assert caller.get(f"runs/{run}/artifacts/manifest.json").status_code == 404
            assert caller.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"}).status_code == 404

    def test_a_metadata_only_token_sees_the_account_and_nothing_in_it(self, sandbox: Sandbox) -> None:
        with Caller(sandbox, sandbox.dbt_cloud_tokens.metadata) as caller:
            assert caller.data("/api/v3/accounts/")[0]["id"] == sandbox.account_id
            assert caller.get("jobs/").status_code == 404

    def test_tokens_look_like_real_ones(self, sandbox: Sandbox) -> None:
        token = sandbox.dbt_cloud_token.get_secret_value()
        assert token.startswith("dbtc_")
        assert len(token) == 40
        assert sandbox.dbt_cloud_tokens.metadata.get_secret_value().startswith("dbtc_")

    @pytest.mark.parametrize(
        "path",
        ["runs/1/", "jobs/1/", "projects/1/", "steps/1/", "runs/1/artifacts/", "nothing/", "/api/v3/nothing"],
    )
    def test_what_does_not_exist_is_404_in_the_envelope(self, api: Caller, path: str) -> None:
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.json()["status"]["code"] == 404

    def test_any_other_path_is_a_web_page(self, api: Caller) -> None:
        answer = api.get(f"/deploy/{api.sandbox.account_id}/projects/{api.sandbox.project_id}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")


class TestLists:
    def test_projects_and_environments(self, api: Caller) -> None:
        account = api.sandbox.account_id
        projects = api.data(f"/api/v3/accounts/{account}/projects/")
        assert {item["id"]: item["name"] for item in projects} == {
            api.sandbox.project_id: "shop",
            FINANCE_PROJECT_ID: "finance",
        }
        path = f"/api/v3/accounts/{account}/projects/{api.sandbox.project_id}/environments/"
        assert [item["name"] for item in api.data(path)] == ["Production", "Staging", "Development"]
        assert [item["id"] for item in api.data(path, deployment_type="production")] == [PRODUCTION_ID]
        assert [item["name"] for item in api.data(path, type="development")] == ["Development"]
        assert len(api.data("environments/")) == 4

    def test_the_connection_names_the_database_that_dbt_builds_in(self, api: Caller) -> None:
        path = f"/api/v3/accounts/{api.sandbox.account_id}/connections/"
        found = api.data(path, name__icontains="shop")
        assert [item["adapter_version"] for item in found] == ["duckdb_v0"]
        one = api.data(f"{path}{found[0]['id']}/")
        assert one["config"]["database"] == "shop"

    def test_jobs_of_a_project_without_the_deleted_one(self, api: Caller) -> None:
        jobs = api.data("jobs/", project_id=api.sandbox.project_id)
        assert [job["name"] for job in jobs] == [
            "nightly",
            "nightly-full",
            "ci-slim",
            "refresh-exports",
            "backfill",
            "staging-hourly",
        ]
        assert {job["state"] for job in jobs} == {1}
        assert [job["name"] for job in api.data("jobs/", state="deleted")] == ["nightly-2024"]
        assert len(api.data("jobs/", state="all")) == 8

    def test_the_production_job(self, api: Caller) -> None:
        job = api.data(f"jobs/{NIGHTLY_ID}/")
        assert job["environment_id"] == PRODUCTION_ID
        assert (job["job_type"], job["triggers"]["schedule"], job["generate_docs"]) == (
            "scheduled",
            True,
            True,
        )
        assert job["schedule"]["cron"] == "0 6 * * *"
        ran = recorded("nightly-success").commands
        assert (*job["execute_steps"], "dbt docs generate") == ran

    def test_other_kinds_of_jobs(self, api: Caller) -> None:
        jobs = {job["name"]: job for job in api.data("jobs/")}
        ci = jobs["ci-slim"]
        assert (ci["id"], ci["job_type"], ci["triggers"]["github_webhook"]) == (CI_ID, "ci", True)
        assert (ci["environment_id"], ci["deferring_environment_id"]) == (STAGING_ID, PRODUCTION_ID)
        assert jobs["nightly-full"]["schedule"]["date"] == {"type": "days_of_week", "days": [0]}
        assert "dbt docs generate" in jobs["nightly-full"]["execute_steps"]
        assert not jobs["backfill"]["triggers"]["schedule"]
        assert jobs["staging-hourly"]["schedule"]["cron"] == "0 * * * *"
        assert not jobs["staging-hourly"]["triggers"]["schedule"]
        after = jobs["refresh-exports"]["job_completion_trigger_condition"]["condition"]
        assert after["job_id"] == NIGHTLY_FULL_ID

    @pytest.mark.parametrize(
        ("params", "names"),
        [
            ({"name__icontains": "NIGHT"}, ["nightly", "nightly-full"]),
            ({"name__icontains": "%"}, []),
            ({"triggers_schedule": "true"}, ["nightly", "nightly-full", "month-end"]),
            ({"environment_id": STAGING_ID}, ["ci-slim", "staging-hourly"]),
            ({"project_id__in": f"[{FINANCE_PROJECT_ID}]"}, ["month-end"]),
            ({"pk__in": f"[{CI_ID},{NIGHTLY_ID}]", "order_by": "-name"}, ["nightly", "ci-slim"]),
        ],
    )
    def test_filters_of_jobs(self, api: Caller, params: dict[str, str], names: list[str]) -> None:
        assert [job["name"] for job in api.data("jobs/", **params)] == names

    def test_a_jobs_last_runs_come_with_it_when_asked_for(self, api: Caller) -> None:
        job = api.data(f"jobs/{NIGHTLY_ID}/", include_related="most_recent_run,environment")
        assert job["most_recent_run"]["status"] == 20
        assert job["environment"]["name"] == "Production"
        plain = api.data(f"jobs/{NIGHTLY_ID}/")
        assert plain["most_recent_run"] is None

    def test_pages(self, api: Caller) -> None:
        first = api.body("jobs/", limit=3, order_by="name")
        second = api.body("jobs/", limit=3, offset=3, order_by="name")
        assert first["extra"]["pagination"] == {"count": 3, "total_count": 7}
        assert first["extra"]["filters"]["limit"] == 3
        assert first["extra"]["order_by"] == "name"
        names = [job["name"] for job in (*first["data"], *second["data"])]
        assert names == sorted(names)
        assert len(set(names)) == 6

    def test_a_single_object_has_no_extra(self, api: Caller) -> None:
        assert "extra" not in api.body(f"jobs/{NIGHTLY_ID}/")

    @pytest.mark.parametrize(
        "params",
        [
            {"limit": "101"},
            {"limit": "0"},
            {"limit": "many"},
            {"offset": "-1"},
            {"state": "gone"},
            {"order_by": "colour"},
            {"project_id": "shop"},
            {"project_id__in": "1,2"},
        ],
    )
    def test_what_a_list_does_not_take_is_400(self, api: Caller, params: dict[str, str]) -> None:
        answer = api.get("jobs/", **params)
        assert answer.status_code == 400
        assert answer.json()["status"]["is_success"] is False

    def test_an_account_of_300_projects_and_5000_jobs(self) -> None:
        with running(scale=True) as large, Caller(large) as caller:
            seen: set[int] = set()
            while True:
                page = caller.body("jobs/", limit=100, offset=len(seen), order_by="id")
                seen |= {job["id"] for job in page["data"]}
                if len(seen) == page["extra"]["pagination"]["total_count"]:
                    break
                assert page["data"]
            assert len(seen) == 5_000 - 1
            assert caller.body("jobs/", state="all")["extra"]["pagination"]["total_count"] == 5_000
            projects = caller.body(f"/api/v3/accounts/{large.account_id}/projects/", limit=1)
            assert projects["extra"]["pagination"]["total_count"] == 300
            newest = caller.data("runs/", order_by="-finished_at", limit=1, job_definition_id=NIGHTLY_ID)
            assert newest[0]["status"] == 20


class TestRuns:
    def test_the_references_call_finds_what_it_needs(self, api: Caller) -> None:
        found = api.data(
            "runs",
            order_by="-finished_at",
            limit=1,
            status__in="[10,20]",
            include_related='["run_steps"]',
            project_id=api.sandbox.project_id,
            job_definition_id=NIGHTLY_ID,
        )
        assert len(found) == 1
        assert {"id", "finished_at_humanized", "duration_humanized"} <= set(found[0])
        assert [step["index"] for step in found[0]["run_steps"]] == list(range(1, 10))

    def test_the_guides_debug_command_finds_the_newest_success(self, api: Caller) -> None:
        [run] = api.data("runs/", status=10, order_by="-finished_at", limit=1)
        assert run["job_id"] == NIGHTLY_ID
        assert (run["status_humanized"], run["is_success"]) == ("Success", True)
        assert run["finished_at_humanized"].startswith("38 minutes")
        assert (run["has_docs_generated"], run["has_sources_generated"]) == (True, True)

    def test_a_newer_run_of_the_same_job_failed(self, api: Caller) -> None:
        failed, success = api.data("runs/", job_definition_id=NIGHTLY_ID, order_by="-finished_at", limit=2)
        assert (failed["status"], success["status"]) == (20, 10)
        assert failed["finished_at"] > success["finished_at"]
        assert failed["artifacts_saved"]
        assert not failed["has_docs_generated"]

    def test_a_pull_requests_run_tells_so_in_its_trigger(self, api: Caller) -> None:
        run = api.data(
            "runs/", job_definition_id=CI_ID, order_by="-id", limit=1, include_related="trigger,job"
        )[0]
        assert run["trigger"]["cause_category"] == "ci"
        assert run["trigger"]["github_pull_request_id"] == recorded("ci").pull_request
        assert run["trigger"]["schema_override"]
        assert run["job"]["name"] == "ci-slim"

    def test_history_looks_alive(self, api: Caller) -> None:
        runs = api.data("runs/", order_by="-id")
        now = datetime.now(UTC)
        finished = [datetime.fromisoformat(run["finished_at"]) for run in runs if run["is_complete"]]
        assert now - max(finished) < timedelta(hours=1)
        assert now - min(finished) > timedelta(days=28)
        created = [run["created_at"] for run in runs]
        assert created == sorted(created, reverse=True)
        assert {run["status"] for run in runs if run["is_complete"]} == {10, 20, 30}
        nightly = [run for run in runs if run["job_id"] == NIGHTLY_ID]
        scheduled = [run for run in nightly if run["created_at"][11:16] == "06:00"]
        assert len(scheduled) >= 12

    @pytest.mark.parametrize(
        ("params", "key", "values"),
        [
            ({"status": "30"}, "status", {30}),
            ({"status__in": "[20,30]"}, "status", {20, 30}),
            ({"project_id": FINANCE_PROJECT_ID}, "project_id", {FINANCE_PROJECT_ID}),
            ({"environment_id": STAGING_ID}, "environment_id", {STAGING_ID}),
            ({"has_docs_generated": "true"}, "has_docs_generated", {True}),
            ({"has_sources_generated": "false"}, "has_sources_generated", {False}),
        ],
    )
    def test_filters(self, api: Caller, params: dict[str, str], key: str, values: set[object]) -> None:
        assert {run[key] for run in api.data("runs/", **params)} == values

    def test_ranges_of_time_are_taken_and_open_ends_are_not(self, api: Caller) -> None:
        now = datetime.now(UTC)
        day_ago = json.dumps([f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}", f"{now:%Y-%m-%d %H:%M:%S}"])
        found = api.body("runs/", created_at__range=day_ago)["extra"]["pagination"]["total_count"]
        assert 3 <= found < api.body("runs/")["extra"]["pagination"]["total_count"]
        assert api.get("runs/", created_at__gte="2026-11-01").status_code == 400

    @pytest.mark.parametrize(
        "spelling",
        [
            "run_steps,debug_logs",
            '["run_steps","debug_logs"]',
            "['run_steps','debug_logs']",
            "[run_steps,debug_logs]",
        ],
    )
    def test_steps_are_those_that_dbt_ran(self, api: Caller, run: int, spelling: str) -> None:
        steps = api.data(f"runs/{run}/", include_related=spelling)["run_steps"]
        source = recorded("nightly-success").steps
        assert [step["name"] for step in steps] == [step_name(step.name) for step in source]
        assert [step["logs"] for step in steps] == [step.log for step in source]
        assert [(step["run_step_command"] or {}).get("dbt_command") for step in steps] == [
            step.command for step in source
        ]
        assert api.data(f"runs/{run}/")["run_steps"] == []
        one = api.data(f"steps/{steps[6]['id']}/")
        assert (one["index"], one["name"]) == (7, step_name(source[6].name))

    def test_a_failed_runs_later_steps_never_ran(self, api: Caller) -> None:
        [run] = api.data("runs/", job_definition_id=NIGHTLY_ID, order_by="-finished_at", limit=1)
        steps = api.data(f"runs/{run['id']}/", include_related="run_steps")["run_steps"]
        assert [step["status"] for step in steps] == [
            step.status for step in recorded("nightly-failed").steps
        ]
        assert steps[-1]["started_at"] is None


class TestArtifacts:
    def test_the_list_has_paths_and_no_extra(self, api: Caller, run: int) -> None:
        body = api.body(f"runs/{run}/artifacts/")
        assert body["data"] == ["catalog.json", "manifest.json", "run_results.json", "sources.json"]
        assert "extra" not in body

    def test_every_steps_artifacts_are_the_bytes_that_dbt_wrote(self, api: Caller, run: int) -> None:
        source = recorded("nightly-success")
        for step in source.steps:
            for name in ("manifest.json", "run_results.json", "catalog.json", "sources.json"):
                answer = api.get(f"runs/{run}/artifacts/{name}", step=step.index)
                expected = source.artifact(step.index, name)
                if expected is None:
                    assert answer.status_code == 404, (step.index, name)
                else:
                    assert answer.content == expected
                    assert answer.headers["content-type"] == "application/json"

    def test_without_a_step_the_last_one_that_has_the_file(self, api: Caller, run: int) -> None:
        source = recorded("nightly-success")
        results = api.get(f"runs/{run}/artifacts/run_results.json").content
        assert results == source.artifact(9, "run_results.json") != source.artifact(7, "run_results.json")
        assert api.get(f"runs/{run}/artifacts/sources.json").content == source.artifact(8, "sources.json")

    def test_a_slash_after_the_step_is_tolerated_and_words_are_not(self, api: Caller, run: int) -> None:
        found = api.get(f"runs/{run}/artifacts/run_results.json", step="7/")
        assert found.content == recorded("nightly-success").artifact(7, "run_results.json")
        assert api.get(f"runs/{run}/artifacts/manifest.json", step="seven").status_code == 400

    def test_unknown_files_are_404(self, api: Caller, run: int) -> None:
        assert api.get(f"runs/{run}/artifacts/nothing.json").status_code == 404

    def test_the_jobs_newest_file(self, api: Caller) -> None:
        found = api.get(f"jobs/{NIGHTLY_ID}/artifacts/catalog.json")
        assert found.content == recorded("nightly-success").artifact(None, "catalog.json")
        assert api.get(f"jobs/{CI_ID}/artifacts/catalog.json").status_code == 404

    def test_expired_artifacts_are_404(self, api: Caller) -> None:
        run = api.data("runs/", project_id=FINANCE_PROJECT_ID, limit=1)[0]
        assert not run["artifacts_saved"]
        assert api.get(f"runs/{run['id']}/artifacts/manifest.json").status_code == 404


class TestRealAnswers:
    """What the real service was seen to answer where one would expect something else."""

    def test_a_missing_object_hints_at_permissions(self, api: Caller) -> None:
        answer = api.get("jobs/1/")
        assert answer.status_code == 404
        assert "proper permissions" in answer.json()["status"]["user_message"]
        assert answer.json()["status"]["developer_message"] == ""

    def test_a_run_that_failed_early_lists_null(self, api: Caller) -> None:
        failed = api.data("runs/", status=20, job_definition_id=NIGHTLY_ID)
        [early] = [run for run in failed if not run["artifacts_saved"]]
        assert api.body(f"runs/{early['id']}/artifacts/")["data"] is None
        assert "clone" in early["status_message"]

    def test_a_timed_out_run_keeps_its_artifacts(self, api: Caller) -> None:
        stopped = api.data("runs/", status=30)
        [timed_out] = [run for run in stopped if run["artifacts_saved"]]
        assert "timed out after running" in timed_out["status_message"]
        assert api.data(f"runs/{timed_out['id']}/artifacts/")

    def test_a_job_inside_a_run_has_its_schedule_as_texts(self, api: Caller, run: int) -> None:
        inside = api.data(f"runs/{run}/", include_related="job")["job"]
        assert inside["schedule"] == {"cron": "0 6 * * *", "date": "every_day", "time": "at_exact_hours"}
        assert inside["created_at"].endswith("Z")

    def test_a_job_tells_its_next_run_and_whether_it_is_on(self, api: Caller) -> None:
        nightly = api.data(f"jobs/{NIGHTLY_ID}/")
        assert (nightly["deactivated"], nightly["run_failure_count"]) == (False, 0)
        assert nightly["next_run"].endswith("06:00:00Z")
        assert nightly["cron_humanized"]

    def test_the_list_of_accounts_says_which_it_filters_by(self, api: Caller) -> None:
        body = api.body("/api/v3/accounts/")
        assert body["extra"]["filters"] == {"pk__in": [body["data"][0]["id"]]}
        assert body["data"][0]["static_subdomain"] == "ab123"

    def test_related_objects_are_named_again_and_again(self, api: Caller, run: int) -> None:
        url = api.url(f"runs/{run}/?include_related=job&include_related=trigger")
        body = api.data(url)
        assert body["job"] is not None
        assert body["trigger"] is not None


class TestStarting:
    def test_a_running_steps_log_grows(self) -> None:
        with running(run_seconds=1.2) as own, Caller(own) as caller:
            run = caller.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"}).json()["data"]["id"]
            parts: set[str] = set()
            while (body := caller.data(f"runs/{run}/", include_related="run_steps"))["status"] < 10:
                parts |= {step["logs"] for step in body["run_steps"] if step["status"] == 3}
                time.sleep(0.01)
            whole = [step["logs"] for step in body["run_steps"]]
            assert all(any(log.startswith(part) for log in whole) for part in parts)
            assert len(parts) > 3

    def test_a_run_waits_for_the_same_jobs_run(self) -> None:
        with running(run_seconds=60) as own, Caller(own) as caller:
            runs = [
                caller.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"}).json()["data"] for _ in range(2)
            ]
            assert [run["blocked_by"] for run in runs] == [[], [runs[0]["id"]]]

    def test_a_failed_run_is_retried_from_its_failure(self) -> None:
        with running(run_seconds=0.05) as own, Caller(own) as caller:
            [failed, *_] = caller.data("runs/", status=20, job_definition_id=NIGHTLY_ID, order_by="-id")
            assert failed["can_retry"]
            run = caller.post(f"runs/{failed['id']}/retry/").json()["data"]
            assert run["retrying_run_id"] == failed["id"]
            steps = caller.data(f"runs/{run['id']}/", include_related="run_steps")["run_steps"]
            names = [step["run_step_command"]["dbt_command"] for step in steps[3:]]
            assert names == ["dbt test", "dbt source freshness", "dbt docs generate"]
            good = caller.data("runs/", status=10, limit=1)[0]["id"]
            assert caller.post(f"runs/{good}/retry/").status_code == 400

    def test_a_deactivated_job_is_on_again_after_a_run(self) -> None:
        with running("deactivated") as own, Caller(own) as caller:
            assert caller.data(f"jobs/{NIGHTLY_ID}/")["deactivated"]
            caller.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"})
            assert not caller.data(f"jobs/{NIGHTLY_ID}/")["deactivated"]

    def test_a_started_run_goes_through_its_states_to_success(self) -> None:
        with running(run_seconds=0.8) as own, Caller(own) as caller:
            run = caller.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"}).json()["data"]
            assert (run["status"], run["trigger"]["cause"]) == (1, "a test")
            assert run["finished_at"] is None
            assert caller.get(f"runs/{run['id']}/artifacts/manifest.json").status_code == 404
            assert caller.data("runs/", order_by="-finished_at", limit=1)[0]["id"] == run["id"]
            seen, steps = [run["status"]], set()
            while seen[-1] < 10:
                now = caller.data(f"runs/{run['id']}/", include_related="run_steps")
                steps |= {step["status"] for step in now["run_steps"]}
                if now["status"] != seen[-1]:
                    seen.append(now["status"])
                time.sleep(0.01)
            assert seen == [1, 2, 3, 10]
            assert steps == {1, 3, 10}
            newest = caller.data("runs/", status=10, order_by="-finished_at", limit=1)[0]
            assert newest["id"] == run["id"]
            catalog = caller.get(f"runs/{run['id']}/artifacts/catalog.json").content
            assert catalog == recorded("nightly-success").artifact(None, "catalog.json")

    def test_overrides_decide_what_runs(self) -> None:
        with running(run_seconds=0.05) as own, Caller(own) as caller:
            order = {"cause": "tests only", "steps_override": ["dbt test", "dbt run-operation grant"]}
            run = caller.post(f"jobs/{NIGHTLY_ID}/run", order).json()["data"]["id"]
            time.sleep(0.06)
            body = caller.data(f"runs/{run}/", include_related="run_steps,trigger")
            assert [step["name"] for step in body["run_steps"]][3:] == [
                "Invoke dbt with `dbt test`",
                "Invoke dbt with `dbt run-operation grant`",
            ]
            assert body["trigger"]["steps_override"] == order["steps_override"]
            assert caller.data(f"runs/{run}/artifacts/") == ["manifest.json", "run_results.json"]

    def test_a_cancelled_run_ends_without_artifacts(self) -> None:
        with running(run_seconds=60) as own, Caller(own) as caller:
            run = caller.post(f"jobs/{NIGHTLY_ID}/run/", {"cause": "a test"}).json()["data"]["id"]
            body = caller.post(f"runs/{run}/cancel/").json()["data"]
            assert (body["status"], body["is_cancelled"], body["artifacts_saved"]) == (30, True, False)
            steps = caller.data(f"runs/{run}/", include_related="run_steps")["run_steps"]
            assert {step["status"] for step in steps} == {30}

    def test_cancelling_an_ended_run_changes_nothing(self, api: Caller) -> None:
        run = api.data("runs/", status=10, limit=1)[0]["id"]
        assert api.post(f"runs/{run}/cancel/").json()["data"]["status"] == 10

    @pytest.mark.parametrize("body", [{}, {"cause": ""}, [], {"cause": "x", "colour": "red"}])
    def test_an_order_without_a_cause_or_with_unknown_fields_is_400(self, api: Caller, body: object) -> None:
        answer = api.post(f"jobs/{NIGHTLY_ID}/run/", body)
        assert answer.status_code == 400

    def test_reading_with_the_wrong_method_is_405(self, api: Caller) -> None:
        assert api.get(f"jobs/{NIGHTLY_ID}/run/").status_code == 405


async def test_the_programs_own_client_reads_all_of_it(sandbox: Sandbox) -> None:
    async with DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
        assert [found.id for found in await client.accounts()] == [sandbox.account_id]
        assert {found.name for found in await client.projects(sandbox.account_id)} == {"shop", "finance"}
        jobs = await client.jobs(sandbox.account_id, sandbox.project_id)
        assert sandbox.job_id in [job.id for job in jobs]
        runs = await client.runs(sandbox.account_id, job_id=sandbox.job_id, status_in=(10,), limit=1)
        run = await client.run(sandbox.account_id, runs[0].id)
        assert [step.name for step in run.run_steps] == [
            step_name(step.name) for step in recorded("nightly-success").steps
        ]
