"""MLflow in a real browser: a server over a store, and a page that is looked at."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from campaigns.tracking import KIND_TAG, PARENT_TAG, ui_command, ui_environment
from tests.campaigns.mlflow_servers import answers

SCREENSHOTS = Path(__file__).parents[2] / "runs" / "screenshots"
PATIENCE = 150.0  # s, for one thing to appear on a slow machine
DESKTOP, PHONE = (1400, 1250), (390, 844)  # CSS pixels
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,1250"),
)
MLFLOWS_OWN = (
    # Every page asks who is logged in, also of a server without accounts, which has no answer.
    "/ajax-api/2.0/mlflow/users/current - Failed to load resource: the server responded with "
    "a status of 404 (Not Found)",
    # Charts that are resized while they are drawn; the browser draws them once more.
    '"ResizeObserver loop completed with undelivered notifications."',
)
"""What MLflow's own pages log as errors, word for word, with the reason."""


@dataclass(frozen=True)
class Shown:
    """One campaign in a running MLflow."""

    name: str
    address: str
    uri: str
    parent: Run
    children: tuple[Run, ...]


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser; skips where there is none, which CI does not allow."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        reason = (
            "no chromium with chromedriver here; tools/install-chromium.sh installs both"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_script_timeout(150)  # s; the machine may be busy
    try:
        yield chrome
    finally:
        chrome.quit()


def resize(browser: webdriver.Chrome, size: tuple[int, int]) -> None:
    """Lay the page out for a window of so many CSS pixels, a phone's too."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    metrics["mobile"] = width < 600
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def errors(browser: webdriver.Chrome) -> list[str]:
    """What pages logged as errors since the last time, but for what is MLflow's own."""
    told = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    messages = [entry["message"] for entry in told]
    return [m for m in messages if not any(known in m for known in MLFLOWS_OWN)]


def newest_campaign(client: MlflowClient) -> tuple[Run, tuple[Run, ...]]:
    experiments = [each.experiment_id for each in client.search_experiments()]
    parents = client.search_runs(experiments, f"tags.`{KIND_TAG}` = 'campaign'")
    assert parents, "no campaign in this database"
    of_it = f"tags.`{PARENT_TAG}` = '{parents[0].info.run_id}'"
    return parents[0], tuple(client.search_runs(experiments, of_it))


@contextmanager
def served(uri: str) -> Iterator[str]:
    """MLflow over a store, as ``galena ui`` starts it; its address."""
    # Two that look for a port at the same time would both find the same one free, and one
    # would be shown the other's pages: every process begins at its own.
    command = ui_command(uri, 7300 + os.getpid() % 2000)
    address = f"http://127.0.0.1:{command[command.index('--port') + 1]}"
    server = subprocess.Popen(
        command,
        env=ui_environment(uri),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 2 * PATIENCE
        while not answers(address):
            assert server.poll() is None, f"MLflow ended with code {server.returncode}"
            assert time.monotonic() < deadline, "MLflow does not answer"
            time.sleep(0.3)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def see(browser, selector: str, *, patience: float = PATIENCE) -> WebElement:
    """The first visible element of a selector, as soon as there is one."""

    def visible(driver):
        found = driver.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in found if element.is_displayed()), False)

    return WebDriverWait(
        browser, patience, ignored_exceptions=[StaleElementReferenceException]
    ).until(visible, f"nothing to see of {selector}")


def click(browser, text: str) -> None:
    """Click on the last visible place that says this: what opened last lies on top."""

    def clicked(driver) -> bool:
        found = driver.find_elements(By.XPATH, f"//*[contains(text(), '{text}')]")
        shown = [element for element in found if element.is_displayed()]
        if shown:
            shown[-1].click()
        return bool(shown)

    covered = [StaleElementReferenceException, ElementClickInterceptedException]
    WebDriverWait(browser, PATIENCE, ignored_exceptions=covered).until(
        clicked, f"nothing says {text}"
    )


def press(browser, selector: str) -> None:
    """Click on the first visible element of a selector, once nothing lies over it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            see(browser, selector).click()
            return
        except (ElementClickInterceptedException, StaleElementReferenceException):
            if time.monotonic() > end:
                raise
            put_assistant_away(browser)


def read(browser, *words: str) -> str:
    """Wait until the page says all of these, and return what it says."""

    def said(driver) -> bool:
        text = driver.find_element(By.TAG_NAME, "body").text
        return all(word in text for word in words)

    WebDriverWait(
        browser, PATIENCE, ignored_exceptions=[StaleElementReferenceException]
    ).until(said, f"the page does not say {words}")
    return str(browser.find_element(By.TAG_NAME, "body").text)


def keep(browser, name: str) -> None:
    """A screenshot, taken when nothing has moved for a moment."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    before = b""
    for _ in range(20):
        image = browser.get_screenshot_as_png()
        if image == before:
            break
        before = image
        time.sleep(0.5)
    (SCREENSHOTS / f"mlflow_{name}.png").write_bytes(before)


def visit(browser, page: str) -> None:
    """Open a page afresh: a change after # alone reloads nothing."""
    browser.get("about:blank")
    browser.get(page)
    put_assistant_away(browser)


def open_run(browser, shown: Shown, run: Run, tab: str = "") -> None:
    place = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{tab}"
    visit(browser, f"{shown.address}/{place}")


def put_assistant_away(browser) -> None:
    """MLflow opens its assistant on the first visit, over a third of the page."""
    try:
        see(
            browser, '[data-component-id="mlflow.assistant.chat_panel.close"]', patience=3
        ).click()
    except TimeoutException:
        return  # put away before
