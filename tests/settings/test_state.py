import os
import stat

import pytest
from pydantic import JsonValue, SecretStr

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.redact import MASK, redact
from dbtcollate_tui.settings.state import StateStore
from tests.conftest import Places


def test_a_saved_value_is_loaded_equal_by_another_store() -> None:
    value: JsonValue = {"step": "job", "ids": [1, 2.5, None, True], "é": "ß"}
    StateStore().save("setup", "draft", value)
    assert StateStore().load("setup", "draft") == value
    assert StateStore().load("setup", "other") is None
    assert StateStore().load("other", "draft") is None


def test_state_is_private(places: Places) -> None:
    StateStore().save("setup", "draft", 1)
    path = places.state / "setup" / "draft.json"
    assert path.is_file()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "does not hold what this program writes"),
        (b'{"version": 1}', "does not hold what this program writes"),
        (b'{"version": 9, "value": 1}', "another version"),
    ],
)
def test_a_damaged_file_is_ignored_and_said_once_then_replaced(
    places: Places, content: bytes, said: str
) -> None:
    store = StateStore()
    store.save("setup", "draft", 1)
    path = places.state / "setup" / "draft.json"
    path.write_bytes(content)
    assert store.load("setup", "draft") is None
    assert store.load("setup", "draft") is None
    assert len(store.notes) == 1
    assert said in store.notes[0]
    assert str(path) in store.notes[0]
    store.save("setup", "draft", 2)
    assert store.load("setup", "draft") == 2


def test_a_folder_that_cannot_be_written_is_said_not_raised(places: Places) -> None:
    places.state.parent.mkdir(parents=True)
    places.state.write_text("a file where the folder should be", encoding="utf-8")
    store = StateStore()
    store.save("setup", "draft", 1)
    assert len(store.notes) == 1
    assert "could not be written" in store.notes[0]
    assert store.load("setup", "draft") is None


def test_one_value_or_all_of_a_name_are_forgotten(places: Places) -> None:
    store = StateStore()
    for key in ("draft", "last-run", "facts"):
        store.save("shop", key, key)
    store.save("other", "draft", "kept")
    store.delete("shop", "draft")
    assert store.load("shop", "draft") is None
    assert store.load("shop", "facts") == "facts"
    store.delete("shop")
    assert not (places.state / "shop").exists()
    store.delete("shop")
    assert store.load("other", "draft") == "kept"
    assert store.notes == ()


def test_secrets_are_removed_on_the_way_to_the_file(places: Places) -> None:
    redact.learn(SecretStr("live-MARKED"))
    StateStore().save("setup", "draft", {"live-MARKED": ["x live-MARKED", {"t": "dbtc_MARKED1234567890"}]})
    assert "MARKED" not in (places.state / "setup" / "draft.json").read_text(encoding="utf-8")
    assert StateStore().load("setup", "draft") == {MASK: [f"x {MASK}", {"t": MASK}]}


@pytest.mark.parametrize(
    ("name", "key"), [("../x", "draft"), ("setup", "../draft"), ("", "draft"), ("setup", "")]
)
def test_names_and_keys_stay_inside_the_folder(name: str, key: str) -> None:
    with pytest.raises(UsageError):
        StateStore().save(name, key, 1)
    with pytest.raises(UsageError):
        StateStore().load(name, key)
