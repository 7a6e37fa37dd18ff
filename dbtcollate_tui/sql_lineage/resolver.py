"""Finds what each output column of a parsed query is made of, part by part. No IO.

sqlglot's own lineage gives no answer at all where one name cannot be resolved, and follows LATERAL, APPLY, BY
NAME and unnest to the wrong columns. Here a part that is not certain is left out and the rest stays: a name
counts for a column only where no other column can be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy

from dbtcollate_tui.sql_lineage.relations import (
    NO_SOURCES,
    NOTHING,
    UNKNOWN_RELATION,
    CaseRule,
    Coverage,
    KnownTables,
    Relation,
    Scope,
    Source,
    Sources,
    SqlColumn,
    TableKey,
    Value,
    pick,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_DEPTH = 150
"""How deeply queries may be nested in one another."""
_RECURSIONS = 8
_NOTES = 20
_OPEN_CASE = (NormalizationStrategy.CASE_SENSITIVE, NormalizationStrategy.CASE_INSENSITIVE)

_ALIASES_USABLE = frozenset(
    {"snowflake", "redshift", "databricks", "spark", "duckdb", "clickhouse", "teradata"}
)
"""Dialects in which an expression may use the aliases to its left."""
_RECURSIVE_UNMARKED = frozenset({"tsql", "fabric", "oracle", "snowflake"})
"""Dialects in which a CTE may name itself without RECURSIVE."""
_FIRST_OF_EQUAL_NAMES = frozenset({"duckdb", "sqlite", "clickhouse"})
"""Dialects in which a subquery may have two columns of one name; the first keeps it."""
_IMPLICIT_LATERAL = frozenset({"duckdb"})
"""Dialects in which every subquery in FROM sees the sources to its left."""
_SPARK = frozenset({"spark", "databricks", "hive"})
_COLUMNS_FUNCTION = frozenset({"duckdb", "clickhouse"})
_ELEMENT_ALIAS = frozenset({"bigquery", "redshift"})
"""Dialects in which ``unnest(x) as y`` names the element, and ``y`` no table."""

_FUNCTION_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "flatten": ("SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"),
    "split_to_table": ("SEQ", "INDEX", "VALUE"),
    "splittotable": ("SEQ", "INDEX", "VALUE"),
    "strtok_split_to_table": ("SEQ", "INDEX", "VALUE"),
    "string_split": ("value", "ordinal"),
    "openjson": ("key", "value", "type"),
    "json_each": ("key", "value", "type", "atom", "id", "parent", "fullkey", "path"),
    "json_tree": ("key", "value", "type", "atom", "id", "parent", "fullkey", "path"),
    "jsonb_each": ("key", "value"),
    "json_each_text": ("key", "value"),
    "jsonb_each_text": ("key", "value"),
    "json_array_elements": ("value",),
    "jsonb_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements_text": ("value",),
}


class Resolver:
    """Resolves one query against the tables that are known. ``unresolved`` are the names it left out."""

    def __init__(self, tables: KnownTables, dialect: str) -> None:
        self._tables = tables
        self._dialect = dialect
        self._rule = case_rule(dialect)
        self._relations: dict[TableKey, Relation] = {}
        self._depth = 0
        self.unresolved: dict[str, None] = {}

    def query(
        self,
        query: exp.Expr,
        parent: Scope | None = None,
        ctes: Mapping[str, Relation] | None = None,
        scalars: Mapping[str, exp.Expr] | None = None,
    ) -> Relation:
        """The output columns of a query."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RecursionError
        try:
            return self._query(query, parent, ctes or {}, scalars or {})
        finally:
            self._depth -= 1

    def _query(
        self,
        query: exp.Expr,
        parent: Scope | None,
        ctes: Mapping[str, Relation],
        scalars: Mapping[str, exp.Expr],
    ) -> Relation:
        ctes, scalars = self._with(query, parent, ctes, scalars)
        scope = Scope(parent, ctes=ctes, scalars=scalars)
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, parent, ctes, scalars)
        if isinstance(query, exp.Select):
            return self._select(query, scope)
        if isinstance(query, exp.Subquery | exp.Paren):
            inner = query.this
            if isinstance(inner, exp.Table) or query.args.get("pivots") or query.args.get("joins"):
                self._add(query, scope)
                return self._star(scope)
            return self.query(inner, parent, ctes, scalars)
        if isinstance(query, exp.Table | exp.Values | exp.Pivot):
            self._add(query, scope)
            return self._star(scope)
        return UNKNOWN_RELATION

    def _with(
        self,
        query: exp.Expr,
        parent: Scope | None,
        ctes: Mapping[str, Relation],
        scalars: Mapping[str, exp.Expr],
    ) -> tuple[Mapping[str, Relation], Mapping[str, exp.Expr]]:
        with_ = query.args.get("with_")
        if with_ is None:
            return ctes, scalars
        ctes, scalars = dict(ctes), dict(scalars)
        for cte in with_.expressions:
            alias = cte.args.get("alias")
            if alias is None or alias.this is None:
                continue
            name = self._rule.canonical(alias.this)
            if cte.args.get("scalar"):
                scalars[name] = cte.this
                continue
            names = [self._rule.canonical(column) for column in alias.columns]
            ctes[name] = self._cte(
                cte.this, name, names, bool(with_.args.get("recursive")), parent, ctes, scalars
            )
        return ctes, scalars

    def _cte(
        self,
        query: exp.Expr,
        name: str,
        names: Sequence[str],
        recursive: bool,
        parent: Scope | None,
        ctes: Mapping[str, Relation],
        scalars: Mapping[str, exp.Expr],
    ) -> Relation:
        def named(relation: Relation) -> Relation:
            return relation.renamed(names) if names else relation

        marked = recursive or self._dialect in _RECURSIVE_UNMARKED
        if not (marked and isinstance(query, exp.SetOperation) and self._names(query, name)):
            return named(self.query(query, parent, ctes, scalars))
        found = named(self.query(query.this, parent, ctes, scalars))
        for _ in range(_RECURSIONS):
            again = named(self.query(query, parent, {**ctes, name: found}, scalars))
            if again.columns == found.columns:
                break
            found = again
        return found

    def _names(self, query: exp.Expr, name: str) -> bool:
        return any(
            not table.args.get("db")
            and isinstance(table.this, exp.Identifier)
            and self._rule.canonical(table.this).casefold() == name.casefold()
            for table in query.find_all(exp.Table)
        )

    # --- set operations

    def _set_operation(
        self,
        query: exp.SetOperation,
        parent: Scope | None,
        ctes: Mapping[str, Relation],
        scalars: Mapping[str, exp.Expr],
    ) -> Relation:
        steps: list[exp.SetOperation] = []
        first: exp.Expr = query
        while isinstance(first, exp.SetOperation) and (first is query or first.args.get("with_") is None):
            steps.append(first)
            first = first.this
        found = self.query(first, parent, ctes, scalars)
        for step in reversed(steps):
            if isinstance(step, exp.Except):
                continue  # the right side takes rows away and gives no value
            right = self.query(step.expression, parent, ctes, scalars)
            found = (
                self._by_name(step, found, right) if step.args.get("by_name") else _by_position(found, right)
            )
        return found

    def _by_name(self, step: exp.SetOperation, left: Relation, right: Relation) -> Relation:
        """What UNION BY NAME and CORRESPONDING give: columns pair by their names."""
        kind = str(step.args.get("kind") or "").upper()
        side = str(step.args.get("side") or "").upper()
        only = {self._rule.canonical(column.this).casefold() for column in step.args.get("on") or ()}
        taken: set[str] = set()
        columns: list[tuple[str, Value]] = []
        for name, value in left.columns:
            other = right.find(name)
            taken.add(name.casefold())
            if other is not None or kind != "INNER":
                columns.append((name, _either(value, other or NOTHING)))
        if kind != "INNER" and side != "LEFT":
            columns += [item for item in right.columns if item[0].casefold() not in taken]
        if only:
            columns = [item for item in columns if item[0].casefold() in only]
        return Relation(columns, max(left.coverage, right.coverage), left.ordered and right.ordered)

    # --- SELECT

    def _select(self, query: exp.Select, scope: Scope) -> Relation:
        from_ = query.args.get("from_")
        if from_ is not None:
            self._add(from_.this, scope)
        for join in query.args.get("joins") or ():
            self._join(join, scope)
        for lateral in query.args.get("laterals") or ():
            self._add(lateral, scope)
        for window in query.args.get("windows") or ():
            scope.windows[window.name.casefold()] = window
        if query.args.get("match") is not None:
            return UNKNOWN_RELATION
        scope.alias_first = self._dialect == "clickhouse"
        out = Relation(first_wins=self._dialect in _FIRST_OF_EQUAL_NAMES)
        for expression in query.expressions:
            self._output(expression, scope, out)
        return out

    def _output(self, expression: exp.Expr, scope: Scope, out: Relation) -> None:
        if isinstance(expression, exp.Star):
            self._extend(out, self._star(scope), expression, scope)
        elif isinstance(expression, exp.Column) and isinstance(expression.this, exp.Star):
            self._extend(out, self._qualified_star(expression, scope), expression.this, scope)
        elif isinstance(expression, exp.Dot) and isinstance(expression.expression, exp.Star):
            value = self._value(expression.this, scope)
            self._extend(out, _fields_of(value), expression.expression, scope)
        elif isinstance(expression, exp.Columns):
            self._extend(out, self._columns_function(expression, scope), None, scope)
        elif isinstance(expression, exp.Aliases):
            names = [self._rule.canonical(name) for name in expression.expressions]
            relation = self._function(expression.this, names, "", scope)
            for name, value in relation.columns:
                self._named(name, value, scope, out)
        elif isinstance(expression, exp.Apply) or (
            self._dialect in _COLUMNS_FUNCTION and expression.find(exp.Columns)
        ):
            out.ordered, out.coverage = False, Coverage.UNKNOWN
        elif isinstance(expression, exp.Alias):
            alias = expression.args.get("alias")
            value = self._value(expression.this, scope)
            name = self._rule.canonical(alias) if isinstance(alias, exp.Identifier) else expression.alias
            self._named(name, value, scope, out)
        else:
            self._named(self._implicit_name(expression), self._value(expression, scope), scope, out)

    def _named(self, name: str, value: Value, scope: Scope, out: Relation) -> None:
        out.columns.append((name, value))
        if name and self._dialect in _ALIASES_USABLE:
            scope.aliases.setdefault(name, value)

    def _implicit_name(self, expression: exp.Expr) -> str:
        last = expression
        while isinstance(last, exp.Dot | exp.Paren):
            last = last.expression if isinstance(last, exp.Dot) else last.this
        if isinstance(last, exp.Column):
            last = last.this
        if isinstance(last, exp.Identifier):
            return self._rule.canonical(last)
        name = str(expression.output_name)
        return {CaseRule.LOWER: name.lower(), CaseRule.UPPER: name.upper()}.get(self._rule, name)

    def _extend(self, out: Relation, relation: Relation, star: exp.Expr | None, scope: Scope) -> None:
        """Add the columns of a star, with its EXCEPT, REPLACE and RENAME."""
        args = star.args if star is not None else {}
        except_ = {self._name_of(item).casefold() for item in _listed(args.get("except_"))}
        replaced = {
            self._name_of(item).casefold(): self._value(item.this, scope)
            for item in _listed(args.get("replace"))
        }
        renamed = {
            self._name_of(item.this).casefold(): self._name_of(item) for item in _listed(args.get("rename"))
        }
        if args.get("ilike") is not None:
            like = _like(args["ilike"].name)
            relation = _only(relation, lambda name: like.fullmatch(name) is not None)
        for name, value in relation.columns:
            folded = name.casefold()
            if folded not in except_:
                out.columns.append((renamed.get(folded, name), replaced.get(folded, value)))
        out.coverage = max(out.coverage, relation.coverage)
        out.ordered = out.ordered and relation.ordered

    def _name_of(self, item: exp.Expr) -> str:
        if isinstance(item, exp.Alias):
            item = item.args["alias"]
        if isinstance(item, exp.Column):
            item = item.this
        return self._rule.canonical(item) if isinstance(item, exp.Identifier) else item.name

    def _star(self, scope: Scope) -> Relation:
        """All visible columns: those of USING once and first."""
        out = Relation()
        listed: set[str] = set()
        for folded, value in scope.merged.items():
            out.columns.append((scope.merged_names[folded], value))
            listed.add(folded)
        for source in scope.visible():
            relation = source.relation
            out.columns += [item for item in relation.columns if item[0].casefold() not in listed]
            unknown = relation.coverage is Coverage.UNKNOWN or relation.rest is not None
            out.coverage = max(out.coverage, Coverage.UNKNOWN if unknown else relation.coverage)
            out.ordered = out.ordered and relation.ordered and not unknown
        return out

    def _qualified_star(self, column: exp.Column, scope: Scope) -> Relation:
        parts = [part for part in column.parts if isinstance(part, exp.Identifier)]
        names = [self._rule.canonical(part) for part in parts]
        level: Scope | None = scope
        while level is not None:
            source = level.called(names)
            if source is not None:
                unknown = source.relation.rest is not None
                relation = source.relation
                if not unknown:
                    return relation
                return Relation(relation.columns, Coverage.UNKNOWN, ordered=False)
            level = level.parent
        return _fields_of(self._path(parts, scope))

    def _columns_function(self, expression: exp.Columns, scope: Scope) -> Relation:
        """DuckDB's and ClickHouse's COLUMNS('regex') and COLUMNS(* EXCLUDE (…))."""
        inner = expression.this
        everything = self._star(scope)
        if isinstance(inner, exp.Literal) and inner.is_string:
            try:
                pattern = re.compile(inner.name)
            except re.error:
                return UNKNOWN_RELATION
            match = pattern.search if self._dialect == "clickhouse" else pattern.fullmatch
            return _only(everything, lambda name: match(name) is not None)
        if isinstance(inner, exp.Star):
            out = Relation()
            self._extend(out, everything, inner, scope)
            return out
        test = inner.this if isinstance(inner, exp.Lambda) else None
        if isinstance(test, exp.Like) and isinstance(test.expression, exp.Literal):
            like = _like(test.expression.name, re.NOFLAG)
            return _only(everything, lambda name: like.fullmatch(name) is not None)
        return UNKNOWN_RELATION

    # --- FROM

    def _join(self, join: exp.Join, scope: Scope) -> None:
        kind = str(join.args.get("kind") or "").upper()
        if kind == "ARRAY":
            self._array_join(join, scope)
            return
        before = list(scope.visible())
        count = len(scope.sources)
        self._add(join.this, scope)
        added = scope.sources[count:]
        if kind in {"SEMI", "ANTI"}:
            for source in added:
                source.visible = False
            return
        names = [self._name_of(name) for name in join.args.get("using") or ()]
        if str(join.args.get("method") or "").upper() == "NATURAL":
            mine = {name.casefold() for source in before for name, _ in source.relation.columns}
            names = [
                name for source in added for name, _ in source.relation.columns if name.casefold() in mine
            ]
        for name in names:
            values = [source.relation.find(name) for source in (*before, *added)]
            folded = name.casefold()
            here = [scope.merged.get(folded), *values]
            scope.merged[folded] = Value(
                NO_SOURCES.union(*(value.sources for value in here if value is not None))
            )
            scope.merged_names.setdefault(folded, name)

    def _array_join(self, join: exp.Join, scope: Scope) -> None:
        """ClickHouse's ARRAY JOIN: a name given with AS is an element of the array."""
        out = Relation()
        for item in (join.this, *join.expressions):
            if isinstance(item, exp.Alias) or (isinstance(item, exp.Table) and item.alias):
                inner = item.this
                value = self._value(exp.column(inner) if isinstance(inner, exp.Identifier) else inner, scope)
                alias = item.args["alias"]
                name = alias.this if isinstance(alias, exp.TableAlias) else alias
                out.columns.append((self._rule.canonical(name), value))
        scope.sources.append(Source((), out))

    def _add(self, item: exp.Expr, scope: Scope) -> None:
        """Add what a FROM item gives to the scope: one source, or those of a join in parentheses."""
        if isinstance(item, exp.Final):
            self._add(item.this, scope)
            return
        alias = item.args.get("alias")
        name = self._rule.canonical(alias.this) if alias is not None and alias.this is not None else ""
        columns = [self._name_of(column) for column in alias.columns] if alias is not None else []
        names: tuple[str, ...] = (name,) if name else ()
        if isinstance(item, exp.Table):
            relation, own = self._table(item, name, columns, scope)
            names = names or own
            if not isinstance(item.this, exp.Identifier):
                columns = []
        elif isinstance(item, exp.Subquery | exp.Paren):
            inner = item.this
            if isinstance(inner, exp.Table) or (not isinstance(inner, exp.Query) and item.args.get("joins")):
                nested = Scope(scope.parent, ctes=scope.ctes, scalars=scope.scalars)
                nested.sources = list(scope.sources)
                count = len(nested.sources)
                self._add(inner, nested)
                for join in item.args.get("joins") or ():
                    self._join(join, nested)
                if not name and not item.args.get("pivots"):
                    scope.sources += nested.sources[count:]
                    scope.merged.update(nested.merged)
                    scope.merged_names.update(nested.merged_names)
                    return
                nested.sources = nested.sources[count:]
                relation = self._star(nested)
            else:
                outer = scope if self._dialect in _IMPLICIT_LATERAL else scope.parent
                relation = self.query(inner, outer, scope.ctes, scope.scalars)
        elif isinstance(item, exp.Lateral):
            relation = self._lateral(item, name, columns, scope)
            columns = [] if not isinstance(item.this, exp.Subquery) else columns
        elif isinstance(item, exp.Unnest):
            relation = self._unnest(item, name, columns, scope)
            columns = []
        elif isinstance(item, exp.Values):
            relation = self._values(item, scope)
        elif isinstance(item, exp.Pivot):
            relation = self._pivot_statement(item, scope)
        elif isinstance(item, exp.TableFromRows):
            relation = self._function(item.this, columns, name, scope)
            columns = []
        elif isinstance(item, exp.Query):
            relation = self.query(item, scope.parent, scope.ctes, scope.scalars)
        else:
            relation = self._function(item, columns, name, scope)
            columns = []
        if columns:
            relation = relation.renamed(columns)
        for pivot in item.args.get("pivots") or ():
            relation = self._pivot(pivot, relation, names, scope)
            alias = pivot.args.get("alias")
            if alias is not None and alias.this is not None:
                names = (self._rule.canonical(alias.this),)
            if alias is not None and alias.columns:
                relation = relation.renamed([self._name_of(column) for column in alias.columns])
        scope.sources.append(Source(names, relation))
        if isinstance(item, exp.Table):
            for join in item.args.get("joins") or ():
                self._join(join, scope)
        for lateral in item.args.get("laterals") or ():
            self._add(lateral, scope)

    def _table(
        self, table: exp.Table, name: str, columns: Sequence[str], scope: Scope
    ) -> tuple[Relation, tuple[str, ...]]:
        this = table.this
        if table.args.get("rows_from"):
            return (Relation([(column, NOTHING) for column in columns]), ())
        if not isinstance(this, exp.Identifier):
            return self._function(this, columns, name, scope), ()
        own = self._rule.canonical(this)
        if not table.args.get("db"):
            cte = _cte_named(scope.ctes, own)
            if cte is not None:
                return cte, (own,)
        key = self._tables.key(table)
        names = tuple(self._rule.canonical(part) for part in table.parts if isinstance(part, exp.Identifier))
        return self._stored(key), names

    def _stored(self, key: TableKey) -> Relation:
        relation = self._relations.get(key)
        if relation is None:
            columns = self._tables.columns(key)
            relation = UNKNOWN_RELATION
            if columns:
                relation = Relation([self._stored_column(key, column) for column in columns], Coverage.STORED)
            self._relations[key] = relation
        return relation

    def _stored_column(self, key: TableKey, column: SqlColumn | str) -> tuple[str, Value]:
        name = column if isinstance(column, str) else column.name
        sources: Sources = frozenset({(key, name)})
        if isinstance(column, str):
            return name, Value(sources)
        if column.fields:
            return name, _typed(sources, column.fields)
        return name, Value(sources, self._fields_of_type(column.type, sources))

    def _fields_of_type(self, text: str, sources: Sources) -> Mapping[str, Value] | None:
        """The fields that the text of a type names: ``array<struct<key string, value string>>``."""
        if "<" not in text and "(" not in text:
            return None
        for dialect in (self._dialect or None, "bigquery", "spark", "trino", "duckdb"):
            try:
                found = exp.DataType.build(text, dialect=dialect)
            except Exception:  # noqa: BLE001 - a type in words that no parser knows has no known fields
                continue
            return _fields_of_data_type(found, sources)
        return None

    def _lateral(self, item: exp.Lateral, name: str, columns: Sequence[str], scope: Scope) -> Relation:
        inner = item.this
        if isinstance(inner, exp.Subquery | exp.Query):
            query = inner.this if isinstance(inner, exp.Subquery) else inner
            if isinstance(query, exp.Values):
                return self._values(query, scope)
            return self.query(query, scope, scope.ctes, scope.scalars)
        if isinstance(inner, exp.Unnest):
            return self._unnest(inner, name, columns, scope)
        ordinality = item.args.get("ordinality")
        return self._function(inner, columns, name, scope, ordinality=bool(ordinality))

    def _values(self, item: exp.Values, scope: Scope) -> Relation:
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in item.expressions]
        width = len(rows[0]) if rows else 0
        found = Relation()
        for place in range(width):
            cells = [self._value(row[place], scope).sources for row in rows if place < len(row)]
            name = f"column{place + 1}" if self._dialect != "spark" else f"col{place + 1}"
            name = name.upper() if self._rule is CaseRule.UPPER else name
            found.columns.append((name, Value(NO_SOURCES.union(*cells))))
        return found

    def _unnest(self, item: exp.Unnest, name: str, columns: Sequence[str], scope: Scope) -> Relation:
        values = [self._value(array, scope) for array in item.expressions]
        offset = item.args.get("offset")
        out = Relation()
        if self._dialect in _ELEMENT_ALIAS or (columns and not name):
            value = values[0] if len(values) == 1 else NOTHING
            element = columns[0] if columns else name
            if element:
                out.hidden[element] = value
            if value.fields is not None:
                out.columns = list(value.fields.items())
            elif element:
                out.columns = [(element, value)]
                out.rest = value.sources
                out.ordered = False
            else:
                out.rest = value.sources
        elif columns:
            out = self._spread(values, columns)
        elif len(values) == 1:
            value = values[0]
            out.hidden = {key: value for key in (name, "unnest") if key}
            if value.fields is not None:
                out.columns = list(value.fields.items())
            else:
                out.rest = value.sources
        else:
            out.coverage, out.ordered = Coverage.UNKNOWN, False
        if isinstance(offset, exp.Identifier):
            out.columns.append((self._rule.canonical(offset), NOTHING))
        elif offset:
            out.columns.append(("ordinality" if self._dialect != "bigquery" else "offset", NOTHING))
        return out

    def _spread(self, values: Sequence[Value], names: Sequence[str]) -> Relation:
        """Arrays side by side under these names; more names than arrays are the fields of one array."""
        if len(values) == len(names):
            return Relation(list(zip(names, values, strict=True)))
        if len(values) == 1:
            fields = list(values[0].fields.values()) if values[0].fields is not None else []
            same = len(fields) == len(names)
            return Relation(
                [(name, fields[at] if same else Value(values[0].sources)) for at, name in enumerate(names)]
            )
        widths: list[Value] = []
        for value in values:
            if value.fields is None:
                return Relation([(name, NOTHING) for name in names])
            widths += value.fields.values() or [value]
        if len(widths) != len(names):
            return Relation([(name, NOTHING) for name in names])
        return Relation(list(zip(names, widths, strict=True)))

    def _function(
        self, call: exp.Expr, columns: Sequence[str], name: str, scope: Scope, *, ordinality: bool = False
    ) -> Relation:
        """A function that gives a table: every column of it is made of the function's arguments."""
        if isinstance(call, exp.Unnest):
            return self._unnest(call, name, columns, scope)
        if isinstance(call, exp.Stack) or call.name.lower() == "stack":
            return self._stack(call, columns, scope)
        value = self._value(call, scope)
        value = Value(value.sources, self._element(call, scope).fields)
        defined = [
            self._name_of(column.this)
            for column in call.find_all(exp.ColumnDef, exp.JSONColumnDef, exp.OpenJSONColumnDef)
            if isinstance(column.this, exp.Identifier)
        ]
        known = "flatten" if isinstance(call, exp.Explode) and self._dialect == "snowflake" else ""
        known = known or call.name.lower() or type(call).__name__.lower()
        names = columns or defined or _FUNCTION_COLUMNS.get(known, ())
        if not names and isinstance(call, exp.Explode) and self._dialect in _SPARK:
            names = ("pos", "col") if isinstance(call, exp.Posexplode) else ("col",)
        fields = list(value.fields.values()) if value.fields else []
        if isinstance(call, exp.Inline | exp.Explode) and columns and len(fields) == len(columns) > 1:
            return Relation(list(zip(columns, fields, strict=True)))
        plain = value if len(names) == 1 else Value(value.sources)
        out = Relation([(column, plain) for column in names])
        if ordinality and len(names) > 1:
            out.columns[-1] = (names[-1], NOTHING)
        if name:
            out.hidden[name] = value
        if not names:
            out.rest = value.sources
        return out

    def _element(self, call: exp.Expr, scope: Scope) -> Value:
        """What the first argument of ``explode`` and its like holds."""
        inner = call.this if isinstance(call, exp.Explode | exp.Posexplode | exp.Inline) else None
        if isinstance(inner, exp.Kwarg):
            inner = inner.expression
        return self._value(inner, scope) if isinstance(inner, exp.Expr) else NOTHING

    def _stack(self, call: exp.Expr, columns: Sequence[str], scope: Scope) -> Relation:
        """Spark's ``stack(n, a1, b1, a2, b2, …)``: each column is made of every n-th argument."""
        values = call.expressions if isinstance(call, exp.Stack) else call.expressions[1:]
        rows = call.this if isinstance(call, exp.Stack) else next(iter(call.expressions), None)
        width = 0
        if isinstance(rows, exp.Literal) and rows.is_int and int(rows.name) > 0:
            width = -(-len(values) // int(rows.name))
        names = columns or [f"col{place}" for place in range(width)]
        if width != len(names):
            return Relation([(name, NOTHING) for name in names])
        return Relation(
            [
                (
                    name,
                    Value(
                        NO_SOURCES.union(*(self._value(item, scope).sources for item in values[at::width]))
                    ),
                )
                for at, name in enumerate(names)
            ]
        )

    # --- PIVOT

    def _pivot(self, pivot: exp.Pivot, base: Relation, names: tuple[str, ...], scope: Scope) -> Relation:
        inner = Scope(None, [Source(names, base)], ctes=scope.ctes, scalars=scope.scalars)
        fields = [field for field in pivot.args.get("fields") or () if isinstance(field, exp.In)]
        if pivot.args.get("unpivot"):
            field = fields[0] if len(fields) == 1 else None
            values = pivot.expressions[0] if len(pivot.expressions) == 1 else None
            if field is None or values is None:
                return UNKNOWN_RELATION
            into = [
                self._name_of(item)
                for item in (values.expressions if isinstance(values, exp.Tuple) else [values])
            ]
            return self._unpivoted(
                base,
                field.expressions,
                self._name_of(field.this),
                into,
                inner,
                values_first=pivot.args.get("value_columns_first"),
            )
        used = {
            self._name_of(column).casefold()
            for item in pivot.expressions
            for column in item.find_all(exp.Column)
        }
        used |= {self._name_of(field.this).casefold() for field in fields}
        kept = [item for item in base.columns if item[0].casefold() not in used]
        made = [self._value(_unaliased(item), inner).sources for item in pivot.expressions]
        out = Relation(kept, base.coverage, base.ordered)
        if pivot.args.get("group") is not None:
            out.columns = []
            for expression in pivot.args["group"].expressions:
                self._output(expression, inner, out)
        listed = pivot.args.get("columns") or ()
        if not listed or not made:
            out.coverage, out.ordered = Coverage.UNKNOWN, False
            return out
        for at, column in enumerate(listed):
            out.columns.append((self._name_of(column), Value(made[at % len(made)])))
        return out

    def _unpivoted(
        self,
        base: Relation,
        listed: Sequence[exp.Expr],
        name: str,
        into: Sequence[str],
        scope: Scope,
        *,
        values_first: object = False,
    ) -> Relation:
        """The other columns, the column of names, and the columns of values."""
        taken: set[str] = set()
        made: list[set[tuple[TableKey, str]]] = [set() for _ in into]
        for item in listed:
            inner = item.this if isinstance(item, exp.PivotAlias | exp.Alias) else item
            if isinstance(inner, exp.Columns):
                for column, value in self._columns_function(inner, scope).columns:
                    taken.add(column.casefold())
                    made[0] |= value.sources
                continue
            group = inner.expressions if isinstance(inner, exp.Tuple) else [inner]
            for at, part in enumerate(group):
                taken |= {self._name_of(column).casefold() for column in part.find_all(exp.Column)}
                if at < len(made):
                    made[at] |= self._value(part, scope).sources
        kept = [item for item in base.columns if item[0].casefold() not in taken]
        values = [(column, Value(frozenset(sources))) for column, sources in zip(into, made, strict=True)]
        added = [*values, (name, NOTHING)] if values_first else [(name, NOTHING), *values]
        return Relation([*kept, *added], base.coverage, base.ordered)

    def _pivot_statement(self, pivot: exp.Pivot, scope: Scope) -> Relation:
        """DuckDB's PIVOT … ON … USING … GROUP BY and UNPIVOT … ON … INTO."""
        ctes, scalars = self._with(pivot, scope.parent, scope.ctes, scope.scalars)
        inner = Scope(scope.parent, ctes=ctes, scalars=scalars)
        self._add(pivot.this, inner)
        base = self._star(inner)
        if pivot.args.get("unpivot"):
            into = pivot.args.get("into")
            if into is None:
                return UNKNOWN_RELATION
            names = [self._name_of(column) for column in into.expressions]
            return self._unpivoted(base, pivot.expressions, self._name_of(into.this), names, inner)
        using = pivot.args.get("using") or []
        group = pivot.args.get("group")
        used = {
            self._name_of(column).casefold()
            for item in (*using, *pivot.expressions)
            for column in item.find_all(exp.Column)
        }
        out = Relation([], base.coverage, base.ordered)
        if group is not None:
            for expression in group.expressions:
                self._output(expression, inner, out)
        else:
            out.columns = [item for item in base.columns if item[0].casefold() not in used]
        on = pivot.expressions[0] if len(pivot.expressions) == 1 else None
        aliased = [item.alias for item in using if isinstance(item, exp.Alias)]
        if not isinstance(on, exp.In) or not using or (len(using) > 1 and len(aliased) < len(using)):
            out.coverage, out.ordered = Coverage.UNKNOWN, False
            return out
        for value in on.expressions:
            for item in using:
                name = f"{value.alias_or_name}_{item.alias}" if item.alias else value.alias_or_name
                out.columns.append((name, self._value(_unaliased(item), inner)))
        return out

    # --- expressions

    def _value(self, expression: exp.Expr, scope: Scope) -> Value:
        """What an expression is made of."""
        if isinstance(expression, exp.Column):
            return self._column(expression, scope)
        if isinstance(expression, exp.Paren | exp.Bracket) and not isinstance(expression.this, exp.Query):
            inner = self._value(expression.this, scope)
            index = [self._sources(item, scope) for item in expression.expressions]
            if isinstance(expression, exp.Bracket) and len(expression.expressions) == 1:
                key = expression.expressions[0]
                if isinstance(key, exp.Literal) and key.is_string:
                    return inner.field(key.name)
            return Value(inner.sources.union(*index), inner.fields)
        if isinstance(expression, exp.Dot) and isinstance(expression.expression, exp.Identifier):
            return self._value(expression.this, scope).field(self._rule.canonical(expression.expression))
        if isinstance(expression, exp.Struct):
            return self._struct(expression, scope)
        return Value(self._sources(expression, scope))

    def _struct(self, expression: exp.Struct, scope: Scope) -> Value:
        fields: dict[str, Value] = {}
        for item in expression.expressions:
            if isinstance(item, exp.PropertyEQ | exp.Alias):
                name = item.this.name if isinstance(item, exp.PropertyEQ) else item.alias
                inner = item.expression if isinstance(item, exp.PropertyEQ) else item.this
                fields[name] = self._value(inner, scope)
            else:
                fields[item.output_name or f"_{len(fields)}"] = self._value(item, scope)
        sources = NO_SOURCES.union(*(value.sources for value in fields.values()))
        return Value(sources, fields)

    def _sources(self, expression: exp.Expr, scope: Scope) -> Sources:
        """All columns that stand in an expression, those of its subqueries' outputs included."""
        found: set[tuple[TableKey, str]] = set()
        stack: list[tuple[exp.Expr, frozenset[str]]] = [(expression, frozenset())]
        while stack:
            item, bound = stack.pop()
            if isinstance(item, exp.Column):
                if item.parts[0].name.casefold() not in bound:
                    found |= self._column(item, scope).sources
                continue
            if isinstance(item, exp.Star):
                if not isinstance(item.parent, exp.Count):
                    found |= self._star(scope).all_sources()
                continue
            if isinstance(item, exp.Exists) and isinstance(item.this, exp.Query):
                continue
            if isinstance(item, exp.Query):
                found |= self.query(item, scope, scope.ctes, scope.scalars).all_sources()
                continue
            if isinstance(item, exp.Dot | exp.Struct) and item is not expression and not bound:
                found |= self._value(item, scope).sources
                continue
            if isinstance(item, exp.Window):
                stack += [(part, bound) for part in self._window(item, scope)]
            if isinstance(item, exp.Lambda):
                bound |= {name.name.casefold() for name in item.expressions}
                stack.append((item.this, bound))
                continue
            if isinstance(item, exp.Comprehension):
                stack.append((item.args["iterator"], bound))
                bound |= {
                    name.name.casefold() for name in item.find_all(exp.Identifier) if name.parent is item
                }
                stack += [
                    (part, bound) for part in (item.this, item.args.get("condition")) if part is not None
                ]
                continue
            if isinstance(item, exp.Alias) and self._dialect == "clickhouse":
                scope.aliases.setdefault(item.alias, self._value(item.this, scope))
            if isinstance(item, exp.Kwarg | exp.PropertyEQ):
                stack.append((item.expression, bound))
                continue
            if isinstance(item, exp.Dot) and isinstance(item.expression, exp.Func):
                stack.append((item.expression, bound))
                continue
            stack += [
                (child, bound) for child in item.iter_expressions() if not isinstance(child, exp.DataType)
            ]
        return frozenset(found)

    def _window(self, window: exp.Window, scope: Scope) -> Iterator[exp.Expr]:
        """What a window takes over from the named windows it refers to."""
        seen: set[str] = set()
        name = window.args.get("alias")
        while isinstance(name, exp.Identifier) and name.name.casefold() not in seen:
            seen.add(name.name.casefold())
            named = scope.windows.get(name.name.casefold())
            if named is None:
                return
            yield from named.args.get("partition_by") or ()
            if named.args.get("order") is not None:
                yield named.args["order"]
            name = named.args.get("alias")

    # --- names

    def _column(self, column: exp.Column, scope: Scope) -> Value:
        if isinstance(column.this, exp.Star):
            return Value(self._qualified_star(column, scope).all_sources())
        parts = [part for part in column.parts if isinstance(part, exp.Identifier)]
        if len(parts) != len(column.parts):
            return NOTHING
        return self._path(parts, scope)

    def _path(self, parts: Sequence[exp.Identifier], scope: Scope) -> Value:
        """A name with what may stand before it: an alias, a table's names, or a struct's column."""
        names = [self._rule.canonical(part) for part in parts]
        level: Scope | None = scope
        while level is not None:
            found = self._qualified(names, level)
            if found is None and not self._is_outer_alias(names, level):
                found = self._struct_path(names, level)
                if found is None and not level.is_complete():
                    break
            elif found is None and self._has_column(names[0], level):
                found = self._struct_path(names, level)
            if found is not None:
                return found
            level = level.parent
        return self._left_out(names)

    @staticmethod
    def _is_outer_alias(names: Sequence[str], level: Scope) -> bool:
        """Whether the qualifier names a source of an enclosing query."""
        outer = level.parent
        while outer is not None and len(names) > 1:
            if any(outer.called(names[:count]) is not None for count in range(1, len(names))):
                return True
            outer = outer.parent
        return False

    @staticmethod
    def _has_column(name: str, scope: Scope) -> bool:
        return any(source.relation.find(name) is not None for source in scope.visible())

    def _qualified(self, names: Sequence[str], scope: Scope) -> Value | None:
        """A column behind the alias or the name of one of the scope's sources."""
        for count in range(min(len(names) - 1, 3), 0, -1):
            source = scope.called(names[:count])
            if source is not None:
                found = self._from_source(source, names[count:])
                return found if found is not None else self._left_out(names)
        return None

    def _struct_path(self, names: Sequence[str], scope: Scope) -> Value | None:
        """A column, a column with a dot in its name, or a field of a struct."""
        for count in range(len(names), 0, -1):
            value = self._unqualified(".".join(names[:count]), scope, dotted=count > 1)
            if value is not None:
                for name in names[count:]:
                    value = value.field(name)
                return value
        return None

    def _left_out(self, names: Sequence[str]) -> Value:
        if len(self.unresolved) < _NOTES:
            self.unresolved[".".join(names)] = None
        return NOTHING

    @staticmethod
    def _from_source(source: Source, names: Sequence[str]) -> Value | None:
        """A column of one source and the fields below it; a column may have a dot in its own name."""
        relation = source.relation
        for count in range(len(names), 0, -1):
            value = relation.find(".".join(names[:count]))
            if value is not None:
                for name in names[count:]:
                    value = value.field(name)
                return value
        if relation.rest is not None:
            return Value(relation.rest)
        return NOTHING if relation.coverage is Coverage.UNKNOWN else None

    def _unqualified(self, name: str, scope: Scope, *, dotted: bool = False) -> Value | None:
        if scope.alias_first and not dotted:
            alias = pick(scope.aliases, name)
            if alias is not None:
                return alias
        merged = scope.merged.get(name.casefold())
        if merged is not None:
            return merged
        found = [
            value for value in (source.relation.find(name) for source in scope.visible()) if value is not None
        ]
        if found:
            same = all(value.sources == found[0].sources for value in found)
            return found[-1] if same else NOTHING
        if dotted:
            return None
        unknown = any(source.relation.coverage is Coverage.UNKNOWN for source in scope.visible())
        alias = pick(scope.aliases, name)
        if alias is not None:
            return NOTHING if unknown else alias  # a column goes before an alias
        scalar = scope.scalars.get(name)
        if scalar is not None and name not in scope.aliases:
            scope.aliases[name] = NOTHING  # a name is no part of its own meaning
            scope.aliases[name] = self._value(scalar, scope)
            return scope.aliases[name]
        whole = scope.called([name])
        if whole is not None:
            relation = whole.relation
            hidden = pick(relation.hidden, name)
            return hidden if hidden is not None else Value(relation.all_sources(), dict(relation.columns))
        rests = [source.relation for source in scope.visible() if source.relation.rest is not None]
        certain = all(
            source.relation.coverage is Coverage.COMPLETE
            for source in scope.visible()
            if source.relation not in rests
        )
        if len(rests) == 1 and certain and rests[0].rest is not None:
            return Value(rests[0].rest)
        return NOTHING if unknown else None


def case_rule(dialect: str) -> CaseRule:
    """How the dialect stores names without quotes."""
    strategy = Dialect.get_or_raise(dialect or None).normalization_strategy
    if strategy in _OPEN_CASE:
        return CaseRule.AS_WRITTEN
    return CaseRule.UPPER if strategy is NormalizationStrategy.UPPERCASE else CaseRule.LOWER


def _cte_named(ctes: Mapping[str, Relation], name: str) -> Relation | None:
    if name in ctes:
        return ctes[name]
    found = [relation for key, relation in ctes.items() if key.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else None


def _by_position(left: Relation, right: Relation) -> Relation:
    """What UNION gives: the left names, each made of the columns at its place on both sides.

    Where the places are not certain, the right side adds to a column only what stands at the same place under
    the same name.
    """
    places = left.ordered and right.ordered and len(left.columns) == len(right.columns)
    columns = []
    for at, (name, value) in enumerate(left.columns):
        other: Value | None = None
        if at < len(right.columns):
            there, found = right.columns[at]
            same = there.casefold() == name.casefold() and left.ordered and right.ordered
            other = found if places or same else None
        columns.append((name, _either(value, other) if other is not None else value))
    coverage = max(left.coverage, right.coverage if not places else left.coverage)
    return Relation(columns, coverage, left.ordered, first_wins=left.first_wins)


def _either(left: Value, right: Value) -> Value:
    fields = left.fields
    if fields is not None and right.fields is not None and list(fields) == list(right.fields):
        fields = {name: _either(value, right.fields[name]) for name, value in fields.items()}
    elif right.sources or right.fields is not None:
        fields = None
    return Value(left.sources | right.sources, fields)


def _typed(sources: Sources, fields: Iterable[SqlColumn]) -> Value:
    return Value(
        sources,
        {item.name: _typed(sources, item.fields) if item.fields else Value(sources) for item in fields},
    )


def _fields_of_data_type(kind: exp.DataType, sources: Sources) -> Mapping[str, Value] | None:
    if kind.is_type(exp.DataType.Type.ARRAY, exp.DataType.Type.LIST):
        inner = next((item for item in kind.expressions if isinstance(item, exp.DataType)), None)
        return _fields_of_data_type(inner, sources) if inner is not None else None
    if not kind.is_type(*exp.DataType.STRUCT_TYPES):
        return None
    found = {}
    for item in kind.expressions:
        if not isinstance(item, exp.ColumnDef) or not isinstance(item.args.get("kind"), exp.DataType):
            return None
        found[item.name] = Value(sources, _fields_of_data_type(item.args["kind"], sources))
    return found or None


def _fields_of(value: Value) -> Relation:
    if value.fields is None:
        return UNKNOWN_RELATION
    return Relation(list(value.fields.items()))


def _listed(found: object) -> list[exp.Expr]:
    if isinstance(found, exp.Expr):
        return found.expressions if isinstance(found, exp.Tuple) else [found]
    return list(found) if isinstance(found, list) else []


def _unaliased(item: exp.Expr) -> exp.Expr:
    return item.this if isinstance(item, exp.Alias) else item


def _only(relation: Relation, wanted: Callable[[str], bool]) -> Relation:
    kept = [item for item in relation.columns if wanted(item[0])]
    return Relation(kept, relation.coverage, relation.ordered)


def _like(pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    marks = {"%": ".*", "_": "."}
    return re.compile("".join(marks.get(sign) or re.escape(sign) for sign in pattern), flags | re.DOTALL)
