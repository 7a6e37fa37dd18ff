"""What can be wrong in the sandbox: every row of the guide's troubleshooting table, and more.

A scenario is a value that both servers read. A field of the dbt Cloud side begins with ``dbt_``; all others
are of the Collate side, so that a scenario can break both at once.
"""

from dataclasses import dataclass, fields
from typing import Literal

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, Argument, Fix
from dbtcollate_tui.nearest import nearest

ScenarioSide = Literal["none", "dbt_cloud", "collate", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One state of the two servers; everything that is not named behaves as on a healthy day.

    ``guide_row`` is the row of the guide's troubleshooting table that the scenario plays, or empty.
    """

    name: str
    side: ScenarioSide
    sentence: str
    guide_row: str = ""

    dbt_token_refused: bool = False
    """401 "Invalid token." to every request."""
    dbt_other_account: bool = False
    """The token's account has another id than the one that the sandbox gives; the given one answers 403."""
    dbt_runs: Literal["all", "none", "failed", "old", "running", "ci_newest"] = "all"
    """Which runs the account has: ``failed`` none that succeeded, ``old`` none of the last nine days,
    ``running`` the latest one still at work, ``ci_newest`` the latest one of a pull request."""
    dbt_catalog: bool = True
    """False: no job generates docs, so no run has a catalog.json."""
    dbt_artifacts_allowed: bool = True
    """False: the sample token may list runs, but 404 answers every artifact."""
    dbt_start_allowed: bool = True
    """False: the sample token may read everything, and start no run."""
    dbt_ip_restricted: bool = False
    """The account's IP restrictions do not let the caller in: 403, and it is not in the list of accounts."""
    dbt_plan: str = "enterprise_2025"
    """The account's plan; on a Starter plan only the sample's personal token reads anything."""
    dbt_fusion: bool = False
    """The production job runs dbt 2: no docs step, and catalog.json from ``dbt run``."""
    dbt_deactivated: bool = False
    """dbt Cloud has deactivated the production job after 100 failed runs."""
    dbt_split_jobs: bool = False
    """Building, testing and documenting are three jobs of the same environment."""
    dbt_step_ignored: bool = False
    """True: artifacts are those of the last step, whatever ``step`` says (dbt Cloud before its return)."""
    dbt_artifacts: Literal["whole", "cut", "garbage"] = "whole"
    """``cut`` breaks off each artifact's first download in the middle, ``garbage`` sends a manifest that
    is not JSON."""
    dbt_rate_limit: int = 0
    """Requests answered in ``dbt_rate_window`` seconds before 429; 0 is no limit."""
    dbt_rate_window: float = 1.0
    dbt_retry_after: int = 1
    """Seconds of rest after a 429, as its ``Retry-After`` says."""
    dbt_flaky: bool = False
    """Half of all paths fail at their first request: 503, 502, or an answer that breaks off."""
    dbt_delay: float = 0.0
    """Seconds before every answer."""
    dbt_html: bool = False
    """200 with a web page to every request."""
    dbt_moved: bool = False
    """301 to a host of its own, as an account that left a shared host would answer."""
    dbt_down: bool = False
    """503 from a gateway, as HTML, to every request."""

    collate_token_refused: bool = False
    """401 to every request but ``system/version``."""
    collate_read_only: bool = False
    """403 to every write."""
    collate_flaky: bool = False
    """Half of all paths fail at their first request with 503."""
    collate_delay: float = 0.0
    """Seconds before every answer."""
    collate_html: bool = False
    """200 with the web page to every request, as for an address that is not the API's."""
    collate_down: bool = False
    """503 from a gateway, as HTML, to every request."""
    wrong_service: bool = False
    """The service that is named like dbt's target holds other tables; the shop's are in another service."""
    upper_case_tables: bool = False
    """Databases, schemas, tables and columns are in upper case, as Snowflake's ingestion leaves them."""
    tables_missing: bool = False
    """A part of the warehouse was never ingested: the raw schema and one mart are not in Collate."""
    edited_in_collate: bool = False
    """A person has written descriptions and an owner in Collate that dbt does not state."""
    search: Literal["on", "down", "behind"] = "on"
    """``down``: 500 to every search, and to what newer servers read from the index or write to it;
    ``behind``: the index holds nothing that was written since the start."""
    pipeline_service: Literal["on", "down", "none"] = "on"
    """``none``: the status says "Pipeline Client Disabled" and deploying does nothing; ``down``: unhealthy,
    and 400 to everything asked of it."""
    collate_row_seconds: float = 0.0
    """What each row of a list costs in seconds, one request after another; abandoned requests too."""
    collate_refuses: str = ""
    """Fields, with spaces between, that this server refuses though its release has them."""
    collate_other_server: bool = False
    """The token was made by another server: 500 to every request but ``system/version``."""
    collate_caller: Literal["bot", "personal", "sign_in"] = "bot"
    """Whose the sample token is: the ingestion bot's, or ana's: a personal access token, or one of an hour
    from the server's single sign-on."""
    ingestion_runner: bool = False
    """The warehouse's service is assigned to a hybrid ingestion runner."""
    own_connector: bool = False
    """OpenMetadata's own dbt Cloud connector is set up for the account, and ran two days ago."""
    unreadable_test_case: bool = False
    """A test case of another service whose latest result the server cannot read."""
    pipeline_stale: bool = False
    """A dbt pipeline exists whose last run is nine days old, and it is paused."""
    pipeline_fails: bool = False
    """A triggered pipeline ends as failed, with its log saying why."""
    trigger_refusals: int = 1
    """How many triggers after a deploy are refused with 400 before one is taken."""
    plan_limit: bool = False
    """429 "Feature limit exceeded" to a new ingestion pipeline: a limit of the plan, not of speed."""

    @property
    def collate_content(self) -> tuple[bool, ...]:
        """What decides on Collate's first state: scenarios that differ in it cannot share one."""
        return (
            self.wrong_service,
            self.upper_case_tables,
            self.tables_missing,
            self.edited_in_collate,
            self.pipeline_stale,
            self.unreadable_test_case,
            self.own_connector,
            self.ingestion_runner,
        )

    def of_side(self, side: Literal["dbt_cloud", "collate"]) -> tuple[object, ...]:
        """The values of all fields that the side reads."""
        names = (field.name for field in fields(self) if field.name not in _ABOUT)
        return tuple(
            getattr(self, name) for name in names if name.startswith("dbt_") == (side == "dbt_cloud")
        )


_ABOUT = frozenset({"name", "side", "sentence", "guide_row"})

HEALTHY = Scenario(name="healthy", side="none", sentence="Both servers work and hold the shop's data.")

_ALL = (
    HEALTHY,
    Scenario(
        name="expired-token",
        side="dbt_cloud",
        sentence="dbt Cloud refuses its token with 401.",
        guide_row="Invalid Token",
        dbt_token_refused=True,
    ),
    Scenario(
        name="no-runs",
        side="dbt_cloud",
        sentence="The jobs exist, and none has ever run.",
        guide_row="No Runs Found",
        dbt_runs="none",
    ),
    Scenario(
        name="only-failed",
        side="dbt_cloud",
        sentence="Every run of every job failed or was cancelled.",
        guide_row="No Runs Found",
        dbt_runs="failed",
    ),
    Scenario(
        name="wrong-account",
        side="dbt_cloud",
        sentence="The account id is not the token's: dbt Cloud answers 403; the right one is in its list.",
        guide_row="Wrong Account",
        dbt_other_account=True,
    ),
    Scenario(
        name="missing-catalog",
        side="dbt_cloud",
        sentence="No job generates docs, so no run has a catalog.json.",
        guide_row="Missing catalog.json",
        dbt_catalog=False,
    ),
    Scenario(
        name="wrong-service",
        side="collate",
        sentence="The database service named like dbt's target holds other tables; the shop's are elsewhere.",
        guide_row="Wrong Database Service",
        wrong_service=True,
    ),
    Scenario(
        name="stale",
        side="both",
        sentence="The latest run is nine days old though the job is daily, and Collate's pipeline is paused.",
        guide_row="Stale data",
        dbt_runs="old",
        pipeline_stale=True,
    ),
    Scenario(
        name="rate-limited",
        side="dbt_cloud",
        sentence="dbt Cloud answers 429 with a Retry-After of 1 s after 8 requests in a second.",
        dbt_rate_limit=8,
    ),
    Scenario(
        name="flaky",
        side="both",
        sentence="Half of all requests fail the first time: 502, 503 or an answer that breaks off.",
        dbt_flaky=True,
        collate_flaky=True,
    ),
    Scenario(
        name="slow",
        side="both",
        sentence="Every answer takes 1.5 s.",
        dbt_delay=1.5,
        collate_delay=1.5,
    ),
    Scenario(
        name="html",
        side="dbt_cloud",
        sentence="dbt Cloud's address answers 200 with a web page, as a wrong host does.",
        dbt_html=True,
    ),
    Scenario(
        name="moved",
        side="dbt_cloud",
        sentence="dbt Cloud's address redirects to a host of the account's own.",
        dbt_moved=True,
    ),
    Scenario(
        name="down",
        side="dbt_cloud",
        sentence="dbt Cloud answers 503 to everything.",
        dbt_down=True,
    ),
    Scenario(
        name="missing-permission",
        side="dbt_cloud",
        sentence="The dbt Cloud token may list jobs and runs, but not read artifacts (404).",
        dbt_artifacts_allowed=False,
    ),
    Scenario(
        name="no-job-runner",
        side="dbt_cloud",
        sentence="The jobs exist, none has ever run, and the dbt Cloud token may not start one.",
        dbt_runs="none",
        dbt_start_allowed=False,
    ),
    Scenario(
        name="ip-restricted",
        side="dbt_cloud",
        sentence="The account's IP restrictions do not let this machine in.",
        dbt_ip_restricted=True,
    ),
    Scenario(
        name="team-plan",
        side="dbt_cloud",
        sentence="The account has a legacy Team plan.",
        dbt_plan="team_2022",
    ),
    Scenario(
        name="starter-plan",
        side="dbt_cloud",
        sentence="The account has a Starter plan: its service token reads nothing here, a personal one does.",
        dbt_plan="starter_2025",
    ),
    Scenario(
        name="fusion",
        side="dbt_cloud",
        sentence="The production job runs dbt 2 (Fusion) and has no docs step.",
        dbt_fusion=True,
    ),
    Scenario(
        name="deactivated",
        side="dbt_cloud",
        sentence="dbt Cloud deactivated the production job after 100 failed runs; its last good run is old.",
        dbt_deactivated=True,
        dbt_runs="old",
    ),
    Scenario(
        name="split-jobs",
        side="dbt_cloud",
        sentence="One job builds, another one tests, a third one writes the docs.",
        dbt_split_jobs=True,
    ),
    Scenario(
        name="running",
        side="dbt_cloud",
        sentence="The latest run of the production job is in progress.",
        dbt_runs="running",
    ),
    Scenario(
        name="ci-newest",
        side="dbt_cloud",
        sentence="The latest successful run belongs to a pull request, without docs.",
        dbt_runs="ci_newest",
    ),
    Scenario(
        name="step-ignored",
        side="dbt_cloud",
        sentence="dbt Cloud ignores which step an artifact is asked of and always sends the last step's.",
        dbt_step_ignored=True,
    ),
    Scenario(
        name="cut-download",
        side="dbt_cloud",
        sentence="Each artifact's first download breaks off in the middle.",
        dbt_artifacts="cut",
    ),
    Scenario(
        name="broken-manifest",
        side="dbt_cloud",
        sentence="The run's manifest.json is not JSON.",
        dbt_artifacts="garbage",
    ),
    Scenario(
        name="collate-expired-token",
        side="collate",
        sentence="Collate refuses its token with 401.",
        collate_token_refused=True,
    ),
    Scenario(
        name="collate-read-only",
        side="collate",
        sentence="Collate's token may read everything and write nothing (403).",
        collate_read_only=True,
    ),
    Scenario(
        name="collate-html",
        side="collate",
        sentence="Collate's address answers 200 with its web page, as an address that is not the API's does.",
        collate_html=True,
    ),
    Scenario(
        name="collate-down",
        side="collate",
        sentence="Collate answers 503 to everything.",
        collate_down=True,
    ),
    Scenario(
        name="upper-case",
        side="collate",
        sentence="Collate holds every name in upper case, dbt in lower case.",
        upper_case_tables=True,
    ),
    Scenario(
        name="not-ingested",
        side="collate",
        sentence="The raw schema and one mart were never ingested into Collate.",
        tables_missing=True,
    ),
    Scenario(
        name="edited",
        side="collate",
        sentence="A person has written descriptions and an owner in Collate that differ from dbt's.",
        edited_in_collate=True,
    ),
    Scenario(
        name="search-down",
        side="collate",
        sentence="Collate's search does not answer; everything else does.",
        search="down",
    ),
    Scenario(
        name="no-pipeline-service",
        side="collate",
        sentence="Collate has no pipeline service, so that nothing can be deployed there.",
        pipeline_service="none",
    ),
    Scenario(
        name="pipeline-service-down",
        side="collate",
        sentence="Collate's pipeline service does not answer: nothing can be deployed or run there.",
        pipeline_service="down",
    ),
    Scenario(
        name="search-behind",
        side="collate",
        sentence="Collate's search index has not seen anything that was written since the start.",
        search="behind",
    ),
    Scenario(
        name="other-server",
        side="collate",
        sentence="Collate's token was made by another server, which newer servers answer with 500.",
        collate_other_server=True,
    ),
    Scenario(
        name="dbt-cloud-connector",
        side="collate",
        sentence="OpenMetadata's own dbt Cloud connector shows the account's job runs in Collate, too.",
        own_connector=True,
    ),
    Scenario(
        name="personal-token",
        side="collate",
        sentence="Collate's token is a personal access token of ana, who also edits texts in Collate.",
        collate_caller="personal",
    ),
    Scenario(
        name="sso",
        side="collate",
        sentence="Collate has single sign-on only, and its token is the one of ana's browser, for an hour.",
        collate_caller="sign_in",
    ),
    Scenario(
        name="hybrid-runner",
        side="collate",
        sentence="The database service's agents run on a hybrid ingestion runner of Collate.",
        ingestion_runner=True,
    ),
    Scenario(
        name="odd-build",
        side="collate",
        sentence="Collate is a build that does not know dbtSourceProject, which its version should know.",
        collate_refuses="dbtSourceProject",
    ),
    Scenario(
        name="slow-rows",
        side="collate",
        sentence="Every row of a list costs Collate a fifth of a second, even if nobody waits for it.",
        collate_row_seconds=0.2,
    ),
    Scenario(
        name="unreadable-test",
        side="collate",
        sentence="Collate cannot read the latest result of one test case of another service.",
        unreadable_test_case=True,
    ),
    Scenario(
        name="pipeline-fails",
        side="collate",
        sentence="The pipeline that is triggered in Collate ends as failed.",
        pipeline_fails=True,
    ),
    Scenario(
        name="plan-limit",
        side="collate",
        sentence='Collate\'s plan allows no further ingestion pipeline: 429 "Feature limit exceeded".',
        plan_limit=True,
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""Every scenario by its name."""


def scenario_named(name: str) -> Scenario:
    """The scenario of that name; the empty name is the healthy one.

    Raises UsageError with the nearest name for one that does not exist.
    """
    if not name:
        return HEALTHY
    found = SCENARIOS.get(name)
    if found is not None:
        return found
    fixes: list[Fix] = [Advice(f"Known scenarios: {', '.join(SCENARIOS)}")]
    for near in nearest(name, SCENARIOS, most=1, in_part=True):
        fixes.insert(0, Argument(f"Use {near}", "scenario", near))
    raise UsageError(f"No scenario is called {name!r}", fixes=fixes)
