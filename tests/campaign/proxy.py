# mypy: ignore-errors
"""A proxy for one loopback server that injects faults: 200 of them, each a function of its name and a seed.

``FaultProxy(upstream_port, decide, rng, ssl=context)``: ``decide(request, number)`` names a fault or gives ``None``.
``seen`` keeps what was asked, the fault, and whether the server got the request. Nothing of the product is used.
"""

from __future__ import annotations
import asyncio, copy, gzip, json, random, re, socket, struct, time, zlib
from dataclasses import dataclass, field
from email.utils import formatdate

MB = 1 << 20
LOGIN = b"<!doctype html><html><head><title>Sign in</title></head><body><form action=/login>Sign in</form></body></html>"


@dataclass
class Request:
    method: str
    target: str
    headers: list
    body: bytes
    raw_head: bytes

    @property
    def path(self):
        return self.target.split("?")[0]

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name), "")


@dataclass
class Answer:
    status: int
    reason: str
    headers: list
    body: bytes

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Seen:
    n: int
    at: float
    method: str
    target: str
    fault: str | None
    forwarded: bool
    status: int = 0
    auth: str = ""


class Hang(Exception):
    pass


def http(status, body=b"", ctype="application/json", extra=(), reason="X", length=True, version="1.1"):
    head = [f"HTTP/{version} {status} {reason}", f"Content-Type: {ctype}"]
    if length:
        head.append(f"Content-Length: {len(body)}")
    head += [f"{k}: {v}" for k, v in extra]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


# ---- what is answered in place of the server (nothing forwarded)
def _j(obj):
    return json.dumps(obj).encode()


def _err(status, words="Injected"):
    return _j(
        {
            "status": {
                "code": status,
                "is_success": False,
                "user_message": words,
                "developer_message": words,
            },
            "code": status,
            "message": words,
            "data": None,
        }
    )


INSTEAD = {}
for s in (500, 502, 503, 504):
    INSTEAD[f"{s}-html"] = lambda r, rng, s=s: http(s, LOGIN.replace(b"Sign in", b"Bad gateway"), "text/html")
    INSTEAD[f"{s}-json"] = lambda r, rng, s=s: http(s, _err(s))
    INSTEAD[f"{s}-empty"] = lambda r, rng, s=s: http(s, b"")
INSTEAD["503-ra1"] = lambda r, rng: http(503, _err(503), extra=[("Retry-After", "1")])
INSTEAD["503-ra1e9"] = lambda r, rng: http(503, _err(503), extra=[("Retry-After", "1000000000")])
for s in (400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 418, 422, 451, 499, 505, 599):
    INSTEAD[f"{s}-json"] = lambda r, rng, s=s: http(s, _err(s))
INSTEAD["404-html"] = lambda r, rng: http(404, LOGIN, "text/html")
INSTEAD["403-html"] = lambda r, rng: http(403, LOGIN, "text/html")
INSTEAD["401-html"] = lambda r, rng: http(401, LOGIN, "text/html")
for name, value in {
    "0": "0",
    "1": "1",
    "float": "0.5",
    "neg": "-7",
    "1e9": "1000000000",
    "1e9f": "1e9",
    "inf": "inf",
    "nan": "nan",
    "junk": "soon",
    "empty": "",
    "hex": "0x10",
    "minus0000": "Wed, 21 Oct 2015 07:28:00 -0000",
    "past": "Wed, 21 Oct 2015 07:28:00 GMT",
    "far": "Wed, 21 Oct 9998 07:28:00 GMT",
    "badzone": "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
}.items():
    INSTEAD[f"429-ra-{name}"] = lambda r, rng, v=value: http(
        429, _err(429, "Slow down"), extra=[("Retry-After", v)]
    )
