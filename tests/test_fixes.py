"""Fixes are values: every kind has a handler on each screen, and only those with one get a key."""

from typing import Any

import pytest

from dbtcollate_tui import fixes
from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.fixes import (
    Advice,
    Argument,
    EnterToken,
    GoToStep,
    ProfileField,
    RerunCheck,
    SetField,
    Step,
    UseProfile,
    fix_as_dict,
    has_key,
)
from dbtcollate_tui.tui.widgets.error_card import fix_keys
from tests.support.fix_examples import KINDS, example


def test_union_holds_every_class() -> None:
    classes = {
        item
        for item in vars(fixes).values()
        if isinstance(item, type) and hasattr(item, "kind") and item.__module__ == fixes.__name__
    }
    assert set(KINDS) == classes
    assert len({kind.kind for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_key_is_given_where_something_can_be_done(kind: Any) -> None:
    fix = example(kind)
    assert has_key(fix) is (kind not in (Advice, Argument))
    assert list(fix_keys([fix]).values()) == ([fix] if has_key(fix) else [])


def test_json_form_names_kind_label_and_value() -> None:
    assert fix_as_dict(SetField("Use pg", ProfileField.SERVICE, "pg")) == {
        "kind": "set_field",
        "label": "Use pg",
        "value": "collate.service=pg",
    }
    assert fix_as_dict(RerunCheck("Again", CheckId.RUN_FRESH))["value"] == "run.fresh"
    assert fix_as_dict(Argument("Use shop", "profile", "shop"))["value"] == "profile=shop"
    assert fix_as_dict(UseProfile("Use shop", "shop"))["value"] == "profile=shop"
    assert fix_as_dict(GoToStep("Choose a job", Step.JOB))["value"] == "job"


def test_token_fix_leads_to_its_question() -> None:
    """Whatever the label says: the side decides."""
    assert EnterToken("Enter another address", "collate").step is Step.COLLATE
    assert EnterToken("anything", "dbt_cloud").step is Step.DBT_TOKEN
