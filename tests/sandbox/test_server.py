"""The sandbox starts on free loopback ports, is steered over its control path, and leaves nothing behind."""

import asyncio
import logging
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Scope

from dbtcollate_tui.errors import UnreachableError, UsageError
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.sandbox.server import Sandbox
from tests.sandbox.dbt_cloud_support import Caller, running


def test_it_serves_both_sides_and_tells_where() -> None:
    with running() as sandbox:
        assert sandbox.dbt_cloud_url != sandbox.collate_url
        assert httpx.get(f"{sandbox.collate_url}/api/v1/system/version").json()["version"]
        assert httpx.get(f"{sandbox.dbt_cloud_url}/api/v3/accounts/").status_code == 401
        lines = "\n".join(sandbox.describe())
        for told in (sandbox.dbt_cloud_url, sandbox.collate_url, str(sandbox.job_id), "/_sandbox/tokens"):
            assert told in lines
        assert sandbox.dbt_cloud_token.get_secret_value() not in lines
        assert sandbox.collate_token.get_secret_value() not in lines


async def test_two_at_once_within_one_event_loop_do_not_share_anything() -> None:
    async with Sandbox() as one, Sandbox("no-runs", server_version="1.1") as other:
        assert len({one.dbt_cloud_url, one.collate_url, other.dbt_cloud_url, other.collate_url}) == 4
        assert one.dbt_cloud_token.get_secret_value() != other.dbt_cloud_token.get_secret_value()
        async with httpx.AsyncClient() as client:
            version = await client.get(f"{other.collate_url}/api/v1/system/version")
            assert version.json()["version"].startswith("1.1")
            secret = one.dbt_cloud_token.get_secret_value()
            headers = {"Authorization": f"Token {secret}"}
            refused = await client.get(f"{other.dbt_cloud_url}/api/v3/accounts/", headers=headers)
            assert refused.status_code == 401


def test_nothing_is_left_when_it_ends(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with running() as sandbox:
        assert len(list(tmp_path.glob("dbtcollate-sandbox-*"))) == 1
        url = sandbox.dbt_cloud_url
        with Caller(sandbox) as api:
            api.data("jobs/")
        held = httpx.Client(base_url=url)
        held.get("/")
    assert list(tmp_path.glob("dbtcollate-sandbox-*")) == []
    with pytest.raises(httpx.ConnectError):
        held.get("/")
    held.close()
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_it_does_not_wait_for_answers_under_way() -> None:
    async with Sandbox(replace(SCENARIOS["slow"], dbt_delay=60.0)) as sandbox:
        client = httpx.AsyncClient(base_url=sandbox.dbt_cloud_url, timeout=30)
        asked = asyncio.create_task(client.get("/api/v3/accounts/"))
        await asyncio.sleep(0.05)
    [ended] = await asyncio.gather(asked, return_exceptions=True)
    await client.aclose()
    broken_off = isinstance(ended, httpx.RemoteProtocolError | httpx.ReadError)
    assert broken_off or (isinstance(ended, httpx.Response) and ended.status_code == 500)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnreachableError, match=f"Port {port}"):
            Sandbox(collate_port=port).start()


def test_a_wanted_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(dbt_cloud_port=port) as sandbox:
        assert sandbox.dbt_cloud_url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(("scenario", "version"), [("nothing", "latest"), ("", "0.9")])
def test_unknown_scenarios_and_versions_are_refused_before_anything_runs(scenario: str, version: str) -> None:
    with pytest.raises(UsageError):
        Sandbox(scenario, version).start()


class TestControl:
    def test_it_tells_the_ids_the_tokens_and_the_scenarios(self) -> None:
        with running() as sandbox, Caller(sandbox) as api:
            told = api.control("").json()
            assert told["job_id"] == sandbox.job_id
            assert told["scenario"] == "healthy"
            assert "expired-token" in told["scenarios"]
            tokens = api.control("/tokens").json()
            assert tokens["dbt_cloud"] == sandbox.dbt_cloud_token.get_secret_value()
            assert tokens["collate"] == sandbox.collate_token.get_secret_value()

    def test_web_pages_and_other_names_of_this_machine_are_refused(self) -> None:
        with running() as sandbox, Caller(sandbox) as api:
            assert api.control("/tokens", Origin="https://evil.example").status_code == 403
            assert api.control("/tokens", Host="evil.example").status_code == 403

    def test_a_scenario_can_be_changed_and_changed_back(self) -> None:
        with running() as sandbox, Caller(sandbox) as api:
            runs = api.body("runs/")["extra"]["pagination"]["total_count"]
            api.play("expired-token")
            assert api.get("runs/").status_code == 401
            assert sandbox.scenario.name == "expired-token"
            api.play("no-runs")
            assert api.body("runs/")["extra"]["pagination"]["total_count"] == 0
            api.play("")
            assert api.body("runs/")["extra"]["pagination"]["total_count"] == runs

    def test_collate_keeps_what_was_written_unless_other_tables_are_wanted(self) -> None:
        with running() as sandbox, Caller(sandbox) as api:
            secret = sandbox.collate_token.get_secret_value()
            collate = httpx.Client(
                base_url=f"{sandbox.collate_url}/api/v1", headers={"Authorization": f"Bearer {secret}"}
            )
            with collate:
                body = {"name": "kept", "description": "Stays."}
                assert collate.put("/classifications", json=body).status_code == 201
                for name in ("expired-token", "collate-read-only"):
                    api.play(name)
                    assert collate.get("/classifications/name/kept").status_code == 200
                assert collate.put("/classifications", json=body).status_code == 403
                api.play("wrong-service")
                assert collate.get("/classifications/name/kept").status_code == 404

    def test_unknown_names_and_fields_are_400_and_change_nothing(self) -> None:
        with running() as sandbox:
            for body in ({"name": "nothing"}, {"name": "slow", "colour": 1}):
                answer = httpx.post(f"{sandbox.collate_url}/_sandbox/scenario", json=body)
                assert answer.status_code == 400
            assert sandbox.scenario.name == "healthy"

    def test_requests_are_noted_without_their_secrets(self) -> None:
        with running() as sandbox, Caller(sandbox) as api:
            api.data("jobs/", limit=2)
            httpx.get(f"{sandbox.collate_url}/api/v1/tables")
            told = api.control("/requests").json()["requests"]
            assert [(seen["side"], seen["method"], seen["status"]) for seen in told] == [
                ("dbt_cloud", "GET", 200),
                ("collate", "GET", 401),
            ]
            assert told[0]["query"] == "limit=2"
            assert [seen.path for seen in sandbox.requests] == [seen["path"] for seen in told]
            assert [seen["number"] for seen in api.control("/requests?since=1").json()["requests"]] == [2]
            assert sandbox.dbt_cloud_token.get_secret_value() not in str(told)

    def test_who_has_an_answer_finds_it_noted(self) -> None:
        noted: list[tuple[str, int]] = []
        with running() as sandbox:

            async def send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    noted.extend((seen.path, seen.status) for seen in sandbox.requests)

            async def receive() -> Message:
                return {"type": "http.request", "body": b"", "more_body": False}

            path = "/api/v1/system/version"
            scope: Scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
            scope.update(query_string=b"", headers=[])
            asyncio.run(sandbox.answer("collate", scope, receive, send))
        assert noted == [("/api/v1/system/version", 200)]
