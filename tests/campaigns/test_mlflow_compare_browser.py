"""Campaigns beside each other and the model that they share, in MLflow's pages."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from mlflow.tracking import MlflowClient
from selenium.webdriver.common.by import By

from campaigns.publishing import EXPERIMENT
from campaigns.tracking import PARENT_TAG, Tracker
from tests.campaigns.mlflow_pages import (
    DESKTOP,
    PHONE,
    chromium,
    errors,
    keep,
    press,
    read,
    resize,
    see,
    served,
    visit,
)
from tests.campaigns.registered import make_registry
from tests.campaigns.views import VERSIONS, make_view

pytestmark = pytest.mark.usefixtures("copied_databases")


@dataclasses.dataclass(frozen=True)
class Store:
    address: str
    experiment_id: str
    campaigns: tuple[str, str]
    rounds: tuple[str, ...]
    """Of the first campaign."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator:
    with chromium(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture(autouse=True)
def no_errors(browser) -> Iterator[None]:
    resize(browser, DESKTOP)
    yield
    assert errors(browser) == []


@pytest.fixture(scope="module")
def store(browser, tmp_path_factory) -> Iterator[Store]:
    registry = make_registry(tmp_path_factory.mktemp("registry"))
    tracker = Tracker(registry.uri, EXPERIMENT)
    versions = {**VERSIONS, "model": registry.model.uri}
    first = dataclasses.replace(make_view(), versions=versions)
    second = dataclasses.replace(make_view(calls=32), name="second", versions=versions)
    one = tracker.sync(first, campaign_id="one")
    two = tracker.sync(second, campaign_id="two")
    children = MlflowClient(tracking_uri=registry.uri).search_runs(
        [one.experiment_id], f"tags.`{PARENT_TAG}` = '{one.run_id}'"
    )
    with served(registry.uri) as address:
        yield Store(
            address,
            one.experiment_id,
            (one.run_id, two.run_id),
            tuple(run.info.run_id for run in children),
        )


def compare(browser, store: Store, runs: tuple[str, ...]) -> None:
    chosen, where = json.dumps(list(runs)), json.dumps([store.experiment_id])
    page = f"#/compare-runs?runs={quote(chosen)}&experiments={quote(where)}"
    visit(browser, f"{store.address}/{page}")


def test_the_rounds_of_a_campaign_are_compared(browser, store):
    compare(browser, store, store.rounds)
    read(browser, "Comparing 5 Runs", "round 1", "round 5", "n_hits_total")
    see(browser, ".js-plotly-plot")
    keep(browser, "compare_rounds")


def test_two_campaigns_are_compared_over_their_rounds(browser, store):
    page = f"#/experiments/{store.experiment_id}/runs?compareRunsMode=CHART"
    visit(browser, f"{store.address}/{page}&workflowType=machine_learning")
    read(browser, "solar-absorber", "second", "best_score", "Step")
    see(browser, ".js-plotly-plot .scatterlayer .trace")
    traces = browser.find_elements(
        By.CSS_SELECTOR, ".js-plotly-plot:first-of-type .scatterlayer .trace"
    )
    assert len(traces) >= 2
    keep(browser, "compare_campaigns")


def test_what_two_campaigns_differ_in_is_told(browser, store):
    compare(browser, store, store.campaigns)
    read(browser, "Comparing 2 Runs", "solar-absorber", "second", "elements.allowed")
    keep(browser, "compare_parameters")


def test_charts_of_campaigns_on_a_phone(browser, store):
    resize(browser, PHONE)
    compare(browser, store, store.campaigns)
    read(browser, "Comparing 2 Runs")
    press(browser, 'button[data-component-id*="sidebar"]')
    keep(browser, "compare_phone")


def test_the_model_has_its_card_and_its_alias(browser, store):
    visit(browser, f"{store.address}/#/models/galena")
    read(browser, "galena", "Version 1", "champion", "galena.targets")
    keep(browser, "model")
    visit(browser, f"{store.address}/#/models/galena/versions/1")
    read(browser, "Version 1", "champion", "A toy")
    keep(browser, "model_version")


def test_a_campaign_names_its_model(browser, store):
    """MLflow's table of a run's models lists those of the run's own experiment alone."""
    page = f"#/experiments/{store.experiment_id}/runs/{store.campaigns[0]}"
    visit(browser, f"{store.address}/{page}")
    read(browser, "galena.registered_mo", "models:/galena/1")
    keep(browser, "campaign_with_model")
