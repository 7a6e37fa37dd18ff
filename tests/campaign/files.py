"""Files: modes under umasks, read-only homes, full disks, damaged files of every kind, wrong clocks.

A full disk and a read-only home need root, for small file systems in memory; without it they are left out.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from tests.campaign.world import COMMANDS, Case, Ran, World, judge

PROFILE = Path(".config", "dbtcollate", "profiles", "shop.toml")
STATE = Path(".local", "state", "dbtcollate")
ALL = ("verify", "plan", "sync", "status", "troubleshoot")
OTHERS = (("history", "--json"), ("profiles",), ("export", "yaml"), ("logs",), ("doctor",), ("config",))
DEEP = "[" * 100_000
UNREAD: frozenset[int] = frozenset({0, 1, 2, 3, 4, 5})


async def files(world: World) -> AsyncIterator[Case]:
    """Every part of it."""
    world.calm()
    synced = await _synced(world)
    async for case in _umasks(world):
        yield case
    for part in (_homes, _profiles, _records, _states, _cached, _clocks):
        async for case in part(world, synced):
            yield case
    if os.geteuid() == 0:
        for part in (_read_only, _full):
            async for case in part(world, synced):
                yield case


async def _synced(world: World) -> Path:
    """A home after every command."""
    world.fresh()
    home = world.home("synced")
    for name in ALL:
        await world.run(home, *COMMANDS[name])
    for arguments in OTHERS:
        await world.run(home, *arguments)
    return home


def _copy(world: World, of: Path) -> Path:
    home = world.folder / "homes" / "damaged"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(of, home, symlinks=True)
    return home


async def _case(
    world: World,
    home: Path,
    name: str,
    *arguments: str,
    codes: frozenset[int] = UNREAD,
    **options: Any,
) -> tuple[Case, Ran]:
    ran = await world.run(home, *arguments, limit=options.pop("limit", 90), **options)
    case = Case("files", f"{name}: {' '.join(arguments)[:30]}", judge(ran, home), {"code": ran.code})
    if ran.code not in codes:
        case.bad.append(f"exit code {ran.code}, not of {sorted(codes)}: {ran.err[:300]}")
    if ran.code and not (ran.err.strip() or ran.out.strip()):
        case.bad.append("nothing was said")
    return case, ran


async def _umasks(world: World) -> AsyncIterator[Case]:
    for mask in (0o022, 0o000, 0o077, 0o777):
        world.fresh()
        home = world.folder / "homes" / f"umask-{mask:03o}"
        home.mkdir(parents=True)
        env = world.environment(home)
        for arguments in (world.setup("shop"), *(COMMANDS[name] for name in ALL), *OTHERS):
            found, _ = await _case(world, home, f"umask {mask:03o}", *arguments, umask=mask, env=env)
            yield found
        case = Case("files", f"umask {mask:03o}: modes")
        for path in sorted(home.rglob("*")):
            if path.is_symlink() or path.parent == home or path.parent.parent == home:
                continue
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077 or mode & 0o600 != 0o600:
                case.bad.append(f"{path.relative_to(home)} has the mode {mode:03o}")
        yield case


async def _homes(world: World, synced: Path) -> AsyncIterator[Case]:
    for label, value in (("missing", "/nonexistent/x"), ("a file", "/etc/hostname"), ("unset", None)):
        home = _copy(world, synced)
        env = world.environment(home, HOME=value)
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            env.pop(name, None)
        if value is None:
            env |= {
                f"DBTCOLLATE_{name}_DIR": str(home / name) for name in ("CONFIG", "STATE", "CACHE", "LOG")
            }
        for arguments in (("verify",), ("profiles",), ("history",), ("logs",), world.setup()):
            yield (await _case(world, home, f"HOME {label}", *arguments, env=env))[0]
    home = _copy(world, synced)
    shared = home / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    env = world.environment(
        home,
        DBTCOLLATE_STATE_DIR=str(shared),
        DBTCOLLATE_CACHE_DIR=str(shared),
        DBTCOLLATE_LOG_DIR=str(shared),
    )
    case, _ = await _case(world, home, "a shared state folder", "verify", env=env)
    if stat.S_IMODE(shared.stat().st_mode) != 0o1777:
        case.bad.append("the shared folder's mode was changed")
    yield case


def _set(pattern: str, new: str, text: str) -> str:
    return re.sub(pattern, lambda _: new, text)


def _damaged_profiles(text: str) -> dict[str, bytes]:
    version = "schema_version = 1"
    address = r'base_url = "[^"]+"'
    texts = {
        **{f"cut at {end}": text[:end] for end in range(0, len(text), max(1, len(text) // 12))},
        "NUL": text.replace("shop", "sh\0op"),
        **{
            f"version {value}": text.replace(version, f"schema_version = {value}")
            for value in ("2", "0", '"1"', "[1]", "true", "9" * 5000)
        },
        "wrong types": _set(r"= \d+", '= "x"', text),
        "deep array": "a = " + "[" * 3000 + "]" * 3000,
        "deep table": "a = " + "{a=" * 3000 + "1" + "}" * 3000,
        "long key": ".".join("a" * 5000) + " = 1",
        "list at the top": "[[dbt_cloud]]\nx=1\n",
        "twice": text + text,
        "surrogate": text.replace('"nightly"', '"\\ud800"'),
        "control": text.replace('"nightly"', '"\\u001b]0;x\\u0007"'),
        "bidirectional": text.replace('"nightly"', '"\u202enightly"'),
        "huge id": _set(r"account_id = \d+", "account_id = " + "9" * 26, text),
        "negative id": _set(r"account_id = \d+", "account_id = -1", text),
        "10 MB": text + "#" + "x" * 10_000_000,
        "time zone": _set(r"timezone = .*", 'timezone = "../../etc/passwd"', text),
        "schedule": _set(r"schedule = .*", 'schedule = "99 99 99 99 99"', text),
        **{
            f"address {value[:30]}": _set(address, f'base_url = "{value}"', text)
            for value in (
                "http://evil.test",
                "https://u:p@127.0.0.1",
                "https://h:99999",
                "https://[fe80::1%25lo]",
                "https://\\u0000",
                "https://a b",
                "https://ex\u0430mple.test",
                "https://",
                "https://...",
                "https://" + "a" * 300,
            )
        },
    }
    found = {name: body.encode("utf-8", "surrogatepass") for name, body in texts.items()}
    return {**found, "random bytes": os.urandom(500), "UTF-16": text.encode("utf-16")}


async def _profiles(world: World, synced: Path) -> AsyncIterator[Case]:
    text = (synced / PROFILE).read_text()
    for label, body in _damaged_profiles(text).items():
        home = _copy(world, synced)
        (home / PROFILE).write_bytes(body)
        for arguments in (("verify", "--json"), ("profiles",), ("status", "--json")):
            case, _ = await _case(world, home, f"profile {label}", *arguments, limit=200)
            if (home / PROFILE).read_bytes() != body:
                case.bad.append("the damaged file was changed by reading it")
            yield case
    home = _copy(world, synced)
    (home / PROFILE).write_text(text[:200])
    case, _ = await _case(world, home, "damaged profile", *world.setup("shop"), codes=frozenset({2}))
    yield case
    case, _ = await _case(
        world, home, "damaged profile", *world.setup("shop"), "--overwrite", codes=frozenset({0})
    )
    kept = [path for path in (home / PROFILE).parent.iterdir() if path.name != "shop.toml"]
    if not any(path.read_text() == text[:200] for path in kept if path.is_file()):
        case.bad.append("the damaged file was overwritten, not set aside")
    yield case
    for label in ("a folder", "a link to itself", "a pipe", "missing"):
        home = _copy(world, synced)
        path = home / PROFILE
        path.unlink()
        if label == "a folder":
            path.mkdir()
        elif label == "a link to itself":
            path.symlink_to(path)
        elif label == "a pipe":
            os.mkfifo(path)
        for arguments in (("verify",), ("profiles",)):
            yield (await _case(world, home, f"profile {label}", *arguments, limit=20))[0]
    for name in ("../../x", "a/b", "..", ".", "x" * 65, "\u202ex", "a\nb", "$(id)", "-h"):
        home = _copy(world, synced)
        yield (await _case(world, home, "name", "verify", f"--profile={name}", codes=frozenset({2})))[0]


async def _records(world: World, synced: Path) -> AsyncIterator[Case]:
    history = synced / STATE / "shop" / "history"
    record = next(path for path in sorted(history.glob("*-sync-*.json")) if "plan" not in path.name)
    good = json.loads(record.read_text())

    def put(**changed: object) -> bytes:
        return json.dumps({**good, **changed}).encode()

    damaged: dict[str, dict[str, bytes]] = {
        record.name: {
            "cut": record.read_bytes()[:100],
            "empty": b"",
            "null": b"null",
            "list": b"[]",
            "time": put(at="yesterday"),
            "time, running": put(at="yesterday", outcome="running"),
            "naive time": put(at="2026-11-30T10:00:00"),
            "far time": put(at="9999-12-31T23:59:59+00:00"),
            "first year": put(at="0001-01-01T00:00:00+00:00"),
            "traversal": put(id="../../../../../../etc/hostname"),
            "NaN": put(seconds=float("nan")),
            "outcome": put(outcome="splendid"),
            "counts": put(planned={"a": 1}),
            "control": put(text="\x1b]0;x\x07"),
            "a field more": put(futurefield=1),
            "deep": DEEP.encode(),
            "random bytes": os.urandom(300),
        },
        f"{record.stem}.log.ndjson": {
            "random bytes": os.urandom(3000),
            "half": b'{"at": "2026',
            "time": b'{"at":"x","event":"log","level":"info","source":"s","text":"t"}\n',
            "long line": b'{"at":"' + b"x" * 30_000_000 + b'"}\n',
        },
        f"{record.stem}.plan.json": {
            "random bytes": os.urandom(300),
            "null": b"null",
            "types": b'{"summary": 5, "changes": [1]}',
            "deep": DEEP.encode(),
        },
    }
    for name, bodies in damaged.items():
        for label, body in bodies.items():
            home = _copy(world, synced)
            (home / history.relative_to(synced) / name).write_bytes(body)
            for arguments in (
                ("history",),
                ("history", "--json"),
                ("history", "show", record.stem),
                ("status",),
            ):
                what = name.removeprefix(record.stem)
                yield (await _case(world, home, f"record{what} {label}", *arguments))[0]
            if name == record.name:
                yield (await _case(world, home, f"record {label}", *COMMANDS["sync"], codes=frozenset({0})))[
                    0
                ]


async def _states(world: World, synced: Path) -> AsyncIterator[Case]:
    bodies = {
        "random bytes": os.urandom(300),
        "empty": b"",
        "null": b"null",
        "number": b"5",
        "deep": DEEP.encode(),
        "types": b'{"version": 1, "value": {"a": [1, null]}}',
        "version": b'{"version": 9, "value": 1}',
        "NaN": b'{"version": 1, "value": NaN, "held_until": NaN, "taken": [NaN]}',
        "lines": b'{"what":"tags"}\n{"what":"edge","project":"shop","up":null,"down":{}}\n5\n[]\n',
    }
    root = synced / STATE
    for path in sorted(root.rglob("*")):
        if not path.is_file() or "history" in path.parts or path.suffix not in (".json", ".ndjson"):
            continue
        for label, body in bodies.items():
            home = _copy(world, synced)
            (home / path.relative_to(synced)).write_bytes(body)
            name = re.sub(r"[0-9a-f]{12,}", "N", str(path.relative_to(root)))
            yield (await _case(world, home, f"{name} {label}", *COMMANDS["sync"], codes=frozenset({0})))[0]


async def _cached(world: World, synced: Path) -> AsyncIterator[Case]:
    cache = synced / ".cache" / "dbtcollate"
    manifest = next(cache.rglob("*-manifest.json"))
    for label in (
        "other bytes",
        "shorter",
        "odd note",
        "typed note",
        "a folder",
        "a link",
        "odd SQL",
        "a part left",
    ):
        home = _copy(world, synced)
        path = home / manifest.relative_to(synced)
        note = path.with_name(f"{path.name}.note")
        if label == "other bytes":
            path.write_bytes(path.read_bytes()[:100] + b"X" * 20 + path.read_bytes()[120:])
        elif label == "shorter":
            path.write_bytes(path.read_bytes()[:-50])
        elif label == "odd note":
            note.write_bytes(os.urandom(50))
        elif label == "typed note":
            note.write_text('{"size": "x", "sha256": 5}')
        elif label == "a folder":
            path.unlink()
            path.mkdir()
        elif label == "a link":
            path.unlink()
            path.symlink_to("/etc/passwd")
        elif label == "odd SQL":
            for answers in (home / ".cache").rglob("*.bin"):
                answers.write_bytes(os.urandom(400))
        else:
            (path.parent / ".9-manifest.json.abc.part").write_bytes(b"x" * 100)
        world.fresh()
        yield (await _case(world, home, f"cache: {label}", *COMMANDS["sync"], codes=frozenset({0})))[0]


async def _clocks(world: World, synced: Path) -> AsyncIterator[Case]:
    for label, taken, held in (
        ("taken ahead, the clock was set back", [600.0] * 100, 0.0),
        ("held far ahead", [], 1e9),
        ("taken long ago", [-3600.0] * 1000, 0.0),
    ):
        home = _copy(world, synced)
        now = time.time()
        for path in (home / STATE / "pace").glob("*.json"):
            path.write_text(json.dumps({"taken": [now + ahead for ahead in taken], "held_until": now + held}))
        env = world.environment(home, DBTCOLLATE_REQUESTS_PER_MINUTE=None)
        yield (await _case(world, home, f"clock: {label}", *COMMANDS["status"], env=env, limit=60))[0]


@contextlib.contextmanager
def _mounted(place: Path, size: str) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


async def _read_only(world: World, synced: Path) -> AsyncIterator[Case]:
    for label in ("synced", "no cache"):
        with _mounted(world.folder / "read-only", "60m") as home:
            shutil.copytree(synced, home, dirs_exist_ok=True, symlinks=True)
            if label == "no cache":
                shutil.rmtree(home / ".cache")
                shutil.rmtree(home / ".local")
            subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)  # noqa: ASYNC221
            world.fresh()
            env = world.environment(home, TMPDIR=str(world.folder))
            for name in ALL:
                case, ran = await _case(world, home, f"read-only home, {label}", *COMMANDS[name], env=env)
                if name == "sync" and (ran.code != 5 or not ran.of("run_finished")[-1]["not_kept"]):
                    case.bad.append(f"exit code {ran.code}: the record that was not kept is not said")
                if name == "sync" and ran.of("run_finished")[-1]["counts"]["failed"]:
                    case.bad.append("it does not allow a sync")
                yield case
            for arguments in (*OTHERS, world.setup()):
                yield (await _case(world, home, f"read-only home, {label}", *arguments, env=env))[0]


async def _full(world: World, synced: Path) -> AsyncIterator[Case]:
    for free in (0, 20_000, 150_000, 900_000):
        for of in ("synced", "no cache"):
            with _mounted(world.folder / "full", "20m") as home:
                shutil.copytree(synced, home, dirs_exist_ok=True, symlinks=True)
                if of == "no cache":
                    shutil.rmtree(home / ".cache")
                room = os.statvfs(home)
                fill = room.f_bavail * room.f_frsize - free
                with contextlib.suppress(OSError):
                    (home / "fill").write_bytes(b"\0" * max(0, fill))
                world.fresh()
                env = world.environment(home, TMPDIR=str(world.folder))
                profile = (home / PROFILE).read_bytes()
                for arguments in (
                    COMMANDS["sync"],
                    ("verify",),
                    ("history", "--json"),
                    world.setup(),
                    ("status",),
                ):
                    case, _ = await _case(world, home, f"disk with {free} left, {of}", *arguments, env=env)
                    if (home / PROFILE).read_bytes() != profile:
                        case.bad.append("the profile was changed")
                    other = (home / PROFILE).with_name("other.toml")
                    if other.exists() and b"[collate]" not in other.read_bytes():
                        case.bad.append("half a profile is left")
                    yield case
