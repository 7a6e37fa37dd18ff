"""``dbtcollate serve`` in a real headless Chromium: the demo by clicks and keys; nobody else gets in."""

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import WITHIN_SECONDS, Page, chromium


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextmanager
def served() -> Iterator[str]:
    """The served demo's address with its key."""
    command = [sys.executable, "-m", "dbtcollate_tui", "serve", "--demo", "--port", str(free_port())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WITHIN_SECONDS)


def status(address: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_demo_in_a_browser_by_click_and_key() -> None:
    with served() as address, chromium() as browser:
        page = Page(browser)
        browser.get(address)
        page.until(lambda drawn: "Try it with sample data" in drawn, "the welcome")
        page.click_on("Try it with sample data")
        page.until(lambda drawn: "Lineage" in drawn and "Try it" not in drawn, "the checklist")
        ActionChains(browser).send_keys(Keys.ESCAPE).perform()
        drawn = page.until(lambda drawn: "In Collate now" in drawn, "home")
        assert "dbt Cloud" in drawn
        assert "key=" not in browser.current_url
        elsewhere = {url for url in page.asked.values() if not url.startswith(address.partition("#")[0])}
        assert elsewhere <= page.refused


def test_first_key_needs_no_click_and_the_page_has_a_title() -> None:
    with served() as address, chromium() as browser:
        page = Page(browser)
        browser.get(address)
        page.until(lambda drawn: "Try it with sample data" in drawn, "the welcome")
        assert browser.title == "dbtcollate"
        assert not any("googleapis" in url or "favicon" in url for url in page.asked.values())
        ActionChains(browser).send_keys("s").perform()
        page.until(lambda drawn: "step 1 of 7" in drawn, "the setup")


def upgrade(address: str, headers: dict[str, str]) -> int:
    """The status of a WebSocket's opening request."""
    opening = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request(
            "GET", address.removeprefix(f"http://{parts.netloc}"), headers={**opening, **headers}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def test_key_opens_the_app_and_nothing_else_does() -> None:
    with served() as address:
        place, _, key = address.partition("#key=")
        assert len(key) >= 32
        assert upgrade(f"{place}ws/{key}", {}) == 101
        assert status(place, {"Host": "rebound.example"}) == 403
        assert upgrade(f"{place}ws/{key}", {"Origin": "https://elsewhere.example"}) == 403
        assert upgrade(f"{place}ws/{key}", {"Host": "rebound.example"}) == 403
        for guessed in ("ws", "ws/", "ws/guessed", "ws/%C3%A9", f"ws?key={key}"):
            assert upgrade(f"{place}{guessed}", {"Cookie": f"dbtcollate_key={key}; key={key}"}) == 403


class Listening(BaseHTTPRequestHandler):
    """Another program of this machine: keeps what a browser sends to it."""

    got: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.got.append(f"{self.path}\n{self.headers}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>elsewhere</title>")


def test_key_is_not_sent_to_another_port() -> None:
    """A page of another port of 127.0.0.1 gets no key, and what it gets opens nothing."""
    other = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        with served() as address, chromium() as browser:
            place, _, key = address.partition("#key=")
            page = Page(browser)
            browser.get(address)
            page.until(lambda drawn: "Try it with sample data" in drawn, "the welcome")
            assert key not in browser.current_url
            assert browser.get_cookies() == []
            browser.refresh()
            page.until(lambda drawn: "Try it with sample data" in drawn, "the welcome after a reload")
            browser.get(f"http://127.0.0.1:{other.server_port}/")
            assert Listening.got
            assert all(key not in text and "Cookie" not in text for text in Listening.got)
            assert browser.execute_script("return sessionStorage.length") == 0
            asked = [url for url in page.asked.values() if key in url.partition("#")[0]]
            assert all(url.startswith(place.replace("http", "ws")) for url in asked)
    finally:
        other.shutdown()
        other.server_close()
