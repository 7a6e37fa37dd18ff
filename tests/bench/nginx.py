"""TLS as users have it: nginx of the distribution in front of the sandbox, over HTTP/1.1 or HTTP/2."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import trustme

Wire = Literal["h2", "h1", "plain"]
WIRES: tuple[Wire, ...] = ("h2", "h1", "plain")
"""HTTP/2 over TLS, HTTP/1.1 over TLS, and HTTP/1.1 without TLS, as self-hosted servers have it."""

_CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_max_body_size 100m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{servers}
}}
"""
_SERVER = """\
  upstream {name} {{ server 127.0.0.1:{behind}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} ssl{http2};
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://{name};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 600s;
    }}
  }}
"""


def command() -> str:
    """The nginx of this machine, installed from the distribution's packages where it is not there."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        subprocess.run(["apt-get", "install", "-y", "-q", "nginx-light"], check=True, capture_output=True)
        found = shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise SystemExit("nginx is needed: install it with your package manager")
    return found


@contextlib.contextmanager
def fronted(
    wire: Wire, behind: dict[str, int], folder: Path, ports: dict[str, int] | None = None
) -> Iterator[tuple[dict[str, str], Path | None]]:
    """The servers' addresses over that wire, and the authority to trust; ``behind`` are their plain ports.

    ``ports`` are those of the front, so that a server has the same address the next time; else free ones.
    """
    if wire == "plain":
        yield {side: f"http://127.0.0.1:{port}" for side, port in behind.items()}, None
        return
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for place, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(folder / "chain.pem"), append=place > 0)
    ports = ports if ports is not None else {side: _free_port() for side in behind}
    servers = "".join(
        _SERVER.format(
            name=side, behind=port, port=ports[side], folder=folder, http2=" http2" if wire == "h2" else ""
        )
        for side, port in behind.items()
    )
    (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, servers=servers))
    process = subprocess.Popen(
        [command(), "-p", str(folder), "-c", str(folder / "nginx.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for port in ports.values():
            _wait_for(port, process)
        yield {side: f"https://127.0.0.1:{port}" for side, port in ports.items()}, folder / "ca.pem"
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise SystemExit("nginx did not start")
