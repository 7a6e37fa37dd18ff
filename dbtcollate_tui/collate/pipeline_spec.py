"""A dbt Cloud ingestion pipeline as plain values: its body, and its difference to one that exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import DbtPipelineConfig, EntityReference, FilterPattern, IngestionPipeline
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import ProfileField, SetField

CredentialState = Literal["new", "same", "differs", "hidden"]
SECRET_REFERENCE = "secret:"  # noqa: S105
"""How a setting names a secret in the vault of a hybrid ingestion runner.

Source: docs.open-metadata.org, Connectors, "When using a Hybrid Ingestion Runner, …".
"""
DESCRIPTION = "Metadata of dbt Cloud: descriptions, owners, tags, lineage and test results."


@dataclass(frozen=True, slots=True)
class DbtPipelineSpec:
    """What a dbt Cloud pipeline shall be; the guide's fields and options, and OpenMetadata's further ones.

    ``schedule`` is a cron expression in ``timezone``, ``None`` for on demand. Without a project or job every
    project or job counts. ``include_metrics``: ``None`` leaves the option as it is on the server.
    """

    name: str
    service: EntityReference
    account_id: int
    base_url: str
    token: SecretStr
    project_id: int | None = None
    job_id: int | None = None
    display_name: str = ""
    update_descriptions: bool = True
    update_owners: bool = True
    include_tags: bool = True
    classification: str = "dbtTags"
    search_across_databases: bool = False
    override_lineage: bool = False
    include_metrics: bool | None = None
    parsing_timeout_seconds: int = 300
    catalog_mapping: Mapping[str, str] = field(default_factory=dict)
    database_filter: FilterPattern = field(default_factory=FilterPattern)
    schema_filter: FilterPattern = field(default_factory=FilterPattern)
    table_filter: FilterPattern = field(default_factory=FilterPattern)
    tag_filter: FilterPattern = field(default_factory=FilterPattern)
    schedule: str | None = None
    timezone: str = "UTC"
    log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO"
    streamable_logs: bool = False

    @property
    def fqn_parts(self) -> tuple[str, str]:
        """Service and name, of which the pipeline's FQN is made."""
        return self.service.name, self.name

    def config(self, dialect: Dialect, token: str) -> dict[str, Any]:
        """``sourceConfig.config`` as this server takes it, with ``token`` as the secret's text."""
        source: dict[str, Any] = {
            "dbtConfigType": "cloud",
            "dbtCloudAuthToken": token,
            "dbtCloudAccountId": str(self.account_id),
            "dbtCloudUrl": self.base_url.rstrip("/"),
        }
        if self.project_id is not None:
            source["dbtCloudProjectId"] = str(self.project_id)
        if self.job_id is not None:
            source["dbtCloudJobId"] = str(self.job_id)
        values: dict[str, Any] = {
            "type": "DBT",
            "dbtConfigSource": source,
            "dbtUpdateDescriptions": self.update_descriptions,
            "dbtUpdateOwners": self.update_owners,
            "includeTags": self.include_tags,
            "dbtClassificationName": self.classification,
            "searchAcrossDatabases": self.search_across_databases,
            "overrideLineage": self.override_lineage,
            "parsingTimeoutLimit": self.parsing_timeout_seconds,
        }
        if self.include_metrics is not None:
            values["includeMetrics"] = self.include_metrics
        if self.catalog_mapping:
            values["catalogMapping"] = dict(self.catalog_mapping)
        for key, pattern in (
            ("databaseFilterPattern", self.database_filter),
            ("schemaFilterPattern", self.schema_filter),
            ("tableFilterPattern", self.table_filter),
            ("tagFilterPattern", self.tag_filter),
        ):
            if pattern.includes or pattern.excludes:
                values[key] = {"includes": list(pattern.includes), "excludes": list(pattern.excludes)}
        return dialect.dbt_config(values)

    def body(self, dialect: Dialect, token: str) -> dict[str, Any]:
        """The body of ``PUT services/ingestionPipelines`` for a pipeline that is not there yet."""
        airflow: dict[str, Any] = {"pipelineTimezone": self.timezone, "retries": 0, "pausePipeline": False}
        if self.schedule is not None:
            airflow["scheduleInterval"] = self.schedule
        values: dict[str, Any] = {
            "name": self.name,
            "pipelineType": "dbt",
            "description": DESCRIPTION,
            "service": {"id": self.service.id, "type": "databaseService"},
            "sourceConfig": {"config": self.config(dialect, token)},
            "airflowConfig": airflow,
            "loggerLevel": self.log_level,
            "raiseOnError": True,
            "enableStreamableLogs": self.streamable_logs,
        }
        if self.display_name:
            values["displayName"] = self.display_name
        return dialect.pipeline_fields(values)

    def updated_body(self, existing: Mapping[str, Any], dialect: Dialect, token: str) -> dict[str, Any]:
        """The body of an update: ours over what is there, so that settings made by others stay.

        ``existing`` is the pipeline as the server gives it; its name is kept, its secret never sent back.
        """
        values = self.body(dialect, token)
        values["name"] = str(existing["name"])
        for key in ("displayName", "description"):
            if existing.get(key) and not (key == "displayName" and self.display_name):
                values[key] = existing[key]
        for key in ("loggerLevel", "raiseOnError", "enableStreamableLogs"):
            if key in existing and existing[key] is not None and key in values:
                values[key] = existing[key]
        kept = dict(_mapping(_mapping(existing.get("sourceConfig")).get("config")))
        stored = str(_mapping(kept.pop("dbtConfigSource", None)).get("dbtCloudAuthToken") or "")
        ours = values["sourceConfig"]["config"]
        if stored.startswith(SECRET_REFERENCE):
            ours["dbtConfigSource"] = {**ours["dbtConfigSource"], "dbtCloudAuthToken": stored}
        values["sourceConfig"] = {"config": {**_without_none(kept), **ours}}
        airflow = {**_without_none(_mapping(existing.get("airflowConfig"))), **_schedule(self)}
        if self.schedule is None:
            airflow.pop("scheduleInterval", None)
        values["airflowConfig"] = airflow
        engine = _mapping(existing.get("processingEngine"))
        if engine.get("id"):
            values["processingEngine"] = {"id": engine["id"], "type": engine["type"]}
        if existing.get("owners") and dialect.many_owners:
            values["owners"] = [{"id": o["id"], "type": o["type"]} for o in existing["owners"]]
        return dialect.pipeline_fields(values)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a pipeline: OpenMetadata's name for it, the old and the new value in words."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PipelineDiff:
    """What writing a spec would change.

    ``existing`` is the pipeline that would be updated, ``None`` where one would be made; ``others`` are
    further dbt pipelines of the same job. ``credential`` is about the stored dbt Cloud token: "hidden" where
    the server masks it, so that nobody can tell whether it is the same.
    """

    existing: IngestionPipeline | None
    changes: tuple[FieldChange, ...]
    credential: CredentialState
    others: tuple[IngestionPipeline, ...] = ()

    @property
    def creates(self) -> bool:
        """Whether a pipeline would be made."""
        return self.existing is None

    @property
    def visible_changes(self) -> bool:
        """Whether anything that can be compared differs."""
        return self.creates or bool(self.changes) or self.credential == "differs"


