"""Small dbt projects whose names are those that people really have: blanks, dots, marks, twins."""

from dataclasses import dataclass

from tests.warehouses.servers import PASSWORD

_SOURCES = """
version: 2
sources:
  - name: shop
    schema: shop_raw
    quoting: {identifier: true, schema: true}
    tables:
      - name: orders
        identifier: Orders Raw
        description: Orders by dbt
        columns:
          - {name: id, description: Key, data_tests: [unique, not_null]}
          - {name: Customer ID, quote: true, description: Who}
      - {name: upper, identifier: "{{ var('upper') }}", description: The upper twin}
      - {name: lower, identifier: customers, description: The lower twin}
"""
_SCHEMA = """
version: 2
models:
  - name: stg_orders
    description: Staged
    columns:
      - {name: order_id, description: Key, data_tests: [unique]}
      - {name: Unit.Price, quote: true, description: Price}
  - name: upper_customers
    description: From the upper twin
  - name: marks
    description: Names with marks
    columns:
      - {name: "price > 100", quote: true, description: Dear}
"""
_STAGED = """
select id as order_id, {{ adapter.quote('Customer ID') }} as customer_id,
       amount as {{ adapter.quote('Unit.Price') }}
from {{ source('shop', 'orders') }}
"""
_UPPER = "select * from {{ source('shop', 'upper') }}"
_MARKS = """
select o.order_id, c.only_lower, o.{{ adapter.quote('Unit.Price') }} as {{ adapter.quote('price > 100') }}
from {{ ref('stg_orders') }} o left join {{ source('shop', 'lower') }} c on c.id = o.customer_id
"""


@dataclass(frozen=True)
class Warehouse:
    """What one adapter needs: packages, the profile, the raw tables, and the connector's configuration."""

    name: str
    service_type: str
    packages: tuple[str, ...]
    upper: str
    """The table beside ``customers``; dbt's catalog takes no twin of it on PostgreSQL."""
    setup: str
    has_catalog: bool = True
    """Whether dbt can write a catalog of these names: dbt-mysql 1.7 does not quote them."""

    def profile(self, port: int) -> dict[str, object]:
        """dbt's connection."""
        common: dict[str, object] = {"port": port, "password": PASSWORD, "threads": 1, "schema": "analytics"}
        if self.name == "postgres":
            return {"type": "postgres", "host": "127.0.0.1", "user": "admin", "dbname": "shop_db", **common}
        return {"type": "mariadb", "server": "127.0.0.1", "username": "admin", "ssl_disabled": True, **common}

    def connection(self, port: int) -> dict[str, object]:
        """OpenMetadata's connection."""
        config: dict[str, object] = {
            "type": self.service_type,
            "username": "admin",
            "hostPort": f"127.0.0.1:{port}",
        }
        if self.name == "postgres":
            return config | {"authType": {"password": PASSWORD}, "database": "shop_db"}
        return config | {"password": PASSWORD}


FILES = {
    "models/sources.yml": _SOURCES,
    "models/schema.yml": _SCHEMA,
    "models/stg_orders.sql": "{{ config(materialized='view') }}" + _STAGED,
    "models/upper_customers.sql": "{{ config(materialized='table') }}\n" + _UPPER,
    "models/marks.sql": "{{ config(materialized='table', alias='marks > all') }}" + _MARKS,
}

POSTGRES = Warehouse(
    "postgres",
    "Postgres",
    ("dbt-core~=1.11.0", "dbt-postgres~=1.11.0"),
    "Customer List",
    """
    create schema shop_raw;
    create table shop_raw."Orders Raw" (id int, "Customer ID" int, amount numeric(10, 2));
    comment on table shop_raw."Orders Raw" is 'Orders as the shop writes them';
    comment on column shop_raw."Orders Raw".id is 'Warehouse key';
    create table shop_raw."Customer List" (id int, only_upper text);
    create table shop_raw.customers (id int, only_lower text);
    insert into shop_raw."Orders Raw" values (1, 1, 10), (2, 2, 20);
    """,
)
MARIADB = Warehouse(
    "mariadb",
    "MariaDB",
    ("dbt-core~=1.7.0", "dbt-mysql~=1.7.0"),
    "Customers",
    """
    create database shop_raw; create database analytics; use shop_raw;
    create table `Orders Raw` (id int comment 'Warehouse key', `Customer ID` int, amount decimal(10, 2))
      comment 'Orders as the shop writes them';
    create table `Customers` (id int, only_upper text);
    create table `customers` (id int, only_lower text);
    insert into `Orders Raw` values (1, 1, 10), (2, 2, 20);
    """,
    has_catalog=False,
)
