"""Hostile texts and names, and planted secrets: what reaches terminals, files, exports and children."""

import base64
import gzip
import html
import json
import random
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import tomlkit
import yaml

from tests.campaign import proxy
from tests.campaign.world import CONTROL, TRACES, Case, Ran, World, judge

Json = Any
HOSTILE = (
    "\x1b]0;PWN\x07\x1b]52;c;UFdORUQ=\x07\x1b]8;;http://evil.test\x07lnk\x1b]8;;\x07\x1b[2J\x9b31m"
    "\u202egnp.exe\u2066 [b]x[/b]"
)
TEXTS = re.compile(
    r"description|displayName|message|status_message|fullName|git_branch|responseMessage|user_message"
    r"|developer_message|reason|sql|rawSql|revision|plan|logs|cause|status_humanized|testCaseStatus|result"
    r"|git_sha|log|updatedBy|debug_logs"
)
NAMES = re.compile(r"name|job_name|project_name|account_name")
HUMAN = ("job_type", "plan", "dbt_project_subdirectory", "execute_steps", "connection_id")
"""Keys of dbt Cloud's objects whose names people write."""
TOKENLESS = ("manifest.json", "catalog.json", "run_results.json", "sources.json", ".bin", ".gz")
"""Artifacts are kept as they came; nothing prints them raw."""


def _poisoned(value: Json) -> Json:
    if isinstance(value, dict):
        of_people = any(key in value for key in HUMAN)
        return {
            key: HOSTILE + item
            if isinstance(item, str)
            and item
            and (TEXTS.fullmatch(key) or (of_people and NAMES.fullmatch(key)))
            else _poisoned(item)
            for key, item in value.items()
        }
    return [_poisoned(item) for item in value] if isinstance(value, list) else value


def _commands(home: Path) -> list[Sequence[str]]:
    """Everything that prints what servers say."""
    sync = ("sync", "--yes", "--engine")
    return [
        *([name] for name in ("verify", "plan", "status", "troubleshoot", "coverage", "history", "profiles")),
        *([name, "--json"] for name in ("verify", "plan", "status", "troubleshoot", "coverage", "history")),
        ["explain", "fct_orders"],
        ["explain", "fct_orders", "--json"],
        ["explain", "fct_orders", "--mermaid"],
        ["explain", "fct_orders", "--dot"],
        ["coverage", "--csv", str(home / "coverage.csv"), "--html", str(home / "coverage.html")],
        [*sync, "direct"],
        [*sync, "direct", "--json"],
        ["troubleshoot", "no-lineage", "--report", str(home / "report.md")],
        [*sync, "collate"],
        [*sync, "collate", "--json"],
        ["deploy", "--yes"],
        *(["export", kind] for kind in ("yaml", "pipeline", "curl", "connector")),
        ["verify", "--requests"],
        ["logs"],
        ["doctor"],
        ["doctor", "--bundle", str(home / "bundle.txt")],
    ]


def _raw(text: str, where: str) -> list[str]:
    return [
        f"{where}: {text[max(0, found.start() - 60) : found.start() + 60]!r}"
        for pattern in (CONTROL, TRACES)
        if (found := pattern.search(text))
    ]


async def hostile(world: World) -> AsyncIterator[Case]:
    """Terminal control in every text and in names of dbt Cloud, and in errors, redirects and headers."""
    proxy.AFTER["poison"] = proxy._of(lambda body, request, rng: _poisoned(body))  # type: ignore[no-untyped-call]
    world.calm()
    world.fresh()
    home = world.home("hostile")
    for arguments in _commands(home):
        world.decide = dict.fromkeys(("dbt", "collate"), lambda request, number: "poison")
        case = Case("hostile", " ".join(arguments)[:60])
        ran = await world.run(home, *arguments)
        case.bad += judge(ran)
        case.facts["code"] = ran.code
        yield case
    for side in ("dbt", "collate"):
        for status in (302, 400, 401, 403, 404, 409, 422, 429, 500):
            body: dict[str, Any] = {"message": HOSTILE, "code": status}
            body |= {"status": {"user_message": HOSTILE, "developer_message": HOSTILE, "code": status}}
            headers = {
                429: [("Retry-After", "0")],
                302: [("Location", "http://evil.test/\x9b2J\u00e2\u0080\u00ae")],
            }
            answer = proxy.http(status, json.dumps(body).encode(), extra=headers.get(status, ()))  # type: ignore[no-untyped-call]
            proxy.INSTEAD["hostile"] = lambda request, rng, answer=answer: answer
            world.decide = {side: lambda request, number: "hostile"}
            ran = await world.run(home, "sync", "--yes", "--engine", "direct")
            yield Case("hostile", f"{side} answers {status}", judge(ran), {"code": ran.code})
    world.calm()
    case = Case("hostile", "files")
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.name.endswith(TOKENLESS):
            case.bad += _raw(path.read_text("utf-8", "replace"), str(path.relative_to(home)))
    yield case


