"""The phrases of dbt Cloud that the client relies on. Nothing else reads its messages."""

from enum import Enum, auto

from dbtcollate_tui.server_words import phrase, recognise


class DbtCloudSays(Enum):
    """What a message of dbt Cloud means."""

    WRONG_ACCOUNT = auto()
    IP_RESTRICTED = auto()
    MAYBE_HIDDEN = auto()


PHRASES = (
    phrase(
        DbtCloudSays.WRONG_ACCOUNT,
        r"not scoped to account",
        "dbt Cloud, recorded: 403 'Access denied: Token is not scoped to account.'",
    ),
    phrase(
        DbtCloudSays.IP_RESTRICTED,
        r"^forbidden: access denied\.?$",
        "dbt's FAQ on IP restrictions: 403 'Forbidden: Access denied'",
    ),
    phrase(
        DbtCloudSays.MAYBE_HIDDEN,
        r"proper permissions",
        "dbt Cloud, recorded in terraform-provider-dbtcloud issues 207 and 537: 404 'The requested resource "
        "was not found. Please check that you have the proper permissions. …'",
    ),
)


def dbt_cloud_says(text: str) -> frozenset[DbtCloudSays]:
    """What a message of dbt Cloud means; empty where it is not known."""
    return recognise(PHRASES, text)
