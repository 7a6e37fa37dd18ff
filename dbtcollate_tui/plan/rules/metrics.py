"""The plan's part on metrics: the metrics themselves, and the edges that end at them. No IO."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Metric, Project
from dbtcollate_tui.collate import models
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.models import ColumnLineage
from dbtcollate_tui.plan.matching.custom_properties import UnfitError, fit, same
from dbtcollate_tui.plan.matching.matches import AssetRef, MatchReport, TableRef
from dbtcollate_tui.plan.model import Conflict, MetricChange, MetricEdgeChange, MetricField
from dbtcollate_tui.plan.rules import metric_values as values
from dbtcollate_tui.plan.rules.findings import Findings
from dbtcollate_tui.plan.rules.tables import FIRST_VERSION, allowed_owners, found_owners
from dbtcollate_tui.plan.rules.tags import exclusive_group, tag_label, wanted_tags
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

DBT_EDGE = "DbtLineage"


@dataclass(slots=True)
class MetricFacts:
    """What the verification looks for, and what the notes count."""

    names: list[str] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    without_table: list[str] = field(default_factory=list)
    odd_units: list[str] = field(default_factory=list)
    odd_granularities: list[str] = field(default_factory=list)


def chosen_metrics(project: Project, only: Collection[str] | None) -> list[Metric]:
    """The metrics asked for, inputs before their users; of two of one name the root project's alone."""
    by_name: dict[str, Metric] = {}
    for metric in project.metrics.values():
        known = by_name.get(metric.name)
        if known is None or metric.package_name == project.project_name:
            by_name[metric.name] = metric
    chosen = [
        metric
        for metric in by_name.values()
        if only is None or not set(project.metric_nodes(metric.unique_id)).isdisjoint(only)
    ]
    levels = metric_levels(project)
    return sorted(chosen, key=lambda metric: levels[metric.unique_id])


def metric_levels(project: Project) -> dict[str, int]:
    """How many metrics lie below each at most; a metric in a cycle counts what is below it once."""
    levels: dict[str, int] = {}
    for start in project.metrics:
        stack, path = [start], {start}
        while stack:
            here = stack[-1]
            below = [
                name
                for name in values.related(project, project.metrics[here])
                if name not in levels and name not in path
            ]
            if here in levels or not below:
                stack.pop()
                path.discard(here)
                made_of = values.related(project, project.metrics[here])
                levels.setdefault(here, 1 + max((levels.get(name, -1) for name in made_of), default=-1))
            else:
                stack.append(below[0])
                path.add(below[0])
    return levels


def metric_sources(
    project: Project, report: MatchReport, metric: Metric
) -> tuple[list[TableRef], list[Metric], list[str]]:
    """The tables and the metrics that a metric reads, and the nodes among them that have no table."""
    tables: dict[str, TableRef] = {}
    missing: list[str] = []
    for node in project.metric_nodes(metric.unique_id):
        ref = report.matched.get(node)
        if ref is None:
            missing.append(node)
        else:
            tables.setdefault(ref.fqn, ref)
    made_of = [project.metrics[name] for name in values.related(project, metric)]
    return list(tables.values()), made_of, missing


def is_ours(
    project: Project, report: MatchReport, metric: Metric, there: models.Metric, state: ServerState
) -> bool:
    """Whether a sync of this project made the metric of that name.

    Metrics have one namespace on the server. It is ours where dbt's lineage leads to it from a table or a
    metric that this project's metric reads; and where no dbt lineage leads to it, if this bot wrote it last.
    """
    tables, made_of, _ = metric_sources(project, report, metric)
    ours = {ref.id for ref in tables}
    ours |= {found.id for item in made_of if (found := state.metrics.by_name.get(item.name)) is not None}
    above = state.metrics.upstream.get(there.id, frozenset())
    return bool(above & ours) if above else there.updatedBy in state.own_names


