"""What the sandbox's dbt Cloud account holds: projects, environments, connections, jobs, users.

Ids have 14 digits, as on today's cells.
"""

import random
from collections.abc import Iterator
from typing import Any

from dbtcollate_tui.sandbox.dbt_cloud.bodies import (
    Item,
    at_hours,
    connection,
    environment,
    job,
    project,
    user,
)
from dbtcollate_tui.sandbox.scenarios import HEALTHY, Scenario
from dbtcollate_tui.sandbox.shop_data import RecordedRun, load_runs

ACCOUNT_ID = 70471823100417
OTHER_ACCOUNT_ID = 70471823100552
PROJECT_ID = 70471823200131
FINANCE_PROJECT_ID = 70471823200174
PRODUCTION_ID, STAGING_ID, DEVELOPMENT_ID, FINANCE_ENVIRONMENT_ID = (
    70471823400000 + n for n in range(11, 15)
)
CONNECTION_ID, FINANCE_CONNECTION_ID = 70471823500021, 70471823500022
(
    NIGHTLY_ID,
    NIGHTLY_FULL_ID,
    CI_ID,
    EXPORTS_ID,
    BACKFILL_ID,
    HOURLY_ID,
    OLD_NIGHTLY_ID,
    MONTH_END_ID,
    TESTS_ID,
    DOCS_ID,
) = (70471823300000 + n for n in (403, 404, 411, 418, 425, 431, 377, 440, 451, 452))
MOVED_TO = "https://ab123.us1.dbt.com"
SCALE_PROJECTS = 300
SCALE_JOBS = 5_000

DOCS_GENERATE = "dbt docs generate"


def account_id_for(scenario: Scenario) -> int:
    """The id of the token's account; in the scenario ``wrong-account`` it is not the one that is reported."""
    return OTHER_ACCOUNT_ID if scenario.dbt_other_account else ACCOUNT_ID


def recorded(name: str) -> RecordedRun:
    """The recorded run of that name."""
    return next(run for run in load_runs() if run.name == name)


def content(scenario: Scenario, *, scale: bool = False) -> Iterator[Item]:
    """All objects of the account but its runs; with ``scale`` 300 projects and 5,000 jobs."""
    account_id = account_id_for(scenario)
    yield Item(
        "project", project(account_id, PROJECT_ID, "shop", CONNECTION_ID, "Orders, customers, products")
    )
    yield Item("project", project(account_id, FINANCE_PROJECT_ID, "finance", FINANCE_CONNECTION_ID))
    yield Item("connection", connection(account_id, CONNECTION_ID, "Shop DuckDB", "shop.duckdb"))
    yield Item("connection", connection(account_id, FINANCE_CONNECTION_ID, "Ledger DuckDB", "ledger.duckdb"))
    for body in (
        environment(
            account_id, PRODUCTION_ID, PROJECT_ID, CONNECTION_ID, "Production", deployment_type="production"
        ),
        environment(account_id, STAGING_ID, PROJECT_ID, CONNECTION_ID, "Staging", deployment_type="staging"),
        environment(account_id, DEVELOPMENT_ID, PROJECT_ID, CONNECTION_ID, "Development", kind="development"),
        environment(
            account_id,
            FINANCE_ENVIRONMENT_ID,
            FINANCE_PROJECT_ID,
            FINANCE_CONNECTION_ID,
            "Production",
            deployment_type="production",
        ),
    ):
        yield Item("environment", body)
    for number, names in enumerate(
        (("Ana", "Moreau"), ("Bruno", "Costa"), ("Chen", "Wei"), ("Dora", "Lind"))
    ):
        yield Item("user", user(70471823800001 + number, *names))
    for body in jobs(scenario):
        yield Item("job", body)
    if scale:
        yield from many(account_id)


