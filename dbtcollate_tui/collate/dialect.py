"""What differs between OpenMetadata's versions: the one place that knows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

OLDEST = (1, 1)
NEWEST = (2, 0)

_PIPELINE_SINCE = {
    "raiseOnError": (1, 7, 1),
    "processingEngine": (1, 9, 0),
    "enableStreamableLogs": (1, 10, 0),
}
_DBT_OPTION_SINCE = {
    "parsingTimeoutLimit": (1, 1, 1),
    "searchAcrossDatabases": (1, 6, 3),
    "dbtUpdateOwners": (1, 6, 2),
    "tagFilterPattern": (1, 7, 2),
    "overrideLineage": (1, 11, 4),
    "catalogMapping": (2, 0, 6),
    "includeMetrics": (2, 0, 0),
}
_CONNECTION_SINCE = {
    "jobIds": (1, 6, 0),
    "projectIds": (1, 6, 0),
    "numberOfRuns": (1, 6, 8),
    "pipelineFilterPattern": (1, 7, 0),
    "environmentIds": (1, 11, 1),
}
_DATA_MODEL_SINCE = {"resourceType": (1, 2, 0), "dbtSourceProject": (1, 9, 8)}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to speak to one server. Read the version with `of`; nothing else compares versions."""

    text: str
    version: tuple[int, int, int]
    warning: str | None = None
    refused: frozenset[str] = frozenset()
    """Fields of a data model that this server refused, though its version should know them."""

    @classmethod
    def of(cls, version: str) -> "Dialect":
        """The dialect of a version's text such as ``1.1.0-SNAPSHOT``.

        A version outside of what is known is treated as the nearest known one, with a ``warning``;
        raises ``ValueError`` where the text holds no version.
        """
        match = re.search(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", version)
        if match is None:
            raise ValueError(f"{version!r} holds no version")
        numbers = (int(match.group(1)), int(match.group(2)), int(match.group(3) or 0))
        warning = None
        known = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        if numbers[:2] > NEWEST:
            warning = (
                f"OpenMetadata {version} is newer than the versions this program knows ({known}). "
                f"It is treated as {NEWEST[0]}.{NEWEST[1]}."
            )
        elif numbers[:2] < OLDEST:
            warning = (
                f"OpenMetadata {version} is older than the versions this program knows ({known}). "
                f"It is treated as {OLDEST[0]}.{OLDEST[1]}."
            )
        return cls(version, numbers, warning)

    def at_least(self, major: int, minor: int, patch: int = 0) -> bool:
        """Whether the server is of this version or newer."""
        return self.version >= (major, minor, patch)

    @property
    def many_owners(self) -> bool:
        """Whether entities have ``owners`` (a list, since 1.5) and not ``owner``."""
        return self.at_least(1, 5)

    @property
    def has_domains(self) -> bool:
        """Whether tables have domains and data products (since 1.2)."""
        return self.at_least(1, 2)

    @property
    def many_domains(self) -> bool:
        """Whether a table may have several domains (``domains``, since 1.9) and not one (``domain``)."""
        return self.at_least(1, 9)

    @property
    def has_column_properties(self) -> bool:
        """Whether columns have custom properties (since 1.12)."""
        return self.at_least(1, 12)

    @property
    def has_metrics(self) -> bool:
        """Whether there are metrics (since 1.6)."""
        return self.at_least(1, 6)

    @property
    def has_semantic_metrics(self) -> bool:
        """Whether metrics have dimensions, measures, filters and dbt's types (since 2.0)."""
        return self.at_least(2, 0)

    @property
    def has_custom_units(self) -> bool:
        """Whether a metric may have a unit of its own (``customUnitOfMeasurement``, since 1.10)."""
        return self.at_least(1, 10)

    @property
    def has_contracts(self) -> bool:
        """Whether tables may have a data contract (since 1.8)."""
        return self.at_least(1, 8)

    @property
    def has_contract_columns(self) -> bool:
        """Whether a contract's ``schema`` holds a table's columns (since 1.9; before, fields of topics)."""
        return self.at_least(1, 9)

    @property
    def has_contract_results(self) -> bool:
        """Whether a contract keeps results (since 1.9)."""
        return self.at_least(1, 9)

    @property
    def contract_status(self) -> tuple[str, str]:
        """Name and value of the status of a contract that holds (another field since 1.10)."""
        return ("entityStatus", "Approved") if self.has_status else ("status", "Active")

    @property
    def has_status(self) -> bool:
        """Whether tables have a status such as ``Deprecated`` (``entityStatus``, since 1.10)."""
        return self.at_least(1, 10)

    @property
    def has_key_relations(self) -> bool:
        """Whether a foreign key says how many rows refer to how many (``relationshipType``, since 1.6)."""
        return self.at_least(1, 6)

    @property
    def names_text_authors(self) -> bool:
        """Whether an entity's change summary names who wrote its description (since 1.7)."""
        return self.at_least(1, 7)

    @property
    def refuses_inline_conversions(self) -> bool:
        """Whether this release's own ingestion cannot read a manifest with an inline conversion metric.

        Seen with openmetadata-ingestion 2.0.7: "base_measure: Input should be a valid dictionary".
        """
        return self.at_least(2, 0) and not self.at_least(2, 0, 8)

    def metric_body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new metric's body as this server takes it: one domain up to 1.8."""
        values = dict(body)
        domains = values.pop("domains", None)
        if domains:
            name, value = ("domains", domains) if self.many_domains else ("domain", domains[0])
            values[name] = value
        return values

    @property
    def posts_results(self) -> bool:
        """Whether results go to ``POST testCases/testCaseResults/{fqn}`` (since 1.8, else ``PUT``)."""
        return self.at_least(1, 8)

    @property
    def creates_many_cases(self) -> bool:
        """Whether to try making test cases a hundred at a time; where that is not spoken, one by one."""
        return self.at_least(1, 8)

    @property
    def writes_at_once(self) -> int:
        """How many writes at once are worth sending: a real 1.1 server gained nothing above 8."""
        return 16 if self.at_least(1, 2) else 8

    @property
    def needs_test_suite(self) -> bool:
        """Whether a table's executable suite must be made and named before its cases (up to 1.7)."""
        return not self.at_least(1, 8)

    @property
    def suite_key(self) -> str:
        """The field of a new suite that names its table."""
        return "basicEntityReference" if self.at_least(1, 6, 2) else "executableEntityReference"

    @property
    def dbt_platform(self) -> str:
        """How the enum of test platforms spells dbt (``DBT`` up to 1.10)."""
        return "dbt" if self.at_least(1, 11) else "DBT"

    @property
    def definition_needs_description(self) -> bool:
        """Whether a test definition cannot be made without a description (up to 1.11)."""
        return not self.at_least(1, 12)

    @property
    def reads_edges(self) -> bool:
        """Whether ``GET lineage/getLineageEdge/…`` is there (since 1.4)."""
        return self.at_least(1, 4)

    @property
    def streams_logs(self) -> bool:
        """Whether the log of a run may be had as server-sent events, and be appended to (since 1.10)."""
        return self.at_least(1, 10)

    @property
    def tracks_progress(self) -> bool:
        """Whether a run's progress may be sent and read as server-sent events (since 1.13)."""
        return self.at_least(1, 13)

    @property
    def stopped_state(self) -> Literal["stopped", "failed"]:
        """How the status of a run that was interrupted is spelt (``stopped`` since 1.12.6)."""
        return "stopped" if self.at_least(1, 12, 6) else "failed"

    @property
    def status_has_steps(self) -> bool:
        """Whether a pipeline's status takes the counts of each step (since 1.3)."""
        return self.at_least(1, 3)

    def dbt_cloud_connection(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """A dbt Cloud pipeline service's connection as this server takes it; ``None`` before 1.5."""
        if not self.at_least(1, 5):
            return None
        values = {k: v for k, v in config.items() if self.at_least(*_CONNECTION_SINCE.get(k, OLDEST))}
        if config.get("jobIds") and "jobIds" not in values:
            values["jobId"] = config["jobIds"][0]
        return values

    def pipeline_fields(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """An ingestion pipeline's body without the fields that this server does not know."""
        return {k: v for k, v in body.items() if self.at_least(*_PIPELINE_SINCE.get(k, OLDEST))}

    def dbt_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A dbt pipeline's ``sourceConfig.config`` without the options that this server does not know."""
        values = {k: v for k, v in config.items() if self.at_least(*_DBT_OPTION_SINCE.get(k, OLDEST))}
        source = values.get("dbtConfigSource")
        if isinstance(source, Mapping) and not self.at_least(1, 3, 2):
            values["dbtConfigSource"] = {k: v for k, v in source.items() if k != "dbtConfigType"}
        return values

    def fields(self, names: Iterable[str]) -> str:
        """The ``fields`` parameter: latest names in, this server's names out, unknown ones dropped."""
        kept: list[str] = []
        for name in names:
            if name == "owners":
                kept.append("owners" if self.many_owners else "owner")
            elif name == "certification":
                if self.at_least(1, 6):
                    kept.append(name)
            elif name == "domains":
                if self.has_domains:
                    kept.append("domains" if self.many_domains else "domain")
            elif name == "dataProducts":
                if self.has_domains:
                    kept.append(name)
            else:
                kept.append(name)
        return ",".join(kept)

    def owners_value(self, references: Iterable[Mapping[str, Any]]) -> tuple[str, Any]:
        """Name and value of the owners' field: a list, or the first one (``None`` without) on old servers."""
        listed = [dict(reference) for reference in references]
        if self.many_owners:
            return "owners", listed
        return "owner", listed[0] if listed else None

    def data_model(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A data model's body as this server takes it; its SQL had to be there up to 1.4."""
        values = dict(body)
        if not self.many_owners:
            owners = values.pop("owners", None)
            if owners:
                values["owner"] = owners[0]
            values.setdefault("sql", "")
        return {
            key: value
            for key, value in values.items()
            if key not in self.refused and self.at_least(*_DATA_MODEL_SINCE.get(key, OLDEST))
        }