def plan_metrics(
    project: Project,
    report: MatchReport,
    state: ServerState,
    options: SyncOptions,
    dialect: Dialect,
    only: Collection[str] | None,
    findings: Findings,
) -> MetricFacts:
    """Add the metrics that are not there or differ, and their edges; gives what the verification needs.

    dbt's definition (type, expression, dimensions, measures, filters, unit, granularity) replaces the
    server's. Texts and owners that a person changed stay, as conflicts; tags and related metrics are added.
    """
    facts = MetricFacts()
    wanted = chosen_metrics(project, only)
    names = {metric.unique_id for metric in wanted}
    facts.doubled = [
        metric.unique_id
        for metric in project.metrics.values()
        if only is None and metric.unique_id not in names
    ]
    levels = metric_levels(project)
    keeps_columns = any(edge.columnsLineage for edge in state.metrics.edges.values())
    new: dict[str, str] = {}
    for metric in wanted:
        there = state.metrics.by_name.get(metric.name)
        if there is not None and not is_ours(project, report, metric, there, state):
            facts.foreign.append(metric.name)
            continue
        planning = _Planning(project, state, options, dialect, findings, facts, metric, there)
        change = planning.change(levels[metric.unique_id], new)
        facts.names.append(metric.name)
        if change is not None:
            findings.changes.append(change)
            if there is None:
                new[metric.name] = change.key
        else:
            findings.same("metrics")
        _edges(project, report, state, metric, there, new, keeps_columns, findings, facts)
    return facts


