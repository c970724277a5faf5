"""MLflow's page of a campaign, looked at in a real browser; screenshots are kept.

``GALENA_DEMO_MLFLOW=runs/mlflow.db`` has the newest campaign of that database looked at too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from campaigns.reports import write_report
from campaigns.tracking import KIND_TAG, PARENT_TAG, Tracker, ui_command, ui_environment
from tests.campaigns.views import make_view

SCREENSHOTS = Path(__file__).parents[2] / "runs" / "screenshots"
PATIENCE = 60.0  # s, for one thing to appear on a slow machine
FLAGS = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1600,1250"),
)


@dataclass(frozen=True)
class Shown:
    """One campaign in a running MLflow."""

    name: str
    address: str
    parent: Run
    children: tuple[Run, ...]


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = (
            "no chromium with chromedriver here; tools/install-chromium.sh installs both"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module", params=["made_up", "demo"])
def shown(
    request, browser, tmp_path_factory
) -> Iterator[Shown]:  # no server without browser
    if request.param == "made_up":
        folder = tmp_path_factory.mktemp("store")
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        write_report(make_view(), folder / "report")
        Tracker(uri, "discovery").sync(make_view(), report_folder=folder / "report")
    elif database := os.environ.get("GALENA_DEMO_MLFLOW"):
        uri = f"sqlite:///{Path(database.removeprefix('sqlite:///')).resolve()}"
    else:
        pytest.skip("GALENA_DEMO_MLFLOW does not name the database of a demo")
    parent, children = newest_campaign(MlflowClient(tracking_uri=uri))
    with served(uri) as address:
        yield Shown(request.param, address, parent, children)


def newest_campaign(client: MlflowClient) -> tuple[Run, tuple[Run, ...]]:
    experiments = [each.experiment_id for each in client.search_experiments()]
    parents = client.search_runs(experiments, f"tags.`{KIND_TAG}` = 'campaign'")
    assert parents, "no campaign in this database"
    of_it = f"tags.`{PARENT_TAG}` = '{parents[0].info.run_id}'"
    return parents[0], tuple(client.search_runs(experiments, of_it))


@contextmanager
def served(uri: str) -> Iterator[str]:
    command = ui_command(uri, 5100)
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
        while not healthy(address):
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


def healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310
            return answer.status == 200
    except OSError:
        return False


def see(browser, selector: str, *, patience: float = PATIENCE) -> WebElement:
    """The first visible element of a selector, as soon as there is one."""

    def visible(driver):
        found = driver.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in found if element.is_displayed()), False)

    return WebDriverWait(
        browser, patience, ignored_exceptions=[StaleElementReferenceException]
    ).until(visible, f"nothing to see of {selector}")


def read(browser, *words: str) -> str:
    """Wait until the page says all of these, and return what it says."""

    def said(driver) -> bool:
        text = driver.find_element(By.TAG_NAME, "body").text
        return all(word in text for word in words)

    WebDriverWait(browser, PATIENCE).until(said, f"the page does not say {words}")
    return str(browser.find_element(By.TAG_NAME, "body").text)


def keep(browser, shown: Shown, name: str) -> None:
    """A screenshot, taken when nothing has moved for a moment."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    before = b""
    for _ in range(20):
        image = browser.get_screenshot_as_png()
        if image == before:
            break
        before = image
        time.sleep(0.5)
    (SCREENSHOTS / f"{shown.name}_{name}.png").write_bytes(before)


def open_run(browser, shown: Shown, run: Run, tab: str = "") -> None:
    place = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{tab}"
    browser.get("about:blank")  # a change after # alone reloads nothing
    browser.get(f"{shown.address}/{place}")
    put_assistant_away(browser)


def put_assistant_away(browser) -> None:
    """MLflow opens its assistant on the first visit, over a third of the page."""
    try:
        see(
            browser, '[data-component-id="mlflow.assistant.chat_panel.close"]', patience=3
        ).click()
    except TimeoutException:
        return  # put away before


def test_the_experiment_lists_the_campaign_and_unfolds_its_rounds(browser, shown):
    browser.get(f"{shown.address}/#/experiments/{shown.parent.info.experiment_id}/runs")
    see(browser, f'a[href*="{shown.parent.info.run_id}"]')
    put_assistant_away(browser)
    child = f'a[href*="{shown.children[0].info.run_id}"]'
    assert not browser.find_elements(By.CSS_SELECTOR, child)
    see(browser, 'button[data-component-id*="runnamecellrenderer"]').click()
    for run in shown.children:
        assert see(browser, f'a[href*="{run.info.run_id}"]').text == run.info.run_name
    keep(browser, shown, "1_experiment")


def test_the_campaign_tells_what_was_sought_and_found(browser, shown):
    open_run(browser, shown, shown.parent)
    names = [run.info.run_name for run in shown.children]
    read(browser, shown.parent.info.run_name, "Finished", *names)
    told = read(
        browser, "A band gap from", "Of the crystals judged", "targets.band_gap.max"
    )
    assert shown.parent.data.params["targets.band_gap.max"] in told
    assert f"{shown.parent.data.metrics['n_hits_total']:g}" in told
    keep(browser, shown, "2_campaign")


def test_metrics_are_drawn_round_by_round(browser, shown):
    open_run(browser, shown, shown.parent, "/model-metrics")
    see(browser, 'input[placeholder*="Search metric"]').send_keys("n_hits_total")
    read(browser, "n_hits_total", "Step")
    see(browser, ".js-plotly-plot .scatterlayer .trace")
    points = browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .scatterlayer .point")
    assert len(points) >= len(shown.children)
    keep(browser, shown, "3_metrics")


def test_the_report_opens_inside_mlflow(browser, shown):
    open_run(browser, shown, shown.parent, "/artifacts/report/report.html")
    browser.switch_to.frame(see(browser, "iframe"))
    try:
        told = read(browser, shown.parent.info.run_name, "How the search went")
        assert "Shortlist" in told
        width = "return document.images[0].naturalWidth"
        wide = WebDriverWait(browser, PATIENCE).until(
            lambda driver: driver.execute_script(width)
        )
        assert wide > 500
    finally:
        browser.switch_to.default_content()
    keep(browser, shown, "4_report")


def test_the_shortlist_is_a_table(browser, shown):
    open_run(browser, shown, shown.parent, "/artifacts/shortlist.json")
    told = read(browser, "shortlist.json", "prototype")
    assert "energy_above_hull" in told
    keep(browser, shown, "5_shortlist")


def test_a_round_shows_its_numbers(browser, shown):
    run = min(shown.children, key=lambda each: int(each.data.tags["galena.round"]))
    open_run(browser, shown, run)
    read(browser, run.info.run_name, shown.parent.info.run_name, "mean_abs_residual")
    told = read(browser, "n_hits_total")
    assert f"{run.data.metrics['n_hits_total']:g}" in told
    keep(browser, shown, "6_round")
