"""Metrics: one namespace for the server, relations that are stored both ways, units."""

from __future__ import annotations

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, checked_entity
from dbtcollate_tui.sandbox.collate.identity import join_fqn, quote_name, reference
from dbtcollate_tui.sandbox.collate.store import Entity

_REPLACED = ("granularity", "metricType", "unitOfMeasurement", "customUnitOfMeasurement")
"""What a PUT sets to what it sends, so to nothing where that is left out."""


def build_metric(call: Call, body: Entity) -> tuple[Entity, str, str]:
    """A metric of a create body; domains and related metrics come by FQN."""
    fqn = join_fqn(body["name"])
    entity = {key: value for key, value in body.items() if key not in ("reviewers", "assets")}
    entity["relatedMetrics"] = [
        {"id": checked_entity(call, "metric", fqn=name)["id"], "type": "metric"}
        for name in body.get("relatedMetrics", ())
        if name != fqn or _refuse_itself()
    ]
    if "domains" in body:
        entity["domains"] = [
            {"id": checked_entity(call, "domain", fqn=name)["id"], "type": "domain"}
            for name in body["domains"]
        ]
    return entity | {"fullyQualifiedName": fqn}, "", ""


def after_put(entity: Entity, given: Entity) -> None:
    """The fields that a PUT empties; an expression that it leaves out stays."""
    for key in _REPLACED:
        if key not in given:
            entity.pop(key, None)


def settle_metric(call: Call, metric: Entity) -> None:
    """Check the unit, name the parts, and store relations on both metrics; 400 or 404 where one is wrong."""
    if metric.get("unitOfMeasurement") == "OTHER":
        if not metric.get("customUnitOfMeasurement"):
            raise ApiError(400, "customUnitOfMeasurement is required when unitOfMeasurement is OTHER")
    else:
        metric.pop("customUnitOfMeasurement", None)
    for key, word in (("dimensions", "dimension"), ("measures", "measure")):
        if metric.get(key):
            metric[key] = [
                item
                | {"fullyQualifiedName": f"{metric['fullyQualifiedName']}.{word}.{quote_name(item['name'])}"}
                for item in metric[key]
            ]
    _relate(call, metric)


def _relate(call: Call, metric: Entity) -> None:
    own = reference("metric", metric)
    found: dict[str, Entity] = {}
    for item in metric.get("relatedMetrics") or ():
        if item.get("id") == metric["id"]:
            _refuse_itself()
        other = checked_entity(call, "metric", entity_id=str(item.get("id", "")))
        found[other["id"]] = reference("metric", other)
        if all(there["id"] != metric["id"] for there in other.get("relatedMetrics", ())):
            call.store.save("metric", other | {"relatedMetrics": [*other.get("relatedMetrics", ()), own]})
    stored = call.store.by_id("metric", metric["id"]) or {}
    for gone in stored.get("relatedMetrics", ()):
        former = call.store.by_id("metric", gone["id"]) if gone["id"] not in found else None
        if former is not None:
            left = [item for item in former.get("relatedMetrics", ()) if item["id"] != metric["id"]]
            call.store.save("metric", former | {"relatedMetrics": left})
    metric["relatedMetrics"] = list(found.values())


def _refuse_itself() -> bool:
    raise ApiError(400, "Metric cannot be related to itself")
