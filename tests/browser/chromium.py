"""A headless Chromium, and what the terminal in its page shows."""

import base64
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyte
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.command import Command

WITHIN_SECONDS = 60
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,800")


def programs() -> tuple[str, str] | None:
    """Where the browser and its driver are, where both are."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser that keeps its network events."""
    found = programs()
    assert found is not None
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))
    try:
        yield browser
    finally:
        browser.quit()


def _events(browser: webdriver.Chrome) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in browser.execute(Command.GET_LOG, {"type": "performance"})["value"]:
        event = json.loads(entry["message"])["message"]
        yield event["method"], event["params"]


def asked_for(browser: webdriver.Chrome) -> list[str]:
    """The addresses that were requested since the last call."""
    return [
        str(event["request"]["url"])
        for method, event in _events(browser)
        if method == "Network.requestWillBeSent"
    ]


def console_errors(browser: webdriver.Chrome) -> list[str]:
    """What the console has of warnings and errors since the last call."""
    entries = browser.execute(Command.GET_LOG, {"type": "browser"})["value"]
    return [str(entry["message"]) for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


class Page:
    """What the terminal in the page was sent, drawn by another terminal; what was asked, and what refused."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser
        self.asked: dict[str, str] = {}
        self.refused: set[str] = set()
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)

    def drawn(self) -> str:
        """The terminal's text as it stands."""
        for method, event in _events(self.browser):
            self._take(method, event)
        return "\n".join(self._screen.display)

    def _take(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.asked[str(event["requestId"])] = event["request"]["url"]
            case "Network.loadingFailed" if event.get("blockedReason"):
                self.refused.add(self.asked[str(event["requestId"])])
            case "Network.webSocketCreated":
                sizes = dict(re.findall(r"(width|height)=(\d+)", str(event["url"])))
                self._screen.resize(int(sizes["height"]), int(sizes["width"]))
            case "Network.webSocketFrameReceived" if event["response"]["opcode"] == 2:
                self._stream.feed(base64.b64decode(event["response"]["payloadData"]))

    def until(self, ready: Callable[[str], bool], what: str) -> str:
        """Wait until the terminal shows it."""
        end = time.monotonic() + WITHIN_SECONDS
        while time.monotonic() < end:
            if ready(drawn := self.drawn()):
                return drawn
            time.sleep(0.05)
        raise AssertionError(f"never came: {what}\n{self.drawn()}")

    def click_on(self, words: str) -> None:
        """Click where the words stand."""
        row, line = next(found for found in enumerate(self._screen.display) if words in found[1])
        place = self.browser.find_element(By.CSS_SELECTOR, ".xterm-screen")
        across = (line.index(words) + 1.5) / self._screen.columns - 0.5
        down = (row + 0.5) / self._screen.lines - 0.5
        chain = ActionChains(self.browser)
        chain.move_to_element_with_offset(
            place, round(across * place.size["width"]), round(down * place.size["height"])
        )
        chain.click().perform()
