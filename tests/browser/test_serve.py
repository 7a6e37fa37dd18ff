"""``dbtcollate serve`` in a real headless Chromium: the demo by clicks and keys; nobody else gets in."""

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

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
        elsewhere = {url for url in page.asked.values() if not url.startswith(address.partition("?")[0])}
        assert elsewhere <= page.refused


def test_only_who_has_the_key_and_this_page_gets_in() -> None:
    with served() as address:
        place, _, key = address.partition("?key=")
        cookie = {"Cookie": f"dbtcollate_key={key}"}
        assert status(place, {}) == 403
        assert status(f"{place}?key=guessed", {}) == 403
        assert status(f"{place}static/js/textual.js", {}) == 403
        assert status(place, cookie) == 200
        assert status(place, {**cookie, "Host": "rebound.example"}) == 403
        assert status(f"{place}ws", {**cookie, "Origin": "https://elsewhere.example"}) == 403
