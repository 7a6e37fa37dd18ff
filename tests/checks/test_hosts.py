"""Shared hosts of dbt Cloud: the account's own address is offered, and an old one in Collate is found."""

import pytest

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.dbt_cloud import on_shared_host
from dbtcollate_tui.checks.pipeline import old_address
from dbtcollate_tui.collate.entity import read_entity
from dbtcollate_tui.collate.models import IngestionPipeline
from dbtcollate_tui.dbt_cloud.models import Account
from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, SHARED_SUCCESSORS, own_address


def test_every_shared_host_has_a_successor() -> None:
    assert SHARED_SUCCESSORS.keys() == {region.host for region in SHARED_REGIONS}


@pytest.mark.parametrize(
    ("base_url", "own"),
    [
        ("https://cloud.getdbt.com", "https://ab123.us1.dbt.com"),
        ("https://emea.dbt.com", "https://ab123.eu1.dbt.com"),
        ("https://au.dbt.com", "https://ab123.au1.dbt.com"),
        ("https://ab123.us1.dbt.com", ""),
        ("https://dbt.acme.com", ""),
    ],
)
def test_a_shared_host_gives_way_to_the_accounts_own(base_url: str, own: str) -> None:
    account = Account(id=7, name="Shop", static_subdomain="ab123")
    assert own_address(base_url, account.own_host) == own
    found = on_shared_host(account, base_url)
    assert (found is not None) is bool(own)
    if found is not None:
        assert found.state is CheckState.WARN
        assert found.fixes[0].value.endswith(f"={own}")


def test_without_a_subdomain_the_address_is_asked_for() -> None:
    found = on_shared_host(Account(id=7, name="Shop"), "https://cloud.getdbt.com")
    assert found is not None
    assert [fix.value for fix in found.fixes] == ["address"]


@pytest.mark.parametrize(
    ("stored", "base_url", "old"),
    [
        ("https://cloud.getdbt.com/", "https://ab123.us1.dbt.com", "https://cloud.getdbt.com"),
        ("https://cloud.getdbt.com", "https://cloud.getdbt.com", ""),
        ("https://ab123.us1.dbt.com", "https://ab123.us1.dbt.com", ""),
        ("", "https://ab123.us1.dbt.com", ""),
    ],
)
def test_a_pipeline_with_the_old_address_is_found(stored: str, base_url: str, old: str) -> None:
    source = {"dbtConfigType": "cloud", "dbtCloudUrl": stored}
    config = {"config": {"type": "DBT", "dbtConfigSource": source}}
    pipeline = read_entity(
        IngestionPipeline, {"id": "1", "name": "dbt", "pipelineType": "dbt", "sourceConfig": config}
    )
    assert old_address(pipeline, base_url) == old
