"""The base of OpenMetadata's entities, and what every one of them may hold: references and tag labels."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

M = TypeVar("M")
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def read_entity(model: type[M], value: object) -> M:
    """JSON values as an `Entity` or a `Part`; raises pydantic's ``ValidationError``."""
    adapter = _ADAPTERS.get(model)
    if adapter is None:
        adapter = _ADAPTERS[model] = TypeAdapter(model)
    entity: M = adapter.validate_python(value)
    return entity


def without_nulls(data: Any) -> Any:
    """A JSON object without the fields that are null, so that they get their defaults; others unchanged."""
    if not isinstance(data, Mapping) or None not in data.values():
        return data
    return {key: value for key, value in data.items() if value is not None}


def _as_moment(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        moment = int(value)
    except (ValueError, OverflowError):
        return None
    return moment if 0 <= moment <= LATEST_MS else None


LATEST_MS = 4_102_444_800_000
"""The year 2100: a time after it is an odd value, and later code computes with times as dates."""
MaybeMs = Annotated[int | None, BeforeValidator(_as_moment)]
"""Milliseconds since 1970; ``None`` for what is no such time."""


class Entity(BaseModel):
    """Base of every model: immutable, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _absent_is_default(cls, data: Any) -> Any:
        values = without_nulls(data)
        if not isinstance(values, Mapping):
            return values
        for many, one in (("owners", "owner"), ("domains", "domain")):
            if one in values and many not in values and many in cls.model_fields:
                values = {**values, many: [values[one]]}
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Base of what a server has very many of: as an `Entity`, with neither a dictionary nor a set each."""

    @model_validator(mode="before")
    @classmethod
    def _absent_is_default(cls, data: Any) -> Any:
        return without_nulls(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityReference(Part):
    """A pointer to another entity."""

    id: str
    type: str = ""
    name: str = ""
    fullyQualifiedName: str = ""
    displayName: str = ""
    deleted: bool = False

    def as_request(self) -> dict[str, str]:
        """The reference as a request body names it."""
        return {"id": self.id, "type": self.type}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLabel(Part):
    """A tag or glossary term on a table or column."""

    tagFQN: str
    source: str = "Classification"
    labelType: str = "Manual"
    state: str = "Confirmed"

    def as_request(self) -> dict[str, str]:
        """The label as a request body holds it: all four fields."""
        return {
            "tagFQN": self.tagFQN,
            "source": self.source,
            "labelType": self.labelType,
            "state": self.state,
        }