def is_masked(secret: SecretStr | None) -> bool:
    """Whether a secret in a server's answer is a mask, a reference into a vault, or absent."""
    if secret is None:
        return True
    text = secret.get_secret_value()
    return not text.strip("*•") or text.startswith((SECRET_REFERENCE, "fernet:", "${"))


def diff_pipeline(
    spec: DbtPipelineSpec, pipelines: Sequence[IngestionPipeline], dialect: Dialect
) -> PipelineDiff:
    """Compare a spec with the pipelines of its service.

    The pipeline of the same account, project and job is the one to update, whatever its name; else that of
    the same name. Raises `UsageError` where the name is that of another kind of pipeline.
    """
    named = next((pipeline for pipeline in pipelines if pipeline.name == spec.name), None)
    same = [pipeline for pipeline in pipelines if _same_source(spec, pipeline)]
    existing = named if named in same else (same[0] if same else named)
    if existing is None:
        return PipelineDiff(None, _changes(spec, None, dialect), "new")
    if existing.config is None:
        raise UsageError(
            f"{existing.name} is a {existing.pipelineType} pipeline, not one for dbt",
            causes=["A name is used once in a database service, whatever the kind of pipeline."],
            fixes=[SetField("Choose another name", ProfileField.PIPELINE_NAME, "dbt_cloud_sync_2")],
        )
    stored = existing.config.dbtConfigSource.dbtCloudAuthToken
    state: CredentialState = "hidden"
    if stored is not None and not is_masked(stored):
        state = "same" if stored.get_secret_value() == spec.token.get_secret_value() else "differs"
    others = tuple(pipeline for pipeline in same if pipeline.id != existing.id)
    return PipelineDiff(existing, _changes(spec, existing, dialect), state, others)


