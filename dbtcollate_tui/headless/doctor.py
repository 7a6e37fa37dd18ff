"""``doctor``: what a bug report needs, without anything secret."""

import asyncio
import importlib.metadata
import json
import os
import platform
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from dbtcollate_tui import __version__, folders
from dbtcollate_tui.checks.context import answers_at_all
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.common import renderer
from dbtcollate_tui.log import log_path
from dbtcollate_tui.printable import json_safe, one_line, safe
from dbtcollate_tui.private_files import write_private
from dbtcollate_tui.redact import without_credentials
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.transport.proxies import proxy_for

LIBRARIES = ("click", "httpx", "keyring", "pydantic", "sqlglot", "textual")
VARIABLES = (
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS", "TERM", "COLORTERM", "LANG", "LC_ALL", "CI"),
)
"""Settings of the environment that change what the program does; shown without credentials."""
ANSWER_SECONDS = 15.0
"""How long each server may take to answer."""
LAST_ERRORS = 10
LOG_BYTES = 200_000
"""The end of the log that is searched for errors."""

Facts = dict[str, dict[str, str]]


async def doctor(common: Common, bundle: Path | None = None) -> ExitCode:
    """Print versions, folders, settings and reachability; ``bundle`` writes the same to a private file.

    Reads no token and no keyring entry. Ends with 4 where a server of a profile does not answer.
    """
    services = Services()
    out = renderer(common.json, profile=common.profile)
    facts: Facts = {
        "versions": await asyncio.to_thread(_versions),
        "folders": await asyncio.to_thread(_folders),
        "environment": _environment(),
        "keyring": {"back end": await asyncio.to_thread(_keyring)},
    }
    names = [common.profile] if common.profile else await asyncio.to_thread(services.profiles.names)
    reached: dict[str, str] = {}
    failed = False
    for name in names:
        try:
            profile = await asyncio.to_thread(services.profiles.load, name)
        except ActionableError as error:
            reached[name] = error.title
            continue
        for side, text, is_good in await _servers(profile):
            reached[f"{name}: {side}"] = text
            failed = failed or not is_good
    facts["servers"] = reached
    facts["last errors"] = await asyncio.to_thread(_last_errors)
    for part, values in facts.items():
        if common.json:
            out.facts(f"doctor_{part.replace(' ', '_')}", {key: safe(text) for key, text in values.items()})
            continue
        out.say(part.capitalize())
        for key, text in values.items():
            out.say(f"  {key:24} {text}")
    if bundle is not None:
        text = json_safe(json.dumps(facts, indent=2, ensure_ascii=False))
        await asyncio.to_thread(write_private, bundle, safe(text).encode())
        out.say(f"Written to {bundle}")
    return ExitCode.UNREACHABLE if failed else ExitCode.OK


def _versions() -> dict[str, str]:
    found = {
        "dbtcollate-tui": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _folders() -> dict[str, str]:
    found = {}
    for name, path in folders.named().items():
        try:
            mode = stat.filemode(path.stat().st_mode)
            found[name] = f"{path}  {mode}{'' if os.access(path, os.W_OK) else ', not writable'}"
        except OSError:
            found[name] = f"{path}  not there yet"
    return found


def _environment() -> dict[str, str]:
    """The variables that are set, addresses without credentials; proxies as they take effect."""
    found = {
        name: without_credentials(value)
        for name in VARIABLES
        if (value := os.environ.get(name) or os.environ.get(name.lower()))
    }
    found |= {name: value for name, value in os.environ.items() if name.startswith("DBTCOLLATE_")}
    found["stdin, stdout, stderr"] = ", ".join(
        "terminal" if stream is not None and stream.isatty() else "no terminal"
        for stream in (sys.stdin, sys.stdout, sys.stderr)
    )
    return found


def _keyring() -> str:
    """The back end that would be asked; it is not asked."""
    try:
        import keyring

        backend = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001 - a back end may raise anything while it is chosen
        return f"could not be chosen: {type(error).__name__}"
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


async def _servers(profile: Profile) -> list[tuple[str, str, bool]]:
    """Side, what was found, whether it answered; a refusal of the missing token is an answer."""
    token = SecretStr("none")

    async def dbt_cloud() -> str:
        async with DbtCloudClient(profile.dbt_cloud.base_url, token) as client:
            await answers_at_all(client.accounts)
        return "answers"

    async def collate() -> str:
        address = profile.collate.base_url
        async with CollateClient(address, token, allow_http=profile.collate.allow_http) as client:
            return f"answers, OpenMetadata {(await client.version()).version}"

    found = []
    for side, address, ask in (
        ("dbt Cloud", profile.dbt_cloud.base_url, dbt_cloud),
        ("Collate", profile.collate.base_url, collate),
    ):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                text, is_good = await ask(), True
        except TimeoutError:
            text, is_good = f"no answer within {ANSWER_SECONDS:.0f} s", False
        except ActionableError as error:
            text, is_good = error.title, False
        found.append((side, f"{address}  {text}{_way(address)}", is_good))
    return found


def _way(address: str) -> str:
    """The proxy that the address is reached through, in words."""
    parts = urlsplit(address)
    try:
        proxy = proxy_for(parts.scheme, parts.hostname or "", parts.port)
    except (ActionableError, ValueError):
        return ", proxy setting cannot be used"
    return f", through {proxy.shown} ({proxy.variable})" if proxy is not None else ""


def _last_errors() -> dict[str, str]:
    path = log_path()
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return {"log": f"{path} does not exist yet"}
    found = [line for line in lines if " ERROR " in line or " WARNING " in line][-LAST_ERRORS:]
    return {"log": str(path), **{str(number): one_line(line) for number, line in enumerate(found, 1)}}