INSTEAD["429-ra-date"] = lambda r, rng: http(
    429, _err(429, "Slow down"), extra=[("Retry-After", formatdate(time.time() + 2, usegmt=True))]
)
INSTEAD["429-none"] = lambda r, rng: http(429, _err(429, "Slow down"))
INSTEAD["429-feature"] = lambda r, rng: http(429, _err(429, "Feature limit exceeded of plan"))
INSTEAD["429-html"] = lambda r, rng: http(429, LOGIN, "text/html", extra=[("Retry-After", "1")])
INSTEAD["login-200"] = lambda r, rng: http(200, LOGIN, "text/html; charset=utf-8")
INSTEAD["login-200-json-type"] = lambda r, rng: http(200, LOGIN, "application/json")
INSTEAD["empty-200"] = lambda r, rng: http(200, b"")
INSTEAD["empty-204"] = lambda r, rng: b"HTTP/1.1 204 No Content\r\n\r\n"
INSTEAD["304"] = lambda r, rng: b"HTTP/1.1 304 Not Modified\r\n\r\n"
INSTEAD["300"] = lambda r, rng: http(300, b"{}")
INSTEAD["101"] = lambda r, rng: (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
)
for s in (301, 302, 303, 307, 308):
    INSTEAD[f"{s}-loop"] = lambda r, rng, s=s: http(s, b"", extra=[("Location", r.target)])
    INSTEAD[f"{s}-foreign"] = lambda r, rng, s=s: http(
        s, b"", extra=[("Location", f"http://127.0.0.2:{CATCH[0]}{r.target}")]
    )
