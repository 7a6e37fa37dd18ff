"""Which account a token opens: the given host asked alone, or every shared host at the same time.

An account that a shared host knows is asked for at its own host too, where dbt Cloud names that.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.addresses import DbtCloudAddress
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import (
    IpRestricted,
    MissingPermission,
    TokenRefused,
    TooManyRequests,
    WrongAccount,
    WrongHost,
)
from dbtcollate_tui.dbt_cloud.models import Account
from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, Region, own_address
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.fixes import RETRY, EnterToken, GoToStep, Retry, SetField, Step
from dbtcollate_tui.transport.pacing import Retrying, RetryPolicy, Timeouts
from dbtcollate_tui.transport.request_log import RequestLog

HostState = Literal["asking", "ok", "refused", "unreachable", "other"]
ONE_TIMEOUT = 10.0
"""Seconds within which every host has answered or is given up."""
OWN_HOSTS_AT_MOST = 10
FindOwn = Callable[[str, str], str]
"""The address of an account's own host, of the host that knows it and its subdomain; empty for none."""


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """What one host said: its accounts when ``ok``, a card otherwise; ``seconds`` since it was asked.

    ``instead_of`` is the address of the shared host that named this one as an account's own.
    """

    base_url: str
    region: str
    state: HostState
    seconds: float = 0.0
    accounts: tuple[Account, ...] = ()
    error: ActionableError | None = None
    instead_of: str = ""

    @property
    def host(self) -> str:
        """Host and port."""
        return self.base_url.split("://", 1)[1]

    @property
    def words(self) -> str:
        """The answer as a line shows it: "acme (account 70403)", "does not accept this token", …"""
        match self.state:
            case "asking":
                return "asking"
            case "ok" if self.accounts:
                return ", ".join(f"{account.name} (account {account.id})" for account in self.accounts)
            case "ok":
                return "accepts the token, shows no account"
            case "refused":
                return "does not accept this token"
        if isinstance(self.error, UnreachableError):
            return self.error.brief
        return "no answer" if self.error is None else self.error.title


async def find_accounts(
    token: SecretStr,
    address: DbtCloudAddress | None,
    *,
    regions: Sequence[Region] = SHARED_REGIONS,
    request_log: RequestLog | None = None,
    give_up_after: float = ONE_TIMEOUT,
    find_own: FindOwn = own_address,
) -> AsyncIterator[HostAnswer]:
    """Ask for the token's accounts, one attempt a host: ``asking`` for each, then answers as they come.

    The token goes to the address's host alone where one is given, else to every one of ``regions`` at once;
    then to the own host of each account found on a shared one, for which ``find_own`` makes the address of
    that host and the account's subdomain. Each round is over within ``give_up_after`` seconds. Raises only
    `UsageError`, for a token that cannot be sent.
    """
    given = address is not None and address.base_url is not None
    if address is not None and address.base_url is not None:
        hosts = [Region(address.region, address.base_url)]
    else:
        hosts = list(regions)
    for region in hosts:
        yield HostAnswer(region.base_url, region.name, "asking")
    account_id = address.account_id if address is not None else None
    tasks = [
        asyncio.create_task(_ask(region, token, account_id, given, request_log, give_up_after))
        for region in hosts
    ]
    own_tasks: list[asyncio.Task[HostAnswer]] = []
    asked_for_own: dict[str, str] = {}
    try:
        for done in asyncio.as_completed(tasks):
            answer = await done
            yield answer
            for account in answer.accounts:
                own = find_own(answer.base_url, account.own_host)
                if own and own not in asked_for_own and len(asked_for_own) < OWN_HOSTS_AT_MOST:
                    asked_for_own[own] = answer.base_url
                    yield HostAnswer(own, answer.region, "asking", instead_of=answer.base_url)
                    region = Region(answer.region, own)
                    own_tasks.append(
                        asyncio.create_task(
                            _ask(region, token, account.id, False, request_log, give_up_after)
                        )
                    )
        for done in asyncio.as_completed(own_tasks):
            answer = await done
            yield replace(answer, instead_of=asked_for_own[answer.base_url])
    finally:
        for task in (*tasks, *own_tasks):
            task.cancel()
        await asyncio.gather(*tasks, *own_tasks, return_exceptions=True)


