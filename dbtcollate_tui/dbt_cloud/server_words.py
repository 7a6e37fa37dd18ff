"""The phrases of dbt Cloud that the client relies on. Nothing else reads its messages."""

from enum import Enum, auto

from dbtcollate_tui.server_words import phrase, recognise


class DbtCloudSays(Enum):
    """What a message of dbt Cloud means."""

    WRONG_ACCOUNT = auto()


PHRASES = (
    phrase(
        DbtCloudSays.WRONG_ACCOUNT,
        r"not scoped to account",
        "dbt Cloud, recorded: 403 'Access denied: Token is not scoped to account.'",
    ),
)


def dbt_cloud_says(text: str) -> frozenset[DbtCloudSays]:
    """What a message of dbt Cloud means; empty where it is not known."""
    return recognise(PHRASES, text)