INSTEAD["302-port"] = lambda r, rng: http(
    302, b"", extra=[("Location", f"http://127.0.0.1:{CATCH[0]}{r.target}")]
)
INSTEAD["302-localhost"] = lambda r, rng: http(
    302, b"", extra=[("Location", f"http://localhost:{CATCH[0]}{r.target}")]
)
INSTEAD["302-scheme"] = lambda r, rng: http(
    302, b"", extra=[("Location", f"https://127.0.0.1:{r.header('host').rsplit(':', 1)[-1]}/")]
)
INSTEAD["302-slashes"] = lambda r, rng: http(302, b"", extra=[("Location", f"//127.0.0.2:{CATCH[0]}/x")])
INSTEAD["302-userinfo"] = lambda r, rng: http(
    302, b"", extra=[("Location", f"http://{r.header('host')}@127.0.0.2:{CATCH[0]}/x")]
)
INSTEAD["302-backslash"] = lambda r, rng: http(
    302, b"", extra=[("Location", f"http://{r.header('host')}\\@127.0.0.2:{CATCH[0]}/x")]
)
INSTEAD["302-none"] = lambda r, rng: http(302, b"")
INSTEAD["302-file"] = lambda r, rng: http(302, b"", extra=[("Location", "file:///etc/passwd")])
INSTEAD["302-js"] = lambda r, rng: http(302, b"", extra=[("Location", "javascript:alert(1)")])
INSTEAD["302-bad-port"] = lambda r, rng: http(302, b"", extra=[("Location", "http://127.0.0.1:abc/")])
INSTEAD["302-bad-v6"] = lambda r, rng: http(302, b"", extra=[("Location", "http://[::1/")])
INSTEAD["302-bad-idna"] = lambda r, rng: http(302, b"", extra=[("Location", "http://\xe9..x/")])
INSTEAD["302-long"] = lambda r, rng: http(302, b"", extra=[("Location", "/" + "a" * 70000)])
INSTEAD["garbage-head"] = lambda r, rng: b"\x00\xff" * 50 + b"\r\n\r\n"
INSTEAD["http2-preface"] = lambda r, rng: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INSTEAD["http09"] = lambda r, rng: b'{"data": []}'
INSTEAD["header-1mb"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * MB + b"\r\nContent-Length: 2\r\n\r\n{}"
)
INSTEAD["header-10k"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"X-%d: a\r\n" % i for i in range(10000))
    + b"Content-Length: 2\r\n\r\n{}"
)
INSTEAD["header-bytes"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}"
)
INSTEAD["header-nul"] = lambda r, rng: b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\n{}"
INSTEAD["two-lengths"] = lambda r, rng: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}"
INSTEAD["te-and-cl"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
)
INSTEAD["cl-negative"] = lambda r, rng: b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"
INSTEAD["cl-huge"] = lambda r, rng: b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}"
INSTEAD["cl-word"] = lambda r, rng: b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"
INSTEAD["chunk-bad-size"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
)
INSTEAD["chunk-negative"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"
)
INSTEAD["chunk-cut"] = lambda r, rng: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{}"
INSTEAD["chunk-huge-size"] = lambda r, rng: (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n{}"
)
INSTEAD["1xx-many"] = lambda r, rng: b"HTTP/1.1 102 Processing\r\n\r\n" * 3000 + http(200, b"{}")
INSTEAD["100-then-500"] = lambda r, rng: b"HTTP/1.1 100 Continue\r\n\r\n" + http(500, _err(500))
INSTEAD["json-nesting"] = lambda r, rng: http(200, b"[" * 200_000 + b"]" * 200_000)
INSTEAD["json-nesting-dict"] = lambda r, rng: http(200, b'{"data":' * 100_000 + b"1" + b"}" * 100_000)
INSTEAD["500-nesting"] = lambda r, rng: http(500, b"[" * 4096)
INSTEAD["400-nesting-dict"] = lambda r, rng: http(400, b'{"message":' * 400)
INSTEAD["json-bignum"] = lambda r, rng: http(
    200,
    b'{"data": '
    + b"9" * 6000
    + b', "version": '
    + b"9" * 6000
    + b', "paging": {"total": '
    + b"9" * 6000
    + b'}, "extra": {"pagination": {"total_count": '
    + b"9" * 6000
    + b"}}}",
)
INSTEAD["json-nan"] = lambda r, rng: http(
    200,
    b'{"data": NaN, "version": Infinity, "paging": {"total": -Infinity}, "extra": {"pagination": {"total_count": NaN}}}',
)
INSTEAD["gzip-invalid"] = lambda r, rng: http(
    200, b"\x1f\x8b\x08garbage" * 20, extra=[("Content-Encoding", "gzip")]
)
INSTEAD["encoding-unknown"] = lambda r, rng: http(200, b"{}", extra=[("Content-Encoding", "frobnicate")])
INSTEAD["encoding-br"] = lambda r, rng: http(200, b"\xff\xff\xff", extra=[("Content-Encoding", "br")])
INSTEAD["encoding-zstd"] = lambda r, rng: http(200, b"\xff\xff\xff", extra=[("Content-Encoding", "zstd")])
INSTEAD["encoding-deflate-bad"] = lambda r, rng: http(
    200, b"\xff\xff\xff", extra=[("Content-Encoding", "deflate")]
)
INSTEAD["500-gzip-invalid"] = lambda r, rng: http(
    500, b"\x1f\x8b\x08garbage" * 20, extra=[("Content-Encoding", "gzip")]
)
INSTEAD["invalid-utf8"] = lambda r, rng: http(
    200, b'{"data": [{"id": 1, "name": "\xff\xfe\xfa"}], "name": "\xff", "version": "\xff", "id": "\xff"}'
)
INSTEAD["500-utf8"] = lambda r, rng: http(500, b'{"message": "\xff\xfe\xed\xa0\x80"}')
INSTEAD["500-surrogate"] = lambda r, rng: http(
    500,
    b'{"message": "x \\ud800 y", "status": {"user_message": "x \\ud800 y", "developer_message": "z \\udfff"}}',
)
INSTEAD["403-surrogate"] = lambda r, rng: http(
    403,
    b'{"message": "operations [x \\ud800 y]", "status": {"user_message": "x \\ud800 y", "developer_message": "z \\udfff"}}',
)
INSTEAD["500-types"] = lambda r, rng: http(
    500, b'{"message": {"a": [1]}, "status": [1, 2], "code": "x", "reason": 5, "data": 7}'
)
INSTEAD["404-types"] = lambda r, rng: http(
    404, b'{"message": ["a"], "status": "no", "code": null, "data": [null]}'
)
INSTEAD["401-types"] = lambda r, rng: http(
    401, b'{"message": 5, "status": {"user_message": 5, "developer_message": [1]}, "code": {}}'
)
INSTEAD["403-types"] = lambda r, rng: http(
    403, b'{"message": 5, "status": {"user_message": null, "developer_message": {}}, "code": {}}'
)
INSTEAD["429-types"] = lambda r, rng: http(429, b"[[[1]]]", extra=[("Retry-After", "1")])
INSTEAD["200-top-null"] = lambda r, rng: http(200, b"null")
INSTEAD["200-top-list"] = lambda r, rng: http(200, b"[]")
INSTEAD["200-top-list-of-null"] = lambda r, rng: http(200, b"[null]")
INSTEAD["200-top-number"] = lambda r, rng: http(200, b"5")
INSTEAD["200-top-string"] = lambda r, rng: http(200, b'"x"')
INSTEAD["200-top-true"] = lambda r, rng: http(200, b"true")
INSTEAD["200-top-empty-dict"] = lambda r, rng: http(200, b"{}")
INSTEAD["200-data-null"] = lambda r, rng: http(
    200, b'{"data": null, "paging": null, "extra": null, "status": null}'
)
INSTEAD["200-data-number"] = lambda r, rng: http(200, b'{"data": 5, "paging": 5, "extra": 5}')
INSTEAD["200-data-true"] = lambda r, rng: http(200, b'{"data": true, "paging": true, "extra": true}')
INSTEAD["200-data-string"] = lambda r, rng: http(200, b'{"data": "abc", "paging": "abc", "extra": "abc"}')
INSTEAD["200-data-dict"] = lambda r, rng: http(200, b'{"data": {"a": 1}, "paging": [], "extra": []}')
INSTEAD["200-data-nulls"] = lambda r, rng: http(
    200, b'{"data": [null, null], "paging": {"total": null, "after": null}, "extra": {"pagination": [1]}}'
)
INSTEAD["200-data-empty"] = lambda r, rng: http(
    200, b'{"data": [], "paging": {"total": 0}, "extra": {"pagination": {"total_count": 0}}}'
)
INSTEAD["200-empty-claims-more"] = lambda r, rng: http(
    200,
    b'{"data": [], "paging": {"total": 100000, "after": "bW9yZQ=="}, "extra": {"pagination": {"total_count": 100000}}}',
)
INSTEAD["bad-reason"] = lambda r, rng: b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}"
INSTEAD["status-000"] = lambda r, rng: b"HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\n{}"
INSTEAD["status-999"] = lambda r, rng: b"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\n{}"
INSTEAD["status-abc"] = lambda r, rng: b"HTTP/1.1 abc X\r\nContent-Length: 2\r\n\r\n{}"

