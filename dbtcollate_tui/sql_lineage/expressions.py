"""What expressions and names in a query are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from dbtcollate_tui.sql_lineage.dialects import case_rule
from dbtcollate_tui.sql_lineage.relations import (
    NO_SOURCES,
    NOTHING,
    Coverage,
    KnownTables,
    Relation,
    Scope,
    Source,
    Sources,
    TableKey,
    Value,
    pick,
)

_NOTES = 20


class Expressions(ABC):
    """Finds the sources of expressions; what a subquery or a star gives is the subclass's.

    ``unresolved`` are the names that were left out.
    """

    def __init__(self, tables: KnownTables, dialect: str) -> None:
        self._tables = tables
        self._dialect = dialect
        self._rule = case_rule(dialect)
        self._relations: dict[TableKey, Relation] = {}
        self._depth = 0
        self.unresolved: dict[str, None] = {}

    @abstractmethod
    def query(
        self,
        query: exp.Expr,
        parent: Scope | None = None,
        ctes: Mapping[str, Relation] | None = None,
        scalars: Mapping[str, exp.Expr] | None = None,
    ) -> Relation:
        """The output columns of a query."""

    @abstractmethod
    def _star(self, scope: Scope) -> Relation:
        """All visible columns."""

    @abstractmethod
    def _qualified_star(self, column: exp.Column, scope: Scope) -> Relation:
        """All columns of one source, or all fields of a struct."""

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
        """All columns in an expression, those of its subqueries' outputs included."""
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
        """A name with what may come before it: an alias, a table's names, or a struct's column."""
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
