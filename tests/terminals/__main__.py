r"""From an empty home to a finished sync in real terminals: ``python -m tests.terminals [FOLDER] [NAME…]``.

Needs Xvfb, openbox, xdotool, xclip, ImageMagick's ``import``, ``script`` (util-linux) and the terminals;
those that are missing are passed over. In Debian:

    apt-get install xvfb openbox xdotool xclip imagemagick fonts-dejavu-core dbus-x11 xterm kitty \
        gnome-terminal konsole xfce4-terminal rxvt-unicode screen

In each terminal, the address is typed, both tokens are pasted by the terminal's own key, the setup leads to a
sync, and the app is left. Pictures of each step are in FOLDER (default: ``terminals`` in the temporary
folder): look at them.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pyte

COLUMNS, LINES = 80, 24
WITHIN_SECONDS = 90.0
PASTE = {"xterm": "shift+Insert", "screen": "shift+Insert", "urxvt": "shift+Insert", "kitty": "ctrl+shift+v"}
QUESTION = {"xfce4-terminal": "Return", "urxvt": "y"}
"""What answers the terminal's own question about a paste that ends in a line break."""
COMMANDS: dict[str, tuple[str, ...]] = {
    "xterm": ("xterm", "-fa", "DejaVu Sans Mono", "-geometry", "80x24", "-e", "sh", "-c"),
    "urxvt": ("urxvt", "-fn", "xft:DejaVu Sans Mono:size=10", "-geometry", "80x24", "-e", "sh", "-c"),
    "kitty": (
        "kitty",
        "-o",
        "initial_window_width=80c",
        "-o",
        "initial_window_height=24c",
        "-o",
        "remember_window_size=no",
        "sh",
        "-c",
    ),
    "gnome-terminal": ("dbus-run-session", "gnome-terminal", "--wait", "--geometry=80x24", "--", "sh", "-c"),
    "konsole": (
        "dbus-run-session",
        "konsole",
        "--nofork",
        "-p",
        "TerminalColumns=80",
        "-p",
        "TerminalRows=24",
        "-e",
        "sh",
        "-c",
    ),
    "xfce4-terminal": (
        "dbus-run-session",
        "xfce4-terminal",
        "--disable-server",
        "--geometry=80x24",
        "-x",
        "sh",
        "-c",
    ),
    "screen": ("xterm", "-fa", "DejaVu Sans Mono", "-geometry", "80x24", "-e", "screen", "sh", "-c"),
}


class Servers:
    """The sandbox in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "dbtcollate_tui", "sandbox"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        words = "".join(self.process.stdout.readline() for _ in range(5))
        self.dbt_cloud, self.collate = (
            found[1] for name in ("dbt Cloud", "Collate") if (found := re.search(rf"{name} +(\S+)", words))
        )
        address = re.search(r"\S+_sandbox/tokens", words)
        assert address is not None
        with urllib.request.urlopen(address[0]) as answer:
            self.tokens: dict[str, str] = json.load(answer)


class Window:
    """One terminal on a display of its own."""

    def __init__(self, name: str, number: int, home: Path) -> None:
        self.name, self.log = name, home / "typescript"
        self.display = f":{number}"
        screen = ("-screen", "0", "1000x700x24", "-nolisten", "tcp")
        self.server = subprocess.Popen(["Xvfb", self.display, *screen], stderr=subprocess.DEVNULL)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("DBT", "COLLATE"))},
            "DISPLAY": self.display,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        for variable in ("WAYLAND_DISPLAY", "TERM", "COLORTERM", "DBUS_SESSION_BUS_ADDRESS", "TMUX"):
            self.environment.pop(variable, None)
        time.sleep(2)
        self.manager = subprocess.Popen(["openbox"], env=self.environment, stderr=subprocess.DEVNULL)
        inside = f"{sys.executable} -m dbtcollate_tui --no-animation"
        self.log.touch()
        shell = f"cd {Path.cwd()}; script -q -f -c '{inside}' {self.log}; echo ended >{home}/ended"
        self.ended = home / "ended"
        self.terminal = subprocess.Popen(
            [*COMMANDS[name], shell],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def drawn(self) -> str:
        """The screen as the app has drawn it."""
        screen = pyte.Screen(COLUMNS, LINES)
        data = self.log.read_bytes().partition(b"\n")[2]
        pyte.ByteStream(screen).feed(data)
        return "\n".join(screen.display)

    def until(self, *words: str) -> None:
        """Wait for words on the screen."""
        end = time.monotonic() + WITHIN_SECONDS
        while not all(word in self.drawn() for word in words):
            if time.monotonic() > end or self.ended.exists():
                raise TimeoutError(f"never came: {words}\n{self.drawn()}")
            time.sleep(0.5)
        time.sleep(0.5)

    def do(self, *arguments: str) -> None:
        """Act on the window with xdotool."""
        subprocess.run(["xdotool", *arguments], env=self.environment, check=True, capture_output=True)

    def press(self, *keys: str) -> None:
        """Press keys, by X's names."""
        for key in keys:
            self.do("key", key)
            time.sleep(0.2)

    def paste(self, text: str) -> None:
        """Put the text, with a line break at its end, on both clipboards, and paste it."""
        for selection in ("clipboard", "primary"):
            subprocess.run(
                ["xclip", "-selection", selection],
                input=f"{text}\n".encode(),
                env=self.environment,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.press(PASTE.get(self.name, "ctrl+shift+v"))
        if self.name in QUESTION:
            time.sleep(2)
            self.press(QUESTION[self.name])

    def picture(self, path: Path) -> None:
        """Take a picture of the display."""
        subprocess.run(["import", "-window", "root", str(path)], env=self.environment, check=True)

    def close(self) -> None:
        """End the terminal and its display."""
        for process in (self.terminal, self.manager, self.server):
            process.terminate()
        for process in (self.terminal, self.manager, self.server):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)


