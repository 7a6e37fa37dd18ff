"""Coverage as a text table, as CSV and as one self-contained HTML page."""

import csv
import io
from collections.abc import Iterator, Mapping
from html import escape

from dbtcollate_tui.plan.explanation.coverage import (
    FACTS,
    NEEDS_COLLATE,
    TITLES,
    Cell,
    Coverage,
    CoverageRow,
    FactName,
)

_BAR = 12
_NAME_WIDTH = 28
_CELL_WIDTH = 9
_HEADS: Mapping[FactName, str] = {
    "matched": "matched",
    "described": "described",
    "columns": "columns",
    "owned": "owned",
    "tagged": "tagged",
    "tested": "tested",
    "passing": "passing",
    "lineage": "lineage",
    "column_lineage": "col. lin.",
    "metrics": "metrics",
}


def coverage_text(found: Coverage) -> Iterator[str]:
    """The project's numbers with bars, then each part's, the largest gap first."""
    yield f"Coverage of {found.whole.tables} tables" + ("" if found.with_collate else " (dbt alone)")
    yield ""
    for fact, cell in found.whole.cells.items():
        if not found.with_collate and fact in NEEDS_COLLATE:
            yield f"  {TITLES[fact]:26} needs Collate"
            continue
        yield f"  {TITLES[fact]:26} {_bar(cell)}  {_numbers(cell)}"
    if not found.rows:
        return
    facts = [fact for fact in FACTS if found.with_collate or fact not in NEEDS_COLLATE]
    facts = [fact for fact in facts if fact in found.whole.cells and found.whole.cells[fact].dbt]
    width = min(_NAME_WIDTH, max(len(found.grouping), *(len(row.name) for row in found.rows)))
    yield ""
    sides = "in Collate / in dbt" if found.with_collate else "in dbt"
    yield f"By {found.grouping}, {sides}"
    heads = "  ".join(f"{_HEADS[fact]:>{_CELL_WIDTH}}" for fact in facts)
    yield f"  {'':{width}}  {'tables':>6}  {heads}"
    for row in found.rows:
        cells = "  ".join(f"{_grid_cell(row.cells.get(fact)):>{_CELL_WIDTH}}" for fact in facts)
        yield f"  {shortened(row.name, width):{width}}  {row.tables:>6}  {cells}"


def shortened(name: str, width: int) -> str:
    """A name cut in its middle to fit."""
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def _grid_cell(cell: Cell | None) -> str:
    if cell is None or not cell.dbt:
        return "-"
    return str(cell.dbt) if cell.collate is None else f"{cell.collate}/{cell.dbt}"


def _numbers(cell: Cell) -> str:
    if cell.collate is None:
        return f"{cell.dbt} of {cell.total} in dbt"
    return f"{cell.collate} of {cell.dbt} that dbt has ({cell.total} in all)"


def _bar(cell: Cell) -> str:
    full = int(_share(cell) / 100 * _BAR)
    return "#" * full + "." * (_BAR - full)


def coverage_csv(found: Coverage) -> str:
    """One row a part and fact: part, tables, fact, dbt, Collate, total, gap."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([found.grouping, "tables", "fact", "dbt", "collate", "total", "gap"])
    for row in (found.whole, *found.rows):
        for fact, cell in row.cells.items():
            held = "" if cell.collate is None else cell.collate
            name = _plain_cell(row.name or "project")
            writer.writerow([name, row.tables, fact, cell.dbt, held, cell.total, cell.gap])
    return out.getvalue()


def _plain_cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>dbt coverage in Collate: {title}</title>
<style>
:root {{ color-scheme: light dark; --fg: #1c1c22; --bg: #ffffff; --muted: #61616b; --line: #d9d9e0;
  --dbt: #ff694a; --collate: #7147e8; --bad: #c0262d; }}
@media (prefers-color-scheme: dark) {{ :root {{ --fg: #ececf1; --bg: #17171c; --muted: #a0a0ab;
  --line: #34343d; --bad: #ff7b7f; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem 1rem; max-width: 75rem; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; margin: 0 0 .25rem; }} h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem; }}
p {{ margin: 0 0 1rem; color: var(--muted); overflow-wrap: anywhere; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .35rem .6rem; vertical-align: top;
  border-bottom: 1px solid var(--line); }}
td.n, th.n {{ text-align: right; }} td.n {{ white-space: nowrap; }}
td.gap {{ color: var(--bad); }}
.name {{ overflow-wrap: anywhere; min-width: 8rem; }}
.bar {{ display: block; width: 8rem; max-width: 22vw; height: .6rem; background: var(--line);
  border-radius: .3rem; overflow: hidden; margin: .2rem 0; }}
.bar i {{ display: block; height: 100%; background: linear-gradient(90deg, var(--dbt), var(--collate)); }}
@media (max-width: 40rem) {{ th, td {{ padding: .35rem .3rem; }} }}
@media print {{ body {{ max-width: none; }} .bar i {{ print-color-adjust: exact; }} }}
</style>
</head>
<body>
<h1>dbt coverage in Collate</h1>
<p>{title}</p>
<div class="scroll"><table>
<thead><tr><th>fact</th><th class="n">in Collate</th><th class="n">in dbt</th><th class="n">total</th>
<th class="n">missing</th></tr></thead>
<tbody>
{facts}
</tbody></table></div>
<h2>By {grouping}</h2>
<div class="scroll"><table>
<thead><tr><th>{grouping}</th><th class="n">tables</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
</body>
</html>
"""


def coverage_html(found: Coverage, title: str) -> str:
    """One page without scripts or requests; light and dark, printable. ``title`` names profile and run."""
    facts = "\n".join(
        f"<tr><td>{escape(TITLES[fact])}"
        f'<span class="bar"><i style="width:{_share(cell):.0f}%"></i></span></td>'
        f'<td class="n">{_held(cell)}</td><td class="n">{cell.dbt}</td><td class="n">{cell.total}</td>'
        f'<td class="n{" gap" if cell.gap else ""}">{cell.gap}</td></tr>'
        for fact, cell in found.whole.cells.items()
        if found.with_collate or fact not in NEEDS_COLLATE
    )
    shown = [fact for fact in FACTS if found.with_collate or fact not in NEEDS_COLLATE]
    return _PAGE.format(
        title=escape(title),
        grouping=escape(found.grouping),
        facts=facts,
        heads="".join(f'<th class="n">{escape(TITLES[fact])}</th>' for fact in shown),
        rows="\n".join(_html_row(row, shown) for row in found.rows),
    )


def _html_row(row: CoverageRow, shown: list[FactName]) -> str:
    cells = []
    for fact in shown:
        cell = row.cells.get(fact)
        if cell is None:
            cells.append('<td class="n"></td>')
            continue
        held = f"{cell.dbt}" if cell.collate is None else f"{cell.collate} of {cell.dbt}"
        cells.append(f'<td class="n{" gap" if cell.gap else ""}">{held}</td>')
    return f'<tr><td class="name">{escape(row.name)}</td><td class="n">{row.tables}</td>{"".join(cells)}</tr>'


def _share(cell: Cell) -> float:
    """Percent of a bar: nothing where dbt has nothing."""
    if cell.collate is None:
        return 100 * cell.dbt / cell.total if cell.total else 0
    return cell.percent if cell.dbt else 0


def _held(cell: Cell) -> str:
    return "" if cell.collate is None else str(cell.collate)
