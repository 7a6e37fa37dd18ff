"""The proof without a write of ours: what Collate holds now of all that dbt says."""

from dataclasses import replace

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.sync.changes import DescriptionChange, Plan
from dbtcollate_tui.sync.outcome import Proof
from dbtcollate_tui.sync.proof import prove, read_back


async def prove_now(collate: CollateClient, plan: Plan, *, base_url: str, service: str) -> Proof:
    """The guide's rows from a plan just made: what it would change counts as not there."""
    held = await read_back(collate, plan, plan.expected, ())
    before = {
        (change.table.fqn, change.column): change.before
        for change in plan.changes
        if isinstance(change, DescriptionChange)
    }
    return prove(
        plan,
        plan.expected,
        replace(held, descriptions={**held.descriptions, **before}),
        base_url=base_url,
        service=service,
        written=0,
        failed=0,
    )
