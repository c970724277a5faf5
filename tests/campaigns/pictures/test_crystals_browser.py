"""Crystals in three dimensions, looked at in a real browser; screenshots are kept."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from campaigns.pictures import crystal_view, crystals_page
from campaigns.words import words
from tests.campaigns.views import delafossite, make_view

SCREENSHOTS = Path(__file__).parents[3] / "runs" / "screenshots"
PATIENCE = 60.0  # s, on a slow machine that draws without a graphics card
SIZES = {"desktop": (1280, 1000), "phone": (390, 844)}
FLAGS = (
    *("--headless=new", "--no-sandbox", "--no-first-run", "--disable-dev-shm-usage"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


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


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "crystals.html"
    path.write_text(crystals_page(make_view(), words("en")), encoding="utf-8")
    return path


@pytest.fixture(params=SIZES)
def opened(request, browser, place) -> tuple[str, webdriver.Chrome]:
    width, height = SIZES[request.param]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get(place.as_uri())
    until_drawn(browser)
    return request.param, browser


def until_drawn(browser: webdriver.Chrome, but: str = "") -> str:
    """Wait for a crystal other than ``but``; return what is drawn."""

    def drawn(_: object) -> str:
        assert not browser.find_element(By.ID, "trouble").is_displayed()
        shown = browser.find_element(By.ID, "view").get_attribute("data-shown") or ""
        return shown if shown != but else ""

    return str(WebDriverWait(browser, PATIENCE).until(drawn))


def picture(browser: webdriver.Chrome) -> np.ndarray:
    view = browser.find_element(By.ID, "view")
    image = Image.open(BytesIO(view.screenshot_as_png)).convert("RGB")
    return np.asarray(image, dtype=int)


def until_changed(browser: webdriver.Chrome, before: np.ndarray) -> np.ndarray:
    """Wait until the crystal looks different, and return how it looks."""

    def changed(_: object) -> bool:
        now = picture(browser)
        return bool((np.abs(now - before).max(axis=2) > 40).mean() > 0.002)

    WebDriverWait(browser, PATIENCE).until(changed)
    return picture(browser)


def requests(browser: webdriver.Chrome) -> list[str]:
    """Addresses asked for in any network; the browser's own pages are none."""
    events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    urls = [
        e["params"]["request"]["url"]
        for e in events
        if e["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if url.startswith(("http", "ws"))]


def test_crystals_are_drawn_chosen_and_turned(opened):
    size, browser = opened
    first = picture(browser)
    coloured = (first.max(axis=2) - first.min(axis=2) > 60).mean()
    assert coloured > 0.003  # balls, not an empty canvas
    assert len(browser.find_elements(By.TAG_NAME, "canvas")) == 1
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENSHOTS / f"crystals_{size}.png"))

    chooser = Select(browser.find_element(By.ID, "chooser"))
    name = until_drawn(browser)
    facts = browser.find_element(By.ID, "facts").text
    chooser.select_by_index(3)
    assert until_drawn(browser, but=name) == chooser.options[3].text
    assert browser.find_element(By.ID, "facts").text != facts
    legend = browser.find_elements(By.CSS_SELECTOR, "#legend li")
    assert len(legend) >= 2
    chosen = until_changed(browser, first)

    view = browser.find_element(By.ID, "view")
    for _ in range(3):
        view.send_keys(Keys.ARROW_LEFT)
    turned = until_changed(browser, chosen)
    browser.find_element(By.CSS_SELECTOR, "button[data-key='+']").click()
    until_changed(browser, turned)
    before = int(view.get_attribute("data-atoms"))
    browser.find_element(By.ID, "supercell").click()
    WebDriverWait(browser, PATIENCE).until(
        lambda _: int(view.get_attribute("data-atoms")) > 3 * before
    )
    browser.save_screenshot(str(SCREENSHOTS / f"crystals_{size}_supercell.png"))

    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= SIZES[size][0]
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert requests(browser) == []


def test_no_reader_is_kept_out(opened):
    _, browser = opened
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-core comes with: pip install axe-playwright-python")
    (folder,) = found.submodule_search_locations
    browser.execute_script((Path(folder) / "axe.min.js").read_text(encoding="utf-8"))
    answer = browser.execute_async_script("axe.run().then(arguments[0])")
    told = [f"{v['id']}: {v['nodes'][0]['html']}" for v in answer["violations"]]
    assert not told


def test_a_drag_turns_the_crystal(opened):
    _, browser = opened
    before = picture(browser)
    view = browser.find_element(By.ID, "view")
    webdriver.ActionChains(browser).drag_and_drop_by_offset(view, 90, 20).perform()
    until_changed(browser, before)


def test_a_notebook_cell_draws_inside_its_frame(browser, tmp_path):
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    frame = crystal_view(delafossite("Cu", "Bi", "N"), say=words("en"))._repr_html_()
    path = tmp_path / "cell.html"
    path.write_text(f'<!DOCTYPE html><html lang="en"><title>x</title>{frame}')
    browser.get(path.as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    assert until_drawn(browser).startswith("CuBiN₂")
    browser.switch_to.default_content()
    browser.save_screenshot(str(SCREENSHOTS / "crystals_notebook.png"))
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
