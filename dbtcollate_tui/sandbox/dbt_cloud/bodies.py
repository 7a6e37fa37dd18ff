"""The shapes of dbt Cloud's objects, as the sandbox answers them.

Bodies have the fields of dbt's OpenAPI document (``AccountResponse``, ``ProjectResponse``,
``HumanReadableJobDefinitionResponse``, ``EnvironmentV2Response``, ``AccountConnectionDetail``), with the
related objects, which are added when asked for, at null.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from cronsim import CronSim
from cronsim.explain import explain

ADAPTER = "duckdb_v0"
"""No adapter of that name is in dbt's OpenAPI document: the shop's warehouse is a DuckDB."""

CREATED_AT = "2025-03-04 09:12:44.318072+00:00"
UPDATED_AT = "2026-10-19 14:40:03.771902+00:00"
TIMES = {"created_at": CREATED_AT, "updated_at": UPDATED_AT}

Kind = Literal["project", "environment", "connection", "job", "user"]


@dataclass(frozen=True, slots=True)
class Item:
    """One stored object: what lists filter by, and its body as the API answers it."""

    kind: Kind
    body: dict[str, Any]

    @property
    def id(self) -> int:
        """The object's id."""
        return int(self.body["id"])


def account(account_id: int, plan: str = "enterprise_2025") -> dict[str, Any]:
    """The account "Shop" as the list of accounts has it."""
    zeros = ("it_seats", "explorer_seats", "analyst_seats", "develop_pod_memory_request_mebibytes")
    nothing = (
        "lock_reason",
        "lock_cause",
        "unlocked_at",
        "enterprise_login_slug",
        "starter_repo_url",
        "trial_end_date",
        "vanity_subdomain",
        "run_locked_until",
        "docs_job_id",
        "freshness_job_id",
        "copilot_locked_until",
    )
    no = ("locked", "pending_cancel", "business_critical", "agent_credit_locked")
    return {
        "id": account_id,
        "name": "Shop",
        "state": 1,
        "plan": plan,
        "run_slots": 5,
        "developer_seats": 8,
        "read_only_seats": 20,
        "billing_email_address": "billing@shop.example",
        "pod_memory_request_mebibytes": 600,
        "run_duration_limit_seconds": 86_400,
        "queue_limit": 50,
        "git_auth_level": "team",
        "identifier": "act_shop",
        "static_subdomain": "ab123",
        "account_migration_events": [],
        "groups": [],
        **TIMES,
        **dict.fromkeys(zeros, 0),
        **dict.fromkeys(nothing),
        **dict.fromkeys(no, False),
    }


def project(
    account_id: int, project_id: int, name: str, connection_id: int, description: str = ""
) -> dict[str, Any]:
    """A project."""
    related = ("connection", "environments", "repository", "docs_job", "freshness_job", "fusion_readiness")
    return {
        "id": project_id,
        "account_id": account_id,
        "name": name,
        "description": description or None,
        "connection_id": connection_id,
        "repository_id": None,
        "semantic_layer_config_id": None,
        "state": 1,
        "dbt_project_subdirectory": None,
        "docs_job_id": None,
        "freshness_job_id": None,
        "type": 0,
        "default_version": None,
        "group_permissions": [],
        **TIMES,
        **dict.fromkeys(related),
    }


def environment(
    account_id: int,
    environment_id: int,
    project_id: int,
    connection_id: int,
    name: str,
    *,
    deployment_type: Literal["production", "staging"] | None = None,
    kind: Literal["development", "deployment"] = "deployment",
) -> dict[str, Any]:
    """An environment, with the fields of both API versions."""
    related = ("connection", "credentials", "project", "repository", "jobs", "fusion_readiness")
    return {
        "id": environment_id,
        "account_id": account_id,
        "project_id": project_id,
        "name": name,
        "connection_id": connection_id,
        "credentials_id": environment_id + 100_000,
        "repository_id": None,
        "extended_attributes_id": None,
        "primary_profile_id": None,
        "custom_branch": None,
        "use_custom_branch": False,
        "dbt_project_subdirectory": None,
        "dbt_version": "1.10.0-latest",
        "raw_dbt_version": "1.10.0-latest",
        "supports_docs": True,
        "is_deferrable": deployment_type == "production",
        "deployment_type": deployment_type,
        "type": kind,
        "created_by_id": None,
        "enable_model_query_history": False,
        "enable_dbt_state": False,
        "state": 1,
        "custom_environment_variables": None,
        **TIMES,
        **dict.fromkeys(related),
    }


def connection(account_id: int, connection_id: int, name: str, path: str) -> dict[str, Any]:
    """A connection; its ``config`` names the database that dbt builds in."""
    return {
        "id": connection_id,
        "account_id": account_id,
        "name": name,
        "adapter_version": ADAPTER,
        "private_link_endpoint_id": None,
        "is_ssh_tunnel_enabled": False,
        "oauth_redirect_uri": None,
        "oauth_configuration_id": None,
        "is_configured_for_native_oauth": False,
        "platform_metadata_credentials_id": None,
        "analytics_credentials_id": None,
        "environment__count": 3,
        "config": {"path": path, "database": path.removesuffix(".duckdb"), "schema": "marts"},
        **TIMES,
    }