async def _ask(
    region: Region,
    token: SecretStr,
    account_id: int | None,
    given: bool,
    request_log: RequestLog | None,
    give_up_after: float,
) -> HostAnswer:
    began = time.monotonic()
    held: list[float] = []

    def retrying(event: Retrying) -> None:
        held.append(event.wait_seconds)

    def answer(state: HostState, error: ActionableError | None = None) -> HostAnswer:
        seconds = time.monotonic() - began
        return HostAnswer(region.base_url, region.name, state, seconds, tuple(accounts), error)

    accounts: list[Account] = []
    try:
        async with (
            asyncio.timeout(give_up_after),
            DbtCloudClient(
                region.base_url,
                token,
                guessed=not given,
                request_log=request_log,
                on_retry=retrying,
                retries=RetryPolicy(attempts=1),
                timeouts=Timeouts(connect=give_up_after, read=give_up_after, whole=give_up_after),
            ) as client,
        ):
            try:
                accounts = await client.accounts()
            except AuthError as error:
                if isinstance(error, TokenRefused | IpRestricted) or account_id is None:
                    raise
                accounts = [await client.account(account_id)]
            else:
                if account_id is not None and all(account.id != account_id for account in accounts):
                    accounts += await _unlisted(client, account_id)
        return answer("ok")
    except TokenRefused as error:
        return answer("refused", error)
    except (WrongHost, TooManyRequests) as error:
        return answer("other", error)
    except UnreachableError as error:
        return answer("unreachable", error)
    except ActionableError as error:
        return answer("other", error)
    except TimeoutError:
        if held:
            return answer("other", _held_back(region, held[-1]))
        return answer("unreachable", _too_slow(region, give_up_after))


async def _unlisted(client: DbtCloudClient, account_id: int) -> list[Account]:
    """The address's account, which the list left out; raises `IpRestricted`, the usual reason for that."""
    try:
        return [await client.account(account_id)]
    except IpRestricted:
        raise
    except ActionableError:
        return []


def no_host_knows(answers: Iterable[HostAnswer], token: SecretStr | None = None) -> ActionableError:
    """The card for a token that no asked host opens; the host's own card where only one was asked.

    A host that knows the token and forbids (403), or one that the account has moved from, has the say over
    the others' 401s. After 401s from guessed hosts the card never blames the token alone.
    """
    final = [answer for answer in answers if answer.state != "asking"]
    if len(final) == 1 and final[0].error is not None:
        return final[0].error
    for answer in final:
        error = answer.error
        if isinstance(error, IpRestricted | MissingPermission | WrongAccount) or (
            error is not None and _moved(error)
        ):
            return error
    by_name = sorted(final, key=lambda answer: (answer.region, answer.host))
    evidence = [
        f"{answer.region}, {answer.host}: {answer.words}, {answer.seconds:.1f} s" for answer in by_name
    ]
    refused = [answer for answer in final if answer.state == "refused"]
    if not refused:
        return UnreachableError(
            "No dbt Cloud host could be asked",
            causes=["There is no network, or it needs a VPN or a proxy (HTTPS_PROXY)."],
            evidence=evidence,
            fixes=[RETRY, GoToStep("Paste the address of any dbt Cloud page", Step.ADDRESS)],
        )
    if len(refused) == len(final):
        evidence.insert(0, f'{len(final)} hosts asked, all 401 "Invalid token."')
    causes = [
        "The account has a host of its own, such as ab123.us1.dbt.com. Only its URL shows which: paste "
        "the URL of any page from the browser, or the Access URL in Account settings → Account information.",
        "The token was revoked, or a part of it is missing: compare it with the list in "
        "Account settings → API tokens.",
    ]
    warning = token_shape(token).warning if token is not None else None
    if warning:
        causes.insert(0, warning)
    return TokenRefused(
        "No shared dbt Cloud host accepts this token",
        causes=causes,
        evidence=evidence,
        fixes=[
            GoToStep("Paste the address of any dbt Cloud page", Step.ADDRESS),
            EnterToken("Enter another token", "dbt_cloud"),
            Retry("Try again"),
        ],
    )


def _moved(error: ActionableError) -> bool:
    return isinstance(error, WrongHost) and any(isinstance(fix, SetField) for fix in error.fixes)


def _too_slow(region: Region, seconds: float) -> UnreachableError:
    return UnreachableError(
        f"{region.host} did not answer in time",
        kind="timeout",
        brief="did not answer in time",
        causes=["The network is slow, or a firewall drops the packets."],
        evidence=[f"no answer within {seconds:g} s"],
        fixes=[RETRY],
    )


def _held_back(region: Region, seconds: float) -> TooManyRequests:
    return TooManyRequests(
        f"{region.host} was not asked: too many requests with this token",
        brief="was not asked: too many requests with this token",
        causes=["The ceiling on requests was reached, or dbt Cloud asked for a pause."],
        evidence=[f"the next request may go out in {seconds:.0f} s"],
        fixes=[Retry(f"Try again in {seconds:.0f} s")],
    )
