"""Every test has folders, an environment and a keyring of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keyring
import keyring.core
import pytest
from hypothesis import HealthCheck, settings

from dbtcollate_tui.log import stop_logging
from dbtcollate_tui.redact import redact
from tests.layers import is_logic
from tests.support.memory_keyring import MemoryKeyring

settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of plain logic, so that ``-m logic`` runs these alone."""
    for item in items:
        if is_logic(item.path):
            item.add_marker(pytest.mark.logic)


@dataclass(frozen=True, slots=True)
class Places:
    """The program's folders in this test."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def log(self) -> Path:
        return self.root / "log"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """Folders below ``tmp_path``, for the program and for whatever asks for the user's folders."""
    found = Places(tmp_path / "home" / "dbtcollate")
    for kind in ("config", "state", "cache", "log"):
        monkeypatch.setenv(f"DBTCOLLATE_{kind.upper()}_DIR", str(found.root / kind))
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home" / variable.lower()))
    for variable in ("DBT_CLOUD_TOKEN", "COLLATE_TOKEN", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr(redact, "_literal", ())
    yield found
    stop_logging()


@pytest.fixture(autouse=True)
def memory_keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """The keyring of this process; a subprocess finds that there is none."""
    found = MemoryKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", found)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return found
