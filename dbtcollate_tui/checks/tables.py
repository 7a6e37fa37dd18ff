"""Checks of Collate: address, token, database service, and how many of dbt's nodes find their table."""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbtcollate_tui.adapters import adapter_of, is_type_for
from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext, answers_at_all
from dbtcollate_tui.checks.dbt_cloud import ORIGIN_WORDS
from dbtcollate_tui.checks.services import iter_scores
from dbtcollate_tui.collate.agents import metadata_agent, responsible_for
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import BOTS_PAGE, PERSONAL_TOKENS_PAGE, CollateError, ForbiddenError
from dbtcollate_tui.collate.links import service_ingestion_page
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.collate.tokens import TokenKind, read_jwt
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import (
    Advice,
    EnterToken,
    Fix,
    GoToStep,
    IngestTables,
    OpenUrl,
    ProfileField,
    SetField,
    Step,
)
from dbtcollate_tui.wording import some

if TYPE_CHECKING:
    from dbtcollate_tui.plan.matching.matches import CauseGroup, MatchReport
    from dbtcollate_tui.plan.matching.services import ServiceScore

_OF_KIND: dict[TokenKind, str] = {
    "bot": " (bot)",
    "personal": " (personal access token)",
    "sign_in": " (sign-in token)",
    "other": "",
}
_ON_PERSONAL = (
    "Collate shows what it writes as this person's, and it expires with the person's account. Texts that "
    "this person edited in Collate are kept like anyone's. A bot's token suits a schedule better."
)
EXPIRES_SOON = timedelta(days=14)


async def reachable(context: CheckContext) -> Finding:
    """Whether OpenMetadata's API answers at Collate's address."""
    token = await context.clients.secret("collate")
    collate = context.profile.collate
    async with CollateClient(
        collate.base_url, token, request_log=context.request_log, allow_http=collate.allow_http
    ) as client:
        refused = await answers_at_all(client.version)
        version = "" if refused is not None else f", OpenMetadata {(await client.version()).version}"
        return Finding(
            CheckState.PASS,
            f"{client.transport.host} answers{version}",
            evidence=context.seen(client.transport.host, "/system/version"),
        )


async def token(context: CheckContext) -> Finding:
    """Whether Collate takes the token, whose it is, and what it may do."""
    client = await context.collate()
    user = await client.logged_in_user()
    capabilities = await client.capabilities()
    facts = read_jwt(await context.clients.secret("collate"))
    origin = ORIGIN_WORDS[context.clients.origins["collate"]]
    kind = "bot" if user.isBot else facts.kind
    who = f"{user.displayName or user.name}{_OF_KIND[kind]}"
    end = f"valid until {facts.expires_at:%Y-%m-%d}" if facts.expires_at is not None else "does not expire"
    evidence = (*context.seen(client.transport.host, "/users/loggedInUser", "/permissions"),)
    warnings: list[str] = []
    if client.dialect.warning:
        warnings.append(client.dialect.warning)
    if facts.expires_at is not None and facts.expires_at - context.now < EXPIRES_SOON:
        warnings.append(f"The token expires on {facts.expires_at:%Y-%m-%d %H:%M} UTC.")
    fixes: tuple[Fix, ...] = ()
    if kind == "sign_in":
        by = urlsplit(facts.issuer).hostname or "this server"
        warnings.append(f"It is a sign-in token ({by}) and expires soon; syncs need one that lasts.")
    if capabilities.read_only:
        warnings.insert(0, "The token is read-only: a sync cannot write with it.")
    elif capabilities.missing:
        warnings.insert(0, f"The token may not: {', '.join(capabilities.missing)}.")
    if warnings:
        fixes = (
            Advice(f"{BOTS_PAGE}: give the bot the role Ingestion bot role, or create a new token"),
            *((Advice(f"Without admin rights: {PERSONAL_TOKENS_PAGE}"),) if kind != "bot" else ()),
            EnterToken("Enter another token", "collate"),
        )
    summary = f"token of {who}, {origin}, {end}"
    state = CheckState.WARN if warnings else CheckState.PASS
    if capabilities.read_only:
        state, summary = CheckState.FAIL, f"The token is read-only: {summary}"
    return Finding(
        state,
        summary,
        detail=_ON_PERSONAL if kind == "personal" else "",
        causes=tuple(warnings),
        evidence=evidence,
        fixes=fixes,
        blocks=False,
        exit_code=ExitCode.AUTH,
    )