@dataclass(slots=True)
class _Planning:
    """One metric's planning."""

    project: Project
    state: ServerState
    options: SyncOptions
    dialect: Dialect
    findings: Findings
    facts: MetricFacts
    metric: Metric
    there: models.Metric | None

    def change(self, level: int, new: Mapping[str, str]) -> MetricChange | None:
        """The change, ``None`` where the server holds all of it; conflicts are added on the way."""
        fields = [*self._definition(), *self._texts(), *self._owners(), *self._tags()]
        fields += [*self._domain(), *self._properties(), *self._related()]
        if self.there is not None and not fields:
            return None
        body: dict[str, object] = {"name": self.metric.name}
        body |= {item.name: item.after for item in fields if item.after}
        requires = [self.findings.new_tags[fqn].key for fqn in self._new_tags()]
        requires += [new[name] for name in self._names_of_related() if name in new]
        return self._made(tuple(fields), body, tuple(requires), level)

    def _made(
        self,
        fields: tuple[MetricField, ...],
        body: Mapping[str, object],
        requires: tuple[str, ...] = (),
        level: int = 0,
        part: str = "",
    ) -> MetricChange:
        return MetricChange(
            unique_id=self.metric.unique_id,
            name=self.metric.name,
            fqn=join_fqn(self.metric.name),
            body=body,
            fields=fields if self.there is not None else (),
            id=self.there.id if self.there is not None else "",
            level=level,
            part=part,
            requires=requires,
        )

    def _definition(self) -> Iterator[MetricField]:
        metric, there, dialect = self.metric, self.there, self.dialect
        unit, custom = values.unit(metric, dialect)
        if metric.unit and not unit:
            self.facts.odd_units.append(f"{metric.name}: {metric.unit}")
        granularity = values.granularity(metric)
        if metric.granularity and not granularity:
            self.facts.odd_granularities.append(f"{metric.name}: {metric.granularity}")
        plain = {
            "metricType": values.metric_type(metric, dialect),
            "granularity": granularity,
            "unitOfMeasurement": unit,
            "customUnitOfMeasurement": custom,
        }
        for name, text in plain.items():
            held = str(getattr(there, name)) if there is not None else ""
            if text and text != held:
                yield MetricField(name, held or None, text)
        code = values.expression(metric)
        old = there.metricExpression if there is not None else None
        if code and (old is None or (old.code, old.language) != (code, "SQL")):
            before = {"language": old.language, "code": old.code} if old is not None and old.code else None
            yield MetricField("metricExpression", before, {"language": "SQL", "code": code})
        if dialect.has_semantic_metrics:
            yield from self._parts("dimensions", values.dimensions(self.project, metric))
            yield from self._parts("measures", values.measures(metric))
            wheres = list(metric.filters)
            held_filters = [item.where for item in there.filters] if there is not None else []
            if wheres != held_filters:
                yield MetricField(
                    "filters",
                    [{"where": text} for text in held_filters] or None,
                    [{"where": text} for text in wheres],
                )

    def _parts(self, name: str, wanted: list[dict[str, object]]) -> Iterator[MetricField]:
        """Dimensions or measures; a text of one that a person may have written stays."""
        held = {item.name: item for item in getattr(self.there, name)} if self.there is not None else {}
        for item in wanted:
            there = held.get(str(item["name"]))
            text = str(item.get("description", ""))
            if there is None or not there.description.strip() or there.description.strip() == text:
                continue
            item["description"] = there.description
            if text and not self._is_untouched():
                label = f"{self.metric.name}: {item['name']}"
                self._conflict(label, there.description, text, "another text in Collate")
            elif text:
                item["description"] = text
        if [_comparable(item) for item in wanted] != [_part(item) for item in held.values()]:
            yield MetricField(name, [_part(item) for item in held.values()] or None, wanted)

    def _texts(self) -> Iterator[MetricField]:
        label = self.metric.label if self.metric.label != self.metric.name else ""
        texts = {"displayName": label, "description": values.description(self.metric, self.dialect)}
        for name, text in texts.items():
            held = str(getattr(self.there, name)) if self.there is not None else ""
            if not text or text.strip() == held.strip():
                continue
            found = MetricField(name, held or None, text)
            if not held.strip() or (self.options.update_descriptions and self._wrote(name)):
                yield found
                continue
            author = self._author(name)
            reason = f"edited in Collate by {author}" if author else "another text in Collate"
            self._conflict(f"{self.metric.name}: {name}", held, text, reason, found)

    def _owners(self) -> Iterator[MetricField]:
        if not self.options.update_owners or not self.metric.owners:
            return
        found, unknown = found_owners(self.metric.owners, self.state)
        for name in unknown:
            self.findings.unknown_owners.setdefault(name, []).append(self.metric.unique_id)
        if not found:
            return
        owners, _ = allowed_owners(found, self.dialect)
        held = self.there.owners if self.there is not None else ()
        if {owner.id for owner in owners} == {owner.id for owner in held}:
            return
        after = [{"id": owner.id, "type": owner.type, "name": owner.name} for owner in owners]
        before = [{"id": owner.id, "type": owner.type, "name": owner.name} for owner in held]
        change = MetricField("owners", before or None, after)
        if not held or self._is_untouched():
            yield change
            return
        names = ", ".join(owner.displayName or owner.name or owner.id for owner in held)
        dbts = ", ".join(owner.name for owner in owners)
        self._conflict(f"{self.metric.name}: owners", names, dbts, "other owners in Collate", change)

    def _tags(self) -> Iterator[MetricField]:
        held = self.there.tags if self.there is not None else ()
        known = {label.tagFQN for label in held}
        taken = {group for fqn in known if (group := exclusive_group(fqn, self.state.exclusive))}
        added = []
        for fqn, source in self._wanted_tags().items():
            group = exclusive_group(fqn, self.state.exclusive)
            if fqn in known:
                continue
            if group in taken and group:
                others = [name for name in known if exclusive_group(name, self.state.exclusive) == group]
                reason = f"a metric has one tag of {group}, and another one is in Collate"
                self._conflict(self.metric.name, ", ".join(others) or "another tag of dbt's", fqn, reason)
                continue
            taken.add(group)
            added.append(tag_label(fqn, source).as_request())
        if added:
            before = [label.as_request() for label in held]
            yield MetricField("tags", before or None, [*before, *added])

    def _wanted_tags(self) -> dict[str, str]:
        place = f"metric {self.metric.name}"
        return wanted_tags(self.metric, place, self.state, self.options, self.findings)

    def _new_tags(self) -> list[str]:
        return [fqn for fqn in self._wanted_tags() if fqn in self.findings.new_tags]

    def _domain(self) -> Iterator[MetricField]:
        name = self.metric.domain
        if name is None or name not in self.state.meta.domains:
            return
        domain = self.state.meta.domains[name]
        if domain is None:
            self.findings.unknown_domains.setdefault(name, set()).add(f"metric {self.metric.name}")
            return
        held = self.there.domains if self.there is not None else ()
        if {item.id for item in held} != {domain.id}:
            after = {
                "id": domain.id,
                "type": "domain",
                "fullyQualifiedName": domain.fullyQualifiedName or name,
            }
            before = [{"id": item.id, "type": "domain", "name": item.name} for item in held]
            yield MetricField("domains", before or None, [after])

    def _properties(self) -> Iterator[MetricField]:
        held = dict(self.there.extension) if self.there is not None else {}
        after = dict(held)
        for name, value in self.metric.custom_properties.items():
            known = self.state.metrics.properties.get(name)
            if known is None:
                where = f"metric {self.metric.name}"
                self.findings.unknown_metric_properties.setdefault(name, set()).add(where)
                continue
            try:
                fitting = fit(known, value, self.state.metrics.references)
            except UnfitError as error:
                self.findings.unfit_properties.append(f"metric {self.metric.name}.{name}: {error}")
                continue
            if name not in held or not same(held[name], fitting):
                after[name] = fitting
        if after != held:
            yield MetricField("extension", held or None, after)

    def _names_of_related(self) -> list[str]:
        found = values.related(self.project, self.metric)
        return [self.project.metrics[name].name for name in found]

    def _related(self) -> Iterator[MetricField]:
        held = (
            [item.fullyQualifiedName or item.name for item in self.there.relatedMetrics] if self.there else []
        )
        wanted = [join_fqn(name) for name in self._names_of_related()]
        added = [fqn for fqn in wanted if fqn not in held]
        if added:
            yield MetricField("relatedMetrics", held or None, [*held, *added])

    def _is_untouched(self) -> bool:
        """Whether nobody has changed the metric since this bot made it."""
        there = self.there
        return there is None or (there.version <= FIRST_VERSION and there.updatedBy in self.state.own_names)

    def _author(self, name: str) -> str:
        there = self.there
        summary = there.changeDescription.changeSummary if there and there.changeDescription else {}
        known = summary.get(name)
        return known.changedBy if known is not None else ""

    def _wrote(self, name: str) -> bool:
        """Whether a text on the server is this bot's, as far as that can be known."""
        author = self._author(name)
        if author:
            return author in self.state.own_names or author.endswith("bot")
        by_summary = name == "description" and self.dialect.names_text_authors
        return by_summary or self._is_untouched()

    def _conflict(
        self, label: str, server: str, dbt: str, reason: str, found: MetricField | None = None
    ) -> None:
        there = self.there
        by = self._author(found.name) if found is not None else ""
        change = (
            self._made((found,), {}, part=found.name) if found is not None and there is not None else None
        )
        target = join_fqn(self.metric.name)
        self.findings.kept.append(Conflict("metrics", target, label, server, dbt, reason, by, change))


