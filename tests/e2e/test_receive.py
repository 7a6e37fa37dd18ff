"""``receive``: dbt Cloud's signed webhook starts a sync; nothing else does."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.receive import judge
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from tests.e2e.commands import run, table, tokens
from tests.support.world import profile_for

SECRET = "a-webhook-secret"
RECORDED: dict[str, Any] = {
    "accountId": 1,
    "webhookId": "wsu_12345abcde",
    "eventId": "wev_2L6Z3l8uPedXKPq9D2nWbPIip7Z",
    "timestamp": "2023-01-31T19:28:15.742843678Z",
    "eventType": "job.run.completed",
    "webhookName": "test",
    "data": {
        "jobId": "123",
        "jobName": "Daily Job (dbt build)",
        "runId": "12345",
        "environmentId": "1234",
        "environmentName": "Production",
        "dbtVersion": "1.0.0",
        "projectName": "Snowflake Github Demo",
        "projectId": "167194",
        "runStatus": "Success",
        "runStatusCode": 10,
        "runStatusMessage": "None",
        "runReason": "Kicked off from the UI by test@test.com",
        "runStartedAt": "2023-01-31T19:24:41Z",
        "runErroredAt": None,
        "runFinishedAt": "2023-01-31T19:28:15Z",
    },
}
"""The body that dbt's documentation of webhooks shows for a completed run."""


PROFILE = Profile(
    name="shop",
    dbt_cloud=DbtCloudSettings(
        base_url="https://ab123.us1.dbt.com",
        account_id=70403,
        project_id=167194,
        project_name="shop",
        job_id=123,
        job_name="nightly",
    ),
    collate=CollateSettings(base_url="https://collate.example", service="shop"),
)


def body_for(made: Profile, **changed: object) -> bytes:
    data = {**RECORDED["data"], "jobId": str(made.dbt_cloud.job_id), **changed}
    kind = data.pop("eventType", RECORDED["eventType"])
    account = data.pop("accountId", made.dbt_cloud.account_id)
    return json.dumps({**RECORDED, "accountId": account, "eventType": kind, "data": data}).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("changed", "starts"),
    [
        ({}, True),
        ({"jobId": 7}, False),
        ({"accountId": 7}, False),
        ({"eventType": "job.run.started"}, False),
        ({"runStatus": "Errored"}, False),
    ],
    ids=["success", "other job", "other account", "started", "errored"],
)
def test_webhook_of_a_run_starts_a_sync(changed: Mapping[str, object], starts: bool) -> None:
    made = PROFILE
    body = body_for(made, **changed)
    assert judge(body, signed(body), SECRET, made).starts is starts
    assert judge(body, signed(body), SECRET, made).status == 202


@pytest.mark.parametrize("signature", ["", "é", signed(b"{}"), signed(b"x", "another")])
def test_webhook_without_its_signature_is_refused(signature: str) -> None:
    made = PROFILE
    verdict = judge(body_for(made), signature, SECRET, made)
    assert (verdict.status, verdict.starts) == (401, False)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"eventType": "test"}', b"[" * 5000])
def test_webhook_with_an_odd_body_starts_nothing(body: bytes) -> None:
    verdict = judge(body, signed(body), SECRET, PROFILE)
    assert (verdict.status, verdict.starts) == (202, False)


def post(address: str, body: bytes, signature: str) -> int:
    request = urllib.request.Request(address, data=body, headers={"Authorization": signature})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_receiver_syncs_on_a_recorded_webhook(sandbox: Sandbox, profile: str) -> None:
    command = [sys.executable, "-m", "dbtcollate_tui", "receive", "--yes", "--port", "0"]
    environment = {**os.environ, **tokens(sandbox), "DBT_CLOUD_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(
        [*command, "--engine", "direct"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        assert process.stderr is not None
        address = process.stderr.readline().split()[-1]
        body = body_for(profile_for(sandbox))
        assert post(address, body, signed(body, "another")) == 401
        assert "refused" in process.stderr.readline()
        assert not table(sandbox, "marts.customer_value").get("description")
        assert post(address, body, signed(body)) == 202
        said = ""
        while "Sync ended" not in said:
            said = process.stderr.readline()
            assert said
        assert "exit code 0" in said
        assert table(sandbox, "marts.customer_value")["description"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED


def test_receiver_needs_its_secret_and_a_yes(sandbox: Sandbox, profile: str) -> None:
    given = tokens(sandbox)
    assert "DBT_CLOUD_WEBHOOK_SECRET" in run("receive", "--yes", **given).stderr
    asked = run("receive", DBT_CLOUD_WEBHOOK_SECRET=SECRET, **given)
    assert asked.returncode == ExitCode.USAGE
    assert "--yes" in asked.stderr
