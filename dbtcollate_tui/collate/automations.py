"""A connection test that the server's own workers do: what dbt Cloud looks like from Collate's network."""

import asyncio
import hashlib
import os
import socket
import time
import uuid
from collections.abc import Sequence
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.entity import Entity
from dbtcollate_tui.collate.errors import ForbiddenError, NotFoundError, NotSpokenError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.reader import read_data, read_one
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.platforms import is_running
from dbtcollate_tui.redact import redact

ROOT = "/automations/workflows"
NAME_PREFIX = "dbtcollate-"
STILL_RUNNING_SECONDS = 300
"""How long a test of another process may run before it counts as left behind."""


class ConnectionStep(Entity):
    """One step of the test."""

    name: str = ""
    mandatory: bool = True
    passed: bool = False
    message: str = ""
    errorLog: str = ""

    @property
    def why(self) -> str:
        """What it said where it failed, in one line, secrets removed."""
        return " ".join(redact(self.errorLog or self.message).split())[:300]


class ConnectionResult(Entity):
    """The answer of the server's workers."""

    status: str = ""
    steps: tuple[ConnectionStep, ...] = ()


class ConnectionTest(Entity):
    """A test as the server reports it; ``status`` is Pending, Running, Successful or Failed."""

    id: str
    name: str = ""
    status: str = "Pending"
    response: ConnectionResult = Field(default_factory=ConnectionResult)

    @property
    def ended(self) -> bool:
        """Whether the workers are done."""
        return self.status in ("Successful", "Failed")


async def try_dbt_cloud(
    client: CollateClient,
    *,
    base_url: str,
    account_id: int,
    token: SecretStr,
    project_ids: Sequence[int] = (),
    job_ids: Sequence[int] = (),
    within_seconds: float = 60.0,
    poll_seconds: float = 1.0,
) -> ConnectionTest:
    """Let the server's workers connect to dbt Cloud; the test is removed from the server afterwards.

    A test that has not ended within the time is given as it is then. Raises what a call raises:
    ``NotSpokenError`` on a server without automations, ``ForbiddenError`` where the token may not.
    """
    values = {
        "type": "DBTCloud",
        "host": base_url,
        "discoveryAPI": discovery_api(base_url),
        "accountId": str(account_id),
        "token": token.get_secret_value(),
        "projectIds": [str(number) for number in project_ids],
        "jobIds": [str(number) for number in job_ids],
        "numberOfRuns": 1,
    }
    doing = "test dbt Cloud from its network"
    config = client.dialect.dbt_cloud_connection(values)
    if config is None:
        raise NotSpokenError(
            f"OpenMetadata {client.dialect.text} has no way to {doing}",
            status=404,
            message="",
            causes=("Its connection to dbt Cloud came with 1.5.",),
        )
    await remove_left_tests(client)
    name = f"{NAME_PREFIX}{int(time.time())}-{_this_host()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    body = {
        "name": name,
        "workflowType": "TEST_CONNECTION",
        "request": {
            "connection": {"config": config},
            "serviceType": "Pipeline",
            "connectionType": "DBTCloud",
        },
    }
    refused = False
    by_name = path = f"{ROOT}/name/{path_segment(name)}"
    try:
        answer = await client.call("POST", ROOT, body=body, doing=doing)
        test = read_one(ConnectionTest, answer, doing)
        path = f"{ROOT}/{path_segment(test.id)}"
        await client.call("POST", f"{ROOT}/trigger/{path_segment(test.id)}", doing=doing)
        until = time.monotonic() + within_seconds
        while True:
            test = await client.get(ConnectionTest, path, doing=doing)
            if test.ended or time.monotonic() >= until:
                return test
            await asyncio.sleep(poll_seconds)
    except (NotSpokenError, ForbiddenError):
        refused = path == by_name
        raise
    finally:
        if not refused:
            await asyncio.shield(_remove(client, path, by_name))


async def remove_left_tests(client: CollateClient) -> None:
    """Remove the tests that killed processes left, which hold dbt's token; none that may still run."""
    doing = "list the connection tests"
    params: dict[str, str | int | bool] = {"workflowType": "TEST_CONNECTION", "limit": 100}
    try:
        answer = await client.call("GET", ROOT, params=params, doing=doing)
        found = read_data(ConnectionTest, answer, doing)
    except ActionableError:
        return
    for test in found:
        if test.name.startswith(NAME_PREFIX) and is_left_behind(test.name, time.time()):
            await _remove(client, f"{ROOT}/{path_segment(test.id)}", "")


def is_left_behind(name: str, now: float) -> bool:
    """Whether a test of this program has no process any more: it is old, or its process here has ended."""
    began, *process = name.removeprefix(NAME_PREFIX).split("-")
    if not began.isdecimal() or not 0 <= now - int(began) < STILL_RUNNING_SECONDS:
        return True
    if len(process) != 3 or process[0] != _this_host() or not process[1].isdecimal():
        return False
    return not is_running(int(process[1]))


def _this_host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


async def _remove(client: CollateClient, path: str, by_name: str) -> None:
    """Remove the test; by its name where the answer that held its id never came."""
    doing = "remove the connection test"
    for _ in range(3):
        try:
            if path == by_name:
                test = await client.get(ConnectionTest, by_name, doing=doing)
                path = f"{ROOT}/{path_segment(test.id)}"
            await client.call("DELETE", path, params={"hardDelete": True}, doing=doing)
        except NotFoundError:
            return
        except ActionableError as error:
            LOGGER.warning("the connection test could not be removed: %s", error.title)
            continue
        return


def discovery_api(base_url: str) -> str:
    """The Discovery API's address that belongs to a dbt Cloud address, by dbt's page on regions.

    ``metadata.`` comes before a shared host, and after the account's prefix: ``ab123.metadata.us1.dbt.com``.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    labels = host.split(".")
    if host in ("localhost", "127.0.0.1"):
        return f"{base_url.rstrip('/')}/graphql"
    if len(labels) == 4 and host.endswith(".dbt.com"):
        return f"https://{labels[0]}.metadata.{'.'.join(labels[1:])}/graphql"
    return f"https://metadata.{host}/graphql"
