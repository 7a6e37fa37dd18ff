"""dbt versions as dbt Cloud names them: numbers, release tracks, and which of them are dbt 2 (Fusion)."""

import re

TRACKS = frozenset({"latest", "versionless", "compatible", "extended", "fallback"})
"""Release tracks of dbt Core 1 (dbt's page "Release tracks in dbt platform")."""
_FUSION = re.compile(r"(?:^|-)fusion(?:$|-)")
_NUMBER = re.compile(r"^v?(?P<major>[0-9]{1,9})(?:\.|$)")


def is_fusion(version: str) -> bool:
    """Whether a version is dbt 2: ``latest-fusion``, ``fusion-stable`` and the like, or a number from 2."""
    text = version.strip().lower()
    number = _NUMBER.match(text)
    return bool(_FUSION.search(text)) or (number is not None and int(number["major"]) >= 2)


def is_known(version: str) -> bool:
    """Whether it is a release track or begins with a number."""
    text = version.strip().lower()
    return text in TRACKS or is_fusion(text) or _NUMBER.match(text) is not None
