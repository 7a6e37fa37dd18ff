"""The phrases of OpenMetadata and Collate that the client relies on. Nothing else reads their messages."""

import re
from enum import Enum, auto

from dbtcollate_tui.server_words import phrase, recognise


class CollateSays(Enum):
    """What a message of the server means."""

    TOKEN_EXPIRED = auto()
    TOKEN_OF_OTHER_SERVER = auto()
    TOKEN_REFUSED = auto()
    FORBIDDEN = auto()
    ENTITY_NOT_FOUND = auto()
    CALL_NOT_FOUND = auto()
    CALL_UNKNOWN = auto()
    GUARD_FAILED = auto()
    SEARCH_DOWN = auto()
    PLAN_LIMIT = auto()
    PAGE_TOO_LARGE = auto()
    FIELD_UNKNOWN = auto()
    TRIGGER_FAILED = auto()
    PIPELINE_SERVICE_DOWN = auto()
    PIPELINE_SERVICE_OFF = auto()
    DBT_TOKEN_REFUSED = auto()
    RUN_DIED = auto()
    TOO_LONG = auto()
    TAGS_EXCLUSIVE = auto()


_SERVER = "OpenMetadata 1.6, recorded"

PHRASES = (
    phrase(CollateSays.TOKEN_EXPIRED, r"expired", "OpenMetadata's JwtFilter: 401 'Expired token!'"),
    phrase(CollateSays.CALL_NOT_FOUND, r"^HTTP 404", f"{_SERVER}: a path that this version does not have"),
    phrase(
        CollateSays.CALL_UNKNOWN,
        r"HTTP (405|404|415|406|501) ",
        f"{_SERVER}: 500 'An exception with message [HTTP 405 Method Not Allowed] was thrown …'",
    ),
    phrase(
        CollateSays.GUARD_FAILED,
        r"Operation\.TEST fails|'?test'? operation|Values are not equal|'?test'? failed for path"
        r"|contains no (element for index|value for name)|is no valid array index"
        r"|Non-existing name/value pair|array item index is out of range|non-existing (value|member|element)",
        f"{_SERVER}: 500 '[JsonPatch.Operation.TEST fails! Values are not equal]', and for a value that is "
        "gone \"'[]' contains no element for index 0\" (Apache Johnzon); the rest is Eclipse Parsson's",
    ),
    phrase(
        CollateSays.TOKEN_OF_OTHER_SERVER,
        r"SigningKeyNotFound|JWT Token keyID doesn't match|Public key mismatch",
        f"{_SERVER}: 500 'com.auth0.jwk.SigningKeyNotFoundException: JWT Token keyID doesn't match …', and "
        "401 'Token verification failed. Public key mismatch …'",
    ),
    phrase(
        CollateSays.TOKEN_REFUSED,
        r"com\.auth0\.jw[kt]\.|JWTVerificationException|JWTDecodeException|SignatureVerificationException"
        r"|Unable to decode the token|Token verification failed|HTTP 401 ",
        "java-jwt's exceptions, which some versions answer with 500 in place of 401",
    ),
    phrase(CollateSays.FORBIDDEN, r"HTTP 403 ", "Jersey's 403 inside a 500, as 404 and 405 are wrapped"),
    phrase(
        CollateSays.ENTITY_NOT_FOUND,
        r"\binstance for .+ not found",
        f"{_SERVER}: 404 'table instance for x not found', also inside a 500",
    ),
    phrase(
        CollateSays.SEARCH_DOWN,
        r"connection refused|Failed to search|(elastic|open)search.*(exception|unavailable|refused|time)",
        f"{_SERVER} without OpenSearch: 500 'Connection refused' to searches, to test cases with results, "
        "to PUT lineage and to PUT testCases",
    ),
    phrase(
        CollateSays.PLAN_LIMIT,
        r"\b(feature|plan|licen[cs]e|subscription|quota)\b.*\blimit|\blimit.*\b(feature|plan|licen[cs]e|quota)",
        "openmetadata-ingestion's client: 429 'Feature limit exceeded' is a limit of the plan",
    ),
    phrase(
        CollateSays.TOO_LONG,
        r"value too long for type|Data too long for column|size must be between|String value is too long",
        "PostgreSQL's and MySQL's words inside OpenMetadata's 500 (issues 18031, 14554), and its validator's",
    ),
    phrase(
        CollateSays.TAGS_EXCLUSIVE,
        r"mutually exclusive",
        "OpenMetadata's TagLabelUtil: 400 'Tag labels a and b are mutually exclusive and can't be …'",
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
        CollateSays.RUN_DIED,
        r"Marking task as (FAILED|UP_FOR_RETRY)|Task exited with return code [1-9-]"
        r"|Task failed with exception|Traceback \(most recent call last\)|OOMKilled|ImagePullBackOff",
        "Airflow's task log and Kubernetes' reasons, of a run that ends before it reports a status",
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
