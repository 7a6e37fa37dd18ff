"""dbt's timestamps as epoch milliseconds."""

from datetime import UTC, datetime


def to_ms(text: str | None) -> int | None:
    """Epoch milliseconds of an ISO time, with six or (dbt Fusion) nine digits of a second; no zone means UTC.

    ``None`` for an absent or unreadable time.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