def user(user_id: int, first_name: str, last_name: str) -> dict[str, Any]:
    """A member of the account."""
    providers = ("azure_active_directory", "github", "gitlab")
    nothing = (
        "apitoken_last_used",
        "last_login",
        "enterprise_authentication_method",
        *(f"{name}_username" for name in providers),
        *(f"{name}_token_retrieval_failure" for name in providers),
    )
    no = (
        "is_staff",
        "email_connected",
        "enterprise_connected",
        "sso_only_user",
        *(f"{name}_connected" for name in providers),
    )
    return {
        "id": user_id,
        "first_name": first_name,
        "last_name": last_name,
        "email": f"{first_name.lower()}@shop.example",
        "is_active": True,
        "email_verified": True,
        "created_at": CREATED_AT,
        "licenses": {},
        "permissions": [{"license_type": "developer", "state": 1}],
        "auth_provider_infos": {},
        **dict.fromkeys(nothing),
        **dict.fromkeys(no, False),
    }


EVERY_DAY = list(range(7))
NEVER = {
    "cron": "0 * * * 0,1,2,3,4,5,6",
    "date": {"type": "days_of_week", "days": EVERY_DAY},
    "time": {"type": "every_hour", "interval": 1},
}
"""What ``schedule`` holds when ``triggers.schedule`` is off."""


def job(
    account_id: int,
    job_id: int,
    project_id: int,
    environment_id: int,
    name: str,
    commands: tuple[str, ...],
    *,
    job_type: Literal["scheduled", "ci", "other"] = "scheduled",
    schedule: dict[str, Any] | None = None,
    scheduled: bool = False,
    on_pull_request: bool = False,
    generate_docs: bool = False,
    defers_to: int | None = None,
    after_job: int | None = None,
    description: str = "",
    state: Literal[1, 2] = 1,
    dbt_version: str | None = None,
    failures: int = 0,
) -> dict[str, Any]:
    """A job.

    ``state`` 2 is a deleted one; ``after_job`` is the job whose success starts this one; 100 ``failures`` in
    a row deactivate it.
    """
    deactivated = failures >= 100
    related = (
        "account",
        "project",
        "environment",
        "custom_environment_variables",
        "most_recent_run",
        "most_recent_completed_run",
        "fusion_readiness",
    )
    condition = {"condition": {"job_id": after_job, "project_id": project_id, "statuses": [10]}}
    return {
        "id": job_id,
        "account_id": account_id,
        "project_id": project_id,
        "environment_id": environment_id,
        "name": name,
        "description": description,
        "dbt_version": dbt_version,
        "raw_dbt_version": dbt_version,
        "deferring_environment_id": defers_to,
        "deferring_job_definition_id": None,
        "execute_steps": list(commands),
        "execution": {"timeout_seconds": 0},
        "generate_docs": generate_docs,
        "generate_sources": False,
        "run_generate_sources": False,
        "is_deferrable": False,
        "job_type": job_type,
        "lifecycle_webhooks": False,
        "lifecycle_webhooks_url": None,
        "run_compare_changes": False,
        "compare_changes_flags": "--select state:modified",
        "run_failure_count": failures,
        "deactivated": deactivated,
        **_next_run(schedule if scheduled and not deactivated else None),
        "run_lint": False,
        "errors_on_lint_failure": True,
        "cost_optimization_features": [],
        "settings": {"threads": 4, "target_name": "default"},
        "state": state,
        "triggers_on_draft_pr": False,
        "triggers": {
            "github_webhook": on_pull_request,
            "git_provider_webhook": False,
            "schedule": scheduled,
            "on_merge": False,
            "custom_branch_only": True,
        },
        "job_completion_trigger_condition": condition if after_job else None,
        "schedule": schedule or NEVER,
        **TIMES,
        **dict.fromkeys(related),
    }


def _next_run(schedule: dict[str, Any] | None) -> dict[str, Any]:
    """When the schedule starts it next, as of the sandbox's own start; nulls where nothing does."""
    if schedule is None:
        return {"cron_humanized": None, "next_run": None, "next_run_humanized": None}
    now = datetime.now(UTC)
    moment = next(CronSim(schedule["cron"], now))
    hours = round((moment - now).total_seconds() / 3600)
    return {
        "cron_humanized": explain(schedule["cron"]),
        "next_run": moment.isoformat().replace("+00:00", "Z"),
        "next_run_humanized": f"{hours} hours" if hours != 1 else "1 hour",
    }


def at_hours(cron: str, hours: list[int], days: list[int] | None = None) -> dict[str, Any]:
    """The schedule of exact hours, every day or on some (0 is Sunday)."""
    date: dict[str, Any] = {"type": "days_of_week", "days": days} if days else {"type": "every_day"}
    return {"cron": cron, "date": date, "time": {"type": "at_exact_hours", "interval": 1, "hours": hours}}
