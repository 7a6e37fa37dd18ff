import asyncio
import json
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from pydantic import SecretStr

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.log import LOGGER, start_logging
from dbtcollate_tui.redact import MASK, redact
from dbtcollate_tui.settings import secrets as secrets_module
from dbtcollate_tui.settings.keyrings import KeyringHealth, human_name
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.settings.secret_service import bus_trouble, use_bus_of_runtime_folder
from dbtcollate_tui.settings.secrets import FoundSecret, SecretStore, Side, ways_of_keeping
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.settings.store import ProfileStore
from tests.conftest import Places
from tests.support.memory_keyring import (
    BrokenKeyring,
    ChainKeyring,
    ForgetfulKeyring,
    HangingKeyring,
    LateKeyring,
    LockedKeyring,
    MemoryKeyring,
    ShortKeyring,
    UncreatedKeyring,
    UndeletableKeyring,
)

TOKEN = SecretStr("dbtc_MARKED1234567890abcdef")
OTHER = SecretStr("dbtc_OTHER1234567890abcdef0")
ITEM = "dbtcollate/shop/dbt_cloud"
QUICK = 0.2


def instance(kind: Callable[[], KeyringBackend]) -> KeyringBackend:
    """One of the library's own backends, whose constructors are untyped."""
    return kind()


async def held(store: SecretStore, profile: str, side: Side) -> FoundSecret:
    """The token that must be there."""
    found = await store.get(profile, side)
    assert found is not None
    return found


def as_backend(module: str, name: str) -> MemoryKeyring:
    """A working keyring that goes by another backend's module and class."""
    kind = type(name, (MemoryKeyring,), {"__module__": module, "__qualname__": name})
    assert issubclass(kind, MemoryKeyring)
    return kind()


async def test_a_kept_token_is_found_by_the_next_process(memory_keyring: MemoryKeyring) -> None:
    await SecretStore().keep("shop", "dbt_cloud", TOKEN, "keyring")
    found = await SecretStore().get("shop", "dbt_cloud")
    assert found is not None
    assert (found.secret, found.origin) == (TOKEN, "keyring")
    assert memory_keyring.items == {(ITEM, "token"): TOKEN.get_secret_value()}
    assert await SecretStore().get("shop", "collate") is None
    assert await SecretStore().get("other", "dbt_cloud") is None


async def test_environment_goes_before_session_before_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SecretStore()
    await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    await store.keep("shop", "dbt_cloud", OTHER, "session")
    monkeypatch.setenv("DBT_CLOUD_TOKEN", "'Bearer dbtc_ENVIRON1234567890'\n")
    origins = []
    for step in (None, "ignore", "forget"):
        if step == "ignore":
            store.ignore_environment("dbt_cloud")
        if step == "forget":
            store = SecretStore()
            store.ignore_environment("dbt_cloud")
        found = await held(store, "shop", "dbt_cloud")
        origins.append((found.origin, found.secret.get_secret_value(), found.removed))
    assert origins == [
        ("environment", "dbtc_ENVIRON1234567890", ("one line break", "quotes", '"Bearer "')),
        ("session", OTHER.get_secret_value(), ()),
        ("keyring", TOKEN.get_secret_value(), ()),
    ]


async def test_the_environment_alone_leaves_the_keyring_untouched(
    monkeypatch: pytest.MonkeyPatch, memory_keyring: MemoryKeyring
) -> None:
    monkeypatch.setenv("COLLATE_TOKEN", "eyJ-collate-token")
    assert (await held(SecretStore(), "shop", "collate")).origin == "environment"
    assert not memory_keyring.reads


async def test_an_environment_variable_of_blanks_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_CLOUD_TOKEN", ' "" \n')
    assert await SecretStore().get("shop", "dbt_cloud") is None


