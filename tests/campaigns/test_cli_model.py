"""Registered models on the command line, and in campaigns, which keep to the one they had."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.ledger import Ledger
from campaigns.tracking import Tracker, list_models, register_model
from materials.table import CrystalTable
from models.inference import Predictor
from tests.campaigns.crystal_files import rocksalts, write_mixture
from tests.campaigns.fakes import SPEC, FakeOracle
from tests.campaigns.registered import Registry, make_registry, other_model

pytestmark = pytest.mark.usefixtures("copied_databases")

CHAMPION = "models:/galena@champion"
SMALL = (
    SPEC.replace("rounds: 3", "rounds: 2")
    .replace("batch_size: 4", "batch_size: 2")
    .replace("asks: 120, chunk: 30", "asks: 20, chunk: 10")
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return make_registry(tmp_path_factory.mktemp("registry"))


@pytest.fixture
def store(registry: Registry, tmp_path: Path) -> str:
    """A registry to change."""
    return registry.copied(tmp_path)


def galena(*arguments: object, **env: str) -> Result:
    settings = {"COLUMNS": "160"} | env
    return CliRunner().invoke(app, [str(a) for a in arguments], env=settings)


def test_register_list_show(registry: Registry, store: str) -> None:
    done = galena(
        *("model", "register", registry.bundle, "--alias", "tested"),
        *("--tracking-uri", store, "--json"),
    )
    made = json.loads(done.stdout)
    assert (made["uri"], made["aliases"]) == ("models:/galena/1", ["champion", "tested"])
    listed = galena("model", "list", "--tracking-uri", store).stdout
    assert "models:/galena/1" in listed
    assert "@champion, @tested" in listed
    assert made["metadata"]["model"] in listed
    shown = galena("model", "show", "--tracking-uri", store).stdout
    for part in ("models:/galena/1", "toy.parquet", "held.parquet", "1" * 64, "serve"):
        assert part in shown


def test_the_store_can_be_named_as_mlflow_names_it(store: str) -> None:
    done = galena("model", "show", "galena", "--json", MLFLOW_TRACKING_URI=store)
    assert json.loads(done.stdout)["store"] == store


def test_an_empty_store_is_told(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = galena("model", "list", "--tracking-uri", store)
    assert done.exit_code == ExitCode.OK
    assert "galena model register" in done.stdout
    refused = galena("model", "show", "--tracking-uri", store)
    assert refused.exit_code == ExitCode.ERROR
    assert refused.stderr.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_predict_and_screen_with_the_champion(
    registry: Registry, store: str, tmp_path: Path
) -> None:
    write_mixture(tmp_path / "c", good=2, bad=0)
    version = Predictor.load(registry.bundle).version
    by_folder = galena("predict", tmp_path / "c", "--json", "--model", registry.bundle)
    done = galena(
        *("predict", tmp_path / "c", "--json", "--model", CHAMPION, "--tracking-uri", store)
    )
    assert done.exit_code == ExitCode.OK, done.stderr
    assert json.loads(done.stdout) == json.loads(by_folder.stdout)
    assert json.loads(done.stdout)["model"] == version
    table = tmp_path / "crystals.parquet"
    CrystalTable.from_structures(rocksalts(3)).write(table)
    done = galena(
        *("screen", table, "-o", tmp_path / "out.parquet", "--json"),
        *("--model", CHAMPION, "--tracking-uri", store),
    )
    assert done.exit_code == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["model"] == version


@pytest.mark.parametrize(
    ("model", "told"),
    [("models:/galena@champignon", "1 @champion"), ("models:/galena/9", "1 @champion")],
)
def test_a_model_that_is_not_there_is_one_line(
    store: str, tmp_path: Path, model: str, told: str
) -> None:
    write_mixture(tmp_path / "c", good=1, bad=0)
    done = galena("predict", tmp_path / "c", "--model", model, "--tracking-uri", store)
    assert done.exit_code == ExitCode.ERROR
    assert done.stderr.startswith("Error: ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


# --- campaigns


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign with its real predictor, but with an oracle that costs nothing."""
    monkeypatch.setattr(
        "models.potentials.load_potential", lambda _: SimpleNamespace(origin="f")
    )
    monkeypatch.setattr("campaigns.oracles.references.References", lambda *_: None)
    monkeypatch.setattr("campaigns.oracles.mlip.MlipOracle", lambda *_: FakeOracle())
    monkeypatch.setattr("campaigns.reports.write_report", lambda *_, **__: None)
    monkeypatch.setattr(Tracker, "sync", lambda *_, **__: None)


def test_a_campaign_notes_its_model_and_keeps_to_it(
    registry: Registry, store: str, tmp_path: Path, cheap: None
) -> None:
    spec = tmp_path / "toy.yaml"
    spec.write_text(SMALL + f"model: {CHAMPION}\n")
    folder = tmp_path / "toy"
    run = ("campaign", "run", spec, "--folder", folder, "--tracking-uri", store, "--json")
    first = galena(*run)
    assert first.exit_code == ExitCode.OK, first.output
    versions = json.loads(first.stdout)["versions"]
    assert versions["model"] == "models:/galena/1"
    assert versions["predictor"] == Predictor.load(registry.bundle).version

    newer = register_model(other_model(tmp_path / "other"), tracking_uri=store)
    assert newer.aliases == ("champion",)
    refused = galena(*run)
    assert refused.exit_code == ExitCode.ERROR
    for part in (
        versions["predictor"],
        newer.metadata["model"],
        "--model models:/galena/1",
    ):
        assert part in refused.stderr
    again = galena(*run, "--model", "models:/galena/1")
    assert again.exit_code == ExitCode.OK, again.stderr
    assert json.loads(again.stdout) == json.loads(first.stdout)
    ledger = Ledger(folder / "ledger.sqlite")
    assert ledger.get("versions") == versions
    assert ledger.get("spec")["model"] == CHAMPION
    ledger.close()


def test_a_campaign_looks_beside_its_folder(
    store: str, tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    spec = tmp_path / "toy.yaml"
    spec.write_text(SMALL)
    folder = tmp_path / "toy"
    done = galena(
        "campaign", "run", spec, "--folder", folder, "--json", "--model", CHAMPION
    )
    assert done.exit_code == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["versions"]["model"] == list_models(store)[0].uri