def _same_source(spec: DbtPipelineSpec, pipeline: IngestionPipeline) -> bool:
    if pipeline.config is None:
        return False
    source = pipeline.config.dbtConfigSource
    return (
        source.dbtCloudAccountId == str(spec.account_id)
        and source.dbtCloudJobId == _text(spec.job_id)
        and (spec.job_id is not None or source.dbtCloudProjectId == _text(spec.project_id))
    )


def _changes(
    spec: DbtPipelineSpec, existing: IngestionPipeline | None, dialect: Dialect
) -> tuple[FieldChange, ...]:
    config = DbtPipelineConfig.model_validate(spec.config(dialect, ""))
    new = {**_config_words(config), **_schedule_words(spec.schedule, spec.timezone)}
    old: dict[str, str] = {}
    if existing is not None and existing.config is not None:
        airflow = existing.airflowConfig
        old = {
            **_config_words(existing.config),
            **_schedule_words(airflow.scheduleInterval, airflow.pipelineTimezone),
        }
        if airflow.pausePipeline or not existing.enabled:
            old["pausePipeline"] = "yes"
            new["pausePipeline"] = "no" if existing.enabled else "yes"
    return tuple(
        FieldChange(key, old.get(key, ""), value) for key, value in new.items() if old.get(key, "") != value
    )


def _config_words(config: DbtPipelineConfig) -> dict[str, str]:
    source = config.dbtConfigSource
    words = {
        "dbtCloudUrl": source.dbtCloudUrl.rstrip("/"),
        "dbtCloudAccountId": source.dbtCloudAccountId,
        "dbtCloudProjectId": source.dbtCloudProjectId or "any",
        "dbtCloudJobId": source.dbtCloudJobId or "any",
        "dbtUpdateDescriptions": _yes(config.dbtUpdateDescriptions),
        "dbtUpdateOwners": _yes(config.dbtUpdateOwners),
        "includeTags": _yes(config.includeTags),
        "dbtClassificationName": config.dbtClassificationName,
        "searchAcrossDatabases": _yes(config.searchAcrossDatabases),
        "overrideLineage": _yes(config.overrideLineage),
        "parsingTimeoutLimit": f"{config.parsingTimeoutLimit} s",
    }
    if config.includeMetrics is not None:
        words["includeMetrics"] = _yes(config.includeMetrics)
    if config.catalogMapping:
        words["catalogMapping"] = ", ".join(f"{k} → {v}" for k, v in sorted(config.catalogMapping.items()))
    for key in ("databaseFilterPattern", "schemaFilterPattern", "tableFilterPattern", "tagFilterPattern"):
        pattern: FilterPattern = getattr(config, key)
        if pattern.includes or pattern.excludes:
            parts = [*(f"+{name}" for name in pattern.includes), *(f"-{name}" for name in pattern.excludes)]
            words[key] = " ".join(parts)
    return words


def _schedule_words(cron: str | None, timezone: str) -> dict[str, str]:
    if not cron:
        return {"scheduleInterval": "on demand"}
    return {"scheduleInterval": cron, "pipelineTimezone": timezone}


def _schedule(spec: DbtPipelineSpec) -> dict[str, Any]:
    values: dict[str, Any] = {"pipelineTimezone": spec.timezone, "pausePipeline": False}
    if spec.schedule is not None:
        values["scheduleInterval"] = spec.schedule
    return values


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None}


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
