"""Forks a child for each command on standard input: a real process without the time of its imports.

One JSON object a line, ``{"tag": 1, "args": [], "env": {}, "cwd": "", "umask": 18, "out": "", "err": ""}``;
answers are ``{"tag": 1, "started": PID}`` and ``{"ended": PID, "code": 0}``.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import sys
import threading
import traceback
from typing import Any

import dbtcollate_tui

UNWANTED = ("dbtcollate_tui.tui", "dbtcollate_tui.sandbox")


def load() -> None:
    """Import what the commands import, without running any of it."""
    for module in pkgutil.walk_packages(dbtcollate_tui.__path__, "dbtcollate_tui."):
        if not module.name.startswith(UNWANTED):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    gc.freeze()


def run_child(order: dict[str, Any]) -> None:
    """Become the command, and end as it ends."""
    from dbtcollate_tui.__main__ import main as command

    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, flags, number in (
        (os.devnull, os.O_RDONLY, 0),
        (order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 1),
        (order["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 2),
    ):
        os.dup2(os.open(target, flags, 0o600), number)
    os.closerange(3, 256)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    os.umask(order["umask"])
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="strict", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["dbtcollate", *order["args"]]
    code: Any = 70
    try:
        command()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(int(code))


def report_ended() -> None:
    """Answer for every child that has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        print(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}), flush=True)


def main() -> None:
    """Serve until standard input ends."""
    load()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ready = selectors.DefaultSelector()
    ready.register(0, selectors.EVENT_READ, "orders")
    ready.register(reading, selectors.EVENT_READ, "ended")
    left = b""
    print(json.dumps({"ready": os.getpid()}), flush=True)
    while True:
        for key, _ in ready.select():
            if key.data == "ended":
                os.read(reading, 4096)
                report_ended()
                continue
            if not (data := os.read(0, 1 << 20)):
                return
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                if not (pid := os.fork()):
                    run_child(order)
                print(json.dumps({"tag": order["tag"], "started": pid}), flush=True)


if __name__ == "__main__":
    main()
