"""The program as a script sees it: commands in a process of their own, the servers over real HTTP."""

import os
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from tests.conftest import Places
from tests.e2e.commands import WITHIN_SECONDS, artifact, events, get, run, table, tokens
from tests.support.world import SERVICE


def test_the_demo_does_the_main_job_without_a_terminal() -> None:
    done = run("demo")
    assert done.returncode == ExitCode.OK, done.stderr
    for words in (
        "Verification before the sync",
        "written",
        "Verified in Collate",
        "53 of 53 descriptions",
    ):
        assert words in done.stdout
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("expired-token", ExitCode.AUTH),
        ("no-runs", ExitCode.FAILED),
        ("missing-catalog", ExitCode.OK),
        ("flaky", ExitCode.OK),
    ],
)
def test_the_demo_ends_as_its_scenario_makes_it(scenario: str, code: ExitCode) -> None:
    assert run("demo", "--headless", "--scenario", scenario).returncode == code


def test_collate_holds_afterwards_what_dbt_states(sandbox: Sandbox, profile: str) -> None:
    done = run("sync", "--yes", "--profile", profile, **tokens(sandbox))
    assert done.returncode == ExitCode.OK, done.stdout
    nodes = artifact("manifest.json")["nodes"]

    customers = table(sandbox, "marts.dim_customers")
    model = nodes["model.shop.dim_customers"]
    assert customers["description"].strip() == model["description"].strip()
    columns = {column["name"]: column for column in customers["columns"]}
    assert columns["customer_id"]["description"] == model["columns"]["customer_id"]["description"]
    assert [owner["name"] for owner in customers["owners"]] == ["ana"]
    wanted = {f"dbtTags.{tag}" for tag in model["tags"]}
    assert wanted
    assert wanted <= {tag["tagFQN"] for tag in customers["tags"]}

    orders = table(sandbox, "marts.fct_orders")
    assert {owner["name"] for owner in orders["owners"]} == {"ana", "chen"}
    assert "Tier.Tier2" in {tag["tagFQN"] for tag in orders["tags"]}
    assert orders["dataModel"]["modelType"] == "DBT"

    fqn = urllib.parse.quote(f"{SERVICE}.shop.marts.dim_customers", safe="")
    lineage = get(sandbox, f"lineage/table/name/{fqn}?upstreamDepth=1&downstreamDepth=0")
    names = {node["id"]: node["name"] for node in lineage["nodes"]}
    upstream = {
        names[edge["fromEntity"]] for edge in lineage["upstreamEdges"] if edge["toEntity"] == customers["id"]
    }
    parents = {nodes[parent]["name"] for parent in model["depends_on"]["nodes"]}
    assert upstream == parents

    results = {item["unique_id"]: item for item in artifact("run_results.json")["results"]}
    passed = "unique_dim_customers_customer_id"
    case = urllib.parse.quote(f"{SERVICE}.shop.marts.dim_customers.customer_id.{passed}", safe="")
    found = get(sandbox, f"dataQuality/testCases/name/{case}?fields=testCaseResult")
    stated = next(item for key, item in results.items() if passed in key)
    assert stated["status"] == "pass"
    assert found["testCaseResult"]["testCaseStatus"] == "Success"


def test_the_failed_run_brings_its_failure_when_it_is_named(sandbox: Sandbox, profile: str) -> None:
    checked = events(run("verify", "--json", "--check", "run.kind", "-p", profile, **tokens(sandbox)))
    assert "newer and failed" in checked[0]["summary"]
    failed_run = checked[0]["summary"].split()[1]
    done = run("sync", "--yes", "--run", failed_run, "-p", profile, **tokens(sandbox))
    assert done.returncode == ExitCode.OK, done.stdout
    name = "accepted_values_stg_orders_status__placed__shipped__completed__returned"
    case = urllib.parse.quote(f"{SERVICE}.shop.staging.stg_orders.status.{name}", safe="")
    found = get(sandbox, f"dataQuality/testCases/name/{case}?fields=testCaseResult")
    assert found["testCaseResult"]["testCaseStatus"] == "Failed"


def test_a_second_sync_plans_and_writes_nothing(sandbox: Sandbox, profile: str) -> None:
    first = events(run("sync", "--yes", "--json", "-p", profile, **tokens(sandbox)))
    assert first[-1]["event"] == "run_finished"
    assert first[-1]["counts"]["written"] > 200
    writes = len([seen for seen in sandbox.requests if seen.method != "GET"])
    second = events(run("sync", "--yes", "--json", "-p", profile, **tokens(sandbox)))
    plan = next(event["plan"] for event in second if event["event"] == "plan")
    assert plan["changes"] == []
    assert second[-1]["outcome"] == "ok"
    assert len([seen for seen in sandbox.requests if seen.method != "GET"]) == writes


def test_plan_names_every_change_with_both_values_and_writes_nothing(sandbox: Sandbox, profile: str) -> None:
    done = run("plan", "--json", "-p", profile, **tokens(sandbox))
    assert done.returncode == ExitCode.OK
    plan = next(event["plan"] for event in events(done) if event["event"] == "plan")
    assert all(change["new"] for change in plan["changes"])
    conflicts = [kept for kept in plan["conflicts"] if kept["group"] == "descriptions"]
    assert [(kept["label"], kept["by"]) for kept in conflicts] == [
        ("marts.dim_customers.email", "ana"),
        ("marts.dim_products", "ana"),
    ]
    asked = ("--overwrite", "--kind", "descriptions", "--table", "marts.dim_*")
    part = run("plan", "--json", *asked, "-p", profile, **tokens(sandbox))
    plan = next(event["plan"] for event in events(part) if event["event"] == "plan")
    assert {change["table"].rpartition(".")[2] for change in plan["changes"]} == {
        "dim_customers",
        "dim_products",
    }
    assert set(plan["counts"]) == {"descriptions"}
    assert {kept["key"] for kept in conflicts} == {
        change["key"] for change in plan["changes"] if change["action"] == "replace"
    }
    assert [seen.method for seen in sandbox.requests if seen.method != "GET"] == []


