"""Where the two tokens are made, as a page's path and address, and where Collate's guide is out of date."""

from dataclasses import dataclass

from pydantic import SecretStr

from dbtcollate_tui.collate.errors import BOTS_PAGE
from dbtcollate_tui.dbt_cloud.models import Account
from dbtcollate_tui.dbt_cloud.permissions import advise_token


@dataclass(frozen=True, slots=True)
class TokenHelp:
    """The page on which a token is made: its path there, what to choose, its address (may be empty)."""

    path: str
    permission: str
    url: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GuideDifference:
    """What Collate's guide says, and what is so today."""

    guide: str
    today: str


DBT_TOKEN_DIFFERENCES: tuple[GuideDifference, ...] = (
    GuideDifference(
        "Account Settings → API Access → Create Token",
        "The page is now Account settings → API tokens, with Service tokens and Personal tokens.",
    ),
    GuideDifference(
        "dbt_cloud_abc…",
        "Service tokens begin with dbtc_, personal ones with dbtu_. Old user API keys no longer work.",
    ),
    GuideDifference(
        "Permission: Account Viewer",
        "Permission sets need an Enterprise plan. On other plans use a personal token.",
    ),
)
"""What differs at the token step, from dbt's pages on service tokens and personal tokens."""

ADDRESS_DIFFERENCES: tuple[GuideDifference, ...] = (
    GuideDifference(
        "cloud.getdbt.com, emea.dbt.com, au.dbt.com",
        "Accounts have a host of their own, like ab123.us1.dbt.com. Account settings → Account information "
        "shows it as Access URL; the shared hosts may not know its tokens.",
    ),
)
"""What differs at the address step, from dbt's page on access, regions and IP addresses."""


def dbt_token_help(
    base_url: str, account: Account | None = None, token: SecretStr | None = None
) -> TokenHelp:
    """Where to make the dbt Cloud token; the account's own page where it is known."""
    advice = advise_token(base_url or None, account, token)
    return TokenHelp(advice.place, advice.permission, advice.url, advice.reason)


def collate_token_help(base_url: str) -> TokenHelp:
    """Where Collate shows and makes the bot's token."""
    return TokenHelp(
        BOTS_PAGE,
        "Ingestion bot role",
        f"{base_url}/bots/ingestion-bot" if base_url else "",
        "a bot's token need not expire, and its changes can be distinguished from people's",
    )
