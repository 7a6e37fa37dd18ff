"""The ids of the checks, and of the symptoms that they explain."""

from enum import StrEnum


class CheckId(StrEnum):
    """Every check, in the order of the chain."""

    DBT_REACHABLE = "dbt.reachable"
    DBT_TOKEN = "dbt.token"
    DBT_ACCOUNT = "dbt.account"
    DBT_PERMISSIONS = "dbt.permissions"
    DBT_JOB = "dbt.job"
    DBT_COMMANDS = "dbt.commands"
    RUN_EXISTS = "run.exists"
    RUN_FRESH = "run.fresh"
    RUN_KIND = "run.kind"
    ARTIFACTS_MANIFEST = "artifacts.manifest"
    ARTIFACTS_CATALOG = "artifacts.catalog"
    ARTIFACTS_RESULTS = "artifacts.results"
    COLLATE_REACHABLE = "collate.reachable"
    COLLATE_TOKEN = "collate.token"
    COLLATE_SERVICE = "collate.service"
    TABLES_MATCHED = "tables.matched"
    PIPELINE_SERVICE = "pipeline.service"
    PIPELINE_EXISTS = "pipeline.exists"
    PIPELINE_STATUS = "pipeline.status"
    PIPELINE_SCHEDULE = "pipeline.schedule"
    COLLATE_NETWORK = "collate.network"
    VERIFICATION_INGESTION = "verification.ingestion"
    VERIFICATION_LINEAGE = "verification.lineage"
    VERIFICATION_DESCRIPTIONS = "verification.descriptions"
    VERIFICATION_TESTS = "verification.tests"


class SymptomId(StrEnum):
    """What a person sees when something is wrong."""

    INVALID_TOKEN = "invalid-token"
    NO_RUNS = "no-runs"
    WRONG_ACCOUNT = "wrong-account"
    MISSING_CATALOG = "missing-catalog"
    NO_LINEAGE = "no-lineage"
    STALE = "stale"
    OTHER_HOST = "other-host"
    OTHER_RUN = "other-run"
    SOME_TABLES = "some-tables"
    NO_DESCRIPTIONS = "no-descriptions"
    NO_TESTS = "no-tests"
    PIPELINE = "pipeline"
    COLLATE_REFUSES = "collate-refuses"
    NOT_SURE = "not-sure"
