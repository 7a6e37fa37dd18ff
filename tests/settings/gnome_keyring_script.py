"""What a person's keyring goes through, on this process's session bus; written as JSON to a file.

The daemon that the bus starts prints to the same standard output, so that is not used.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from pydantic import SecretStr

from dbtcollate_tui.settings.secrets import SecretStore

TOKEN = SecretStr("dbtc_" + "a1" * 200)


async def main() -> dict[str, object]:
    """Keep, read, delete; then lock the keyring, with nobody to ask, and unlock it again."""
    seen: dict[str, object] = {}
    for _ in range(100):  # the daemon makes the login keyring after it has answered
        if (await SecretStore().probe()).usable:
            break
    probes = await asyncio.gather(*(SecretStore().probe() for _ in range(6)))
    seen["probes"] = sorted({f"{health.state} {health.backend}" for health in probes})
    await SecretStore().keep("shop", "dbt_cloud", TOKEN, "keyring")
    await SecretStore().keep("shop", "collate", TOKEN, "keyring")
    found = await SecretStore().get("shop", "dbt_cloud")
    seen["kept"] = found is not None and found.secret == TOKEN
    await SecretStore().forget("shop", "collate")
    seen["forgotten"] = await SecretStore().get("shop", "collate") is None
    lock()
    store = SecretStore()
    seen["locked"] = await store.get("shop", "dbt_cloud") is None
    seen["trouble"] = store.health.state if store.health is not None else ""
    unlock()
    found = await store.get("shop", "dbt_cloud")
    seen["unlocked"] = found is not None and found.secret == TOKEN
    return seen


def lock() -> None:
    """Lock the default collection, as a desktop does with its screen."""
    import secretstorage

    secretstorage.get_default_collection(secretstorage.dbus_init()).lock()


def unlock() -> None:
    """Start the daemon, or unlock the running one, with the login keyring's password."""
    subprocess.run(
        ["gnome-keyring-daemon", "--replace", "--unlock", "--components=secrets"],
        input=b"made-up",
        stdout=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    unlock()
    Path(sys.argv[1]).write_text(json.dumps(asyncio.run(main())), encoding="utf-8")