def _part(item: models.MetricPart) -> dict[str, object]:
    found = {
        "name": item.name,
        "type": item.type,
        "aggregation": item.aggregation,
        "description": item.description,
        "expression": item.expression,
    }
    return {name: value for name, value in found.items() if value}


def _comparable(item: Mapping[str, object]) -> dict[str, object]:
    order = ("name", "type", "aggregation", "description", "expression")
    return {name: item[name] for name in order if item.get(name)}


def _edges(
    project: Project,
    report: MatchReport,
    state: ServerState,
    metric: Metric,
    there: models.Metric | None,
    new: Mapping[str, str],
    keeps_columns: bool,
    findings: Findings,
    facts: MetricFacts,
) -> None:
    tables, made_of, missing = metric_sources(project, report, metric)
    facts.without_table += [f"{metric.name}: {node} has no table in Collate" for node in missing]
    fqn = join_fqn(metric.name)
    here = AssetRef(there.id if there is not None else "", "metric", fqn)
    above: list[tuple[TableRef | AssetRef, tuple[ColumnLineage, ...], tuple[str, ...]]] = []
    for ref in tables:
        columns = _column_lineage(metric, state.tables.get(ref.fqn), fqn)
        above.append((ref, columns, ()))
    for item in made_of:
        held = state.metrics.by_name.get(item.name)
        if held is None and item.name not in new:
            continue
        upstream = AssetRef(held.id if held is not None else "", "metric", join_fqn(item.name))
        above.append((upstream, (), (new[item.name],) if item.name in new else ()))
    for end, columns, requires in above:
        facts.edges.append((end.fqn, fqn))
        edge = state.metrics.edges.get((end.id, here.id))
        lacks = edge is not None and keeps_columns and edge.source == DBT_EDGE and columns
        if edge is not None and not (lacks and not _holds(edge.columnsLineage, columns)):
            findings.same("metrics")
            continue
        own = (new[metric.name],) if metric.name in new else ()
        findings.changes.append(
            MetricEdgeChange(
                unique_id=metric.unique_id,
                upstream=end,
                metric=here,
                columns=columns,
                requires=(*own, *requires),
            )
        )


def _column_lineage(metric: Metric, table: models.Table | None, fqn: str) -> tuple[ColumnLineage, ...]:
    if table is None or metric.aggregation is None:
        return ()
    known = {column.name: column.fullyQualifiedName for column in table.columns}
    read = values.read_columns(metric, list(known))
    sources = tuple(known[name] or f"{table.fullyQualifiedName}.{join_fqn(name)}" for name in read)
    return (ColumnLineage(fromColumns=sources, toColumn=fqn),) if sources else ()


def _holds(there: Sequence[ColumnLineage], wanted: Sequence[ColumnLineage]) -> bool:
    pairs = {(source, item.toColumn) for item in there for source in item.fromColumns}
    return all((source, item.toColumn) in pairs for item in wanted for source in item.fromColumns)