CATCH = [0]  # port of the listener to which foreign redirects point


# ---- what is done to a real answer (the request was forwarded)
def _serve(
    a,
    body=None,
    extra=(),
    drop=("content-length", "transfer-encoding", "connection"),
    length=True,
    version="1.1",
):
    body = a.body if body is None else body
    keep = [(k, v) for k, v in a.headers if k.lower() not in drop]
    head = (
        [f"HTTP/{version} {a.status} {a.reason}"]
        + [f"{k}: {v}" for k, v in keep]
        + [f"{k}: {v}" for k, v in extra]
    )
    if length and a.status not in (204, 304):
        head.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def _mutate(value, rng, depth=0):
    """One or a few random type changes somewhere in the JSON."""
    value = copy.deepcopy(value)
    spots = []

    def walk(v, path):
        if isinstance(v, dict):
            for k in v:
                spots.append((v, k))
                walk(v[k], path + [k])
        elif isinstance(v, list):
            for i in range(min(len(v), 30)):
                spots.append((v, i))
                walk(v[i], path + [i])

    walk(value, [])
    if not spots:
        return rng.choice([None, 5, "x", [], {}])
    for _ in range(rng.choice([1, 1, 2, 5])):
        holder, key = rng.choice(spots)
        try:
            old = holder[key]
        except (KeyError, IndexError):
            continue
        new = rng.choice(
            [
                None,
                5,
                -1,
                0,
                1.5,
                True,
                "",
                "x",
                [],
                {},
                [None],
                {"a": None},
                "9" * 400,
                10**30,
                float("nan"),
                "\x1b[31m",
                "\ud800",
                "a\x00b",
                [[[]]],
                "delete",
                "dup",
            ]
        )
        if new == "delete" and isinstance(holder, dict):
            del holder[key]
        elif new == "dup" and isinstance(old, list):
            holder[key] = old + old
        else:
            holder[key] = new
    return value


def _dumps(v):
    return json.dumps(v).encode("utf-8", "surrogatepass")


def _of(fn):
    def change(r, a, rng):
        v = a.json()
        if v is None:
            return _serve(a)
        return _serve(a, _dumps(fn(v, r, rng)))

    return change


def _same_cursor(v, r, rng):
    if isinstance(v, dict) and isinstance(v.get("paging"), dict):
        v["paging"]["after"] = "c2FtZQ=="
    if (
        isinstance(v, dict)
        and isinstance(v.get("extra"), dict)
        and isinstance(v["extra"].get("pagination"), dict)
    ):
        v["extra"]["pagination"]["total_count"] = 10_000
    if isinstance(v, dict) and "after" in v:
        v["after"] = "1"
    return v


def _dup(v, r, rng):
    if isinstance(v, dict) and isinstance(v.get("data"), list):
        v["data"] = v["data"] + v["data"]
    return v


def _null_lists(v, r, rng):
    if isinstance(v, dict):
        return {k: (None if isinstance(x, list) else _null_lists(x, r, rng)) for k, x in v.items()}
    if isinstance(v, list):
        return [_null_lists(x, r, rng) for x in v]
    return v


