"""Who may do what at the sandbox's dbt Cloud: the token first, then the account, then the right."""

import hmac
import re
from dataclasses import dataclass

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from dbtcollate_tui.sandbox.dbt_cloud import answers
from dbtcollate_tui.sandbox.dbt_cloud.answers import ApiError
from dbtcollate_tui.sandbox.sample_tokens import DbtCloudTokens
from dbtcollate_tui.sandbox.scenarios import Scenario

_CREDENTIALS = re.compile(r"(?i)^(?:token|bearer)\s+(\S+)$")
_ACCOUNT_PATH = re.compile(r"^/api/v[23]/accounts/(\d+)(/|$)")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do inside its account."""

    admin_api: bool = True
    artifacts: bool = True
    start_runs: bool = True
    addresses: bool = True
    """False: the account's IP restrictions do not let the caller in."""


Grants = list[tuple[SecretStr, Grant]]


def grants_of(tokens: DbtCloudTokens, scenario: Scenario) -> Grants:
    """The tokens that are known, each with its rights."""
    if scenario.dbt_token_refused:
        return []
    is_starter = scenario.dbt_plan.startswith("starter")
    addresses = not scenario.dbt_ip_restricted
    return [
        (
            tokens.service,
            Grant(
                admin_api=not is_starter,
                artifacts=scenario.dbt_artifacts_allowed,
                start_runs=scenario.dbt_start_allowed,
                addresses=addresses,
            ),
        ),
        (
            tokens.personal,
            Grant(artifacts=is_starter, start_runs=is_starter, addresses=addresses),
        ),
        (tokens.metadata, Grant(admin_api=False, addresses=addresses)),
    ]


class Gate:
    """Looks at the token before anything else, then at the account, and takes the last slash off."""

    def __init__(self, app: ASGIApp, account_id: int, grants: Grants) -> None:
        self._app = app
        self._account_id = account_id
        self._grants = [(token.get_secret_value().encode(), grant) for token, grant in grants]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its token's rights, or refuse it."""
        path: str = scope["path"]
        if not path.startswith("/api/"):
            await self._app(scope, receive, send)
            return
        try:
            grant = self._grant(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))
            self._check(path, grant)
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        await self._app({**scope, "path": path.rstrip("/"), "dbt_grant": grant}, receive, send)

    def _grant(self, header: str) -> Grant:
        if not header:
            raise ApiError(401, answers.NO_CREDENTIALS)
        found = _CREDENTIALS.match(header.strip())
        if found:
            given = found.group(1).encode("latin-1")
            for token, grant in self._grants:
                if hmac.compare_digest(token, given):
                    return grant
        raise ApiError(401, answers.UNKNOWN_CALLER)

    def _check(self, path: str, grant: Grant) -> None:
        found = _ACCOUNT_PATH.match(path)
        if found is None:
            return
        if int(found.group(1)) != self._account_id:
            raise ApiError(403, answers.NOT_SCOPED)
        if not grant.addresses:
            data = {
                "account_id": self._account_id,
                "user_id": None,
                "is_service_token": True,
                "account_access_denied": True,
            }
            raise ApiError(403, answers.ADDRESS_BLOCKED, data=data)
        if not grant.admin_api:
            raise ApiError(404, answers.NOT_FOUND)
