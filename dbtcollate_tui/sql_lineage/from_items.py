"""What the items of FROM give: tables, joins, LATERAL, unnest, table functions and PIVOT."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from sqlglot import exp

from dbtcollate_tui.sql_lineage.dialects import ELEMENT_ALIAS, FUNCTION_COLUMNS, IMPLICIT_LATERAL, SPARK
from dbtcollate_tui.sql_lineage.expressions import Expressions
from dbtcollate_tui.sql_lineage.relations import (
    NO_SOURCES,
    NOTHING,
    UNKNOWN_RELATION,
    CaseRule,
    Coverage,
    Relation,
    Scope,
    Source,
    Sources,
    SqlColumn,
    TableKey,
    Value,
)
from dbtcollate_tui.sql_lineage.values import cte_named, fields_of_data_type, typed_value, unaliased


class FromItems(Expressions, ABC):
    """Adds sources to a scope; what a SELECT list gives is the subclass's."""

    @abstractmethod
    def _output(self, expression: exp.Expr, scope: Scope, out: Relation) -> None:
        """Add what one item of a SELECT list gives."""

    @abstractmethod
    def _columns_function(self, expression: exp.Columns, scope: Scope) -> Relation:
        """The columns that ``COLUMNS(…)`` picks."""

    @abstractmethod
    def _with(
        self,
        query: exp.Expr,
        parent: Scope | None,
        ctes: Mapping[str, Relation],
        scalars: Mapping[str, exp.Expr],
    ) -> tuple[Mapping[str, Relation], Mapping[str, exp.Expr]]:
        """The common table expressions that a query sees."""

    @abstractmethod
    def _name_of(self, item: exp.Expr) -> str:
        """The name of an item, as the dialect stores it."""

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
                outer = scope if self._dialect in IMPLICIT_LATERAL else scope.parent
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
            cte = cte_named(scope.ctes, own)
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
            return name, typed_value(sources, column.fields)
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
            return fields_of_data_type(found, sources)
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
        if self._dialect in ELEMENT_ALIAS or (columns and not name):
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
        names = columns or defined or FUNCTION_COLUMNS.get(known, ())
        if not names and isinstance(call, exp.Explode) and self._dialect in SPARK:
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
        made = [self._value(unaliased(item), inner).sources for item in pivot.expressions]
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
                out.columns.append((name, self._value(unaliased(item), inner)))
        return out
