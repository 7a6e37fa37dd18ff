"""Which artifact a file is, and of which schema version."""

from __future__ import annotations

import re

from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.reading import ArtifactError
from dbtcollate_tui.artifacts.shapes import Metadata
from dbtcollate_tui.fixes import RETRY, Advice

KNOWN = {
    "manifest": frozenset({*range(4, 13), 20}),
    "catalog": frozenset({1}),
    "run-results": frozenset({4, 5, 6}),
    "sources": frozenset({1, 2, 3}),
}
"""Schema versions from dbt 1.0 on; manifest v20 is what the first dbt Fusion releases wrote."""

_ADDRESS = re.compile(r"/dbt/([a-z-]+)/v(\d+)\b")


def check_version(file: str, kind: str, metadata: Metadata | None, notes: Notes) -> int:
    """The file's schema version, 0 where it has none; an unknown one becomes a note.

    Raises ``ArtifactError`` where the file says that it is another artifact.
    """
    address = (metadata.dbt_schema_version if metadata else None) or ""
    found = _ADDRESS.search(address)
    if found is None:
        notes.add(f"{file} does not state its schema version; it was read as the latest known one.")
        return 0
    if found[1] != kind:
        raise ArtifactError(
            file,
            f"holds another artifact: {found[1]}",
            place="$.metadata.dbt_schema_version",
            causes=("The file was stored or served under a wrong name",),
            fixes=(RETRY, Advice("Run the dbt job again, and take that run")),
            evidence=(address,),
        )
    version = int(found[2])
    known = KNOWN[kind]
    if version not in known:
        newest = max(known - {20})
        age = "older than dbt 1.0" if version < min(known) else f"not known here (latest: v{newest})"
        notes.add(f"{file} has schema version v{version}, which is {age}: it was read as far as possible.")
    return version
