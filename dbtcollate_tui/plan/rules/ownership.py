"""Which dbt project owns a table's texts and data model where several projects name the table. No IO.

The project that builds the table owns them. A source only reads the table, and a stub of another project's
model (dbt-loom) only refers to it: both add edges and tests. ``dbtSourceProject`` in the data model names the
projects apart; before OpenMetadata 1.9.8 there is no such field, and earlier syncs wrote a package's name.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.models import DataModel

BUILT = frozenset({"model", "snapshot", "seed"})


class Role(Enum):
    """What this project is to a table."""

    OWNER = auto()
    """It writes the texts and the data model."""
    GUEST = auto()
    """Another project owns the table: empty texts are filled, others stay and are shown as conflicts."""
    RIVAL = auto()
    """Both projects build the table, by what they say: the one that is there stays until a person decides."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A project's role for a table, with the nodes that say something of it, and the other project's name."""

    role: Role
    nodes: Sequence[Node]
    other: str = ""


def claim_of(
    project_name: str, packages: Collection[str], nodes: Sequence[Node], held: DataModel | None
) -> Claim | None:
    """What this project may write of a table; ``None`` where all it has is a stub.

    ``held`` is the table's data model in Collate, ``packages`` are the packages of this project.
    """
    own = [node for node in nodes if not node.is_stub]
    if not own:
        return None
    if held is None or held.modelType != "DBT" or not (held.resourceType or held.dbtSourceProject):
        return Claim(Role.OWNER, own)
    other = held.dbtSourceProject
    is_ours = bool(other) and other == project_name
    is_foreign = bool(other and project_name) and not is_ours and other not in packages
    is_built = held.resourceType in BUILT
    if any(node.resource_type in BUILT for node in own):
        return Claim(Role.RIVAL if is_foreign and is_built else Role.OWNER, own, other)
    if is_foreign or (is_built and not is_ours):
        return Claim(Role.GUEST, own, other)
    return Claim(Role.OWNER, own)


def packages_of(project: Project) -> frozenset[str]:
    """The packages that this project installs: those with a node that has a file of its own."""
    groups = (project.nodes, project.ephemeral, project.disabled)
    return frozenset(node.package_name for group in groups for node in group.values() if not node.is_stub)
