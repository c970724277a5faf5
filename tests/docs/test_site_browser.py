"""The site in a real browser, wide and on a phone; screenshots are kept and looked at."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = Path(__file__).parents[2] / "runs" / "screenshots"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1400,1000"),
)
PAGES = (
    "index.html",
    "concepts.html",
    "own-campaign.html",
    "reference/campaign-file.html",
    "reference/api-materials.html",
    "cards/element-facts.html",
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "no chromium with chromedriver; tools/install-chromium.sh installs both"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_script_timeout(150)  # s; the machine may be busy
    yield chrome
    chrome.quit()


def asked_elsewhere(browser: webdriver.Chrome, address: str) -> set[str]:
    """What the page asked of other places since the last look."""
    events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    asked = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    return {url for url in asked if url.startswith("http") and not url.startswith(address)}


@pytest.mark.parametrize(
    ("width", "height"), [(1400, 1000), (390, 844)], ids=["wide", "phone"]
)
def test_pages_show_whole_without_errors(
    browser: webdriver.Chrome, address: str, width: int, height: int
) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        browser.get(f"{address}/{page}")
        WebDriverWait(browser, 30).until(lambda b: b.find_element(By.TAG_NAME, "h1"))
        name = page.removesuffix(".html").replace("/", "-")
        browser.save_screenshot(str(SCREENSHOTS / f"docs-{name}-{width}.png"))
        assert browser.get_log("browser") == [], page
        assert asked_elsewhere(browser, address) == set(), page
        assert (
            browser.execute_script("return document.documentElement.scrollWidth") <= width
        )
        broken = "return [...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
        assert browser.execute_script(broken) == [], page
        nameless = "return [...document.images].filter(i => !i.alt).map(i => i.src)"
        assert browser.execute_script(nameless) == [], page


def test_search_finds_a_key(browser: webdriver.Chrome, address: str) -> None:
    size = {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(f"{address}/index.html")
    field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    field.click()
    field.send_keys("minimum_distance")

    def found(b: webdriver.Chrome) -> list[str]:
        hits = b.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
        return [hit.get_attribute("href") or "" for hit in hits]

    WebDriverWait(browser, 30).until(found)
    assert any("reference/campaign-file.html" in link for link in found(browser))
    assert asked_elsewhere(browser, address) == set()
