"""PostgreSQL and MariaDB of the distribution's packages, on a free port of 127.0.0.1."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "warehouse"
_START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server and its command-line client."""

    port: int
    client: tuple[str, ...]

    def run(self, sql: str, database: str) -> None:
        """Run statements as the administrator."""
        subprocess.run([*self.client, database], input=sql, text=True, check=True, capture_output=True)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def tool(name: str, package: str) -> str:
    """A program of a distribution's package, which root may have installed for it."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/sbin")]
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, places)])
    found = shutil.which(name, path=path)
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-q", package], check=True, capture_output=True)
        found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: apt-get install {package}")
    return found


def _as_user(user: str) -> list[str]:
    """What puts a command under a user: the servers refuse to run as root."""
    return ["runuser", "-u", user, "--"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A PostgreSQL server for the block, with the database ``shop_db``."""
    initdb, server = tool("initdb", "postgresql"), tool("postgres", "postgresql")
    data = _own_folder(folder / "postgres", "postgres")
    password = data.parent / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    password.chmod(0o644)
    user = _as_user("postgres")
    _quiet([*user, initdb, "-D", str(data), "-U", "admin", "-A", "scram-sha-256", f"--pwfile={password}"])
    port = free_port()
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    address = f"postgresql://admin:{PASSWORD}@127.0.0.1:{port}/"
    client = (tool("psql", "postgresql-client"), "-q", "-v", "ON_ERROR_STOP=1")
    with _running([*user, server, "-D", str(data), "-p", str(port), *options], port):
        _quiet([*client, "-c", "create database shop_db", address + "postgres"])
        yield Server(port, (*client, "-f", "-", "-d"))


@contextmanager
def mariadb(folder: Path) -> Iterator[Server]:
    """A MariaDB server for the block; its names are case-sensitive, as on every Linux."""
    install = tool("mariadb-install-db", "mariadb-server")
    data = _own_folder(folder / "mariadb", "mysql")
    _quiet(
        [
            install,
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *(["--user=mysql"] if _as_user("mysql") else []),
        ]
    )
    port = free_port()
    socket_file = data / "server.sock"
    command = [
        tool("mariadbd", "mariadb-server"),
        "--no-defaults",
        f"--datadir={data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={socket_file}",
        f"--pid-file={data / 'server.pid'}",
        *(["--user=mysql"] if _as_user("mysql") else []),
    ]
    client = (tool("mariadb", "mariadb-client"), "--no-defaults", f"--socket={socket_file}", "-uroot")
    with _running(command, port):
        server = Server(port, client)
        server.run(
            f"create user admin@'%' identified by '{PASSWORD}'; grant all on *.* to admin@'%'; "
            f"create user admin@localhost identified by '{PASSWORD}'; grant all on *.* to admin@localhost;",
            "mysql",
        )
        yield server


def _own_folder(folder: Path, user: str) -> Path:
    """An empty folder that the server's user may write, and pass through to."""
    folder.mkdir(parents=True)
    if _as_user(user):
        for above in (folder, *folder.parents):
            if above.stat().st_uid == 0 and above.is_relative_to(Path("/tmp")) and above != Path("/tmp"):
                above.chmod(0o755)
        shutil.chown(folder, user)
    data = folder / "data"
    data.mkdir()
    data.chmod(0o700)
    if _as_user(user):
        shutil.chown(data, user)
    return data


def _quiet(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr[-800:]}")


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[-1]}: the server did not start")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)
