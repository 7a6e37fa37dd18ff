"""Names that are like another: what a person may have meant."""

from collections.abc import Iterable, Sequence


def nearest(
    name: str,
    choices: Iterable[str],
    *,
    most: int = 3,
    at_least: float = 60,
    in_part: bool = False,
    folded: Sequence[str] | None = None,
) -> list[str]:
    """At most ``most`` of the choices, nearest first, each like the name by ``at_least`` of 100.

    Case does not count. ``in_part``: a name that is a part of a choice, or that shares words with it, is
    near. ``folded`` are the choices case-folded, where the caller has them.
    """
    from rapidfuzz import fuzz, process

    names = list(choices) if folded is not None else sorted(choices)
    lower = folded if folded is not None else [choice.casefold() for choice in names]
    scorer = fuzz.WRatio if in_part else fuzz.ratio
    found = process.extract(name.casefold(), lower, scorer=scorer, limit=most, score_cutoff=at_least)
    return list(dict.fromkeys(names[place] for _, _, place in found))
