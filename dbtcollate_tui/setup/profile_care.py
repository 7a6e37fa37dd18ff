"""Renaming, duplicating and deleting a profile: its file, its tokens and what is remembered of it."""

import asyncio
import contextlib

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import ProfileField, SetField
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.names import check_name
from dbtcollate_tui.settings.secrets import ENV, FoundSecret, Side


async def rename_profile(services: Services, old: str, new: str) -> None:
    """Give the profile another name; its tokens, its history and its last state go with it.

    Raises `UsageError` for a name that is taken or cannot be one, and where a file or the keyring fails: the
    tokens move first, and are moved back where one cannot be, so that a failure changes nothing.
    """
    await duplicate_profile(services, old, new)
    moved: dict[Side, FoundSecret | None] = {}
    try:
        for side in ENV:
            moved[side] = await services.secrets.kept(old, side)
            await services.secrets.forget(old, side)
    except UsageError:
        for side, found in moved.items():
            if found is not None:
                with contextlib.suppress(UsageError):
                    await services.secrets.keep(old, side, found.secret, found.kept_in)
        with contextlib.suppress(UsageError):
            await delete_profile(services, new)
        raise
    await asyncio.to_thread(services.state.rename, old, new)
    if await asyncio.to_thread(services.profiles.pinned_name) == old:
        await asyncio.to_thread(services.profiles.pin, new)
    await asyncio.to_thread(services.profiles.delete, old)
    await asyncio.to_thread(services.profiles.mark_used, new)


async def duplicate_profile(services: Services, old: str, new: str) -> None:
    """Save the profile under a second name, with the same tokens kept where the first ones are.

    Raises `UsageError` as `rename_profile` does.
    """
    check_name(new)
    if new in await asyncio.to_thread(services.profiles.names):
        raise UsageError(
            f"There is already a profile {new}",
            fixes=[SetField("Take another name", ProfileField.NAME, "")],
        )
    profile = await asyncio.to_thread(services.profiles.load, old)
    found = {side: await services.secrets.kept(old, side) for side in ENV}
    await asyncio.to_thread(services.profiles.save, profile.model_copy(update={"name": new}))
    try:
        for where in ("keyring", "session"):
            tokens = {side: one.secret for side, one in found.items() if one and one.kept_in == where}
            await services.secrets.keep_all(new, tokens, where)
    except UsageError:
        with contextlib.suppress(UsageError):
            await asyncio.to_thread(services.profiles.delete, new)
        raise
    await asyncio.to_thread(services.profiles.mark_used, old)


async def delete_profile(services: Services, name: str) -> None:
    """Remove the profile's file, its tokens and what is remembered of it; raises `UsageError`."""
    for side in ENV:
        await services.secrets.forget(name, side)
    await asyncio.to_thread(services.profiles.delete, name)
