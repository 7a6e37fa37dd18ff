"""The coverage page in a real headless Chromium: it asks for nothing, and it is readable everywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from dbtcollate_tui.artifacts.project import Column, Node, Project
from dbtcollate_tui.plan.explanation.coverage import FACTS, measure
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.render.coverage import coverage_html
from tests.browser.chromium import asked_for, chromium, console_errors

HOSTILE = (
    "<script>window.injected = 1</script>",
    '"><img src="http://127.0.0.1:9/x" onerror="window.injected = 1">',
    "</td></tr></table></style><style>@import url(http://127.0.0.1:9/y);</style>",
    "{facts} {0} &lt;b&gt; &amp;",
    "javascript:window.injected=1//" + "long_name_without_a_break" * 12,
)
CONTRAST = """
const luminance = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
        .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = luminance(getComputedStyle(document.body).backgroundColor);
return Math.min(...[...document.querySelectorAll('h1, h2, p, th, td')].map(item => {
    const ink = luminance(getComputedStyle(item).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}));
"""
"""The least contrast of any text, as WCAG counts it."""
CUT = """
return [...document.querySelectorAll('h1, h2, p, th, td')].filter(item => {
    const box = item.closest('.scroll') || document.documentElement;
    const right = item.getBoundingClientRect().right - box.getBoundingClientRect().left + box.scrollLeft;
    return right > box.scrollWidth + 1 || item.scrollWidth > item.clientWidth + 1;
}).map(item => item.textContent);
"""
"""Texts that no scrolling brings into view."""


def page() -> str:
    """A page with hostile names in every place that takes one, and gaps."""
    nodes = {
        f"model.x.m{number}": Node(
            f"model.x.m{number}",
            "model",
            f"m{number}",
            f"m{number}",
            "db",
            name,
            description=name,
            columns=(Column("a", name),),
        )
        for number, name in enumerate(HOSTILE)
    }
    project = Project("x", "1.12.0", 12, "duckdb", "", "", nodes=nodes)
    matched = {one: TableRef(one, f"s.db.x.{one}", "s", "db", "x", one) for one in list(nodes)[:2]}
    found = measure(project, report=MatchReport(matched=matched), state=ServerState({}))
    return coverage_html(found, f"{HOSTILE[0]} {HOSTILE[1]} of a profile")


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_readable_and_asks_for_nothing(
    browser: webdriver.Chrome, tmp_path: Path, width: int, scheme: str
) -> None:
    file = tmp_path / "coverage.html"
    file.write_text(page(), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(file.as_uri())

    def run(script: str) -> Any:
        return browser.execute_script(script)

    assert run("return document.documentElement.scrollWidth") <= width
    assert run("return window.innerWidth") == width
    assert run(CUT) == []
    assert run(CONTRAST) >= 4.5
    assert run("return parseFloat(getComputedStyle(document.body).fontSize)") >= 14
    paper = run("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")

    assert run("return window.injected") is None
    assert run("return document.querySelectorAll('script, img, iframe, a, object, form').length") == 0
    assert run("return document.querySelectorAll('style').length") == 1
    names = {cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "td.name")}
    assert names == set(HOSTILE)
    shown = len(FACTS) - len(("passing", "metrics"))
    assert len(browser.find_elements(By.CSS_SELECTOR, "tbody tr")) == shown + len(HOSTILE)
    assert run("const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth") <= 0

    assert {url for url in asked_for(browser) if not url.startswith("data:")} == {file.as_uri()}
    assert console_errors(browser) == []
