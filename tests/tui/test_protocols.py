"""What a screen may ask of the app, or a fix of its screen, is there to be asked."""

import pytest

from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.protocols import OwningApp
from dbtcollate_tui.tui.screens.session_fixes import SessionScreen
from dbtcollate_tui.tui.screens.troubleshoot import TroubleshootScreen


def _promised(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items() if getattr(value, "__isabstractmethod__", False)}


@pytest.mark.parametrize(
    ("promise", "kept"),
    [(OwningApp, DbtCollateApp), (SessionScreen, TroubleshootScreen)],
    ids=["app", "walk"],
)
def test_what_is_promised_is_kept(promise: type, kept: type) -> None:
    names = _promised(promise)
    assert names
    for name in names:
        assert not getattr(getattr(kept, name), "__isabstractmethod__", False), name
