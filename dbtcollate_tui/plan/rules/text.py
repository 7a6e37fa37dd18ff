"""A plan as text for a person to read, mail or put into a ticket: every value in full."""

from collections.abc import Collection, Iterable, Iterator

from dbtcollate_tui.plan.model import GROUPS, Change, Conflict, Plan


def plan_text(plan: Plan, left_out: Collection[str] = ()) -> str:
    """The plan by kind, each change with its old and new value; those with a key in ``left_out`` say so.

    It ends with a line break and holds what the plan holds: the caller that writes it removes secrets.
    """
    return "\n".join(_lines(plan, frozenset(left_out))) + "\n"


def _lines(plan: Plan, left_out: frozenset[str]) -> Iterator[str]:
    if plan.run is not None:
        yield f"Plan for run #{plan.run.id}: {plan.summary()}"
        yield from (line for line in (plan.run.reason, plan.run.url) if line)
    else:
        yield f"Plan: {plan.summary()}"
    out = sum(change.key in left_out for change in plan.changes)
    if out:
        yield f"{out} of {len(plan.changes)} changes left out"
    for group in GROUPS:
        changes = plan.of(group)
        if changes:
            yield from ("", f"{group}  {len(changes)}")
        for change in changes:
            yield from _change(change, change.key in left_out)
    if plan.conflicts:
        yield from ("", f"unchanged in Collate  {len(plan.conflicts)}")
        for kept in plan.conflicts:
            yield from _kept(kept)
    if plan.match.missing:
        yield from ("", f"no table in Collate  {len(plan.match.missing)}")
        for node in plan.match.missing:
            yield f"  ! {node.unique_id}: {node.detail}. {node.fix}".rstrip(". ")
    if plan.unmapped_owners:
        yield from ("", f"owners not found  {len(plan.unmapped_owners)}")
        for owner in plan.unmapped_owners:
            yield f"  ! {owner.owner}, owner of {', '.join(owner.unique_ids)}"
    if plan.notes:
        yield from ("", "notes")
        yield from (f"  {note}" for note in plan.notes)


def _change(change: Change, is_left_out: bool) -> Iterator[str]:
    sign = {"add": "+", "replace": "~"}.get(change.action, "-")
    words = [word for word in ("left out" if is_left_out else "", change.note) if word]
    note = f"  ({', '.join(words)})" if words else ""
    yield f"  {sign} {change.label}{note}"
    yield from _value("-", change.old)
    yield from _value("+", change.new)


def _kept(kept: Conflict) -> Iterator[str]:
    yield f"  ! {kept.group}: {kept.label}  ({kept.reason})"
    yield from _value("in Collate:", kept.server)
    yield from _value("from dbt:", kept.dbt)


def _value(sign: str, text: str) -> Iterable[str]:
    return (f"      {sign} {line}" for line in text.splitlines())
