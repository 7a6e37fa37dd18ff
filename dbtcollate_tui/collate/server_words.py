"""The phrases of OpenMetadata and Collate that the client relies on. Nothing else reads their messages."""

import re
from enum import Enum, auto

from dbtcollate_tui.server_words import phrase, recognise


class CollateSays(Enum):
    """What a message of the server means."""

    TOKEN_EXPIRED = auto()
    TOKEN_OF_OTHER_SERVER = auto()
    CALL_NOT_FOUND = auto()
    CALL_UNKNOWN = auto()
    GUARD_FAILED = auto()
    PLAN_LIMIT = auto()
    PAGE_TOO_LARGE = auto()
    FIELD_UNKNOWN = auto()
    TRIGGER_FAILED = auto()
    PIPELINE_SERVICE_DOWN = auto()
    PIPELINE_SERVICE_OFF = auto()
    DBT_TOKEN_REFUSED = auto()


_SERVER = "OpenMetadata 1.6, recorded"

PHRASES = (
    phrase(CollateSays.TOKEN_EXPIRED, r"expired", "OpenMetadata's JwtFilter: 401 'Expired token!'"),
    phrase(
        CollateSays.TOKEN_OF_OTHER_SERVER,
        r"SigningKeyNotFoundException|JWT Token keyID doesn't match",
        f"{_SERVER}: 500 'SigningKeyNotFoundException: JWT Token keyID doesn't match the configured keyID'",
    ),
    phrase(CollateSays.CALL_NOT_FOUND, r"^HTTP 404", f"{_SERVER}: a path that this version does not have"),
    phrase(
        CollateSays.CALL_UNKNOWN,
        r"HTTP (405|404|415) ",
        f"{_SERVER}: 500 'An exception with message [HTTP 405 Method Not Allowed] was thrown …'",
    ),
    phrase(
        CollateSays.GUARD_FAILED,
        r"Operation\.TEST fails|test operation|Values are not equal",
        f"{_SERVER}: 500 '[JsonPatch.Operation.TEST fails! Values are not equal]'",
    ),
    phrase(
        CollateSays.PLAN_LIMIT,
        r"\b(feature|plan|licen[cs]e|subscription|quota)\b.*\blimit|\blimit.*\b(feature|plan|licen[cs]e|quota)",
        "openmetadata-ingestion's client: 429 'Feature limit exceeded' is a limit of the plan",
    ),
    phrase(
        CollateSays.PAGE_TOO_LARGE,
        r"limit",
        f"{_SERVER}: 400 '[query param limit must be less than or equal to 1000000]'",
    ),
    phrase(CollateSays.FIELD_UNKNOWN, r"Invalid field name", f"{_SERVER}: 400 'Invalid field name owners'"),
    phrase(
        CollateSays.TRIGGER_FAILED,
        r"failed to trigger",
        "OpenMetadata issues 21245 and 23985: 400, until a deployment is complete",
    ),
    phrase(
        CollateSays.PIPELINE_SERVICE_DOWN,
        r"due to \[null\]|connection refused|connectexception",
        f"{_SERVER} without Airflow: 400 'Failed to deploy pipeline [x] due to [null].'",
    ),
    phrase(
        CollateSays.PIPELINE_SERVICE_OFF,
        r"disabled",
        "OpenMetadata's NoopClient: 200 with the reason 'Pipeline Client Disabled'",
    ),
    phrase(
        CollateSays.DBT_TOKEN_REFUSED,
        r"\b401\b|unauthorized|invalid token",
        "the log of openmetadata-ingestion: '401 Client Error: Unauthorized for url: …'",
    ),
)

_OPERATIONS = re.compile(r"operations?\s*\[([^\]]*)\]")


def collate_says(text: str) -> frozenset[CollateSays]:
    """What a message of the server means; empty where it is not known."""
    return recognise(PHRASES, text)


def refused_operations(text: str) -> str:
    """The operations that a 403 names, such as ``EditAll``; empty where it names none."""
    found = _OPERATIONS.search(text)
    return found.group(1) if found is not None else ""