async def service(context: CheckContext) -> Finding:
    """Whether the profile's database service is there and of a type that fits dbt's adapter."""
    client = await context.collate()
    wanted = context.profile.collate.service
    found = await context.service()
    if found is None:
        others = [item.fullyQualifiedName or item.name for item in await client.database_services()]
        return Finding(
            CheckState.FAIL,
            f"Collate has no database service {wanted}",
            causes=("It was renamed or deleted, or the profile belongs to another server.",),
            evidence=(
                *context.seen(client.transport.host, "/databaseServices/name/"),
                f"there are: {some(others, 8)}",
            ),
            fixes=(GoToStep("Choose the database service again", Step.SERVICE),),
        )
    evidence = context.seen(client.transport.host, "/databaseServices/name/")
    project = await context.project()
    if not is_type_for(project.adapter_type, found.serviceType):
        fitting = " or ".join(adapter_of(project.adapter_type).service_types)
        return Finding(
            CheckState.FAIL,
            f"{wanted} is of type {found.serviceType}, dbt's adapter is {project.adapter_type}",
            causes=(f"It is a different warehouse: dbt's tables are in a service of type {fitting}.",),
            evidence=evidence,
            fixes=(GoToStep("Choose another database service", Step.SERVICE),),
        )
    if found.serviceType == "SQLite" and not found.database:
        return Finding(
            CheckState.WARN,
            f"{wanted} names no database, so OpenMetadata's SQLite connector reads no table of it",
            causes=("The connector names the database as the connection's field database does.",),
            evidence=evidence,
            fixes=(
                Advice(
                    "Set the field database of the service's connection in Collate, and run its ingestion"
                ),
            ),
            blocks=False,
        )
    return Finding(
        CheckState.PASS, f"{wanted}, type {found.serviceType}, fits {project.adapter_type}", evidence=evidence
    )


async def matched(context: CheckContext) -> Finding:
    """How many of dbt's nodes have their table in Collate; the others by cause, each with its fix."""
    from dbtcollate_tui.plan.matching.matches import NOT_INGESTED_CAUSES

    report = await context.report()
    client = await context.collate()
    evidence = context.seen(client.transport.host, "/databases", "/tables")
    exceptions = tuple(f"{item.unique_id}: {item.detail}" for item in report.unmatched)
    caption = f"{len(report.matched)} of {report.expected}"
    if not report.missing:
        cased = f", {len(report.by_case)} by ignoring case" if report.by_case else ""
        return Finding(
            CheckState.PASS,
            f"{report.summary()}{cased}",
            caption=caption,
            evidence=evidence,
            exceptions=exceptions,
        )
    groups = [group for group in report.groups() if not group.harmless]
    exceptions = tuple(f"{node.unique_id}: {node.detail}" for group in groups for node in group.nodes)
    fixes = [*_fixes(groups)]
    detail = "Nodes without a table get no description, tag, lineage or test result."
    better = await _better(context, report) if len(report.matched) * 2 < report.expected else None
    if better is not None:
        name = better.service.fullyQualifiedName or better.service.name
        fixes = [SetField(f"Use the service {name}", ProfileField.SERVICE, name)]
    if not report.matched:
        fixes.append(GoToStep("Choose another database service", Step.SERVICE))
    causes = [_words(group) for group in groups]
    if better is None and any(group.cause in NOT_INGESTED_CAUSES for group in groups):
        facts, offers = await _agent(context)
        evidence = (*evidence, *facts)
        fixes = [*offers, *fixes]
    if better is not None:
        causes.insert(
            0,
            f"The service is not the one that dbt's target is ingested into: {better.service.name} is "
            f"({better.reason}).",
        )
    none = f"None of dbt's {report.expected} nodes has a table in {context.profile.collate.service}"
    return Finding(
        CheckState.WARN if report.matched else CheckState.FAIL,
        report.summary() if report.matched else none,
        detail=detail,
        caption=caption if report.matched else f"0 of {report.expected}",
        causes=tuple(causes),
        evidence=(*evidence, *(f"looked for {group.nodes[0].fqn}" for group in groups)),
        fixes=tuple(fixes),
        exceptions=exceptions,
        tables=tuple(item.unique_id for item in report.missing),
    )


