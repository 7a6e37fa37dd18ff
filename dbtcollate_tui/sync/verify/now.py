"""The verification without a write of ours: what Collate holds now of all that dbt says."""

from dataclasses import replace

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.events.outcome import Verification
from dbtcollate_tui.plan.model import DescriptionChange, Plan, TestResultChange
from dbtcollate_tui.settings.model import CollateSettings
from dbtcollate_tui.sync.verify.facts import prove, read_back


async def prove_now(collate: CollateClient, plan: Plan, settings: CollateSettings) -> Verification:
    """The guide's rows from a plan just made: what it would change counts as not there.

    Freshness that only a direct sync would bring is not expected.
    """
    pending = {change.fqn for change in plan.changes if isinstance(change, TestResultChange)}
    expected = replace(
        plan.expected,
        results={
            fqn: item
            for fqn, item in plan.expected.results.items()
            if not (item.of_freshness and fqn in pending)
        },
    )
    held = await read_back(collate, plan, expected, (), texts_known=True)
    before = {
        (change.table.fqn, change.column): change.before
        for change in plan.changes
        if isinstance(change, DescriptionChange)
    }
    return prove(
        plan,
        expected,
        replace(held, descriptions={**held.descriptions, **before}),
        settings,
        written=0,
        failed=0,
    )
