"""Finds what each output column of a parsed query is made of, part by part. No IO.

sqlglot's own lineage gives no answer at all where one name cannot be resolved, and follows LATERAL, APPLY, BY
NAME and unnest to the wrong columns. Here a part that is not certain is left out and the rest stays: a name
counts for a column only where no other column can be meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

from dbtcollate_tui.sql_lineage.dialects import (
    ALIASES_USABLE,
    COLUMNS_FUNCTION,
    FIRST_OF_EQUAL_NAMES,
    RECURSIVE_UNMARKED,
)
from dbtcollate_tui.sql_lineage.from_items import FromItems
from dbtcollate_tui.sql_lineage.relations import (
    NOTHING,
    UNKNOWN_RELATION,
    CaseRule,
    Coverage,
    Relation,
    Scope,
    Value,
)
from dbtcollate_tui.sql_lineage.values import (
    either_value,
    fields_of,
    like_pattern,
    listed_expressions,
    only_named,
    paired_by_position,
)

MAX_DEPTH = 150
"""How deeply queries may be nested in one another."""
_RECURSIONS = 8


class Resolver(FromItems):
    """Resolves one query against the tables that are known. ``unresolved`` are the names it left out."""

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

        marked = recursive or self._dialect in RECURSIVE_UNMARKED
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
            by_name = step.args.get("by_name")
            found = self._by_name(step, found, right) if by_name else paired_by_position(found, right)
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
                columns.append((name, either_value(value, other or NOTHING)))
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
        out = Relation(first_wins=self._dialect in FIRST_OF_EQUAL_NAMES)
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
            self._extend(out, fields_of(value), expression.expression, scope)
        elif isinstance(expression, exp.Columns):
            self._extend(out, self._columns_function(expression, scope), None, scope)
        elif isinstance(expression, exp.Aliases):
            names = [self._rule.canonical(name) for name in expression.expressions]
            relation = self._function(expression.this, names, "", scope)
            for name, value in relation.columns:
                self._named(name, value, scope, out)
        elif isinstance(expression, exp.Apply) or (
            self._dialect in COLUMNS_FUNCTION and expression.find(exp.Columns)
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
        if name and self._dialect in ALIASES_USABLE:
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
        except_ = {self._name_of(item).casefold() for item in listed_expressions(args.get("except_"))}
        replaced = {
            self._name_of(item).casefold(): self._value(item.this, scope)
            for item in listed_expressions(args.get("replace"))
        }
        renames = listed_expressions(args.get("rename"))
        renamed = {self._name_of(item.this).casefold(): self._name_of(item) for item in renames}
        if args.get("ilike") is not None:
            like = like_pattern(args["ilike"].name)
            relation = only_named(relation, lambda name: like.fullmatch(name) is not None)
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
        return fields_of(self._path(parts, scope))

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
            return only_named(everything, lambda name: match(name) is not None)
        if isinstance(inner, exp.Star):
            out = Relation()
            self._extend(out, everything, inner, scope)
            return out
        test = inner.this if isinstance(inner, exp.Lambda) else None
        if isinstance(test, exp.Like) and isinstance(test.expression, exp.Literal):
            like = like_pattern(test.expression.name, re.NOFLAG)
            return only_named(everything, lambda name: like.fullmatch(name) is not None)
        return UNKNOWN_RELATION
