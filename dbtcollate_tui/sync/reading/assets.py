"""Reads from Collate what ``meta`` names: exposures' dashboards, domains, custom properties."""

from collections.abc import Iterable

from dbtcollate_tui.artifacts.project import Metric, Node, Project
from dbtcollate_tui.collate.assets import PATHS
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import CustomProperty, EntityReference
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.plan.matching.custom_properties import NamedEntity, entities_named
from dbtcollate_tui.plan.matching.matches import AssetRef
from dbtcollate_tui.plan.rules.exposures import named_assets
from dbtcollate_tui.plan.rules.model_facts import needs_properties
from dbtcollate_tui.plan.server_state import MetaState

READERS = 6
COLUMN_TYPE = "tableColumn"
"""OpenMetadata's name of the type whose custom properties the columns of tables have."""


async def read_assets(
    collate: CollateClient, project: Project
) -> tuple[dict[str, AssetRef], frozenset[tuple[str, str]]]:
    """The assets of the exposures by their unique ids, and the edges to them: two requests an asset."""
    wanted = list({(kind, fqn): None for _, kind, fqn in named_assets(project)})
    found = await bounded(wanted, lambda item: collate.asset(*item), at_once=READERS)
    there = {
        key: AssetRef(entity.id, key[0], entity.fullyQualifiedName or key[1])
        for key, entity in zip(wanted, found, strict=True)
        if entity is not None
    }
    assets = {
        exposure.unique_id: there[kind, fqn]
        for exposure, kind, fqn in named_assets(project)
        if (kind, fqn) in there
    }
    return assets, await read_asset_edges(collate, there.values())


async def read_asset_edges(collate: CollateClient, assets: Iterable[AssetRef]) -> frozenset[tuple[str, str]]:
    """The edges that end at these assets, by the ids of their ends."""
    listed = [
        EntityReference(id=asset.id, type=asset.type, fullyQualifiedName=asset.fqn)
        for asset in dict.fromkeys(assets)
    ]
    found = await bounded(listed, collate.asset_upstream, at_once=READERS)
    return frozenset((above, asset.id) for asset, ids in zip(listed, found, strict=True) for above in ids)


async def read_meta_state(
    collate: CollateClient, nodes: Iterable[Node], metrics: Iterable[Metric] = ()
) -> MetaState:
    """The domains, data products and custom properties that the nodes name; no request where they name none.

    Of ``metrics`` the domains alone: their custom properties are others.
    """
    listed = list(nodes)
    asked_for = [node.domain for node in listed] + [metric.domain for metric in metrics]
    names = sorted({name for name in asked_for if name})
    found = await bounded(names, collate.domain, at_once=READERS)
    domains = {
        name: domain.as_reference() if domain is not None else None
        for name, domain in zip(names, found, strict=True)
    }
    product_names = sorted({name for node in listed for name in node.data_products})
    products = await bounded(product_names, collate.data_product, at_once=READERS)
    properties: dict[str, CustomProperty] = {}
    if any(node.custom_properties or needs_properties(node) for node in listed):
        properties = await collate.table_properties()
    named = {item for node in listed for item in entities_named(node, properties)}
    columns = [column for node in listed for column in node.columns if column.custom_properties]
    of_columns: dict[str, CustomProperty] = {}
    if columns and collate.dialect.has_column_properties:
        of_columns = await collate.table_properties(COLUMN_TYPE)
    named |= {item for column in columns for item in entities_named(column, of_columns)}
    asked: list[NamedEntity] = sorted(item for item in named if item[0] in PATHS)
    entities = await bounded(asked, lambda item: collate.asset(*item), at_once=READERS)
    return MetaState(
        domains=domains,
        data_products=dict(zip(product_names, products, strict=True)),
        properties=properties,
        column_properties=of_columns,
        references=dict(zip(asked, entities, strict=True)),
    )