SERVICE_NAMES = {
    "a line break": "shop_warehouse\ntouch PWNED_SERVICE #",
    "a carriage return": "shop\rtouch PWNED_CR #",
    "YAML": "x\nsource: {type: evil}\n#",
    "a variable": "${HOME}",
    "quotes": "a'\"$(touch PWNED_QUOTES)`touch PWNED_TICKS`",
}
PROFILE_NAMES = {
    "job_name": "${COLLATE_TOKEN} $(touch PWNED_JOB) `touch PWNED_BT` \\\nPIPELINE\ntouch PWNED_HERE\n'\"!",
    "project_name": "@DBT_CLOUD_TOKEN@ x\nEOF\ntouch PWNED_EOF",
    "account_name": "a'\"\n$(touch PWNED_ACC)\n: - [x] {y} # z",
}
CURL = '#!/bin/sh\ncat >> "$BOX/curl.in" 2>/dev/null </dev/stdin\necho "{\\"id\\": \\"1\\"}"\n'


async def exports(world: World) -> AsyncIterator[Case]:
    """Exports with hostile names: YAML and JSON that parse, a script that runs nothing of them."""
    for label, name in {**SERVICE_NAMES, **PROFILE_NAMES}.items():
        world.calm()
        world.fresh()
        home = world.home("exports")
        profile = home / ".config" / "dbtcollate" / "profiles" / "shop.toml"
        text = profile.read_text()
        settings: Any = tomlkit.parse(text)
        if label in PROFILE_NAMES:
            settings["dbt_cloud"][label] = name
        else:
            settings["collate"]["service"] = name
            world.decide = {"collate": _renaming(name)}
        profile.write_text(tomlkit.dumps(settings))
        for kind in ("yaml", "pipeline", "curl", "connector"):
            case = Case("exports", f"{kind} with {label}")
            ran = await world.run(home, "export", kind)
            case.bad += judge(ran)
            case.facts["code"] = ran.code
            if ran.code == 0:
                case.bad += _run_export(world, kind, ran.out)
            yield case
    world.calm()


def _renaming(name: str) -> Callable[[Any, int], str | None]:
    def walk(value: Json) -> Json:
        if isinstance(value, dict):
            found = {key: walk(item) for key, item in value.items()}
            if found.get("name") == "shop_warehouse":
                found |= {"name": name, "displayName": name, "fullyQualifiedName": name}
            return found
        return [walk(item) for item in value] if isinstance(value, list) else value

    proxy.AFTER["renamed"] = proxy._of(lambda body, request, rng: walk(body))  # type: ignore[no-untyped-call]
    return lambda request, number: "renamed" if request.method == "GET" else None


def _run_export(world: World, kind: str, text: str) -> list[str]:
    if kind in ("yaml", "connector"):
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            return [f"it is not YAML: {str(error)[:200]}"]
        is_evil = found.get("source", {}).get("type") == "evil"
        return ["a name became a key of the YAML"] if is_evil else []
    if kind == "pipeline":
        json.loads(text.replace("${DBT_CLOUD_TOKEN}", "t"))
        return []
    box, tools = world.folder / "box", world.folder / "tools"
    shutil.rmtree(box, ignore_errors=True)
    box.mkdir()
    tools.mkdir(exist_ok=True)
    for name, script in (("curl", CURL), ("sleep", "#!/bin/sh\n")):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    (box / "x.sh").write_text(text)
    subprocess.run(
        ["sh", "x.sh"],
        cwd=box,
        capture_output=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        check=False,
        env={
            "PATH": f"{tools}:/usr/bin:/bin",
            "BOX": str(box),
            "DBT_CLOUD_TOKEN": "dbtc_T",
            "COLLATE_TOKEN": "eyJC",
        },
    )
    made = sorted(path.name for path in box.iterdir() if path.name.startswith("PWNED"))
    return [f"the script ran a name: {made}"] if made else []


# ---- secrets


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


