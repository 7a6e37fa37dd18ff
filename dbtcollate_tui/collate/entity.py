"""The base of OpenMetadata's entities, and what every one of them may hold: references and tag labels."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Entity(BaseModel):
    """Base of every model: immutable, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _absent_is_default(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        values = {key: value for key, value in data.items() if value is not None}
        if "owners" in cls.model_fields and "owners" not in values and "owner" in values:
            values["owners"] = [values["owner"]]
        if "domains" in cls.model_fields and "domains" not in values and "domain" in values:
            values["domains"] = [values["domain"]]
        return values


class EntityReference(Entity):
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


class TagLabel(Entity):
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
