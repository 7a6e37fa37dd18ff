"""A dbt project of any size, the same one each time: sources and seeds, staging, intermediate, marts.

Of 100 models 30 are staging (one parent), 30 intermediate (two), 40 marts (two or three), which makes 1.9
edges a model. Every model has 8 columns, all of them described, three tests and tags, and most have an owner
that the sandbox knows.
"""

import random
from pathlib import Path

RAW_TABLES = 10
"""So many seeds, and as many sources."""
COLUMNS = {
    "record_id": "Identifies the record; never used twice.",
    "customer_key": "The customer whom the record belongs to.",
    "status": "open, shipped or returned.",
    "amount": "Gross amount in euros.",
    "quantity": "Number of pieces.",
    "region": "Sales region at the time of the record.",
    "recorded_on": "Day on which the record was made, UTC.",
    "note": "What the clerk wrote down.",
}
_TYPES = ("integer", "integer", "varchar", "double", "integer", "varchar", "date", "varchar")
_STATES, _REGIONS = ("open", "shipped", "returned"), ("north", "south", "east", "west")
_OWNERS = ("ana", "bruno", "chen", "data-platform")
_ROWS = 12
CHANGED_TEXT = "Reworked: returns are left out, and so are records without a customer."

LAND = "create schema if not exists landing;\n" + "".join(
    f"create or replace table landing.feed_{number:02} as select * from (values\n"
    + ",\n".join(
        f"({row}, {row % 5}, '{_STATES[row % 3]}', {row * 1.5}, {row % 4}, '{_REGIONS[row % 4]}', "
        f"date '2026-01-{row % 28 + 1:02}', 'feed {number}')"
        for row in range(_ROWS)
    )
    + f") as t({', '.join(COLUMNS)});\n"
    for number in range(RAW_TABLES)
)
"""SQL that makes the tables that the project's sources name."""

_PROJECT = """\
name: shop
version: "1.0.0"
config-version: 2
profile: shop
flags: {send_anonymous_usage_stats: false}
seeds:
  shop: {+schema: raw}
models:
  shop:
    +materialized: view
    staging: {+schema: staging, +tags: [staging]}
    intermediate: {+schema: intermediate}
    marts: {+schema: marts, +tags: [mart]}
"""
_PROFILE = """\
shop:
  target: default
  outputs:
    default: {type: duckdb, path: shop.duckdb, schema: main, threads: 4}
"""
_OWN_SCHEMA = """\
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
"""


