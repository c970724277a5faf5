"""The report in a real browser, in every language, on a desk and in a hand.

axe-core checks what a tool can check of accessibility; screenshots are kept to be looked at.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from campaigns.reports import Form, write_report
from campaigns.words import ENGLISH, LANGUAGES, words
from tests.campaigns.reports.told import told_view

SCREENSHOTS = Path(__file__).parents[3] / "runs" / "screenshots"
WIDTHS = (1280, 390)  # px, of a desk and of a phone
LOOKS = [
    *((language, WIDTHS[1], "light") for language in LANGUAGES),
    (ENGLISH.language, WIDTHS[0], "light"),
    (ENGLISH.language, WIDTHS[1], "dark"),
]
"""In a hand in every language; the desk and the colours are the same in all of them."""
in_every_language = pytest.mark.parametrize(
    "page", list(LANGUAGES), indirect=True, scope="module"
)
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "no chromium with chromedriver here: sh tools/install-chromium.sh"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_script_timeout(150)  # s; the machine may be busy
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, as a wheel carries it."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None, "pip install axe-playwright-python"
    (folder,) = found.submodule_search_locations
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(request, tmp_path_factory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    written = write_report(told_view(), folder, words(request.param), forms=(Form.HTML,))
    return request.param, written.html


def show(browser, path: Path, width: int, scheme: str = "light") -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get(path.as_uri())


@pytest.mark.parametrize(
    ("page", "width", "scheme"), LOOKS, indirect=["page"], scope="module"
)
def test_no_reader_is_kept_out(browser, axe, page, width, scheme):
    language, path = page
    show(browser, path, width, scheme)
    assert browser.execute_script("return document.documentElement.lang") == language
    browser.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true)"
    )
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run().then(done)"
    )
    told = [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found["violations"]
    ]
    assert told == []
    assert len(found["passes"]) > 20  # it did look
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []


@in_every_language
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_itself_never_scrolls_sideways(browser, page, width):
    language, path = page
    show(browser, path, width)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    tables = browser.find_elements(By.CSS_SELECTOR, ".scroll")
    assert all(table.get_attribute("tabindex") == "0" for table in tables)
    keep(browser, f"report_{language}_{width}")


@in_every_language
def test_the_keyboard_gets_to_the_content(browser, page):
    _, path = page
    show(browser, path, WIDTHS[0])
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.get_attribute("class") == "skip"
    assert skip.rect["x"] >= 0  # to be seen once it has the focus
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "content"


def keep(browser, name: str) -> None:
    """A screenshot of the whole page, as it opens."""
    browser.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = false)"
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    height = browser.execute_script("return document.documentElement.scrollHeight")
    width = browser.execute_script("return document.documentElement.clientWidth")
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot",
        {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
        },
    )
    (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


@in_every_language
def test_what_nobody_can_say_in_a_language_is_marked_as_english(page):
    language, path = page
    said = words(language).recorded("killed after 3600 s")
    if said.language != language:
        assert f'<span lang="en">{said}</span>' in path.read_text(encoding="utf-8")