def jobs(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """The jobs of both projects, as the scenario wants them."""
    account_id = account_id_for(scenario)
    split = scenario.dbt_split_jobs
    with_docs = scenario.dbt_catalog and not split and not scenario.dbt_fusion
    nightly, ci = recorded("nightly-success"), recorded("ci")
    commands = tuple(command for command in nightly.commands if command != DOCS_GENERATE)
    docs = (DOCS_GENERATE,) if with_docs else ()
    if split:
        commands = tuple(line for line in commands if line not in ("dbt test", "dbt source freshness"))
    yield job(
        account_id,
        NIGHTLY_ID,
        PROJECT_ID,
        PRODUCTION_ID,
        "nightly",
        commands,
        schedule=at_hours("0 6 * * *", [6]),
        scheduled=True,
        generate_docs=with_docs,
        description="Builds the whole shop." if split else "Builds and tests the whole shop.",
        dbt_version="latest-fusion" if scenario.dbt_fusion else None,
        failures=100 if scenario.dbt_deactivated else 0,
    )
    if split:
        for job_id, name, lines in (
            (TESTS_ID, "nightly-tests", ("dbt test",)),
            (DOCS_ID, "nightly-docs", ("dbt source freshness", DOCS_GENERATE)),
        ):
            yield job(
                account_id,
                job_id,
                PROJECT_ID,
                PRODUCTION_ID,
                name,
                lines,
                job_type="other",
                after_job=NIGHTLY_ID,
            )
    yield job(
        account_id,
        NIGHTLY_FULL_ID,
        PROJECT_ID,
        PRODUCTION_ID,
        "nightly-full",
        (*commands, *docs),
        schedule=at_hours("0 2 * * 0", [2], [0]),
        scheduled=True,
    )
    yield job(
        account_id,
        CI_ID,
        PROJECT_ID,
        STAGING_ID,
        "ci-slim",
        ci.commands,
        job_type="ci",
        on_pull_request=True,
        defers_to=PRODUCTION_ID,
    )
    yield job(
        account_id,
        EXPORTS_ID,
        PROJECT_ID,
        PRODUCTION_ID,
        "refresh-exports",
        ("dbt run --select tag:export",),
        job_type="other",
        after_job=NIGHTLY_FULL_ID,
    )
    yield job(
        account_id,
        BACKFILL_ID,
        PROJECT_ID,
        PRODUCTION_ID,
        "backfill",
        ("dbt run --full-refresh",),
        job_type="other",
        description="On demand only.",
    )
    yield job(
        account_id,
        HOURLY_ID,
        PROJECT_ID,
        STAGING_ID,
        "staging-hourly",
        ("dbt build",),
        schedule={
            "cron": "0 * * * *",
            "date": {"type": "every_day"},
            "time": {"type": "every_hour", "interval": 1},
        },
        description="Paused: its schedule is kept and switched off.",
    )
    yield job(
        account_id,
        OLD_NIGHTLY_ID,
        PROJECT_ID,
        PRODUCTION_ID,
        "nightly-2024",
        ("dbt run", "dbt test"),
        state=2,
    )
    yield job(
        account_id,
        MONTH_END_ID,
        FINANCE_PROJECT_ID,
        FINANCE_ENVIRONMENT_ID,
        "month-end",
        ("dbt build", *docs),
        schedule={
            "cron": "0 4 1 * *",
            "date": {"type": "custom_cron", "cron": "0 4 1 * *"},
            "time": {"type": "at_exact_hours", "interval": 1, "hours": [4]},
        },
        scheduled=True,
    )


def many(account_id: int) -> Iterator[Item]:
    """This many more projects and jobs that there are 300 and 5,000; the same ones each time."""
    chance = random.Random(17)
    teams = ("growth", "supply", "pricing", "risk", "search", "loyalty", "returns", "ads", "hr", "legal")
    areas = ("core", "events", "reporting", "ml", "finance", "ops", "partners", "privacy", "web", "store")
    tasks = ("hourly", "daily", "weekly", "full-refresh", "snapshots", "ci", "exports", "freshness", "docs")
    new_projects = SCALE_PROJECTS - 2
    new_jobs = SCALE_JOBS - sum(1 for _ in jobs(HEALTHY))
    for number in range(new_projects):
        name = f"{teams[number % 10]}-{areas[number // 10 % 10]}-{number // 100 + 1}"
        project_id, environment_id = 70471823210000 + number, 70471823410000 + number
        yield Item("project", project(account_id, project_id, name, CONNECTION_ID))
        yield Item(
            "environment",
            environment(
                account_id,
                environment_id,
                project_id,
                CONNECTION_ID,
                "Production",
                deployment_type="production",
            ),
        )
    for number in range(new_jobs):
        index = number % new_projects
        task, hour = tasks[number // new_projects % len(tasks)], chance.randrange(24)
        yield Item(
            "job",
            job(
                account_id,
                70471823310000 + number,
                70471823210000 + index,
                70471823410000 + index,
                f"{teams[index % 10]} {task} {number:04}",
                ("dbt build",),
                job_type="ci" if task == "ci" else "scheduled",
                on_pull_request=task == "ci",
                schedule=at_hours(f"0 {hour} * * *", [hour]),
                scheduled=task != "ci",
                generate_docs=chance.random() < 0.5,
            ),
        )
