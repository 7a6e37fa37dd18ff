"""An explanation as text, and its lineage as a Mermaid or Graphviz graph."""

from collections.abc import Iterator

from dbtcollate_tui.collate.fqn import split_fqn
from dbtcollate_tui.plan.explanation.explain import Edge, Explanation, Fact, FactState
from dbtcollate_tui.wording import some

STATE_WORDS: dict[FactState, str] = {
    "same": "ok",
    "pending": "next sync",
    "conflict": "conflict",
    "left_out": "left out",
    "collate_only": "Collate only",
}
_TEXT_WIDTH = 70


def explanation_text(found: Explanation, *, column: str = "") -> Iterator[str]:
    """The explanation line by line: verdict, match, facts, lineage, next sync, links."""
    yield found.fqn or found.name
    yield ""
    yield f"  {found.verdict}"
    yield ""
    yield f"  dbt node    {', '.join(found.unique_ids)}"
    if found.run_text:
        yield f"  dbt run     {found.run_text}"
    if found.match_text:
        yield (
            f"  matched     {found.match}: {found.match_text}"
            if found.fqn
            else f"  not matched {found.match_text}"
        )
    if found.unmatched is not None and found.unmatched.candidates:
        yield f"  near        {some(found.unmatched.candidates, 5)}"
    if found.unmatched is not None and found.unmatched.fix:
        yield f"  fix         {found.unmatched.fix}"
    facts = [fact for fact in found.facts if not column or fact.column.casefold() == column.casefold()]
    shown = [fact for fact in facts if column or not fact.column or fact.state != "same"]
    if shown:
        yield ""
        for fact in shown:
            yield from _fact_lines(fact)
        hidden = len(facts) - len(shown)
        if hidden:
            yield f"  {hidden} more facts of columns are equal; --column NAME shows one"
    if found.edges and not column:
        yield ""
        yield "  Lineage"
        for edge in found.edges:
            yield _edge_line(edge, found.fqn)
    if found.changes and not column:
        yield ""
        yield "  The next sync writes"
        for change in found.changes:
            yield f"    {change.group}: {change.label}"
    if found.reading:
        yield ""
        yield f"  Not known yet: {', '.join(found.reading)}"
    if found.links:
        yield ""
        for name, address in found.links.items():
            yield f"  {name:11} {address}"


def _fact_lines(fact: Fact) -> Iterator[str]:
    name = f"{fact.name} of {fact.column}" if fact.column else fact.name
    yield f"  {STATE_WORDS[fact.state]:12} {name}"
    source = f"  ({fact.file})" if fact.file and fact.dbt else ""
    if fact.dbt:
        yield f"    dbt      {_short(fact.dbt)}{source}"
    if fact.collate:
        by = f"  (set by {fact.author})" if fact.author is not None and fact.author.name else ""
        yield f"    Collate  {_short(fact.collate)}{by}"
    if fact.reason:
        option = f"; {fact.option} changes that" if fact.option else ""
        yield f"    why      {fact.reason}{option}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_WIDTH else f"{line[: _TEXT_WIDTH - 1]}…"


_EDGE_MARKS = {"both": "=", "dbt_only": "-", "collate_only": "+"}


def _edge_line(edge: Edge, fqn: str) -> str:
    mark = _EDGE_MARKS[edge.origin]
    where = {"both": "", "dbt_only": "only in dbt", "collate_only": "only in Collate"}[edge.origin]
    notes = ", ".join(part for part in (where, edge.reason) if part)
    side = "from" if edge.downstream == fqn else "to" if edge.upstream == fqn else ""
    ends = (
        f"{side} {_name(edge.upstream if side == 'from' else edge.downstream)}"
        if side
        else f"{_name(edge.upstream)} -> {_name(edge.downstream)}"
    )
    columns = f", {len(edge.columns)} columns" if len(edge.columns) > 1 else ""
    return f"  {'  ' * edge.level}{mark} {ends}{f'  ({notes})' if notes else ''}{columns}"


def _name(fqn: str) -> str:
    """``schema.table`` of an FQN; a unique id unchanged."""
    try:
        parts = split_fqn(fqn)
    except ValueError:
        return fqn
    return ".".join(parts[-2:]) if len(parts) == 4 else fqn


def mermaid(found: Explanation) -> str:
    """The lineage as a Mermaid flowchart; edges that are missing in Collate are dashed and marked."""
    lines = ["flowchart LR"]
    names: dict[str, str] = {}
    for edge in found.edges:
        for end in (edge.upstream, edge.downstream):
            if end not in names:
                names[end] = f"n{len(names)}"
                lines.append(f'  {names[end]}["{_quoted(_name(end))}"]')
        arrow = {"both": "-->", "dbt_only": "-. missing .->", "collate_only": "-- Collate only -->"}[
            edge.origin
        ]
        lines.append(f"  {names[edge.upstream]} {arrow} {names[edge.downstream]}")
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def dot(found: Explanation) -> str:
    """The lineage as a Graphviz graph; edges that are missing in Collate are dashed."""
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for edge in found.edges:
        style = {
            "both": "",
            "dbt_only": ' [style=dashed, color=red, label="missing"]',
            "collate_only": ' [color=gray, label="Collate only"]',
        }[edge.origin]
        lines.append(f"  {_dot_name(edge.upstream)} -> {_dot_name(edge.downstream)}{style};")
    return "\n".join([*lines, "}"])


def _dot_name(fqn: str) -> str:
    return '"' + _name(fqn).replace("\\", "\\\\").replace('"', '\\"') + '"'
