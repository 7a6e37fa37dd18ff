"""Whole commands against a dbt Cloud whose answers are turned into recorded refusals, over HTTP."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.store import ProfileStore
from tests.dbt_cloud.fake import HINT
from tests.e2e.commands import run, tokens
from tests.support.world import profile_for

HIDDEN = {"status": {"code": 404, "is_success": False, "user_message": HINT, "developer_message": ""}}
BLOCKED = {
    "status": {"code": 403, "is_success": False, "user_message": "Forbidden: Access denied"},
    "data": {"account_id": 1, "user_id": None, "is_service_token": True, "account_access_denied": True},
}
EMPTY = {"status": {"code": 200, "is_success": True}, "data": None}
ANSWERS: dict[str, tuple[str, int, Any]] = {
    "ip": ("/api/", 403, BLOCKED),
    "ip-empty": (r"/api/v[23]/accounts/?$", 200, EMPTY),
    "perm-runs": ("/runs", 404, HIDDEN),
    "perm-jobs": ("/jobs", 404, HIDDEN),
    "perm-artifacts": ("/artifacts", 404, HIDDEN),
    "perm-projects": ("/projects/?$", 404, HIDDEN),
    "artifacts-null": ("/artifacts/?$", 200, EMPTY),
}
TIMED_OUT = "This run timed out after running for 1 day."


def twisted(mode: str, path: str, body: Any) -> Any:
    """An answer's objects changed as the mode has it."""
    data = body.get("data") if isinstance(body, dict) else None
    for item in data if isinstance(data, list) else [data]:
        if not isinstance(item, dict):
            continue
        for job in (item, item.get("job")):
            if mode == "deactivated" and isinstance(job, dict) and "execute_steps" in job:
                job |= {"deactivated": True, "run_failure_count": 100}
        if mode == "team" and "run_slots" in item:
            item["plan"] = "team"
        if mode == "timeout" and "/runs/" in path and "status" in item:
            item |= {"status": 30, "status_message": TIMED_OUT}
    return body


@contextmanager
def shop(mode: str) -> Iterator[tuple[Sandbox, str]]:
    """The sandbox behind a server that changes its answers; gives that server's address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            given = ANSWERS.get(mode)
            if given is not None and re.search(given[0], self.path.split("?")[0]):
                self.answer(given[1], json.dumps(given[2]).encode())
                return
            asked = Request(sandbox.dbt_cloud_url + self.path)
            asked.add_header("Authorization", self.headers["Authorization"])
            try:
                answer: Any = urlopen(asked)
            except HTTPError as error:
                answer = error
            raw = answer.read()
            if "/artifacts/" not in self.path and "json" in answer.headers["Content-Type"]:
                raw = json.dumps(twisted(mode, self.path, json.loads(raw))).encode()
            self.answer(answer.status, raw)

        def answer(self, status: int, raw: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    sandbox = Sandbox()
    sandbox.start()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    profile = profile_for(sandbox)
    side = profile.dbt_cloud.model_copy(update={"base_url": url})
    ProfileStore().save(profile.model_copy(update={"dbt_cloud": side}))
    try:
        yield sandbox, url
    finally:
        server.shutdown()
        server.server_close()
        sandbox.stop()


@pytest.mark.parametrize(
    ("mode", "command", "code", "said"),
    [
        ("ip", "setup", ExitCode.AUTH, "IP restrictions"),
        ("ip-empty", "setup", ExitCode.AUTH, "IP restrictions"),
        ("perm-runs", "verify", ExitCode.AUTH, "The token may not read: runs"),
        ("perm-jobs", "setup", ExitCode.AUTH, "no permission to read jobs"),
        ("perm-projects", "setup", ExitCode.AUTH, "no permission to read projects"),
        ("perm-artifacts", "plan", ExitCode.AUTH, "no permission to read artifacts"),
        ("artifacts-null", "verify", ExitCode.OK, "reads account, projects, jobs, runs, artifacts"),
        ("deactivated", "verify", ExitCode.OK, "after 100 failed runs in a row"),
        ("team", "setup", ExitCode.OK, "latest successful run of job nightly"),
        ("timeout", "verify", ExitCode.FAILED, TIMED_OUT.rstrip(".")),
    ],
)
def test_a_command_reads_recorded_answers(mode: str, command: str, code: ExitCode, said: str) -> None:
    with shop(mode) as (sandbox, url):
        arguments = [command]
        if command == "setup":
            page = (
                url
                if mode == "ip-empty"
                else f"{url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}"
            )
            arguments += ["--dbt-cloud", page, "--collate", sandbox.collate_url, "--name", "other"]
        done = run(*arguments, "--no-input", **tokens(sandbox))
    words = done.stdout + done.stderr
    assert done.returncode == code, words
    assert said in words
    assert "no service tokens" not in words or mode != "team"
