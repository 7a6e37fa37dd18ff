from sqlglot.dialects.dialect import Dialect

from dbtcollate_tui.adapters import ADAPTERS, adapter_of, is_type_for


def test_every_adapter_names_its_service_types() -> None:
    assert [name for name, adapter in ADAPTERS.items() if not adapter.service_types] == []


def test_every_dialect_is_one_of_sqlglot() -> None:
    for adapter in ADAPTERS.values():
        if adapter.dialect:
            assert Dialect.get(adapter.dialect) is not None, adapter.dialect


def test_adapters_without_a_dialect_are_known() -> None:
    """sqlglot reads neither; a new adapter without a dialect has to be put here on purpose."""
    assert {name for name, adapter in ADAPTERS.items() if not adapter.dialect} == {"db2", "saphana"}


def test_adapter_name_ignores_case() -> None:
    assert adapter_of("Snowflake").dialect == "snowflake"
    assert adapter_of("nobody's").service_types == ()


def test_service_type_of_an_adapter() -> None:
    assert is_type_for("risingwave", "Postgres")
    assert is_type_for("postgres", "CustomDatabase")
    assert is_type_for("nobody's", "Snowflake")
    assert not is_type_for("postgres", "Snowflake")
