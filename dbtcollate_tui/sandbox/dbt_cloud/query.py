"""The query strings of dbt Cloud's lists: which filters there are, and what is refused with 400."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams

from dbtcollate_tui.sandbox.dbt_cloud.answers import ApiError
from dbtcollate_tui.sandbox.dbt_cloud.store import Query

MAX_LIMIT = 100
_NO_MARKS = str.maketrans("", "", "[]\"'")
_LOOKUP = re.compile(r"__(gt|gte|lt|lte|in|range|icontains|contains|startswith|exact|isnull)$")


def whole(text: str) -> int:
    """A whole number."""
    return int(text)


def id_list(text: str) -> str:
    """A JSON list of whole numbers, as JSON for ``json_each``."""
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
        raise ValueError(text)
    return json.dumps(values)


def text_list(text: str) -> str:
    """A JSON list of strings, as JSON for ``json_each``."""
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(text)
    return json.dumps(values)


def boolean(text: str) -> int:
    """``true`` or ``false``, in any case, or 1 or 0."""
    return {"true": 1, "1": 1, "false": 0, "0": 0}[text.lower()]


def like(text: str) -> str:
    """A part of a name, as a LIKE pattern with backslash for escape."""
    escaped = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{escaped}%"


def time_range(text: str) -> str:
    """A JSON list of two times, as a JSON list of seconds since the epoch."""
    first, last = (datetime.fromisoformat(value) for value in json.loads(text))
    times = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in (first, last))
    return json.dumps([time.timestamp() for time in times])


Filter = tuple[str, Callable[[str], Any]]


def column(name: str) -> dict[str, Filter]:
    """The filters ``NAME`` and ``NAME__in`` of a numeric column."""
    return {
        name: (f"{name} = ?", whole),
        f"{name}__in": (f"{name} IN (SELECT value FROM json_each(?))", id_list),
    }


def field(name: str, convert: Callable[[str], Any] = str) -> Filter:
    """The filter of a field of the stored body."""
    return (f"json_extract(body, '$.{name}') = ?", convert)


_PK: dict[str, Filter] = {
    "pk": ("id = ?", whole),
    "pk__in": ("id IN (SELECT value FROM json_each(?))", id_list),
    "pk__gt": ("id > ?", whole),
    "id__gt": ("id > ?", whole),
}
_NAME: dict[str, Filter] = {
    "name": ("name = ?", str),
    "name__icontains": ("name LIKE ? ESCAPE '\\'", like),
}
PROJECT_FILTERS: Mapping[str, Filter] = {**_PK, **_NAME}
CONNECTION_FILTERS: Mapping[str, Filter] = {**_PK, **_NAME, "adapter_version": field("adapter_version")}
ENVIRONMENT_FILTERS: Mapping[str, Filter] = {
    **_PK,
    **_NAME,
    **column("project_id"),
    "deployment_type": field("deployment_type"),
    "type": field("type"),
    "dbt_version": field("dbt_version"),
}
JOB_FILTERS: Mapping[str, Filter] = {
    **_PK,
    **_NAME,
    **column("project_id"),
    **column("environment_id"),
    "triggers_schedule": field("triggers.schedule", boolean),
    "is_system": ("0 = ?", boolean),
    "dbt_version__in": ("json_extract(body, '$.dbt_version') IN (SELECT value FROM json_each(?))", text_list),
}
RUN_FILTERS: Mapping[str, Filter] = {
    "pk": ("id = ?", whole),
    "pk__in": ("id IN (SELECT value FROM json_each(?))", id_list),
    "id__gt": ("id > ?", whole),
    **column("project_id"),
    **column("environment_id"),
    **column("status"),
    "job_definition_id": ("job_id = ?", whole),
    "job_definition_id__in": ("job_id IN (SELECT value FROM json_each(?))", id_list),
    "deferring_run_id": ("deferring_run_id = ?", whole),
    "dbt_version": ("dbt_version = ?", str),
    "dbt_version__in": ("dbt_version IN (SELECT value FROM json_each(?))", text_list),
    "has_docs_generated": ("docs_now = ?", boolean),
    "has_sources_generated": ("sources_now = ?", boolean),
    "created_at__range": (
        "created BETWEEN json_extract(?, '$[0]') AND json_extract(?, '$[1]')",
        time_range,
    ),
    "finished_at__range": (
        "finished_now BETWEEN json_extract(?, '$[0]') AND json_extract(?, '$[1]')",
        time_range,
    ),
}
OBJECT_ORDER: Mapping[str, str] = {
    "id": "id",
    "name": "name",
    "created_at": "id",
    "project_id": "project_id",
    "environment_id": "environment_id",
}
RUN_ORDER: Mapping[str, str] = {"id": "id", "created_at": "created", "finished_at": "finished_now"}
_STATES = {"active": 1, "deleted": 2, "1": 1, "2": 2}


def read_query(
    params: QueryParams,
    filters: Mapping[str, Filter],
    order: Mapping[str, str],
    *,
    has_state: bool = True,
) -> tuple[Query, dict[str, Any]]:
    """The list's query and its ``extra`` without the counts; ApiError 400 for what dbt Cloud refuses."""
    used: dict[str, Any] = {}
    conditions: list[str] = []
    values: list[Any] = []
    for name, text in params.items():
        if name in filters:
            condition, convert = filters[name]
            value = _converted(name, text, convert)
            conditions.append(condition)
            values.extend([value] * condition.count("?"))
            used[name] = text
        elif _LOOKUP.search(name):
            raise ApiError(400, f"Invalid filter: {name}")
    if has_state:
        state = params.get("state", "active")
        if state != "all":
            if state not in _STATES:
                raise ApiError(400, f"Invalid value for state: {state}")
            conditions.append("state = ?")
            values.append(_STATES[state])
        used["state"] = state
    limit, offset = (
        _converted(name, params.get(name, default), whole)
        for name, default in (("limit", "100"), ("offset", "0"))
    )
    if not 1 <= limit <= MAX_LIMIT or offset < 0:
        raise ApiError(400, f"limit must be 1 to {MAX_LIMIT}, and offset 0 or more")
    wanted = params.get("order_by", "id")
    name = wanted.removeprefix("-")
    if name not in order:
        raise ApiError(400, f"Invalid value for order_by: {wanted}")
    direction, nulls = ("DESC", "FIRST") if wanted.startswith("-") else ("ASC", "LAST")
    by = f"{order[name]} {direction} NULLS {nulls}, id {direction}"
    query = Query(tuple(conditions), tuple(values), by, limit, offset)
    return query, {"filters": {"limit": limit, "offset": offset, **used}, "order_by": wanted}


def _converted(name: str, text: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(400, f"Invalid value for {name}: {text}") from error


def related(params: QueryParams) -> frozenset[str]:
    """What ``include_related`` names: words between commas, with or without brackets and quotes, repeated."""
    words = ",".join(params.getlist("include_related")).translate(_NO_MARKS).split(",")
    return frozenset(word.strip() for word in words if word.strip())