def _all_null(v, r, rng):
    if isinstance(v, dict):
        return {k: (None if not isinstance(x, (dict, list)) else _all_null(x, r, rng)) for k, x in v.items()}
    if isinstance(v, list):
        return [_all_null(x, r, rng) for x in v]
    return None


def _strings_numbers(v, r, rng):
    if isinstance(v, dict):
        return {k: _strings_numbers(x, r, rng) for k, x in v.items()}
    if isinstance(v, list):
        return [_strings_numbers(x, r, rng) for x in v]
    if isinstance(v, str):
        return 7
    if isinstance(v, (int, float)) and not isinstance(v, bool):
        return "seven"
    return v


def _lists_dicts(v, r, rng):
    if isinstance(v, dict):
        return {
            k: (
                {"a": 1}
                if isinstance(x, list)
                else [1]
                if isinstance(x, dict) and rng.random() < 0.3
                else _lists_dicts(x, r, rng)
            )
            for k, x in v.items()
        }
    if isinstance(v, list):
        return [_lists_dicts(x, r, rng) for x in v]
    return v


def _surrogates(v, r, rng):
    if isinstance(v, dict):
        return {k: _surrogates(x, r, rng) for k, x in v.items()}
    if isinstance(v, list):
        return [_surrogates(x, r, rng) for x in v]
    return v + "\ud800" if isinstance(v, str) and rng.random() < 0.3 else v


def _drop_keys(v, r, rng):
    if isinstance(v, dict):
        return {k: _drop_keys(x, r, rng) for k, x in v.items() if rng.random() > 0.25}
    if isinstance(v, list):
        return [_drop_keys(x, r, rng) for x in v]
    return v


def _dup_keys(r, a, rng):
    b = a.body.lstrip()
    if b.startswith(b"{"):
        return _serve(a, b'{"data": 1, "id": 2, "name": null, ' + b[1:])
    return _serve(a)


def _gzip_bomb(mb):
    def make(r, a, rng):
        z = zlib.compressobj(9, zlib.DEFLATED, 31)
        out = [z.compress(b" " * MB) for _ in range(mb)] + [z.compress(a.body), z.flush()]
        return _serve(a, b"".join(out), extra=[("Content-Encoding", "gzip")])

    return make


