"""dbt Cloud's error bodies: what one means, and dbt's own words in it."""

from typing import Any

from dbtcollate_tui.dbt_cloud.server_words import DbtCloudSays, dbt_cloud_says
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport.errors import HttpError


def is_hint_at_permissions(error: HttpError) -> bool:
    """Whether it is a 404 for what the token may not see, and perhaps for what does not exist."""
    return error.status == 404 and DbtCloudSays.MAYBE_HIDDEN in dbt_cloud_says(user_message(error))


def is_wrong_account(error: HttpError) -> bool:
    """Whether it is a 403 because the token belongs to another account."""
    return error.status == 403 and DbtCloudSays.WRONG_ACCOUNT in dbt_cloud_says(user_message(error))


def is_ip_restricted(error: HttpError) -> bool:
    """Whether it is a 403 because the account's IP restrictions do not let this machine in."""
    return error.status == 403 and (
        _data(error).get("account_access_denied") is True
        or DbtCloudSays.IP_RESTRICTED in dbt_cloud_says(user_message(error))
    )


def user_message(error: HttpError) -> str:
    """dbt's own words: ``status.user_message`` of the body, else the body's beginning."""
    body = error.json()
    status = body.get("status") if isinstance(body, dict) else None
    words = status.get("user_message") if isinstance(status, dict) else None
    if not words and isinstance(body, dict):
        words = body.get("detail")
    return redact(words) if isinstance(words, str) and words else error.excerpt(120)


def reasons(error: HttpError) -> tuple[str, ...]:
    """Why dbt Cloud refused a request, in its own words: ``data.reason`` first, then its message."""
    body = error.json()
    if not isinstance(body, dict):
        return ()
    status = body.get("status")
    words = [_data(error).get("reason")]
    if isinstance(status, dict):
        words += [status.get("user_message"), status.get("developer_message")]
    words.append(body.get("detail"))
    found = [redact(word.strip()) for word in words if isinstance(word, str) and word.strip()]
    return tuple(dict.fromkeys(found))


def blocked_account(error: HttpError) -> int | None:
    """The account whose IP restrictions apply, where the body names it."""
    number = _data(error).get("account_id")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _data(error: HttpError) -> dict[str, Any]:
    body = error.json()
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}