def walk(window: Window, servers: Servers, folder: Path) -> None:
    """From the welcome screen to the end, with pictures."""
    window.until("Set up")
    window.do("mousemove", "300", "300", "click", "1")
    time.sleep(1)
    window.picture(folder / f"{window.name}-1-welcome.png")
    window.press("s")
    window.until("The URL of any dbt Cloud page")
    window.do("type", "--delay", "30", servers.dbt_cloud)
    window.until(servers.dbt_cloud[:60])
    window.press("Return")
    window.until("dbt Cloud token", "Need one?")
    window.paste(servers.tokens["dbt_cloud"])
    window.until("40 characters", "Removed: one line break")
    window.picture(folder / f"{window.name}-2-token.png")
    window.press("Return")
    window.until("Which job describes production?", "latest successful run")
    window.press("Return")
    window.until("Collate's URL and its bot's token")
    window.do("type", "--delay", "30", servers.collate)
    window.press("Tab")
    window.paste(servers.tokens["collate"])
    window.until("characters")
    window.press("Return")
    for words in ("reads and writes", "Which database service", "What a sync may change", "Save and verify"):
        window.until(words)
        window.press("Return")
    window.until("Verification", "done: ")
    window.picture(folder / f"{window.name}-3-checklist.png")
    window.press("s")
    window.until("Write", "changes")
    window.press("w")
    window.until("Done", "equal")
    window.picture(folder / f"{window.name}-4-sync.png")
    window.press("ctrl+q")
    end = time.monotonic() + WITHIN_SECONDS
    while not window.ended.exists():
        if time.monotonic() > end:
            raise TimeoutError("the app did not end")
        time.sleep(0.2)


def main(folder: Path, names: list[str]) -> int:
    """Walk through in each terminal that is there; 1 where one of them failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for number, name in enumerate(names or COMMANDS, 90):
        missing = [one for one in {COMMANDS[name][0], name} if shutil.which(one) is None]
        if missing:
            print(f"{name:16} not installed: {', '.join(missing)}", flush=True)
            continue
        servers = Servers()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            window = Window(name, number, Path(home))
            try:
                walk(window, servers, folder)
                print(f"{name:16} ended as it should", flush=True)
            except (TimeoutError, subprocess.CalledProcessError) as error:
                failed += 1
                window.picture(folder / f"{name}-failed.png")
                print(f"{name:16} FAILED: {error}", flush=True)
            finally:
                window.close()
                servers.process.send_signal(signal.SIGINT)
                servers.process.wait(20)
    return 1 if failed else 0


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir()) / "terminals"
    sys.exit(main(target, sys.argv[2:]))
