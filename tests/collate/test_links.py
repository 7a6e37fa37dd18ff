"""Addresses of Collate's pages."""

from dbtcollate_tui.collate.addresses import read_collate_address
from dbtcollate_tui.collate.links import bots_page, pipeline_log_page, service_ingestion_page, table_page

BASE = "https://acme.getcollate.io"


def test_pages_lead_back_to_their_server() -> None:
    pages = [
        table_page(f"{BASE}/", 'shop.d.a."odd.name"', "lineage"),
        service_ingestion_page(BASE, "shop"),
        pipeline_log_page(BASE, "shop.dbt_cloud_sync"),
        bots_page(BASE),
    ]
    assert pages[0] == f"{BASE}/table/shop.d.a.%22odd.name%22/lineage"
    assert [read_collate_address(page) for page in pages] == [BASE] * 4
