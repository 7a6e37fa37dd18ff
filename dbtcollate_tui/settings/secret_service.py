"""The session bus on which Linux keyrings are reached, and which program serves them."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
SECRETS = "org.freedesktop.secrets"
SECONDS = 2.0
"""How long the bus itself may take to name a process; it answers in milliseconds or hangs."""
PROGRAMS = {
    "gnome-keyring": "GNOME Keyring",
    "kwalletd": "KDE Wallet",
    "ksecretd": "KDE Wallet",
    "keepassxc": "KeePassXC",
}
"""Beginnings of the names of programs that serve the Secret Service."""
GNOME = ("gnome", "unity", "cinnamon", "mate", "budgie", "xfce", "pantheon")


def use_bus_of_runtime_folder(environment: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Set the bus's address where it is unset and its socket is in the runtime folder (ssh, cron, sudo).

    libsecret and GLib look there themselves; jeepney, which keyring uses, knows the variable alone.
    """
    folder = environment.get("XDG_RUNTIME_DIR", "")
    if sys.platform != "linux" or environment.get(VARIABLE) or not folder:
        return
    place = Path(folder) / "bus"
    try:
        if stat.S_ISSOCK(place.stat().st_mode):
            environment[VARIABLE] = f"unix:path={place}"
    except OSError:
        return


def bus_trouble(environment: Mapping[str, str] = os.environ) -> str:
    """Why no session bus can be reached, as a clause; empty where one answers or the system has none."""
    if sys.platform != "linux":
        return ""
    address = environment.get(VARIABLE, "")
    if not address:
        return f"{VARIABLE} is not set, and the runtime folder has no bus"
    for one in address.split(";"):
        kind, _, rest = one.partition(":")
        values = dict(part.partition("=")[::2] for part in rest.split(","))
        path = values.get("path") or ("\0" + values["abstract"] if values.get("abstract") else "")
        if kind != "unix" or not path:
            return f"{VARIABLE} is {address}, and only addresses of the kind unix:path= are supported"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
                tried.settimeout(SECONDS)
                tried.connect(path)
        except (OSError, ValueError):
            continue
        return ""
    return f"nothing answers at {address} ({VARIABLE})"


def service_name(environment: Mapping[str, str] = os.environ) -> str:
    """The name of the program that serves the Secret Service; by the desktop where none runs yet."""
    program = _serving_program()
    if program:
        return next((name for start, name in PROGRAMS.items() if program.startswith(start)), program)
    desktop = environment.get("XDG_CURRENT_DESKTOP", "").lower()
    if "kde" in desktop:
        return "KDE Wallet"
    return "GNOME Keyring" if any(word in desktop for word in GNOME) else "the desktop's Secret Service"


def _serving_program() -> str:
    """The program that owns the name on the bus; empty where none does or it cannot be seen."""
    try:
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection
    except ImportError:
        return ""
    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    try:
        with open_dbus_connection() as connection:
            call = new_method_call(bus, "GetConnectionUnixProcessID", "s", (SECRETS,))
            answer = connection.send_and_get_reply(call, timeout=SECONDS).body
        number = answer[0]
        if not isinstance(number, int):
            return ""
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        return Path(os.fsdecode(words[0])).name
    except Exception:  # noqa: BLE001 - the name is a nicety; the call that follows reports what fails
        return ""
