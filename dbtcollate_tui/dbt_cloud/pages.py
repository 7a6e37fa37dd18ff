"""Names and paths of dbt Cloud's pages, as of November 2026, each with its source.

The product is called dbt Cloud here, as in Collate's guide; dbt Labs now calls it the dbt platform.
"""

from urllib.parse import quote

PRODUCT_NOTE = "dbt Cloud is the product that dbt Labs now calls the dbt platform."

ACCESS_URL_PLACE = "Account settings → Account information → Access URL"
"""docs.getdbt.com, "Access, Regions & IP addresses"."""
SERVICE_TOKENS_PLACE = "Account settings → API tokens → Service tokens"
"""docs.getdbt.com, "Service account tokens"."""
PERSONAL_TOKENS_PLACE = "Account settings → API tokens → Personal tokens"
"""docs.getdbt.com, "Personal access tokens"."""
GROUPS_PLACE = "Account settings → Groups & Licenses"
"""docs.getdbt.com, "Users and licenses"."""
IP_RESTRICTIONS_PLACE = "Account settings → IP restrictions"
"""docs.getdbt.com, "Configuring IP restrictions"."""
JOBS_PLACE = "Orchestration → Jobs"
"""docs.getdbt.com, "Deploy jobs": the menu was called Deploy until 2025."""
RUNS_PLACE = "Orchestration → Runs"
"""docs.getdbt.com, "Run visibility"."""


def account_settings(base_url: str, account_id: int | None) -> str:
    """The account's settings, from where tokens, groups and IP restrictions are reached."""
    if account_id is None:
        return f"{base_url}/settings"
    return f"{base_url}/settings/accounts/{account_id}"


def job_page(base_url: str, account_id: int, project_id: int, job_id: int) -> str:
    """A job's page, where it is run."""
    return f"{base_url}/deploy/{account_id}/projects/{project_id}/jobs/{job_id}"


def job_settings(base_url: str, account_id: int, project_id: int, job_id: int) -> str:
    """The page on which a job's commands and schedule are changed."""
    return f"{job_page(base_url, account_id, project_id, job_id)}/settings"


def node_page(base_url: str, account_id: int, project_id: int, unique_id: str) -> str:
    """A model's, seed's, snapshot's or source's page in the catalog of the production environment."""
    place = f"explore/{account_id}/projects/{project_id}/environments/production/details"
    return f"{base_url}/{place}/{quote(unique_id, safe='')}"
