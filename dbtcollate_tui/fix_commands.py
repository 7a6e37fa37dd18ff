"""Fixes in words for a command line: what the app does by a key is named as a command or an option."""

from typing import assert_never

from dbtcollate_tui.fixes import (
    Advice,
    Argument,
    ChooseRun,
    Copy,
    DeployPipeline,
    EnterToken,
    Fix,
    GoOnWithoutRun,
    GoToStep,
    IngestTables,
    OpenUrl,
    RerunCheck,
    Retry,
    RunJob,
    SetField,
    Step,
    SyncNow,
    UseProfile,
)

TOKEN_VARIABLES = {"dbt_cloud": "DBT_CLOUD_TOKEN", "collate": "COLLATE_TOKEN"}
STEP_OPTIONS = {
    Step.ADDRESS: "--dbt-cloud URL",
    Step.ACCOUNT: "--account ID",
    Step.PROJECT: "--project ID",
    Step.JOB: "--job ID",
    Step.COLLATE: "--collate URL",
    Step.SERVICE: "--service NAME",
    Step.OPTIONS: "--schedule CRON",
}
"""The option of ``dbtcollate setup`` that answers a question of the app's setup."""


def in_words(fix: Fix, profile: str = "") -> str:
    """The fix for a person without the app; ``profile`` is the one that the command named."""
    command = _command(fix, f" -p {profile}" if profile else "")
    label = "Run the command again" if fix == Retry() else fix.label
    return f"{label}: {command}" if command else label


def _command(fix: Fix, of_profile: str) -> str:
    match fix:
        case OpenUrl():
            return fix.url
        case RerunCheck():
            return f"dbtcollate verify{of_profile}"
        case SyncNow():
            return f"dbtcollate sync{of_profile}"
        case ChooseRun():
            return f"dbtcollate sync --run ID{of_profile}"
        case DeployPipeline():
            return f"dbtcollate sync --engine collate{of_profile}"
        case IngestTables():
            return f"dbtcollate ingest-tables{of_profile}"
        case RunJob():
            docs = " --generate-docs" if fix.with_docs else ""
            retry = f" --retry {fix.retry_of}" if fix.retry_of is not None else ""
            return f"dbtcollate run-job --wait{docs}{retry}{of_profile}"
        case UseProfile():
            return f"-p {fix.profile}"
        case EnterToken():
            return f"set {TOKEN_VARIABLES[fix.side]}, or save it in the app: dbtcollate{of_profile}"
        case SetField():
            name = of_profile.removeprefix(" -p ") or "PROFILE"
            return f'{fix.field.value} = "{fix.to}", dbtcollate config edit {name}'
        case GoToStep():
            option = STEP_OPTIONS.get(fix.step)
            return f"dbtcollate setup {option} --overwrite" if option else "dbtcollate setup --overwrite"
        case Retry() | Advice() | Argument() | Copy() | GoOnWithoutRun():
            return ""
        case _:
            assert_never(fix)