async def test_each_token_is_read_once_also_by_askers_at_the_same_time(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.items[ITEM, "token"] = TOKEN.get_secret_value()
    store = SecretStore()
    found = await asyncio.gather(*(store.get("shop", "dbt_cloud") for _ in range(5)))
    assert {f.secret for f in found if f} == {TOKEN}
    await store.get("shop", "collate")
    await store.get("shop", "collate")
    assert memory_keyring.reads == {ITEM: 1, "dbtcollate/shop/collate": 1}


def test_a_store_outlives_the_event_loop_it_was_first_used_in(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.items[ITEM, "token"] = TOKEN.get_secret_value()
    store = SecretStore()
    for _ in range(2):
        found = asyncio.run(store.get("shop", "dbt_cloud"))
        assert found is not None
        assert found.secret == TOKEN
        assert asyncio.run(store.probe()).usable


async def test_an_unchanged_token_is_not_written_again(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.items[ITEM, "token"] = TOKEN.get_secret_value()
    store = SecretStore()
    await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    assert memory_keyring.writes[ITEM] == 0
    await store.keep("shop", "dbt_cloud", OTHER, "keyring")
    await store.keep("shop", "dbt_cloud", OTHER, "keyring")
    assert memory_keyring.writes[ITEM] == 1
    assert (await held(store, "shop", "dbt_cloud")).secret == OTHER


async def test_a_token_for_the_session_only_never_reaches_the_keyring(memory_keyring: MemoryKeyring) -> None:
    store = SecretStore()
    await store.keep("shop", "collate", TOKEN, "session")
    assert (await held(store, "shop", "collate")).origin == "session"
    assert not memory_keyring.items
    assert await SecretStore().get("shop", "collate") is None


async def test_forgetting_removes_the_token_from_session_and_keyring(memory_keyring: MemoryKeyring) -> None:
    store = SecretStore()
    await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    await store.keep("shop", "dbt_cloud", OTHER, "session")
    await store.forget("shop", "dbt_cloud")
    await store.forget("shop", "dbt_cloud")
    assert memory_keyring.items == {}
    assert await store.get("shop", "dbt_cloud") is None


async def test_an_empty_token_is_not_kept(memory_keyring: MemoryKeyring) -> None:
    with pytest.raises(UsageError, match="The Collate token is empty"):
        await SecretStore().keep("shop", "collate", SecretStr(""), "keyring")
    assert not memory_keyring.items


async def test_every_found_token_is_taught_to_the_redactor(
    monkeypatch: pytest.MonkeyPatch, memory_keyring: MemoryKeyring
) -> None:
    monkeypatch.setenv("DBT_CLOUD_TOKEN", "plain-from-environment")
    memory_keyring.items["dbtcollate/shop/collate", "token"] = " plain-from-keyring\n"
    store = SecretStore()
    await store.get("shop", "dbt_cloud")
    found = await held(store, "shop", "collate")
    assert found.secret.get_secret_value() == "plain-from-keyring"
    await store.keep("shop", "collate", SecretStr("plain-for-session"), "session")
    assert redact("plain-from-environment, plain-from-keyring, plain-for-session") == ", ".join([MASK] * 3)


async def test_the_probe_of_a_working_keyring_leaves_nothing_and_is_made_once(
    memory_keyring: MemoryKeyring,
) -> None:
    store = SecretStore()
    first, second = await asyncio.gather(store.probe(), store.probe())
    assert first == second == await store.probe() == KeyringHealth("ok", "Memory Keyring")
    assert first.as_sentence() == "Will be stored in: Memory Keyring."
    assert memory_keyring.items == {}
    (item,) = memory_keyring.writes
    assert item.startswith("dbtcollate/probe/")
    assert memory_keyring.writes[item] == 1


@pytest.mark.parametrize(
    ("backend", "state", "sentence"),
    [
        (fail.Keyring, "disabled", "The keyring is turned off by PYTHON_KEYRING_BACKEND."),
        (null.Keyring, "forgets", "accepts a secret but does not store it."),
        (ForgetfulKeyring, "forgets", "Memory Keyring accepts a secret but does not store it."),
        (LockedKeyring, "locked", "Memory Keyring is locked."),
        (HangingKeyring, "hangs", "Memory Keyring did not answer within 0.2 s."),
        (BrokenKeyring, "failed", "Memory Keyring failed: OSError: org.freedesktop.DBus.Error.NoReply"),
    ],
)
async def test_probe_finds_a_keyring_that_cannot_store(
    monkeypatch: pytest.MonkeyPatch, backend: type[KeyringBackend], state: str, sentence: str
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend())
    probed = await SecretStore(timeout=QUICK).probe()
    assert probed.state == state
    assert sentence in probed.as_sentence()
    assert not probed.usable
    assert probed.fix()

    store = SecretStore(timeout=QUICK)
    with pytest.raises(UsageError) as caught:
        await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    assert "The keyring did not store the dbt Cloud token" in caught.value.title
    assert sentence in caught.value.as_text()
    assert "set DBT_CLOUD_TOKEN" in caught.value.as_text()
    assert "MARKED" not in caught.value.as_text()
    await store.keep("shop", "dbt_cloud", TOKEN, "session")
    assert (await held(store, "shop", "dbt_cloud")).secret == TOKEN


@pytest.mark.parametrize("value", ["no_such_module.Keyring", "keyring.backends.fail.NoSuchClass", "nodots"])
async def test_misconfigured_backend_names_the_errors_class(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", value)
    store = SecretStore()
    assert await store.get("shop", "dbt_cloud") is None
    health = await store.probe(again=True)
    assert health.state == "misconfigured"
    assert "Error: " in health.as_sentence()
    assert "PYTHON_KEYRING_BACKEND" in health.fix()


async def test_a_keyring_of_plain_files_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = as_backend("keyrings.alt.file", "PlaintextKeyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    health = await SecretStore().probe()
    assert health.state == "plain_file"
    assert "unencrypted" in health.as_sentence()
    with pytest.raises(UsageError, match="did not store"):
        await SecretStore().keep("shop", "dbt_cloud", TOKEN, "keyring")
    assert backend.items == {}


async def test_windows_limit_is_said_in_characters_and_spoils_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = as_backend("keyring.backends.Windows", "WinVaultKeyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    store = SecretStore()
    await store.keep("shop", "collate", SecretStr("x" * 1280), "keyring")
    with pytest.raises(UsageError) as caught:
        await store.keep("shop", "collate", SecretStr("x" * 1281), "keyring")
    said = "Windows Credential Manager takes 1,280 characters and this token has 1,281."
    assert caught.value.causes == (said,)
    assert (await store.probe()).usable
    assert await held(store, "shop", "collate")


async def test_every_call_asks_a_locked_keyring_again(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LockedKeyring()
    backend.items[ITEM, "token"] = TOKEN.get_secret_value()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    store = SecretStore()
    assert await store.get("shop", "dbt_cloud") is None
    trouble = store.trouble("shop", "dbt_cloud")
    assert trouble == store.health == KeyringHealth("locked", "Memory Keyring")
    assert "Unlock the keyring" in trouble.fix()
    with pytest.raises(UsageError, match="did not store"):
        await store.keep("shop", "collate", OTHER, "keyring")
    with pytest.raises(UsageError, match="did not delete"):
        await store.forget("shop", "dbt_cloud")
    assert (await store.probe()).state == "locked"
    backend.locked = False
    assert (await held(store, "shop", "dbt_cloud")).secret == TOKEN
    assert store.trouble("shop", "dbt_cloud") is None
    await store.keep("shop", "collate", OTHER, "keyring")
    assert (await store.probe()).usable
    await store.forget("shop", "dbt_cloud")
    assert set(backend.items) == {("dbtcollate/shop/collate", "token")}


async def test_a_late_answer_of_a_hanging_keyring_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = HangingKeyring()
    backend.items[ITEM, "token"] = TOKEN.get_secret_value()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    store = SecretStore(timeout=QUICK)
    assert await store.get("shop", "dbt_cloud") is None
    assert store.health is not None
    assert store.health.state == "hangs"
    assert await store.get("shop", "collate") is None
    backend.release.set()
    found = None
    while found is None:
        found = await store.get("shop", "dbt_cloud")
        await asyncio.sleep(0)
    assert found.secret == TOKEN
    assert backend.reads[ITEM] == 1


async def test_a_write_that_ends_late_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LateKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    store = SecretStore(timeout=QUICK)
    with pytest.raises(UsageError, match="did not store"):
        await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    backend.release.set()
    store.timeout = 60
    assert (await held(store, "shop", "dbt_cloud")).secret == TOKEN
    await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    assert backend.writes[ITEM] == 1


async def test_going_on_without_ends_the_wait_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = HangingKeyring()
    backend.items[ITEM, "token"] = TOKEN.get_secret_value()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    monkeypatch.setattr(secrets_module, "SAID_AFTER", 0)
    store, waits = SecretStore(timeout=None), list[bool]()
    waiting = asyncio.Event()

    def noticed(on: bool) -> None:
        waits.append(on)
        waiting.set()

    store.on_waiting = noticed
    asking = asyncio.create_task(store.get("shop", "dbt_cloud"))
    await waiting.wait()
    store.go_on_without()
    assert await asking is None
    assert store.trouble("shop", "dbt_cloud") == KeyringHealth("skipped", "Memory Keyring")
    assert waits == [True, False]
    backend.release.set()
    assert (await held(store, "shop", "dbt_cloud")).secret == TOKEN


async def test_a_deletion_reaches_every_backend_of_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = MemoryKeyring(), MemoryKeyring()
    for part in (first, second):
        part.items[ITEM, "token"] = TOKEN.get_secret_value()
    monkeypatch.setattr(keyring.core, "_keyring_backend", ChainKeyring(first, second))
    await SecretStore().forget("shop", "dbt_cloud")
    assert first.items == second.items == {}
    assert await SecretStore().get("shop", "dbt_cloud") is None


async def test_a_refused_deletion_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = UndeletableKeyring()
    backend.items[ITEM, "token"] = TOKEN.get_secret_value()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    store = SecretStore()
    with pytest.raises(UsageError, match="did not delete") as caught:
        await store.forget("shop", "dbt_cloud")
    text = caught.value.as_text()
    assert "still holds the token after its deletion: PasswordDeleteError: Cancelled by user" in text
    assert ITEM in text
    assert "session only" not in text
    assert (await held(store, "shop", "dbt_cloud")).secret == TOKEN


async def test_kept_raises_where_the_keyring_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", LockedKeyring())
    with pytest.raises(UsageError, match="Could not read the Collate token of shop"):
        await SecretStore().kept("shop", "collate")
    monkeypatch.setattr(keyring.core, "_keyring_backend", instance(fail.Keyring))
    assert await SecretStore().kept("shop", "collate") is None


async def test_two_tokens_are_kept_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = ShortKeyring()
    backend.items[ITEM, "token"] = "former"
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    both: dict[Side, SecretStr] = {"dbt_cloud": TOKEN, "collate": SecretStr("x" * 600)}
    with pytest.raises(UsageError, match="did not store the Collate token"):
        await SecretStore().keep_all("shop", both, "keyring")
    assert backend.items == {(ITEM, "token"): "former"}
    del backend.items[ITEM, "token"]
    with pytest.raises(UsageError, match="did not store the Collate token"):
        await SecretStore().keep_all("shop", both, "keyring")
    assert backend.items == {}


async def test_a_length_limit_is_checked_before_any_write(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = as_backend("keyring.backends.Windows", "WinVaultKeyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    both: dict[Side, SecretStr] = {"dbt_cloud": TOKEN, "collate": SecretStr("x" * 1281)}
    with pytest.raises(UsageError, match="did not store the Collate token"):
        await SecretStore().keep_all("shop", both, "keyring")
    assert not backend.writes


async def test_a_store_without_keyring_never_calls_one(memory_keyring: MemoryKeyring) -> None:
    store = SecretStore(uses_keyring=False)
    assert (await store.probe()).state == "disabled"
    await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    assert (await held(store, "shop", "dbt_cloud")).origin == "session"
    await store.forget("shop", "dbt_cloud")
    assert await store.get("shop", "dbt_cloud") is None
    assert not memory_keyring.reads
    assert not memory_keyring.writes


async def test_a_keyring_failure_is_in_the_log(monkeypatch: pytest.MonkeyPatch, places: Places) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", BrokenKeyring())
    start_logging()
    redact.learn(TOKEN)
    with pytest.raises(UsageError):
        await SecretStore().keep("shop", "dbt_cloud", TOKEN, "keyring")
    text = (places.log / "dbtcollate.log").read_text(encoding="utf-8")
    assert "Memory Keyring failed: OSError: org.freedesktop.DBus.Error.NoReply" in text
    assert "MARKED" not in text


async def test_a_keyring_not_set_up_yet_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", UncreatedKeyring())
    health = await SecretStore().probe()
    assert health.state == "not_set_up"
    assert "Prompt dismissed" not in health.as_sentence()


async def test_a_backend_that_asks_on_the_terminal_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It runs in a session without a terminal, so that its question gets no key of the app."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.asking_keyring.AskingKeyring")
    monkeypatch.setenv("ASKING_KEYRING_ANSWERS", str(tmp_path / "answers"))
    health = await SecretStore(timeout=60).probe()
    assert health.state == "asks_on_terminal"
    assert not (tmp_path / "answers").exists()


async def test_a_backend_of_another_package_works_in_a_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.asking_keyring.FileKeyring")
    monkeypatch.setenv("FILE_KEYRING", str(tmp_path / "ring.json"))
    store = SecretStore(timeout=60)
    await store.keep("shop", "dbt_cloud", TOKEN, "keyring")
    assert (await held(SecretStore(timeout=60), "shop", "dbt_cloud")).secret == TOKEN
    await store.forget("shop", "dbt_cloud")
    assert json.loads((tmp_path / "ring.json").read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "DBUS_SESSION_BUS_ADDRESS is not set"),
        ({"DBUS_SESSION_BUS_ADDRESS": "tcp:host=127.0.0.1"}, "only addresses of the kind unix:path="),
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/no/bus"}, "nothing answers at unix:path=/no/bus"),
    ],
)
def test_a_bus_that_cannot_be_reached_is_named(environment: dict[str, str], words: str) -> None:
    assert words in bus_trouble(environment)


def test_the_bus_of_the_runtime_folder_is_used(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    use_bus_of_runtime_folder(environment)
    assert "DBUS_SESSION_BUS_ADDRESS" not in environment
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        use_bus_of_runtime_folder(environment)
        assert environment["DBUS_SESSION_BUS_ADDRESS"] == f"unix:path={tmp_path}/bus"
        assert bus_trouble(environment) == ""


async def test_loop_continues_while_the_keyring_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = HangingKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    asking = asyncio.create_task(SecretStore(timeout=60).probe())
    ticks = 0
    while ticks < 100:
        await asyncio.sleep(0)
        ticks += 1
    assert not asking.done()
    backend.release.set()
    assert (await asking).usable


async def test_an_asker_that_is_cancelled_leaves_the_read_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = HangingKeyring()
    backend.items[ITEM, "token"] = TOKEN.get_secret_value()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    store = SecretStore(timeout=60)
    first, second = (asyncio.create_task(store.get("shop", "dbt_cloud")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    backend.release.set()
    found = await second
    assert found is not None
    assert found.secret == TOKEN


async def test_forgetting_says_when_the_keyring_is_locked_but_not_when_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", instance(fail.Keyring))
    store = SecretStore()
    await store.keep("shop", "dbt_cloud", TOKEN, "session")
    await store.forget("shop", "dbt_cloud")
    assert await store.get("shop", "dbt_cloud") is None
    monkeypatch.setattr(keyring.core, "_keyring_backend", LockedKeyring())
    with pytest.raises(UsageError, match="The keyring did not delete the dbt Cloud token"):
        await SecretStore().forget("shop", "dbt_cloud")


@pytest.mark.parametrize("outlives", ["the probe", "the read"])
def test_a_hanging_keyring_does_not_delay_the_programs_exit(tmp_path: Path, outlives: str) -> None:
    call = "probe()" if outlives == "the probe" else "get('shop', 'dbt_cloud')"
    script = tmp_path / "hang.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import asyncio, keyring, threading
            from dbtcollate_tui.settings.secrets import SecretStore
            from tests.support.memory_keyring import HangingKeyring

            keyring.set_keyring(HangingKeyring())
            store = SecretStore(timeout=0.1)
            asyncio.run(store.{call})
            print(store.health.state, [t.name for t in threading.enumerate() if t.name == "keyring"])
            """
        ),
        encoding="utf-8",
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(root), "PATH": ""},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hangs ['keyring']\n", "")


@pytest.mark.parametrize(
    ("module", "name", "desktop", "human"),
    [
        ("keyring.backends.SecretService", "Keyring", "ubuntu:GNOME", "GNOME Keyring"),
        ("keyring.backends.libsecret", "Keyring", "X-Cinnamon", "GNOME Keyring"),
        ("keyring.backends.SecretService", "Keyring", "KDE", "KDE Wallet"),
        ("keyring.backends.SecretService", "Keyring", "", "the desktop's Secret Service"),
        ("keyring.backends.kwallet", "DBusKeyring", "KDE", "KDE Wallet"),
        ("keyring.backends.macOS", "Keyring", "", "macOS Keychain"),
        ("keyring.backends.Windows", "WinVaultKeyring", "", "Windows Credential Manager"),
        ("keyring_pass", "PasswordStoreBackend", "", "pass"),
        ("somebody.else", "Keyring", "", "Memory Keyring"),
    ],
)
def test_keyrings_go_by_the_names_people_know(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, desktop: str, human: str
) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", desktop)
    assert human_name(as_backend(module, name)) == human


def test_a_chain_goes_by_the_keyring_that_is_written_to() -> None:
    chain = as_backend("keyring.backends.chainer", "ChainerBackend")
    vars(chain)["backends"] = [as_backend("keyring.backends.macOS", "Keyring"), instance(null.Keyring)]
    assert human_name(chain) == "macOS Keychain"


def test_the_ways_of_keeping_begin_with_the_keyring_only_where_it_works() -> None:
    ok = ways_of_keeping(KeyringHealth("ok", "GNOME Keyring"), "dbt_cloud")
    assert [(w.where, w.available) for w in ok] == [
        ("keyring", True),
        ("session", True),
        ("environment", True),
    ]
    assert ok[0].label == "GNOME Keyring"
    none = ways_of_keeping(KeyringHealth("missing"), "collate")
    assert [w.where for w in none if w.available] == ["session", "environment"]
    assert none[0].detail == "This machine has no keyring."
    assert "COLLATE_TOKEN" in none[2].label


async def test_a_planted_token_is_in_no_file(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is done with a token, the folders of the program do not hold it."""
    monkeypatch.setenv("COLLATE_TOKEN", "eyJhbGciOiJub25lIn0.MARKED.collate")
    start_logging()
    store, profiles, state = SecretStore(), ProfileStore(), StateStore()
    await store.keep("shop", "dbt_cloud", SecretStr("of-no-shape-MARKED"), "keyring")
    profile = Profile(
        name="shop",
        dbt_cloud=DbtCloudSettings(base_url="https://ab123.us1.dbt.com", account_id=1),
        collate=CollateSettings(base_url="https://acme.getcollate.io", service="warehouse"),
    )
    profiles.save(profile)
    for side in ("dbt_cloud", "collate"):
        found = await held(store, "shop", "dbt_cloud" if side == "dbt_cloud" else "collate")
        clear = found.secret.get_secret_value()
        state.save("setup", "draft", {"pasted": clear, "seen": [f"https://host/?token={clear}"]})
        LOGGER.error("asked with %s and %r", clear, found)
        leaky = profile.model_copy(
            update={"dbt_cloud": profile.dbt_cloud.model_copy(update={"job_name": clear})}
        )
        with pytest.raises(UsageError, match="looks like a token"):
            profiles.save(leaky)
    files = [path for path in places.root.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} >= {"profiles", "setup", "log"}
    assert [path for path in files if b"MARKED" in path.read_bytes()] == []
