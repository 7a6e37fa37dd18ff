"""The dbt Cloud run that a profile means."""

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice, choose_run
from dbtcollate_tui.settings.model import DbtCloudSettings


async def run_of_profile(
    client: DbtCloudClient, side: DbtCloudSettings, run_id: int | None = None
) -> RunChoice:
    """The run that the profile's rule takes, or the named one, with what its further jobs add.

    Raises as `choose_run`.
    """
    return await choose_run(
        client, side.account_id, side.project_id, side.job_id, side.run_rule, run_id, jobs=side.jobs
    )
