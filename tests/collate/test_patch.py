"""Patches of a table: guarded, and only what was set."""

import json
from typing import Any

import jsonpatch
import pytest

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import EntityReference, Table, TagLabel
from dbtcollate_tui.collate.patch import TablePatch, is_repeatable

NEW, OLD = Dialect.of("2.0.7"), Dialect.of("1.1.0")


def document() -> dict[str, Any]:
    return {
        "id": "t",
        "name": "orders",
        "fullyQualifiedName": "s.d.a.orders",
        "description": "old words",
        "owners": [{"id": "u1", "type": "user"}],
        "tags": [
            {"tagFQN": "Tier.Tier1", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
        ],
        "columns": [
            {"name": "id", "dataType": "INT"},
            {
                "name": "address",
                "dataType": "STRUCT",
                "children": [{"name": "zip", "description": "post code"}],
            },
        ],
    }


def test_everything_at_once() -> None:
    doc = document()
    patch = TablePatch(Table.model_validate(doc), NEW)
    patch.set_description("new words").set_column_description("id", "the key")
    patch.set_column_description("address.zip", "ZIP").set_owners([EntityReference(id="g", type="team")])
    patch.set_column_tags("id", [TagLabel(tagFQN="dbtTags.key", labelType="Automated")])
    patch.set_tags([TagLabel(tagFQN="dbtTags.mart")])
    ops = patch.ops()
    after = jsonpatch.apply_patch(doc, json.dumps(ops))
    assert after["description"] == "new words"
    assert after["columns"][0]["description"] == "the key"
    assert after["columns"][0]["tags"][0]["tagFQN"] == "dbtTags.key"
    assert after["columns"][1]["children"][0]["description"] == "ZIP"
    assert after["owners"] == [{"id": "g", "type": "team"}]
    assert [tag["tagFQN"] for tag in after["tags"]] == ["dbtTags.mart"]
    assert is_repeatable(ops)


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"description": "a person's words"},
        {"owners": [{"id": "u9", "type": "user"}]},
        {"columns": [{"name": "new_first"}, {"name": "id"}, *document()["columns"][1:]]},
    ],
)
def test_a_change_meanwhile_fails_the_patch(meanwhile: dict[str, Any]) -> None:
    patch = TablePatch(Table.model_validate(document()), NEW)
    patch.set_description("x").set_column_description("id", "y").set_owners([])
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch({**document(), **meanwhile}, json.dumps(patch.ops()))


def test_old_servers_have_one_owner() -> None:
    table = Table.model_validate({**document(), "owners": []})
    ops = TablePatch(table, OLD).set_owners([EntityReference(id="u1", type="user")]).ops()
    assert ops == [{"op": "add", "path": "/owner", "value": {"id": "u1", "type": "user"}}]
    taken = TablePatch(Table.model_validate(document()), OLD).set_owners([]).ops()
    assert taken[-1] == {"op": "remove", "path": "/owner"}


def test_unknown_columns_are_reported_without_a_patch() -> None:
    patch = TablePatch(Table.model_validate(document()), NEW)
    assert patch.ops() == []
    with pytest.raises(KeyError):
        patch.set_column_description("nope", "x")


@pytest.mark.parametrize(
    ("ops", "repeatable"),
    [
        ([{"op": "add", "path": "/description", "value": "x"}], True),
        ([{"op": "add", "path": "/tags/-", "value": {}}], False),
        ([{"op": "add", "path": "/tags/0", "value": {}}], False),
        ([{"op": "remove", "path": "/owner"}], False),
        ([{"op": "test", "path": "/owner/id", "value": "u"}, {"op": "remove", "path": "/owner"}], True),
    ],
)
def test_which_patches_may_be_sent_again(ops: list[dict[str, Any]], repeatable: bool) -> None:
    assert is_repeatable(ops) is repeatable
