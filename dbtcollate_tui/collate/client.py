"""The client of an OpenMetadata server: every call of the room under one name."""

from dbtcollate_tui.collate.assets import AssetCalls
from dbtcollate_tui.collate.catalog import CatalogCalls
from dbtcollate_tui.collate.contracts import ContractCalls
from dbtcollate_tui.collate.metrics import MetricCalls
from dbtcollate_tui.collate.people import PeopleCalls
from dbtcollate_tui.collate.quality import QualityCalls


class CollateClient(CatalogCalls, PeopleCalls, QualityCalls, AssetCalls, MetricCalls, ContractCalls):
    """One server: ``CollateClient(base_url, token, *, request_log=None, on_retry=None)``.

    Open it with ``async with`` (or call `aclose`), then ``await connect()`` once before anything else.
    Every call raises an `ActionableError` (`AuthError`, `UnreachableError`, or one of `collate.errors`).
    """