def layers(models: int) -> dict[str, list[str]]:
    """The models' names by layer."""
    staging, intermediate = max(3, models * 3 // 10), max(3, models * 3 // 10)
    counts = {"staging": staging, "intermediate": intermediate, "marts": models - staging - intermediate}
    prefixes = {"staging": "stg", "intermediate": "int", "marts": "mart"}
    return {
        layer: [f"{prefixes[layer]}_{number:04}" for number in range(count)]
        for layer, count in counts.items()
    }


def parents(models: int) -> dict[str, list[str]]:
    """Each model's parents, as Jinja calls."""
    chance = random.Random(11)
    names = layers(models)
    raw = [f"ref('seed_{number:02}')" for number in range(RAW_TABLES)]
    raw += [f"source('landing', 'feed_{number:02}')" for number in range(RAW_TABLES)]
    found = {name: [raw[index % len(raw)]] for index, name in enumerate(names["staging"])}
    for name in names["intermediate"]:
        found[name] = [f"ref('{parent}')" for parent in chance.sample(names["staging"], 2)]
    upper = names["staging"] + names["intermediate"]
    for index, name in enumerate(names["marts"]):
        found[name] = [f"ref('{parent}')" for parent in chance.sample(upper, 2 + index % 2)]
    return found


def changed_model(models: int) -> str:
    """The model that `change` changes."""
    return layers(models)["marts"][-1]


def write(folder: Path, models: int) -> None:
    """Write the whole project into an empty folder."""
    _put(folder / "dbt_project.yml", _PROJECT)
    _put(folder / "profiles.yml", _PROFILE)
    _put(folder / "macros" / "generate_schema_name.sql", _OWN_SCHEMA)
    for number in range(RAW_TABLES):
        _put(folder / "seeds" / f"seed_{number:02}.csv", _seed(number))
    _put(folder / "models" / "sources.yml", _sources())
    found = parents(models)
    for layer, names in layers(models).items():
        for name in names:
            _put_model(folder, layer, name, found[name])


def change(folder: Path, models: int) -> str:
    """Change one mart, its SQL and a description; its name."""
    name = changed_model(models)
    _put_model(folder, "marts", name, parents(models)[name], CHANGED_TEXT)
    return name


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _put_model(folder: Path, layer: str, name: str, above: list[str], changed: str = "") -> None:
    _put(
        folder / "models" / layer / f"{name}.sql", _sql(above, keep="status <> 'returned'" if changed else "")
    )
    _put(folder / "models" / layer / f"{name}.yml", _yaml(layer, name, changed))


def _seed(number: int) -> str:
    rows = [
        f"{row},{row % 5},{_STATES[row % 3]},{row * 2.5},{row % 4},{_REGIONS[row % 4]},"
        f"2026-02-{row + 1:02},seed {number}"
        for row in range(_ROWS)
    ]
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"


def _sql(above: list[str], keep: str) -> str:
    head, *others = above
    parts = [f"with base as (select * from {{{{ {head} }}}})"]
    parts += [f", other_{index} as (select * from {{{{ {other} }}}})" for index, other in enumerate(others)]
    amount = " + ".join(
        ["base.amount", *(f"coalesce(other_{index}.amount, 0)" for index in range(len(others)))]
    )
    chosen = [f"{amount} as amount" if name == "amount" else f"base.{name}" for name in COLUMNS]
    joins = [
        f"left join other_{index} on other_{index}.record_id = base.record_id" for index in range(len(others))
    ]
    where = [f"where base.{keep}"] if keep else []
    return "\n".join([*parts, "select\n    " + ",\n    ".join(chosen), "from base", *joins, *where]) + "\n"


def _yaml(layer: str, name: str, changed: str) -> str:
    number = int(name.rsplit("_", 1)[1])
    owner = "" if number % 5 == 4 else f"      owner: {_OWNERS[number % 5]}\n"
    tier = f"      openmetadata: {{tier: Tier.Tier{number % 5 + 1}}}\n" if layer == "marts" else ""
    text = changed or f"One row a record, made in the {layer} layer as number {number}."
    columns = "".join(_column(column, about, number) for column, about in COLUMNS.items())
    meta = f"    meta:\n{owner}{tier}" if owner or tier else ""
    return (
        "models:\n"
        f"  - name: {name}\n    description: {text!r}\n    config: {{tags: [area_{number % 7}]}}\n{meta}"
        f"    columns:\n{columns}"
    )


def _column(name: str, about: str, number: int) -> str:
    text = f"      - name: {name}\n        description: {about!r}\n"
    if name == "customer_key":
        text += "        config: {tags: [key]}\n"
    if name == "record_id":
        text += "        data_tests: [unique, not_null]\n"
    if name == "status":
        values = "{values: [" + ", ".join(_STATES) + "]}"
        text += f"        data_tests: [{{accepted_values: {{arguments: {values}}}}}]\n"
    del number
    return text


def _sources() -> str:
    columns = "".join(
        f"          - {{name: {name}, description: {about!r}}}\n" for name, about in COLUMNS.items()
    )
    tables = "".join(
        f"      - name: feed_{number:02}\n        description: Feed {number} as it arrives.\n"
        f"        columns:\n{columns}"
        for number in range(RAW_TABLES)
    )
    return f"sources:\n  - name: landing\n    database: shop\n    schema: landing\n    tables:\n{tables}"
