"""What the clients recognise in a server's words, on bodies that real servers sent."""

import json

import pytest

from dbtcollate_tui.collate import server_words as collate
from dbtcollate_tui.collate.errors import explain as collate_error
from dbtcollate_tui.collate.server import size_may_matter
from dbtcollate_tui.collate.server_words import CollateSays, collate_says, refused_operations
from dbtcollate_tui.dbt_cloud import server_words as dbt_cloud
from dbtcollate_tui.dbt_cloud.server_words import DbtCloudSays, dbt_cloud_says
from dbtcollate_tui.errors import UnreachableError
from dbtcollate_tui.transport.errors import NoAnswer

COLLATE_BODIES: dict[CollateSays, dict[str, object]] = {
    CollateSays.TOKEN_EXPIRED: {"code": 401, "message": "Expired token!"},
    CollateSays.CALL_NOT_FOUND: {"code": 404, "message": "HTTP 404 Not Found"},
    CollateSays.CALL_UNKNOWN: {
        "responseMessage": "An exception with message [HTTP 405 Method Not Allowed] was thrown while "
        "processing request.",
        "errorType": "UNHANDLED_SERVER_EXCEPTION",
    },
    CollateSays.GUARD_FAILED: {
        "responseMessage": "An exception with message [JsonPatch.Operation.TEST fails! Values are not equal] "
        "was thrown while processing request.",
        "errorType": "UNHANDLED_SERVER_EXCEPTION",
    },
    CollateSays.TOKEN_OF_OTHER_SERVER: {
        "responseMessage": "An exception with message [com.auth0.jwk.SigningKeyNotFoundException: JWT Token "
        "keyID doesn't match the configured keyID.] was thrown while processing request.",
        "errorType": "UNHANDLED_SERVER_EXCEPTION",
    },
    CollateSays.TOKEN_REFUSED: {
        "code": 401,
        "message": "Token verification failed. Public key mismatch.",
    },
    CollateSays.FORBIDDEN: {
        "responseMessage": "An exception with message [HTTP 403 Forbidden] was thrown while processing "
        "request.",
        "errorType": "UNHANDLED_SERVER_EXCEPTION",
    },
    CollateSays.ENTITY_NOT_FOUND: {"code": 404, "message": "table instance for shop.a.b not found"},
    CollateSays.TOO_LONG: {
        "code": 500,
        "message": "An exception with message [value too long for type character varying(256)] was thrown "
        "while processing request.",
    },
    CollateSays.TAGS_EXCLUSIVE: {
        "code": 400,
        "message": "Tag labels PII.None and PII.Sensitive are mutually exclusive and can't be assigned "
        "together",
    },
    CollateSays.SEARCH_DOWN: {
        "responseMessage": "An exception with message [Connection refused] was thrown while processing "
        "request.",
        "errorType": "UNHANDLED_SERVER_EXCEPTION",
    },
    CollateSays.RUN_DIED: {
        "message": "[2026-11-30T05:00:01.000+0000] {taskinstance.py:1149} INFO - Marking task as FAILED. "
        "dag_id=dbt_cloud_sync, task_id=dbt_task",
    },
    CollateSays.PLAN_LIMIT: {"code": 429, "message": "Feature limit exceeded"},
    CollateSays.PAGE_TOO_LARGE: {
        "code": 400,
        "message": "[query param limit must be less than or equal to 1000000]",
    },
    CollateSays.FIELD_UNKNOWN: {"code": 400, "message": "Invalid field name owners"},
    CollateSays.TRIGGER_FAILED: {
        "code": 400,
        "message": "Failed to deploy pipeline [x] due to [Failed to trigger IngestionPipeline].",
    },
    CollateSays.PIPELINE_SERVICE_DOWN: {
        "code": 400,
        "message": "Failed to deploy pipeline [x] due to [null].",
    },
    CollateSays.PIPELINE_SERVICE_OFF: {"code": 200, "reason": "Pipeline Client Disabled"},
    CollateSays.DBT_TOKEN_REFUSED: {
        "error": "401 Client Error: Unauthorized for url: https://cloud.getdbt.com/api/v2/accounts/1/runs",
    },
}

DBT_CLOUD_BODIES: dict[DbtCloudSays, str] = {
    DbtCloudSays.WRONG_ACCOUNT: '{"status":{"code":403,"is_success":false,"user_message":"Access denied: '
    'Token is not scoped to account.","developer_message":null},"data":null}',
    DbtCloudSays.IP_RESTRICTED: '{"status":{"code":403,"is_success":false,"user_message":"Forbidden: Access '
    'denied","developer_message":null},"data":{"account_id":1,"account_access_denied":true}}',
    DbtCloudSays.MAYBE_HIDDEN: '{"status":{"code":404,"is_success":false,"user_message":"The requested '
    "resource was not found. Please check that you have the proper permissions. If you are seeing this in "
    'error, please contact support!","developer_message":""},"data":null}',
}


def _message(body: dict[str, object]) -> str:
    return next(str(body[key]) for key in ("message", "responseMessage", "reason", "error") if key in body)


@pytest.mark.parametrize("meaning", CollateSays)
def test_collate_body_is_recognised(meaning: CollateSays) -> None:
    assert meaning in collate_says(_message(COLLATE_BODIES[meaning]))


@pytest.mark.parametrize("meaning", DbtCloudSays)
def test_dbt_cloud_body_is_recognised(meaning: DbtCloudSays) -> None:
    said = json.loads(DBT_CLOUD_BODIES[meaning])["status"]["user_message"]
    assert dbt_cloud_says(said) == {meaning}


def test_each_phrase_names_its_source() -> None:
    assert {item.meaning for item in collate.PHRASES} == set(CollateSays)
    assert {item.meaning for item in dbt_cloud.PHRASES} == set(DbtCloudSays)
    assert all(item.source for item in (*collate.PHRASES, *dbt_cloud.PHRASES))


def test_unrelated_words_mean_nothing() -> None:
    assert collate_says("Entity already exists") == frozenset()
    assert dbt_cloud_says("Invalid token.") == frozenset()


def test_forbidden_operations_are_read() -> None:
    said = "Principal: CatalogPrincipal{name='bot'} operations [EditDescription, EditTags] not allowed"
    assert refused_operations(said) == "EditDescription, EditTags"
    assert refused_operations("not allowed") == ""


@pytest.mark.parametrize(
    ("error", "smaller"),
    [
        (NoAnswer("timeout", "h", "no answer within 30 s"), True),
        (NoAnswer("closed", "h", "peer closed"), True),
        (NoAnswer("name", "h", "did not answer in time"), False),
        (NoAnswer("refused", "h", "closed the connection"), False),
    ],
)
def test_smaller_page_depends_on_the_kind(error: NoAnswer, smaller: bool) -> None:
    """The words of the card do not matter, only why there was no answer."""
    card = collate_error(error, doing="list tables")
    assert isinstance(card, UnreachableError)
    card.title = "closed the connection, not in time"
    assert size_may_matter(card) is smaller