def test_status_and_verify_speak_for_a_script(sandbox: Sandbox, profile: str) -> None:
    known = tokens(sandbox)
    before = run("status", "--json", "-p", profile, **known)
    assert events(before)[0]["last_outcome"] == "never synced from here"
    run("sync", "--yes", "-p", profile, **known)
    after = run("status", "--json", "-p", profile, **known)
    assert events(after)[0]["last_outcome"] == "ok"
    assert run("verify", "-p", profile, **known).returncode == ExitCode.OK
    assert run("verify", "--strict", "-p", profile, **known).returncode == ExitCode.FAILED
    assert run("verify", "--check", "nonsense", "-p", profile, **known).returncode == ExitCode.USAGE


def test_history_tells_what_was_run_and_show_tells_all_of_one(sandbox: Sandbox, profile: str) -> None:
    known = tokens(sandbox)
    assert run("history", "--json", "-p", profile).stdout == ""
    run("sync", "--yes", "-p", profile, **known)
    run("verify", "-p", profile, **known)
    listed = events(run("history", "--json", "-p", profile))
    assert [(item["action"], item["outcome"]) for item in listed] == [("verify", "warn"), ("sync", "ok")]
    (only,) = events(run("history", "--json", "--action", "sync", "-p", profile))
    assert only == listed[1]
    record, plan, *log = events(run("history", "show", only["id"], "--json", "-p", profile))
    assert (
        record["written"]
        == len(plan["changes"])
        == sum(item["logged_event"] == "applied" for item in log)
        > 50
    )
    text = run("history", "-p", profile).stdout
    assert f"run #{only['run_id']}" in text
    shown = run("history", "show", only["id"][-6:], "-p", profile).stdout
    assert only["text"] in shown
    assert run("history", "show", "nosuch", "-p", profile).returncode == ExitCode.USAGE


def test_each_request_of_verify_works_again_as_a_curl_command(sandbox: Sandbox, profile: str) -> None:
    known = tokens(sandbox)
    checks = ("--check", "dbt.permissions", "--check", "tables.matched")
    told = run("verify", "--json", "--requests", *checks, "-p", profile, **known)
    requests = [event for event in events(told) if event["event"] == "request"]
    assert {"DBT_CLOUD_TOKEN" in event["curl"] for event in requests} == {True, False}
    assert not any(secret in told.stdout for secret in known.values())
    for event in requests:
        again = subprocess.run(
            ["sh", "-c", f"{event['curl']} -o /dev/null -w '%{{http_code}}'"],
            capture_output=True,
            text=True,
            env={**os.environ, **known},
            timeout=WITHIN_SECONDS,
            check=True,
        )
        assert again.stdout == str(event["status"]), event["path"]
    plain = run("verify", "--requests", *checks, "-p", profile, **known).stdout
    assert plain.count('curl -sS -H "Authorization: Bearer ${DBT_CLOUD_TOKEN}"') >= len(checks)


def test_exit_codes_tell_apart_what_went_wrong(sandbox: Sandbox, profile: str) -> None:
    known = tokens(sandbox)
    asking = run("sync", "-p", profile, **known)
    assert asking.returncode == ExitCode.USAGE
    assert "--yes" in asking.stderr
    assert run("plan", "-p", "nobody", **known).returncode == ExitCode.USAGE
    assert run("plan", "--nonsense", **known).returncode == ExitCode.USAGE
    nothing = run("plan", "-p", profile)
    assert nothing.returncode == ExitCode.AUTH
    assert "DBT_CLOUD_TOKEN" in nothing.stderr
    wrong = run("plan", "-p", profile, **known | {"DBT_CLOUD_TOKEN": "dbtc_" + "w" * 35})
    assert wrong.returncode == ExitCode.AUTH
    sandbox.stop()
    assert run("plan", "-p", profile, **known).returncode == ExitCode.UNREACHABLE


def test_no_token_is_in_any_file_or_output(sandbox: Sandbox, profile: str, places: Places) -> None:
    known = tokens(sandbox)
    said = ""
    for command in (
        ("verify",),
        ("plan", "--json"),
        ("sync", "--yes"),
        ("status",),
        ("logs",),
        ("profiles",),
    ):
        done = run(*command, *(() if command[0] == "logs" else ("-p", profile)), **known)
        said += done.stdout + done.stderr
    wrong = "dbtc_MARKED" + "x" * 30
    refused = run("plan", "-p", profile, **known | {"DBT_CLOUD_TOKEN": wrong})
    said += refused.stdout + refused.stderr
    planted = [*known.values(), wrong]
    assert not [token for token in planted if token in said]
    files = [path for path in Path(places.root).rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [token for token in planted if token.encode() in content], path


def test_there_is_no_app_without_a_terminal() -> None:
    done = run()
    assert done.returncode == ExitCode.USAGE
    assert "demo --headless" in done.stderr


def test_help_documents_the_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == ExitCode.OK
    text = " ".join(done.stdout.split())
    for code in ExitCode:
        assert f"{int(code)} {code.meaning}" in text
