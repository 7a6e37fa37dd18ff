"""``explain`` and ``coverage``: one table in full, and the whole project in numbers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import connect, load_profile, renderer
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.plan.explanation.coverage import FACTS, TITLES, Coverage, FactName, Grouping
from dbtcollate_tui.plan.explanation.text import dot, explanation_text, mermaid
from dbtcollate_tui.render.coverage import coverage_csv, coverage_html, coverage_text
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.sync.coverage import folder_coverage, read_coverage
from dbtcollate_tui.sync.engine import connected
from dbtcollate_tui.sync.explain import explain_table

Graph = Literal["", "mermaid", "dot"]


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What ``explain`` shows: one column's facts, a graph, this many ``levels`` of lineage, another run."""

    column: str = ""
    graph: Graph = ""
    levels: int = 2
    run_id: int | None = None


async def explain(common: Common, name: str, options: ExplainOptions) -> ExitCode:
    """Explain one table. Writes nothing; raises an error with exit code 1 where no single table fits."""
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, profile=common.profile)
    async with connect(common, services, profile) as connections:
        found = await explain_table(
            await connected(connections, services),
            name,
            run_id=options.run_id,
            levels=options.levels,
        )
    explanation, lookup = found.explanation, found.lookup
    if explanation is None:
        fits = f"{lookup.name} fits several tables"
        raise UsageError(
            fits if lookup.is_ambiguous else f"No table of this run is called {lookup.name}",
            fixes=[Advice(f"dbtcollate explain {one}") for one in lookup.suggestions],
            exit_code=ExitCode.FAILED,
        )
    columns = {item.column.casefold(): item.column for item in explanation.facts if item.column}
    if options.column and explanation.fqn and options.column.casefold() not in columns:
        raise UsageError(
            f"Neither dbt nor Collate says anything about a column {options.column} of {explanation.name}",
            fixes=[Advice(f"--column {one}") for one in nearest(options.column, columns.values())],
            exit_code=ExitCode.FAILED,
        )
    if common.json:
        out.facts("explanation", explanation.as_dict())
    elif options.graph:
        out.lines(mermaid(explanation) if options.graph == "mermaid" else dot(explanation))
    else:
        for line in explanation_text(explanation, column=options.column):
            out.say(line)
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class CoverageOptions:
    """What ``coverage`` counts and where it writes; ``floors`` are the least percentages by fact."""

    by: Grouping = "schema"
    artifacts: Path | None = None
    as_csv: bool = False
    html: Path | None = None
    floors: Mapping[FactName, float] = field(default_factory=dict)


def read_floors(texts: Sequence[str]) -> dict[FactName, float]:
    """``FACT=PERCENT`` of the command line; raises `UsageError` for anything else."""
    floors: dict[FactName, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        fact = next((one for one in FACTS if one == name.strip().replace("-", "_")), None)
        try:
            percent = float(number.strip().removesuffix("%"))
        except ValueError:
            percent = -1.0
        if fact is None or not 0 <= percent <= 100:
            raise UsageError(
                f"{text!r} is not FACT=PERCENT",
                causes=[f"The facts are {', '.join(FACTS)}, a percentage is 0 to 100."],
            )
        floors[fact] = percent
    return floors


async def coverage(common: Common, options: CoverageOptions) -> ExitCode:
    """Count the project, print or write it; ``ExitCode.BELOW_FLOOR`` where a floor is not reached."""
    out = renderer(common.json, profile=common.profile)
    if options.artifacts is not None:
        found = await folder_coverage(options.artifacts, options.by)
        title = f"{options.artifacts.name}, dbt alone"
    else:
        services = Services()
        profile = await load_profile(services, common.profile)
        async with connect(common, services, profile) as connections:
            found = await read_coverage(await connected(connections, services), options.by)
        title = (
            f"{profile.name}: {profile.dbt_cloud.project_name or 'dbt Cloud'} in {profile.collate.service}"
        )
    if options.html is not None:
        page = coverage_html(found, title)
        await asyncio.to_thread(options.html.write_text, page, encoding="utf-8")
    if common.json:
        out.facts("coverage", found.as_dict())
    elif options.as_csv:
        out.lines(coverage_csv(found))
    else:
        for line in coverage_text(found):
            out.say(line)
        if options.html is not None:
            out.say(f"Written to {options.html}")
    below = _below(found, options.floors)
    for line in below:
        out.note(line)
    return ExitCode.BELOW_FLOOR if below else ExitCode.OK


def _below(found: Coverage, floors: Mapping[FactName, float]) -> list[str]:
    """A line for each floor that Collate's number, compared with dbt's, does not reach."""
    lines = []
    for fact, floor in floors.items():
        cell = found.whole.cells.get(fact)
        if cell is None or cell.collate is None:
            raise UsageError(
                f"{TITLES[fact].capitalize()} cannot be compared without Collate",
                causes=["--artifacts reads dbt's side alone."],
            )
        if cell.percent < floor:
            lines.append(f"{TITLES[fact]}: {cell.collate} of {cell.dbt}, below {floor:g} %")
    return lines
