"""The commands for the pipeline inside Collate, as a script sees them, against a sandbox over real HTTP."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.collate.runner import PipelineRunContext
from dbtcollate_tui.sandbox.dbt_cloud.content import DOCS_ID
from dbtcollate_tui.sandbox.scenarios import HEALTHY
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.e2e.commands import WITHIN_SECONDS, events, get, run, tokens
from tests.e2e.profiles import running
from tests.support.world import SERVICE


def writes(sandbox: Sandbox) -> list[str]:
    return [seen.path for seen in sandbox.requests if seen.side == "collate" and seen.method != "GET"]


def secrets(sandbox: Sandbox) -> list[str]:
    return list(tokens(sandbox).values())


def test_deploy_then_sync_runs_in_collate_and_reads_back(sandbox: Sandbox, profile: str) -> None:
    shown = run("deploy", "--profile", profile, **tokens(sandbox))
    assert shown.returncode == ExitCode.USAGE
    assert "--yes" in shown.stderr
    assert writes(sandbox) == []

    done = run("deploy", "--yes", "--profile", profile, **tokens(sandbox))
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "dbt_cloud_sync in shop_warehouse will be created" in done.stdout
    assert "dbtCloudJobId" in done.stdout

    synced = run("sync", "--yes", "--json", "--profile", profile, **tokens(sandbox))
    assert synced.returncode == ExitCode.OK, synced.stdout
    told = events(synced)
    assert told[-1]["outcome"] == "ok"
    assert told[-1]["verification"]["ok"] is True
    assert {event["engine"] for event in told if event["event"] == "run_started"} == {"collate"}
    assert any(event["event"] == "log" and event["source"] == "worker" for event in told)
    for secret in secrets(sandbox):
        assert secret not in done.stdout + synced.stdout + done.stderr + synced.stderr
    listed = get(sandbox, f"services/ingestionPipelines?service={SERVICE}&limit=50")["data"]
    assert [item["name"] for item in listed if item["pipelineType"] == "dbt"] == ["dbt_cloud_sync"]


def test_deploy_reads_what_it_was_asked_for() -> None:
    with running(Sandbox("split-jobs")) as (sandbox, name):
        held = ProfileStore().load(name)
        side = held.dbt_cloud.model_copy(update={"jobs": (DOCS_ID,)})
        ProfileStore().save(held.model_copy(update={"dbt_cloud": side}))
        refused = run("deploy", "--reads", "each_job", "-p", name, **tokens(sandbox))
        assert refused.returncode == ExitCode.USAGE
        assert ProfileStore().load(name).pipeline.reads == "job"
        for reads, jobs in (
            ("each_job", [str(sandbox.job_id), str(DOCS_ID)]),
            ("project", ["", str(DOCS_ID)]),
        ):
            done = run("deploy", "--yes", "--reads", reads, "-p", name, **tokens(sandbox))
            assert done.returncode == ExitCode.OK, done.stdout + done.stderr
            assert ProfileStore().load(name).pipeline.reads == reads
            listed = get(sandbox, f"services/ingestionPipelines?service={SERVICE}&limit=50")["data"]
            configs = [item["sourceConfig"]["config"] for item in listed if item["pipelineType"] == "dbt"]
            read = [config["dbtConfigSource"].get("dbtCloudJobId", "") for config in configs]
            assert sorted(read) == sorted(jobs)


def test_auto_is_direct_until_a_pipeline_is_deployed(sandbox: Sandbox, profile: str) -> None:
    done = run("sync", "--yes", "--json", "--profile", profile, **tokens(sandbox))
    assert {event["engine"] for event in events(done) if event["event"] == "run_started"} == {"direct"}
    assert not [path for path in writes(sandbox) if "ingestionPipelines" in path]


def test_a_named_run_is_not_for_the_pipeline(sandbox: Sandbox, profile: str) -> None:
    done = run("sync", "--yes", "--engine", "collate", "--run", "1", "-p", profile, **tokens(sandbox))
    assert done.returncode == ExitCode.USAGE
    assert "--engine direct" in done.stderr


def test_no_pipeline_service_gives_exit_code_and_fix() -> None:
    with running(Sandbox("no-pipeline-service")) as (sandbox, profile):
        done = run("sync", "--yes", "--engine", "collate", "-p", profile, **tokens(sandbox))
        assert done.returncode == ExitCode.FAILED
        assert "--engine direct" in done.stderr


def test_a_failing_pipeline_is_a_failure_with_its_log() -> None:
    with running(Sandbox("pipeline-fails")) as (sandbox, profile):
        done = run("sync", "--yes", "--engine", "collate", "-p", profile, **tokens(sandbox))
        assert done.returncode == ExitCode.FAILED
        assert "401 Unauthorized" in done.stderr


def test_an_interrupt_stops_the_run_in_collate_if_wanted() -> None:
    ended: list[str] = []

    async def waits(context: PipelineRunContext) -> None:
        context.log("at work")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(context.run_id)

    with running(Sandbox(worker=waits)) as (sandbox, profile):
        command = ["sync", "--yes", "--engine", "collate", "--kill-on-interrupt", "-p", profile]
        with subprocess.Popen(
            [sys.executable, "-m", "dbtcollate_tui", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **tokens(sandbox)},
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "at work" in line:
                    process.send_signal(signal.SIGINT)
                    break
            rest = process.stdout.read()
            assert process.wait(WITHIN_SECONDS) == ExitCode.INTERRUPTED
        assert "is stopped in Collate" in rest
        assert len(ended) == 1


def test_an_interrupted_direct_sync_tells_what_it_wrote() -> None:
    slow = replace(HEALTHY, collate_delay=0.05)
    with running(Sandbox(slow)) as (sandbox, profile):
        with subprocess.Popen(
            [sys.executable, "-m", "dbtcollate_tui", "sync", "--yes", "--engine", "direct", "-p", profile],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **tokens(sandbox)},
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if re.search(r"writing \d+ changes", line):
                    process.send_signal(signal.SIGINT)
                    break
            rest = process.stdout.read()
            assert process.wait(WITHIN_SECONDS) == ExitCode.INTERRUPTED
        assert re.search(r"\d+ of \d+ written", rest)


def test_each_export_is_whole_and_holds_no_secret(sandbox: Sandbox, profile: str) -> None:
    made = {
        kind: run("export", kind, "-p", profile, COLLATE_TOKEN=tokens(sandbox)["COLLATE_TOKEN"])
        for kind in ("yaml", "pipeline", "curl", "connector")
    }
    for kind, done in made.items():
        assert done.returncode == ExitCode.OK, (kind, done.stderr)
        for secret in secrets(sandbox):
            assert secret not in done.stdout
    config = yaml.safe_load(made["yaml"].stdout)
    assert config["source"]["serviceName"] == SERVICE
    body = json.loads(made["pipeline"].stdout)
    assert body["sourceConfig"]["config"]["dbtConfigSource"]["dbtCloudAuthToken"] == "${DBT_CLOUD_TOKEN}"
    assert writes(sandbox) == []


@pytest.mark.parametrize("shell", [name for name in ("sh", "bash") if shutil.which(name)])
def test_the_exported_script_does_what_it_says(sandbox: Sandbox, profile: str, shell: str) -> None:
    assert shutil.which("curl"), "curl is needed to try what is exported for it"
    script = run("export", "curl", "-p", profile, **tokens(sandbox)).stdout
    done = subprocess.run(
        [shell, "-c", script.replace("sleep 5", "sleep 0.1")],
        capture_output=True,
        text=True,
        env={**os.environ, **tokens(sandbox), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        timeout=WITHIN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = get(sandbox, f"services/ingestionPipelines?service={SERVICE}&limit=50")["data"]
    (pipeline,) = [item for item in listed if item["pipelineType"] == "dbt"]
    assert pipeline["deployed"]
    assert [path for path in writes(sandbox) if "/trigger/" in path]


def test_missing_tables_are_ingested_and_then_synced() -> None:
    """The agent gets the one schema that it leaves out, brings every missing table, and the sync follows."""
    with running(Sandbox("not-ingested")) as (sandbox, profile):
        done = run("ingest-tables", "--yes", "-p", profile, **tokens(sandbox))
        assert done.returncode == ExitCode.OK, done.stderr
        assert "will be added to the schemas that it takes: ^raw$" in done.stdout
        assert "missing tables are in Collate now" in done.stdout
        assert "0 failed" in done.stdout + done.stderr


def test_a_missing_agent_is_explained() -> None:
    with running(Sandbox("wrong-service")) as (sandbox, profile):
        done = run("ingest-tables", "--yes", "-p", profile, **tokens(sandbox))
        assert done.returncode == ExitCode.FAILED
        assert "has no metadata agent" in done.stderr
        assert writes(sandbox) == []