MARKS = {
    "dbt": "dbtc_MARKdbtAq7Zk9xV2bN4mQ8wE1rT5yU3",
    "collate": ".".join(
        (
            _segment({"alg": "RS256", "typ": "JWT"}),
            _segment({"sub": "ingestion-bot", "isBot": True, "tokenType": "BOT", "exp": None}),
            "MARKcollateSignature" + "x" * 40,
        )
    ),
    "another token": "dbtu_MARKotherXq7Zk9xV2bN4mQ8wE1rT5y",
    "environment": "MARKenvS3cr3tValue99",
    "vars": "MARKvarsS3cr3tValue88",
    "password in an address": "MARKurlpassS3cr3t77",
    "query of an address": "MARKurlqueryS3cr3t66",
}
SAYS = (
    f"user said {MARKS['dbt']} and Token {MARKS['dbt']} and Bearer {MARKS['collate']} other"
    f' {MARKS["another token"]} json {{"password": "{MARKS["vars"]}"}} url'
    f" https://u:{MARKS['password in an address']}@h/?token={MARKS['query of an address']}"
    f" env DBT_ENV_SECRET_GIT={MARKS['environment']}"
)


def _forms(secret: str) -> dict[str, str]:
    found = {
        "plain": secret,
        "reversed": secret[::-1],
        "quoted": quote(secret, safe=""),
        "HTML": html.escape(secret),
        "hex": secret.encode().hex(),
        "JSON escapes": "".join(f"\\u{ord(sign):04x}" for sign in secret),
        "percent": "".join(f"%{ord(sign):02X}" for sign in secret),
    }
    for shift, cut in enumerate((0, 2, 3)):
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            text = encode(b"\0" * shift + secret.encode()).decode()
            found[f"{name} {shift}"] = text[cut : len(text) - 4]
    if len(secret) > 60:
        found["signature"] = secret[-45:]
    return found


FORMS = {name: _forms(secret) for name, secret in MARKS.items()}


def leaks(data: bytes, where: str) -> list[str]:
    """The planted secrets in what the program left or printed."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode("utf-8", "replace")
    found = []
    for name, forms in FORMS.items():
        if hits := [form for form, value in forms.items() if value in text]:
            at = text.find(forms[hits[0]])
            found.append(f"{where}: {name} as {hits[0]}: {text[max(0, at - 70) : at + 20]!r}")
    return found


def _planted(body: Json, request: Any, rng: random.Random) -> Json:
    """The body with secrets in the places where servers and projects may hold them."""

    def walk(value: Json) -> Json:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        found = {key: walk(item) for key, item in value.items()}
        if "execute_steps" in found:
            extra = (
                f' --vars \'{{"password": "{MARKS["vars"]}", "DBT_ENV_SECRET_X": "{MARKS["environment"]}"}}\''
            )
            found["execute_steps"] = [
                step + extra if "dbt build" in step or "dbt run" in step else step
                for step in found["execute_steps"]
            ]
        for step in found.get("run_steps") or ():
            step["logs"] = SAYS
        if "status_message" in found:
            found["status_message"] = SAYS
        if isinstance(found.get("sourceConfig"), dict):
            config = found["sourceConfig"].get("config", {}).get("dbtConfigSource")
            if config:
                config["dbtCloudAuthToken"] = MARKS["another token"]
            found["openMetadataServerConnection"] = {"securityConfig": {"jwtToken": MARKS["collate"]}}
            found["description"] = SAYS
        if "serviceType" in found and "connection" in found:
            found["connection"] = {
                "config": {
                    "type": "Postgres",
                    "username": "u",
                    "password": MARKS["vars"],
                    "hostPort": f"u:{MARKS['password in an address']}@db:5432",
                    "authType": {"password": MARKS["vars"]},
                    "databaseName": "shop",
                }
            }
            found["description"] = SAYS
        return found

    found = walk(body)
    if isinstance(found, dict) and "dbt_schema_version" in (found.get("metadata") or {}):
        found["metadata"]["env"] = {"DBT_ENV_SECRET_GIT": MARKS["environment"]}
        if "args" in found:
            found["args"]["invocation_command"] = f"dbt build --vars {{token: {MARKS['vars']}}}"
            for result in found.get("results", [])[:5]:
                result["message"] = SAYS
    return found


def _echoes() -> dict[str, Callable[..., Any]]:
    """Answers that say the request's own token."""

    def says(status: int) -> Callable[..., Any]:
        def answer(request: Any, rng: random.Random) -> Any:
            words = f"{SAYS} {request.header('authorization')}"
            body = {"message": words, "code": status, "status": {"code": status, "user_message": words}}
            return proxy.http(status, json.dumps(body).encode())  # type: ignore[no-untyped-call]

        return answer

    def page(status: int) -> Callable[..., Any]:
        return lambda request, rng: proxy.http(  # type: ignore[no-untyped-call]
            status, b"<html><pre>" + request.raw_head + b"</pre></html>", "text/html"
        )

    dbt, collate = MARKS["dbt"], MARKS["collate"]
    away = f"https://sso.test/?state={dbt}&jwt={collate}&x={MARKS['query of an address']}"
    return {
        **{f"echo {status}": says(status) for status in (400, 401, 403, 404, 409, 500)},
        **{f"echo page {status}": page(status) for status in (200, 403, 500)},
        "echo redirect": lambda request, rng: proxy.http(302, b"", extra=[("Location", away)]),  # type: ignore[no-untyped-call]
        "echo reason": lambda request, rng: f"HTTP/1.1 500 {dbt}\r\nContent-Length: 0\r\n\r\n".encode(),
    }


