"""Ways to ask the sandbox's dbt Cloud, shared by the tests of this folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from dbtcollate_tui.sandbox.scenarios import Scenario
from dbtcollate_tui.sandbox.server import Sandbox

Json = dict[str, Any]


@contextmanager
def running(scenario: str | Scenario = "", **options: Any) -> Iterator[Sandbox]:
    """A sandbox for the block."""
    sandbox = Sandbox(scenario, **options)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


class Caller:
    """One token at one sandbox; paths are below ``/api/v2/accounts/A`` unless they begin with a slash."""

    def __init__(self, sandbox: Sandbox, token: SecretStr | None = None, scheme: str = "Token") -> None:
        secret = (token or sandbox.dbt_cloud_token).get_secret_value()
        self.sandbox = sandbox
        self._client = httpx.Client(
            base_url=sandbox.dbt_cloud_url, headers={"Authorization": f"{scheme} {secret}"}
        )

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def url(self, path: str) -> str:
        return path if path.startswith("/") else f"/api/v2/accounts/{self.sandbox.account_id}/{path}"

    def get(self, path: str, **params: str | int) -> httpx.Response:
        return self._client.get(self.url(path), params=params or None)

    def post(self, path: str, body: object = None) -> httpx.Response:
        return self._client.post(self.url(path), json=body)

    def body(self, path: str, **params: str | int) -> Json:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def data(self, path: str, **params: str | int) -> Any:
        return self.body(path, **params)["data"]

    def control(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.sandbox.dbt_cloud_url}/_sandbox{path}", headers=headers)

    def play(self, name: str, **fields: object) -> None:
        answer = httpx.post(f"{self.sandbox.dbt_cloud_url}/_sandbox/scenario", json={"name": name, **fields})
        assert answer.status_code == 200, answer.text
