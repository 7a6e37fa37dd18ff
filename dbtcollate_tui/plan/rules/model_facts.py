"""What dbt says of a model that OpenMetadata has no field for, as custom properties and a status. No IO.

A property is never created: its name says that a person made it for this.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import CustomProperty
from dbtcollate_tui.plan.model import Conflict, StatusChange
from dbtcollate_tui.plan.rules.findings import Claimed, Findings

Purpose = Literal["group", "access", "version", "latest_version", "deprecation_date"]
DEFAULT_ACCESS = frozenset({"", "protected"})
"""What a model has that says nothing of access."""
DEPRECATED = "Deprecated"
_UNDECIDED = frozenset({"", "Unprocessed"})
"""The status of an entity on which nobody has decided."""


def property_of(purpose: Purpose, properties: Mapping[str, CustomProperty]) -> str | None:
    """The custom property that a person made for this: ``dbt_access``, ``dbtAccess``, or ``access``."""
    plain = purpose.replace("_", "")
    found = {_folded(name): name for name in sorted(properties, reverse=True)}
    return found.get(f"dbt{plain}") or found.get(plain)


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in "_- ")


def needs_properties(node: Node) -> bool:
    """Whether a node says anything for which the custom properties of tables must be known."""
    return bool(
        node.group or node.version or node.deprecation_date or node.access.casefold() not in DEFAULT_ACCESS
    )


def values_of(node: Node, properties: Mapping[str, CustomProperty]) -> Iterator[tuple[str, object]]:
    """The custom properties that are there for what dbt says of the model, with their values."""
    texts: dict[Purpose, str] = {
        "group": node.group,
        "access": node.access,
        "version": node.version,
        "latest_version": node.latest_version,
        "deprecation_date": node.deprecation_date,
    }
    for purpose, text in texts.items():
        name = property_of(purpose, properties) if text else None
        if name is not None:
            yield name, _as_type(purpose, text, properties[name])


def _as_type(purpose: Purpose, text: str, known: CustomProperty) -> object:
    if known.type_name in ("integer", "number") and text.isdigit():
        return int(text)
    if purpose != "deprecation_date":
        return text
    moment = _moment(text)
    if moment is None:
        return text
    if known.type_name == "timestamp":
        return int(moment.timestamp() * 1000)
    if known.type_name in ("date-cp", "dateTime-cp") and isinstance(known.config, str):
        return _in_form(moment, known.config) or text[:10]
    return text[:10]


_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def _in_form(moment: datetime, form: str) -> str | None:
    """The moment in a property's form; ``None`` where the form has letters that are not known here."""
    pattern = form
    for java, code in _JAVA.items():
        pattern = pattern.replace(java, code)
    rest = pattern
    for code in _JAVA.values():
        rest = rest.replace(code, "")
    if any(letter.isalpha() for letter in rest):
        return None
    return moment.strftime(pattern)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def is_deprecated(node: Node, project: Project) -> bool:
    """Whether the model's deprecation date had passed when dbt made the manifest."""
    until, made = _moment(node.deprecation_date), _moment(project.generated_at)
    return until is not None and made is not None and until <= made


def plan_status(claimed: Claimed, project: Project, dialect: Dialect, findings: Findings) -> None:
    """Mark a table whose model is deprecated; a status that a person chose stays, as a conflict."""
    node = next((item for item in claimed.nodes if item.deprecation_date and not item.is_pointer), None)
    if node is None or claimed.is_guest or not dialect.has_status or not is_deprecated(node, project):
        return
    held = claimed.table.entityStatus
    if held == DEPRECATED:
        findings.same("properties")
        return
    change = StatusChange(unique_id=node.unique_id, table=claimed.ref, before=held, after=DEPRECATED)
    if held in _UNDECIDED:
        findings.changes.append(change)
        return
    reason = "another status in Collate"
    findings.kept.append(
        Conflict(
            "properties",
            claimed.ref.fqn,
            change.label,
            held,
            DEPRECATED,
            reason,
            claimed.table.updatedBy,
            change,
        )
    )
