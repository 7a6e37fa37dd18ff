"""A real gnome-keyring in a session bus of its own; ``.ci/run`` installs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NEEDED = ("dbus-run-session", "gnome-keyring-daemon")


@pytest.mark.skipif(
    not all(shutil.which(name) for name in NEEDED), reason="needs the packages gnome-keyring and dbus"
)
def test_a_real_keyring_keeps_locks_and_unlocks(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")
    }
    script = Path(__file__).with_name("gnome_keyring_script.py")
    done = subprocess.run(
        ["dbus-run-session", "--", sys.executable, str(script), str(tmp_path / "seen")],
        env={
            **environment,
            "HOME": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path / "data"),
            "XDG_RUNTIME_DIR": str(runtime),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "seen").read_text(encoding="utf-8")) == {
        "probes": ["ok GNOME Keyring"],
        "kept": True,
        "forgotten": True,
        "locked": True,
        "trouble": "locked",
        "unlocked": True,
    }