AFTER = {
    "json-mutate": _of(lambda v, r, rng: _mutate(v, rng)),
    "json-same-cursor": _of(_same_cursor),
    "json-dup-entities": _of(_dup),
    "json-null-lists": _of(_null_lists),
    "json-all-null": _of(_all_null),
    "json-strings-numbers": _of(_strings_numbers),
    "json-lists-dicts": _of(_lists_dicts),
    "json-surrogates": _of(_surrogates),
    "json-drop-keys": _of(_drop_keys),
    "json-dup-keys": _dup_keys,
    "json-empty-page-more": _of(
        lambda v, r, rng: (
            {**v, "data": [], "paging": {"total": 9999, "after": "bW9yZQ=="}}
            if isinstance(v, dict) and "paging" in v
            else v
        )
    ),
    "json-bom": lambda r, a, rng: _serve(a, b"\xef\xbb\xbf" + a.body),
    "json-utf16": lambda r, a, rng: _serve(a, a.body.decode("utf-8", "replace").encode("utf-16")),
    "json-trailing": lambda r, a, rng: _serve(a, a.body + b"\n<!-- proxy -->"),
    "json-half": lambda r, a, rng: _serve(a, a.body[: len(a.body) // 2]),
    "type-text": lambda r, a, rng: _serve(
        a,
        extra=[("Content-Type", "text/plain")],
        drop=("content-length", "transfer-encoding", "connection", "content-type"),
    ),
    "type-html": lambda r, a, rng: _serve(
        a,
        extra=[("Content-Type", "text/html")],
        drop=("content-length", "transfer-encoding", "connection", "content-type"),
    ),
    "type-none": lambda r, a, rng: _serve(
        a, drop=("content-length", "transfer-encoding", "connection", "content-type")
    ),
    "gzip-ok": lambda r, a, rng: _serve(a, gzip.compress(a.body), extra=[("Content-Encoding", "gzip")]),
    "gzip-cut": lambda r, a, rng: _serve(
        a, gzip.compress(a.body)[:-12], extra=[("Content-Encoding", "gzip")]
    ),
    "gzip-claimed": lambda r, a, rng: _serve(a, extra=[("Content-Encoding", "gzip")]),
    "gzip-bomb-200": _gzip_bomb(200),
    "pad-50mb": lambda r, a, rng: _serve(a, b" " * (50 * MB) + a.body),
    "http10": lambda r, a, rng: _serve(a, version="1.0"),
    "status-201": lambda r, a, rng: _serve(Answer(201, "Created", a.headers, a.body)),
    "status-202": lambda r, a, rng: _serve(Answer(202, "Accepted", a.headers, a.body)),
    "status-206": lambda r, a, rng: _serve(Answer(206, "Partial", a.headers, a.body[: len(a.body) // 2])),
    "1xx-before": lambda r, a, rng: (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + _serve(a)
    ),
    "twice-in-one": lambda r, a, rng: _serve(a) + _serve(a),
    "lost-502": lambda r, a, rng: http(502, LOGIN, "text/html"),
    "lost-503": lambda r, a, rng: http(503, _err(503)),
    "lost-504": lambda r, a, rng: http(504, LOGIN, "text/html"),
    "lost-500": lambda r, a, rng: http(500, _err(500)),
    "lost-429": lambda r, a, rng: http(429, _err(429, "Slow down"), extra=[("Retry-After", "1")]),
    "lost-garbage": lambda r, a, rng: http(200, b"oops"),
    "lost-html": lambda r, a, rng: http(200, LOGIN, "text/html"),
}
# ---- what is done to the connection
WIRE = [
    "reset-before",
    "fin-before",
    "reset-in-head",
    "reset-in-body",
    "fin-in-body",
    "cut-no-length",
    "lost-reset",
    "lost-fin",
    "lost-in-body",
    "drip-fast",
    "late-1s",
    "keepalive-cut",
    "refused-1s",
    "forward-twice",
    "never-read",
    "chunked-ok",
    "chunked-cut",
    "chunked-slow",
]
SLOW = [
    "silence",
    "silence-after-head",
    "silence-in-body",
    "drip-1",
    "drip-forever",
    "1xx-forever",
    "header-forever",
    "body-forever",
]
INSTEAD["redos-500"] = lambda r, rng: http(500, b'oops "password": "' + b"\\" * 80)
ALL = [*INSTEAD, *AFTER, *WIRE]
WRITE_LOST = [
    "lost-reset",
    "lost-fin",
    "lost-in-body",
    "lost-502",
    "lost-503",
    "lost-504",
    "lost-500",
    "lost-garbage",
    "lost-html",
    "forward-twice",
]


class FaultProxy:
    def __init__(
        self,
        upstream: int,
        decide=None,
        rng: random.Random | None = None,
        port: int = 0,
        host="127.0.0.1",
        ssl=None,
    ):
        self.upstream, self.decide, self.rng = (
            upstream,
            decide or (lambda r, n: None),
            rng or random.Random(0),
        )
        self.port, self.host, self.ssl = port, host, ssl
        self.seen: list[Seen] = []
        self.on_request = None
        self._server = None
        self._tasks: set = set()

    async def start(self):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.host, self.port))
        self.port = sock.getsockname()[1]
        self._server = await asyncio.start_server(
            self._client, sock=sock, limit=16 * MB, backlog=256, ssl=self.ssl
        )
        return self

    async def stop(self):
        self._server.close()
        for t in list(self._tasks):
            t.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _refuse(self, seconds):
        self._server.close()
        await asyncio.sleep(seconds)
        for _ in range(50):
            try:
                await self.start()
                return
            except OSError:
                await asyncio.sleep(0.1)

    async def _client(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        up = None
        try:
            while True:
                request = await self._read_request(reader)
                if request is None:
                    return
                n = len(self.seen)
                fault = self.decide(request, n)
                seen = Seen(
                    n,
                    time.time(),
                    request.method,
                    request.target,
                    fault,
                    False,
                    auth=request.header("authorization")[:12],
                )
                self.seen.append(seen)
                if self.on_request:
                    self.on_request(seen)
                up, alive = await self._answer(request, fault, seen, writer, up)
                if not alive:
                    return
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            OSError,
            asyncio.CancelledError,
        ):
            pass
        finally:
            self._tasks.discard(task)
            for w in (writer, up[1] if up else None):
                if w is not None:
                    try:
                        w.close()
                    except Exception:
                        pass

    async def _read_request(self, reader):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = [tuple(x.strip() for x in l.split(":", 1)) for l in lines[1:] if ":" in l]
        body = b""
        length = next((int(v) for k, v in headers if k.lower() == "content-length"), 0)
        if any(k.lower() == "transfer-encoding" for k, v in headers):
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                body += await reader.readexactly(size)
                await reader.readexactly(2)
                if not size:
                    break
        elif length:
            body = await reader.readexactly(length)
        return Request(method, target, headers, body, head)

    async def _ask(self, request, up):
        for fresh in (False, True):
            if up is None or fresh:
                up = await asyncio.open_connection("127.0.0.1", self.upstream, limit=64 * MB)
            reader, writer = up
            try:
                head = re.sub(rb"(?im)^accept-encoding:[^\r\n]*\r\n", b"", request.raw_head)
                head = re.sub(rb"(?im)^host:[^\r\n]*", b"Host: 127.0.0.1:%d" % self.upstream, head)
                if any(k.lower() == "transfer-encoding" for k, v in request.headers):
                    head = re.sub(
                        rb"(?im)^transfer-encoding:[^\r\n]*", b"Content-Length: %d" % len(request.body), head
                    )
                writer.write(head + request.body)
                await writer.drain()
                while True:
                    raw = await reader.readuntil(b"\r\n\r\n")
                    first = raw.decode("latin-1").split("\r\n")
                    _, status, *reason = first[0].split(" ", 2)
                    if int(status) >= 200:
                        break
                break
            except (ConnectionError, asyncio.IncompleteReadError):
                if fresh:
                    raise
                up = None
        headers = [tuple(x.strip() for x in l.split(":", 1)) for l in first[1:] if ":" in l]
        low = {k.lower(): v for k, v in headers}
        return up, Answer(int(status), reason[0] if reason else "", headers, b""), low

    async def _body(self, request, answer, low, up):
        reader, writer = up
        body = b""
        if "chunked" in low.get("transfer-encoding", ""):
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                if size:
                    body += await reader.readexactly(size)
                await reader.readexactly(2)
                if not size:
                    break
        elif "content-length" in low:
            body = await reader.readexactly(int(low["content-length"]))
        elif answer.status not in (204, 304):
            body = await reader.read()
            up = None
        answer.body = body
        return up

    async def _stream(self, request, answer, low, up, writer):
        """An event stream is handed on as it comes."""
        reader, upw = up
        keep = [
            (k, v)
            for k, v in answer.headers
            if k.lower() not in ("transfer-encoding", "connection", "content-length")
        ]
        writer.write(
            (
                "\r\n".join(
                    [f"HTTP/1.1 {answer.status} {answer.reason}"]
                    + [f"{k}: {v}" for k, v in keep]
                    + ["Connection: close"]
                )
                + "\r\n\r\n"
            ).encode()
        )
        await writer.drain()
        if "chunked" in low.get("transfer-encoding", ""):
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                if size:
                    writer.write(await reader.readexactly(size))
                    await writer.drain()
                await reader.readexactly(2)
                if not size:
                    break
        upw.close()

    async def _answer(self, request, fault, seen, writer, up):
        """(upstream connection, whether the client's connection goes on)."""
        rng = self.rng
        if fault in INSTEAD:
            writer.write(INSTEAD[fault](request, rng))
            await writer.drain()
            seen.status = -1
            return up, not fault.startswith(
                ("chunk", "cl-", "header", "garbage", "http", "two", "te-", "101", "status", "bad")
            )
        if fault == "refused-1s":
            self._rst(writer)
            asyncio.create_task(self._refuse(1.0))
            return up, False
        if fault == "reset-before":
            self._rst(writer)
            return up, False
        if fault == "fin-before":
            return up, False
        if fault == "reset-in-head":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
            await writer.drain()
            await asyncio.sleep(0.01)
            self._rst(writer)
            return up, False
        if fault == "silence":
            await asyncio.sleep(3600)
        if fault == "silence-after-head":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(3600)
        if fault in ("1xx-forever", "header-forever", "body-forever"):
            first = {
                "1xx-forever": b"",
                "header-forever": b"HTTP/1.1 200 OK\r\n",
                "body-forever": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{",
            }[fault]
            again = {
                "1xx-forever": b"HTTP/1.1 102 Processing\r\n\r\n",
                "header-forever": b"X-A: b\r\n",
                "body-forever": b" ",
            }[fault]
            writer.write(first)
            while True:
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(1.0)
        if fault in ("json-same-cursor", "new-cursor-forever", "json-empty-page-more"):
            request.raw_head = re.sub(rb"&?after=[^& ]*", b"", request.raw_head, count=1)
        up, answer, low = await self._ask(request, up)
        seen.forwarded, seen.status = True, answer.status
        if "event-stream" in low.get("content-type", "") and fault is None:
            await self._stream(request, answer, low, up, writer)
            return None, False
        if "event-stream" in low.get("content-type", ""):
            # a fault in a stream: some of it, then cut or garbage
            reader, upw = up
            keep = [
                (k, v)
                for k, v in answer.headers
                if k.lower() not in ("transfer-encoding", "connection", "content-length")
            ]
            writer.write(
                (
                    "\r\n".join(
                        [f"HTTP/1.1 {answer.status} {answer.reason}"]
                        + [f"{k}: {v}" for k, v in keep]
                        + ["Connection: close"]
                    )
                    + "\r\n\r\n"
                ).encode()
            )
            try:
                got = await asyncio.wait_for(reader.read(4096), 2)
            except asyncio.TimeoutError:
                got = b""
            writer.write(
                rng.choice(
                    [
                        b"",
                        b'data: {"eventType": 5, "after": [], "logs": {"a": 1}}\n\n',
                        b"data: " + b"[" * 50000 + b"\n\n",
                        b"event: \xff\ndata: \xff\xfe\n\n",
                        b'data: {"updateType": 5, "stepName": []}\n\n',
                        b'data: {"eventType": "logs", "logs": null, "truncated": "x"}\n\n',
                    ]
                )
            )
            await writer.drain()
            self._rst(writer) if rng.random() < 0.5 else None
            upw.close()
            return None, False
        up = await self._body(request, answer, low, up)
        if fault == "forward-twice":
            up, answer, low = await self._ask(request, up)
            up = await self._body(request, answer, low, up)
        if fault is None or fault == "forward-twice":
            writer.write(_serve(answer))
            await writer.drain()
            return up, True
        if fault in AFTER:
            writer.write(AFTER[fault](request, answer, rng))
            await writer.drain()
            return up, fault not in ("http10", "twice-in-one")
        whole = _serve(answer)
        head = whole.index(b"\r\n\r\n") + 4
        if fault == "lost-reset":
            self._rst(writer)
            return up, False
        if fault == "lost-fin":
            return up, False
        if fault in ("reset-in-body", "lost-in-body"):
            writer.write(
                whole[: head + max(1, (len(whole) - head) // 2)] if len(whole) > head else whole[:-2]
            )
            await writer.drain()
            await asyncio.sleep(0.02)
            self._rst(writer)
            return up, False
        if fault == "fin-in-body":
            writer.write(whole[: head + (len(whole) - head) // 2])
            await writer.drain()
            return up, False
        if fault == "cut-no-length":
            out = _serve(
                answer, answer.body[: len(answer.body) // 2], length=False, extra=[("Connection", "close")]
            )
            writer.write(out)
            await writer.drain()
            return up, False
        if fault == "late-1s":
            await asyncio.sleep(1)
            writer.write(whole)
            await writer.drain()
            return up, True
        if fault == "keepalive-cut":
            writer.write(whole)
            await writer.drain()
            await asyncio.sleep(0.005)
            return up, False
        if fault == "never-read":
            writer.write(whole)
            await writer.drain()
            return up, False
        if fault in ("chunked-ok", "chunked-cut", "chunked-slow"):
            writer.write(_serve(answer, b"", length=False, extra=[("Transfer-Encoding", "chunked")]))
            body = answer.body
            step = max(1, len(body) // 7)
            parts = [body[i : i + step] for i in range(0, len(body), step)]
            if fault == "chunked-cut":
                parts = parts[: len(parts) // 2]
            for part in parts:
                writer.write(b"%x\r\n" % len(part) + part + b"\r\n")
                await writer.drain()
                if fault == "chunked-slow":
                    await asyncio.sleep(0.2)
            if fault == "chunked-cut":
                return up, False
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return up, True
        if fault in ("drip-fast", "drip-1", "drip-forever", "silence-in-body"):
            if fault == "silence-in-body":
                writer.write(whole[: head + (len(whole) - head) // 2])
                await writer.drain()
                await asyncio.sleep(3600)
            if fault == "drip-fast":
                step = max(1, len(whole) // 40)
                for i in range(0, len(whole), step):
                    writer.write(whole[i : i + step])
                    await writer.drain()
                    await asyncio.sleep(0.02)
                return up, True
            for i in range(len(whole)):
                writer.write(whole[i : i + 1])
                await writer.drain()
                await asyncio.sleep(1.0)
            return up, True
        raise AssertionError(fault)

    @staticmethod
    def _rst(writer):
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
