"""The app on a pseudo-terminal: bytes that are no text, any size, a reader that stops, signals, encodings."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.terminal import terminal

DEMO = ("--no-animation", "demo")
WELCOME = "Set up"


def own_temp(folder: Path) -> dict[str, str]:
    """The environment of an app whose temporary folders can be counted."""
    return {"TMPDIR": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def test_bytes_that_are_no_text_are_dropped() -> None:
    with terminal(DEMO) as app:
        app.until(WELCOME)
        for data in (
            b"\xe9a",
            b"\xc3",
            b"\xff\xfe\x80",
            b"\x1b[M \xe0\xe1",
            b"\x1b[\x1b[;;;;m",
            b"\x1b]52;c;\x07",
        ):
            app.send(data)
        app.settle()
        app.press("s")
        assert "Go on" in app.until("any dbt Cloud page")


@pytest.mark.parametrize("exported", [{}, {"COLUMNS": "80", "LINES": "24"}], ids=["", "exported"])
def test_random_sizes_are_survived(exported: dict[str, str]) -> None:
    """Also where the shell exported the size that the window had at first."""
    chance = random.Random(29)
    with terminal(DEMO, environment=exported) as app:
        app.until(WELCOME)
        app.press("l")
        app.until("Verification")
        for _ in range(200):
            app.resize(chance.randint(1, 300), chance.randint(1, 90))
            app.rest(0.01)
        app.resize(7, 24)
        app.until("Window")
        app.resize(100, 30)
        app.until("Verification")


def test_a_paste_without_focus_reaches_its_field() -> None:
    with terminal(DEMO) as app:
        app.until(WELCOME)
        app.press("s")
        app.until("any dbt Cloud page")
        app.press("enter")
        app.until("Need one?")
        app.send(b"\x1b[O")
        app.paste("dbtc_" + "0a1b2c3d4e" * 3 + "fffff\r")
        app.send(b"\x1b[I")
        app.until("40 characters")


def test_a_paste_in_pieces_is_put_together_or_refused() -> None:
    token = ("dbtc_" + "0a1b2c3d4e" * 3 + "fffff").encode()
    with terminal(DEMO) as app:
        app.until(WELCOME)
        app.press("s")
        app.until("any dbt Cloud page")
        app.press("enter")
        app.until("Need one?")
        for piece in (b"\x1b[2", b"00~" + token[:20], token[20:] + b"\x1b[20", b"1~"):
            app.send(piece)
            app.rest(0.3)
        app.until("40 characters")
        app.send(b"\x15")
        app.until("paste the token")
        app.send(token[:20] + b"\r" + token[20:] + b"\r")
        app.until("40 characters", "2 lines of")
        app.send(b"\x15")
        app.until("paste the token")
        app.send(b"\x1b[200~" + token[:20])
        app.until("did not arrive", "paste the token")


def test_a_signal_ends_the_app_while_nobody_reads() -> None:
    with terminal(DEMO, size=(120, 36)) as app:
        app.until(WELCOME)
        app.press("l", *["tab", "down"] * 100)
        app.kill(signal.SIGTERM)
        assert app.exit_code() == 130


@pytest.mark.parametrize("after", [0.1, 0.3, 0.6, 1.0, 1.5, 2.0])
def test_an_early_signal_leaves_a_clean_terminal(after: float, tmp_path: Path) -> None:
    heard: list[bytes] = []
    with terminal(DEMO, environment=own_temp(tmp_path), heard=heard.append) as app:
        app.rest(after)
        app.kill(signal.SIGTERM)
        app.ended()
    data = b"".join(heard)
    assert data.count(b"\x1b[?1049h") == data.count(b"\x1b[?1049l")
    assert list(tmp_path.glob("dbtcollate-demo-*")) == []


def test_a_closed_window_ends_with_130() -> None:
    with terminal(DEMO) as app:
        app.until(WELCOME)
        app.close()
        assert app.exit_code() == 130


@pytest.mark.parametrize(
    "name", ["xterm", "xterm-256color", "screen", "linux", "vt100", "st-256color", "foot", ""]
)
def test_every_kind_of_terminal_opens_the_app(name: str) -> None:
    with terminal(("--no-animation",), environment={"TERM": name, "COLORTERM": ""}) as app:
        assert "Quit" in app.until(WELCOME)
        app.press("q")
        assert app.ended() == 0


@pytest.mark.parametrize(
    ("locale", "key"),
    [
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, "⏎"),
        ({"LC_ALL": "C", "LANG": "C.UTF-8"}, "enter"),
        ({"LC_ALL": "", "LANG": "en_US.ISO-8859-1"}, "enter"),
        ({"LC_ALL": "", "LANG": "C.UTF-8"}, "⏎"),
    ],
)
def test_the_locale_decides_the_signs(locale: Mapping[str, str], key: str) -> None:
    with terminal(("--no-animation",), environment=locale) as app:
        app.until(WELCOME)
        app.press("s")
        assert f"{key} Go on" in app.until("Go on")


def test_the_app_needs_standard_error(tmp_path: Path) -> None:
    with (tmp_path / "errors").open("wb") as errors, terminal((), errors=errors.fileno()) as app:
        assert app.ended() == 2
        assert "Standard error is not a terminal" in app.drawn()


def test_small_changes_send_few_bytes() -> None:
    heard: list[bytes] = []
    with terminal(DEMO, heard=heard.append) as app:
        app.until(WELCOME)
        first = sum(map(len, heard))
        heard.clear()
        app.press("tab")
        app.settle()
        tab = sum(map(len, heard))
        heard.clear()
        app.press("l")
        app.until("done")
        app.rest(1)
        checklist = sum(map(len, heard))
    assert 0 < tab <= 1500
    assert first <= 9000
    assert checklist <= 40_000


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("arguments", [("--help",), ("config",), ("demo", "--scenario", "list")])
def test_commands_write_in_every_encoding(encoding: str, arguments: tuple[str, ...]) -> None:
    done = run(arguments, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert done.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("arguments", "environment", "is_ascii"),
    [
        (("help", "ci"), {"LC_ALL": "C.UTF-8", "LANG": "C"}, False),
        (("help", "ci"), {"LC_ALL": "C", "LANG": "C.UTF-8"}, True),
        (("--ascii", "help", "ci"), {"LC_ALL": "C.UTF-8"}, True),
        (("help", "--ascii", "ci"), {"LC_ALL": "C.UTF-8"}, True),
        (("help", "ci", "--ascii"), {"LC_ALL": "C.UTF-8"}, True),
        (("help", "ci", "--no-ascii"), {"LC_ALL": "C"}, False),
        (("help", "ci"), {"LC_ALL": "C", "DBTCOLLATE_ASCII": "0"}, False),
        (("help", "ci"), {"LC_ALL": "C.UTF-8", "DBTCOLLATE_ASCII": "1"}, True),
    ],
)
def test_ascii_is_chosen_anywhere_or_by_the_locale(
    arguments: tuple[str, ...], environment: dict[str, str], is_ascii: bool
) -> None:
    done = run(arguments, **environment)
    assert done.returncode == 0
    assert done.stdout.isascii() is is_ascii
    assert done.stdout.decode("utf-8")


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_errors_keep_to_ascii(environment: dict[str, str]) -> None:
    """Those of click and of `UsageError`."""
    for arguments in (("status", "-p", "shöp→"), ("nö→such",), ("verify", "--chéck")):
        done = run(arguments, **environment)
        assert done.returncode == 2
        assert done.stderr.isascii()
        assert done.stderr


def test_signs_are_replaced_by_their_like() -> None:
    code = (
        "from dbtcollate_tui.standard_streams import write_any_sign, write_utf8; import sys;"
        "write_any_sign(); print('a → b … “é” 日本 ✓');"
        "write_utf8(sys.stdout); print('→')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    first, second = done.stdout.splitlines()
    assert first.decode("latin-1") == 'a > b . "é" ???? +'
    assert second.decode("utf-8") == "→"


def run(arguments: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[bytes]:
    """One command without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "dbtcollate_tui", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
