"""A name that a person has, and the node it means."""

import pytest

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.plan.explanation.lookup import find_nodes


def project(*nodes: Node) -> Project:
    return Project("shop", "1.12.0", 12, "snowflake", "", "", {node.unique_id: node for node in nodes})


ORDERS = Node(
    "model.shop.fct_orders",
    "model",
    "fct_orders",
    "orders",
    "SHOP",
    "MARTS",
    relation_name='"SHOP"."MARTS"."orders"',
)
CUSTOMERS = Node("model.shop.dim_customers", "model", "dim_customers", "dim_customers", "SHOP", "MARTS")
RAW = Node("source.shop.erp.orders", "source", "orders", "orders", "SHOP", "RAW", source_name="erp")
SHOP = project(ORDERS, CUSTOMERS, RAW)


@pytest.mark.parametrize(
    "text",
    [
        "model.shop.fct_orders",
        "fct_orders",
        "FCT_ORDERS",
        " marts.orders ",
        "shop.marts.orders",
        "warehouse.SHOP.MARTS.orders",
        '"SHOP"."MARTS"."orders"',
        "https://collate.example/table/warehouse.SHOP.MARTS.orders/lineage",
        "https://collate.example/table/warehouse.SHOP.MARTS.orders",
        "https://ab123.us1.dbt.com/explore/1/projects/2/environments/production/details/model.shop.fct_orders",
        "fct_",
    ],
)
def test_every_name_of_a_node_finds_it(text: str) -> None:
    assert find_nodes(SHOP, text).unique_ids == ("model.shop.fct_orders",)


def test_source_is_found_by_source_and_table() -> None:
    assert find_nodes(SHOP, "erp.orders").unique_ids == ("source.shop.erp.orders",)


def test_name_of_two_tables_is_ambiguous() -> None:
    found = find_nodes(SHOP, "orders")
    assert not found.unique_ids
    assert found.is_ambiguous
    assert set(found.suggestions) == {"model.shop.fct_orders", "source.shop.erp.orders"}


def test_nodes_of_one_table_are_found_together() -> None:
    seed = Node("seed.shop.orders", "seed", "orders", "orders", "SHOP", "raw")
    assert set(find_nodes(project(RAW, seed), "raw.orders").unique_ids) == {"seed.shop.orders", RAW.unique_id}


def test_misspelled_name_gets_near_ones() -> None:
    found = find_nodes(SHOP, "dim_custmers")
    assert not found.unique_ids
    assert not found.is_ambiguous
    assert "model.shop.dim_customers" in found.suggestions


@pytest.mark.parametrize("text", ["", "   ", "zzz", "https://", "a" * 5000])
def test_name_of_nothing_finds_nothing(text: str) -> None:
    found = find_nodes(SHOP, text)
    assert not found.unique_ids
    assert not found.suggestions
