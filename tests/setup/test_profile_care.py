import keyring.core
import pytest

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.setup.profile_care import duplicate_profile, rename_profile
from tests.support.memory_keyring import LockedKeyring, MemoryKeyring, UndeletableKeyring

OLD = ("dbtcollate/shop/dbt_cloud", "token")
NEW = ("dbtcollate/store/dbt_cloud", "token")
PROFILE = Profile.model_validate(
    {
        "name": "shop",
        "dbt_cloud": {"base_url": "https://cloud.getdbt.com", "account_id": 1},
        "collate": {"base_url": "https://collate.example", "service": "warehouse"},
    }
)


def with_keyring(monkeypatch: pytest.MonkeyPatch, backend: MemoryKeyring) -> Services:
    """A profile with a history, and one of its tokens in this keyring."""
    backend.items[OLD] = "dbtc_1234567890"
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    services = Services()
    services.profiles.save(PROFILE)
    services.state.save("shop", "last-run", {"written": 3})
    return services


async def test_a_rename_moves_tokens_and_history(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryKeyring()
    services = with_keyring(monkeypatch, backend)
    await rename_profile(services, "shop", "store")
    assert services.profiles.names() == ("store",)
    assert backend.items == {NEW: "dbtc_1234567890"}
    assert services.state.load("store", "last-run") == {"written": 3}


@pytest.mark.parametrize("kind", [LockedKeyring, UndeletableKeyring])
async def test_a_rename_that_fails_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: type[MemoryKeyring]
) -> None:
    backend = kind()
    services = with_keyring(monkeypatch, backend)
    with pytest.raises(UsageError):
        await rename_profile(services, "shop", "store")
    assert "shop" in services.profiles.names()
    assert backend.items[OLD] == "dbtc_1234567890"
    assert services.state.load("shop", "last-run") == {"written": 3}
    assert services.state.load("store", "last-run") is None
    if kind is LockedKeyring:
        assert services.profiles.names() == ("shop",)


async def test_a_copy_with_a_locked_keyring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    services = with_keyring(monkeypatch, LockedKeyring())
    with pytest.raises(UsageError, match="Could not read the dbt Cloud token of shop"):
        await duplicate_profile(services, "shop", "copy")
    assert services.profiles.names() == ("shop",)