async def _agent(context: CheckContext) -> tuple[tuple[str, ...], list[Fix]]:
    """What the service's metadata agent last did, when it runs and what it takes; and the way on."""
    client = await context.collate()
    side = context.profile.collate
    service = side.service
    page = OpenUrl("Open the service's ingestions in Collate", service_ingestion_page(side.base_url, service))
    try:
        agent = await metadata_agent(IngestionPipelines(client), service)
        whom = await responsible_for(client, service, agent)
    except (CollateError, ForbiddenError):
        return (), [Advice("Run the service's metadata agent in Collate: dbtcollate ingest-tables"), page]
    if agent is None:
        ask = Advice(f"Ask {whom} to add a metadata agent to {service}")
        return (f"{service} has no metadata agent",), [ask, page]
    facts = tuple(f"metadata agent {agent.pipeline.name}, {line}" for line in agent.facts())
    return facts, [IngestTables(f"Run the metadata agent {agent.pipeline.name} for them")]


def _words(group: CauseGroup) -> str:
    details = list(dict.fromkeys(node.detail for node in group.nodes))
    more = f"; and {len(details) - 2} more" if len(details) > 2 else ""
    return f"{group.words} ({len(group.nodes)}): {'; '.join(details[:2])}{more}"


def _fixes(groups: list[CauseGroup]) -> tuple[Fix, ...]:
    causes = {node.fix: group.cause for group in groups for node in group.nodes if node.fix}
    return tuple(
        SetField(label, ProfileField.MATCH_CASE, "exact_then_unique")
        if cause == "case_differs"
        else Advice(label)
        for label, cause in list(causes.items())[:5]
    )


async def _better(context: CheckContext, report: MatchReport) -> ServiceScore | None:
    """A service in which more of the nodes have their table, where there is one."""
    client = await context.collate()
    own = context.profile.collate.service
    services = [
        item for item in await client.database_services() if (item.fullyQualifiedName or item.name) != own
    ]
    best: ServiceScore | None = None
    ranked = iter_scores(client, services, await context.project(), context.profile.options, [])
    async with aclosing(ranked) as rounds:
        async for scores in rounds:
            best = scores[0] if scores else None
    return best if best is not None and (best.matched or 0) > len(report.matched) else None


CHECKS = (
    ChainCheck(
        CheckId.COLLATE_REACHABLE,
        "Collate reachable",
        Stage.TABLES,
        reachable,
        guide_ref="Step 2: Configure Collate",
        step=Step.COLLATE,
        symptom=SymptomId.COLLATE_REFUSES,
        affected_by=("collate", "base_url"),
    ),
    ChainCheck(
        CheckId.COLLATE_TOKEN,
        "Collate token",
        Stage.TABLES,
        token,
        requires=(CheckId.COLLATE_REACHABLE,),
        guide_ref="Step 2: Configure Collate",
        step=Step.COLLATE,
        symptom=SymptomId.COLLATE_REFUSES,
    ),
    ChainCheck(
        CheckId.COLLATE_SERVICE,
        "Database service",
        Stage.TABLES,
        service,
        requires=(
            CheckId.COLLATE_TOKEN,
            CheckId.ARTIFACTS_MANIFEST,
        ),
        guide_ref="Prerequisites: Database Service; Troubleshooting: Wrong Database Service",
        step=Step.SERVICE,
        symptom=SymptomId.NO_LINEAGE,
        affected_by=("collate",),
    ),
    ChainCheck(
        CheckId.TABLES_MATCHED,
        "Tables of dbt's nodes",
        Stage.TABLES,
        matched,
        requires=(CheckId.COLLATE_SERVICE,),
        guide_ref="Troubleshooting: Wrong Database Service, no lineage appears",
        step=Step.SERVICE,
        symptom=SymptomId.SOME_TABLES,
        affected_by=("options",),
    ),
)
"""The checks of the stage "tables"."""
