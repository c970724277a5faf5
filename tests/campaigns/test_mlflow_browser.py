"""MLflow's page of a campaign, looked at in a real browser; screenshots are kept.

``GALENA_DEMO_MLFLOW=runs/mlflow.db`` has the newest campaign of that database looked at
instead of a made-up one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from campaigns.publishing import EXPERIMENT
from campaigns.reports import write_report
from campaigns.tracking import Tracker, first_page
from tests.campaigns.mlflow_pages import (
    DESKTOP,
    PATIENCE,
    PHONE,
    Shown,
    chromium,
    click,
    errors,
    keep,
    newest_campaign,
    open_run,
    press,
    put_assistant_away,
    read,
    resize,
    see,
    served,
    visit,
)
from tests.campaigns.views import make_view

pytestmark = pytest.mark.usefixtures("copied_databases")

SOURCES = {
    "training data": f"mp_train.parquet sha256:{'1f' * 32}",
    "known formulas": f"known_formulas.txt.xz sha256:{'2e' * 32}",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator:
    with chromium(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture(autouse=True)
def no_errors(browser) -> Iterator[None]:
    """No page may log an error."""
    resize(browser, DESKTOP)
    yield
    assert errors(browser) == []


@pytest.fixture(scope="module")
def shown(browser, tmp_path_factory) -> Iterator[Shown]:  # no server without browser
    database = os.environ.get("GALENA_DEMO_MLFLOW")
    if database:
        uri = f"sqlite:///{Path(database.removeprefix('sqlite:///')).resolve()}"
    else:
        folder = tmp_path_factory.mktemp("store")
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        write_report(make_view(), folder / "report")
        Tracker(uri, EXPERIMENT).sync(
            make_view(), report_folder=folder / "report", sources=SOURCES
        )
    parent, children = newest_campaign(MlflowClient(tracking_uri=uri))
    with served(uri) as address:
        yield Shown("demo" if database else "made_up", address, uri, parent, children)


def test_the_first_page_is_laid_out_for_runs(browser, shown):
    visit(browser, first_page(shown.uri, shown.address, EXPERIMENT))
    see(browser, f'a[href*="{shown.parent.info.run_id}"]')
    told = read(browser, "Model training", "Runs", "Dataset")
    assert "Evaluation runs" not in told  # that is the layout for language models
    keep(browser, f"{shown.name}_0_first_page")


def test_the_experiment_lists_the_campaign_and_unfolds_its_rounds(browser, shown):
    visit(browser, f"{shown.address}/#/experiments/{shown.parent.info.experiment_id}/runs")
    see(browser, f'a[href*="{shown.parent.info.run_id}"]')
    put_assistant_away(browser)
    child = f'a[href*="{shown.children[0].info.run_id}"]'
    assert not browser.find_elements(By.CSS_SELECTOR, child)
    press(browser, 'button[data-component-id*="runnamecellrenderer"]')
    for run in shown.children:
        assert see(browser, f'a[href*="{run.info.run_id}"]').text == run.info.run_name
    keep(browser, f"{shown.name}_1_experiment")


def test_the_campaign_tells_what_was_sought_and_found(browser, shown):
    open_run(browser, shown, shown.parent)
    names = [run.info.run_name for run in shown.children]
    read(browser, shown.parent.info.run_name, "Finished", *names)
    told = read(browser, "meet every target", "targets.band_gap.max", "galena.elements")
    assert told.index("meet every target") < told.index("n_hits_total")
    assert shown.parent.data.params["targets.band_gap.max"] in told
    assert f"{shown.parent.data.metrics['n_hits_total']:g}" in told
    keep(browser, f"{shown.name}_2_campaign")


def test_the_campaign_can_be_read_on_a_phone(browser, shown):
    resize(browser, PHONE)
    open_run(browser, shown, shown.parent)
    read(browser, shown.parent.info.run_name)
    press(browser, 'button[data-component-id*="sidebar"]')  # it takes half the width
    width = "return document.documentElement.scrollWidth"
    assert browser.execute_script(width) <= PHONE[0]
    keep(browser, f"{shown.name}_2_campaign_phone")


def test_metrics_are_drawn_round_by_round(browser, shown):
    open_run(browser, shown, shown.parent, "/model-metrics")
    see(browser, 'input[placeholder*="Search metric"]').send_keys("n_hits_total")
    read(browser, "n_hits_total", "Step")
    see(browser, ".js-plotly-plot .scatterlayer .trace")
    points = browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .scatterlayer .point")
    assert len(points) >= len(shown.children)
    keep(browser, f"{shown.name}_3_metrics")


def test_the_report_opens_inside_mlflow(browser, shown):
    open_run(browser, shown, shown.parent, "/artifacts/report/report.html")
    browser.switch_to.frame(see(browser, "iframe"))
    try:
        told = read(browser, shown.parent.info.run_name, "The answer in three sentences")
        assert "Shortlist" in told
        width = "return document.images[0].naturalWidth"
        wide = WebDriverWait(browser, PATIENCE).until(
            lambda driver: driver.execute_script(width)
        )
        assert wide > 100
    finally:
        browser.switch_to.default_content()
    keep(browser, f"{shown.name}_4_report")


def test_a_picture_opens_inside_mlflow(browser, shown):
    open_run(browser, shown, shown.parent, "/artifacts/report/discovery.png")
    read(browser, "discovery.png")
    picture = see(browser, 'img[src^="blob:"]')
    assert int(picture.get_property("naturalWidth")) > 500
    keep(browser, f"{shown.name}_4_picture")


@pytest.mark.parametrize(
    ("table", "column"), [("shortlist", "prototype"), ("rounds", "n_hits")]
)
def test_tables_are_shown_as_tables(browser, shown, table, column):
    open_run(browser, shown, shown.parent, f"/artifacts/{table}.json")
    read(browser, f"{table}.json", column, "View as table")
    assert len(browser.find_elements(By.CSS_SELECTOR, '[role="row"]')) > 2
    keep(browser, f"{shown.name}_5_{table}")


def test_a_round_shows_its_numbers_and_its_verdicts(browser, shown):
    run = min(shown.children, key=lambda each: int(each.data.tags["galena.round"]))
    open_run(browser, shown, run)
    read(browser, run.info.run_name, shown.parent.info.run_name, "mean_abs_residual")
    told = read(browser, "n_hits_total")
    assert f"{run.data.metrics['n_hits_total']:g}" in told
    keep(browser, f"{shown.name}_6_round")
    open_run(browser, shown, run, "/artifacts/verdicts.json")
    read(browser, "verdicts.json", "predicted_band_gap")


def test_datasets_are_named_with_their_hash_and_licence(browser, shown):
    open_run(browser, shown, shown.parent)
    read(browser, "Datasets")
    (known,) = (
        given.dataset
        for given in shown.parent.inputs.dataset_inputs
        if given.dataset.name == "known_formulas.txt.xz"
    )
    click(browser, shown.parent.inputs.dataset_inputs[0].dataset.name)
    read(browser, "datasets used", known.name, known.digest)
    click(browser, known.name)
    read(browser, "CC-BY-4.0", "Materials Project")
    keep(browser, f"{shown.name}_7_dataset")
