"""The one reader of Collate's answers: everything unexpected in one becomes an error that names the request.

No other module decodes an answer. One odd element of a list is left out and noted in the log and the plan; a
list without any readable element is an error.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from pydantic import ValidationError

from dbtcollate_tui.collate.entity import read_entity
from dbtcollate_tui.collate.errors import ServerFailedError, explain
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.printable import safe
from dbtcollate_tui.transport.client import Answer
from dbtcollate_tui.transport.errors import NotJson

M = TypeVar("M")
T = TypeVar("T")
MOST_EMPTY_BYTES = 2_000
"""A larger answer is not looked through for its lack of data before it is read."""
_WRONG = (ValidationError, KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError)


def read_as(answer: Answer, doing: str, work: Callable[[Any], T]) -> T:
    """What ``work`` makes of the answer's values; ``doing`` completes "Could not …" in the error."""
    try:
        return work(answer.json())
    except NotJson as error:
        raise explain(error, doing=doing) from None
    except _WRONG as error:
        raise unreadable(answer, doing, _reason(error)) from None


def read_one(model: type[M], answer: Answer, doing: str) -> M:
    """The entity that the answer is."""
    return read_as(answer, doing, lambda body: read_entity(model, body))


def read_optional(model: type[M], answer: Answer, doing: str) -> M | None:
    """The entity that the answer is; ``None`` where it has no body, or an empty one."""
    if not answer.content.strip():
        return None
    return read_as(answer, doing, lambda body: read_entity(model, body) if body else None)


def read_written(answer: Answer, entity_id: str, doing: str) -> None:
    """Take the answer to a write for its success only where it is the entity of that id."""

    def work(body: Any) -> None:
        found = _object(body).get("id")
        if not isinstance(found, str) or found.lower() != entity_id.lower():
            raise _WrongShape("it is not what was written")

    if not answer.content.strip():
        raise unreadable(answer, doing, "it is empty")
    read_as(answer, doing, work)


def read_object(answer: Answer, doing: str) -> dict[str, Any]:
    """The JSON object that the answer is."""
    return read_as(answer, doing, _object)


def read_list(model: type[M], answer: Answer, doing: str) -> list[M]:
    """The entities of an answer that is a bare list."""
    return read_as(answer, doing, lambda body: _elements(model, _list(body), answer))


def read_data(model: type[M], answer: Answer, doing: str) -> list[M]:
    """The entities below ``data``; none where it is null or the answer is empty."""
    return read_as(
        answer, doing, lambda body: _elements(model, _list(_object(body or {}).get("data")), answer)
    )


def read_page(model: type[M], answer: Answer, doing: str) -> tuple[list[M], str | None]:
    """The entities of a page, and the cursor of the next page."""

    def page(body: Any) -> tuple[list[M], str | None]:
        values = _object(body)
        items = _elements(model, _list(values["data"]), answer)
        after = _object(values.get("paging") or {}).get("after")
        return items, str(after) if after else None

    return read_as(answer, doing, page)


def lacks_data(answer: Answer) -> bool:
    """Whether the answer to a list is empty or an object without ``data``, as a proxy may make it once."""
    if len(answer.content) > MOST_EMPTY_BYTES:
        return False
    try:
        body = answer.json() if answer.content.strip() else {}
    except NotJson:
        return False
    return isinstance(body, Mapping) and "data" not in body


def read_total(answer: Answer, doing: str) -> int:
    """How many entities a list has in all; 0 where the server does not say."""
    return read_as(answer, doing, lambda body: int((_object(body).get("paging") or {}).get("total") or 0))


def read_loosely(answer: Answer) -> Any:
    """The answer's values, or its beginning as text where it is not JSON."""
    try:
        return answer.json()
    except NotJson:
        return answer.content[:200].decode("utf-8", "replace")


def unreadable(answer: Answer, doing: str, reason: str) -> ActionableError:
    """The error for an answer that does not hold what it should."""
    record = answer.record
    return ServerFailedError(
        f"Could not {doing}: Collate's answer is unreadable",
        status=answer.status,
        message=reason,
        causes=(
            "The server is of a version that this program does not know, or a proxy changed the answer.",
        ),
        evidence=(f"{record.method} {record.host}{record.path} answered {answer.status}; {reason}",),
    )


_left_out: ContextVar[Counter[str] | None] = ContextVar("left_out", default=None)


@contextlib.contextmanager
def counting_left_out() -> Iterator[Counter[str]]:
    """Count, by path, the elements of lists that cannot be read, in this task and those that it starts."""
    counts: Counter[str] = Counter()
    token = _left_out.set(counts)
    try:
        yield counts
    finally:
        _left_out.reset(token)


def _elements(model: type[M], values: list[Any], answer: Answer) -> list[M]:
    """The readable ones of the values, which are let go while they are read."""
    found: list[M] = []
    first: ValidationError | None = None
    odd = 0
    values.reverse()
    while values:
        try:
            found.append(read_entity(model, values.pop()))
        except ValidationError as error:
            first = first or error
            odd += 1
    if first is not None:
        if not found:
            raise first
        counts = _left_out.get()
        if counts is not None:
            counts[answer.record.path.partition("?")[0]] += odd
        LOGGER.warning(
            "%s %s: left out %d of %d elements; %s",
            answer.record.method,
            answer.record.path,
            odd,
            odd + len(found),
            _reason(first),
        )
    return found


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        raise _WrongShape("it is not a JSON object")
    return dict(body)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise _WrongShape("it is not a list of entities")
    return list(value)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return safe(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    if isinstance(error, KeyError):
        return safe(f"{error} is missing")
    return str(error) if isinstance(error, _WrongShape) else "it has another form"


class _WrongShape(TypeError):
    """A JSON value of another kind than the answer should be."""