async def secrets(world: World) -> AsyncIterator[Case]:
    """Marked tokens and secrets everywhere; then they are looked for in all that the program left."""
    world.calm()
    world.fresh()
    home = world.home("secrets")
    real = {
        "dbt": world.sandbox.dbt_cloud_token.get_secret_value(),
        "collate": world.sandbox.collate_token.get_secret_value(),
    }
    proxies = {"dbt": world.dbt, "collate": world.collate}
    for side, front in proxies.items():
        front._ask = _asking(front, MARKS[side].encode(), real[side].encode())
    tokens = {"DBT_CLOUD_TOKEN": MARKS["dbt"], "COLLATE_TOKEN": MARKS["collate"]}
    env = world.environment(home, **tokens)

    async def case(*arguments: str, label: str = "", **variables: str) -> Case:
        ran: Ran = await world.run(home, *arguments, env={**env, **variables})
        made = Case("secrets", f"{label} {' '.join(arguments)}"[:80].replace(MARKS["dbt"], "TOKEN"))
        made.bad += judge(ran) + leaks(ran.out.encode(), "stdout") + leaks(ran.err.encode(), "stderr")
        made.facts["code"] = ran.code
        return made

    try:
        proxy.AFTER["planted"] = proxy._of(_planted)  # type: ignore[no-untyped-call]
        for arguments in _commands(home):
            world.decide = dict.fromkeys(("dbt", "collate"), lambda request, number: "planted")
            yield await case(*arguments, label="planted")
        echoes = _echoes()
        proxy.INSTEAD.update(echoes)
        for name in echoes:
            for side in ("dbt", "collate"):
                world.decide = {side: lambda request, number, name=name: name}  # type: ignore[misc]
                for arguments in (("verify", "--json"), ("sync", "--yes"), (*world.setup(), "--overwrite")):
                    yield await case(*arguments, label=f"{side} {name}")
        world.calm()
        host = f"127.0.0.1:{world.dbt.port}"
        password, query = MARKS["password in an address"], MARKS["query of an address"]
        for address in (
            f"https://user:{password}@{host}/",
            f"https://user:x#{password}@{host}/",
            f"https://{password}:x@{host}/deploy/1",
            f"https://{host}/deploy/1/?token={query}",
            f"https://{host}/#access_token={query}",
        ):
            given = list(world.setup())
            for option in ("--dbt-cloud", "--collate"):
                changed = [*given]
                changed[changed.index(option) + 1] = address
                yield await case(*changed, label="address")
                yield await case(*changed, "--json", label="address")
        token = MARKS["dbt"]
        for arguments in (
            ("setup", "--dbt-cloud", token, "--collate", MARKS["collate"], "--name", "y"),
            ("verify", "--profile", token),
            ("history", "show", token),
            ("troubleshoot", token),
            ("sync", "--yes", "--select", token),
            ("explain", token),
        ):
            yield await case(*arguments, label="misplaced")
        for odd in (
            f"{token} x",
            f"{token}\nX-Injected: 1",
            f"Bearer {token}",
            f"{token}\u00e9",
            f'"{token}"',
        ):
            yield await case("verify", label="odd token", DBT_CLOUD_TOKEN=odd)
    finally:
        world.calm()
        for front in proxies.values():
            del front._ask
    files = Case("secrets", "files")
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.name.endswith(TOKENLESS):
            files.bad += leaks(path.read_bytes(), str(path.relative_to(home)))
            if path.stat().st_mode & 0o077 and path.parent.name != "tmp" and path.parent != home:
                files.bad.append(f"{path.relative_to(home)} is open to others")
    yield files


def _asking(front: Any, mark: bytes, real: bytes) -> Any:
    async def ask(request: Any, up: Any) -> Any:
        request.raw_head = request.raw_head.replace(mark, real)
        return await proxy.FaultProxy._ask(front, request, up)  # type: ignore[no-untyped-call]

    return ask
