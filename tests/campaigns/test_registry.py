"""What is registered can be found again, says what it is, and runs no one's pickles."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.tracking import (
    TrackingError,
    list_models,
    local_model,
    model_store,
    register_model,
)
from campaigns.tracking.client import open_client
from campaigns.tracking.flavour import REQUIREMENTS, SILICON, pinned, read_metadata
from campaigns.tracking.registry import card_of
from campaigns.tracking.resolve import registered
from materials.errors import InputError
from models.inference import Predictor
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.registered import Registry, make_registry, other_model

pytestmark = pytest.mark.usefixtures("copied_databases")

CRYSTALS = rocksalts(3)
TEXTS = {
    "cif": CRYSTALS[0].to(fmt="cif"),
    "json": CRYSTALS[1].to(fmt="json"),
    "unreadable": "data_nothing",
    "unseen": CRYSTALS[2].copy().replace(0, "He").to(fmt="json"),
    "empty": "",
}
GOOD = {"cif", "json"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return make_registry(tmp_path_factory.mktemp("registry"))


@pytest.fixture
def copied(registry: Registry, tmp_path: Path) -> str:
    """A registry to change; its files stay where the original has them."""
    return registry.copied(tmp_path)


@pytest.fixture(scope="module")
def loaded(registry: Registry):
    """The artefact as MLflow loads it, with unpickling forbidden."""
    import mlflow.pyfunc

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        yield mlflow.pyfunc.load_model(str(registry.artefact))


# --- the artefact


def test_nothing_in_the_artefact_is_pickled(registry: Registry) -> None:
    files = [path for path in registry.artefact.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert kinds <= {".py", ".json", ".yaml", ".txt", ".md", ".safetensors", ""}
    assert [path.name for path in files if path.suffix == ""] == ["MLmodel"]
    assert not any(path.read_bytes()[:1] == b"\x80" for path in files)
    flavour = yaml.safe_load((registry.artefact / "MLmodel").read_text())["flavors"]
    assert "python_model" not in flavour["python_function"]
    assert flavour["python_function"]["model_code_path"].endswith("served.py")


def test_requirements_are_pinned_to_what_is_installed(registry: Registry) -> None:
    asked = (registry.artefact / "requirements.txt").read_text().split()
    assert set(pinned(REQUIREMENTS)) < set(asked)
    assert all("==" in line and "+" not in line for line in asked)
    assert any(line.startswith("mlflow==") for line in asked)
    assert not any(line.startswith("galena") for line in asked)


def test_the_artefact_says_what_it_was_made_from(registry: Registry) -> None:
    told, folder = read_metadata(registry.artefact)
    manifest = json.loads((registry.bundle / "config.json").read_text())
    assert told["training"]["sha256"] == manifest["training"]["sha256"]
    assert told["weights"] == {
        file: member["sha256"] for file, member in manifest["members"].items()
    }
    assert told["model"] == Predictor.load(folder, device="cpu").version


def test_the_signature_is_what_comes_out(registry: Registry, loaded) -> None:
    example = json.loads((registry.artefact / "serving_input_example.json").read_text())
    frame = pd.DataFrame(**example["dataframe_split"])
    assert frame["structure"].tolist() == [SILICON]
    out = loaded.predict(frame)
    signature = loaded.metadata.signature
    assert signature.inputs.input_names() == ["structure"]
    assert signature.outputs.input_names() == out.columns.tolist()
    assert out.loc[0, "error"] is None
    assert {"band_gap", "band_gap_std", "energy_above_hull", "error"} <= set(out.columns)


def test_a_table_without_structures_is_refused(loaded) -> None:
    with pytest.raises(Exception, match="structure"):
        loaded.predict(pd.DataFrame({"cif": [SILICON]}))
    with pytest.raises(InputError, match=r"'structure'.*got cif"):
        loaded.unwrap_python_model().predict(None, pd.DataFrame({"cif": [SILICON]}))


def test_it_says_what_the_predictor_says(registry: Registry, loaded) -> None:
    texts = [crystal.to(fmt="json") for crystal in CRYSTALS]
    out = loaded.predict(pd.DataFrame({"structure": texts}))
    expected = Predictor.load(registry.bundle).predict(CRYSTALS).to_frame()
    pd.testing.assert_frame_equal(out, expected, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.sampled_from(sorted(TEXTS)), max_size=6), st.integers(-5, 5))
def test_a_bad_row_costs_only_itself(loaded, kinds: list[str], start: int) -> None:
    served = loaded.unwrap_python_model()
    index = range(start, start + len(kinds))
    frame = pd.DataFrame({"structure": [TEXTS[kind] for kind in kinds]}, index=index)
    out = served.predict(None, frame)
    assert out.index.tolist() == list(index)
    for place, kind in enumerate(kinds):
        row = out.iloc[place]
        if kind in GOOD:
            assert row["error"] is None
            alone = served.predict(None, frame.iloc[[place]]).iloc[0]
            np.testing.assert_allclose(row["band_gap"], alone["band_gap"], atol=1e-5)
            assert row["band_gap_std"] > 0
        else:
            assert row["error"].strip()
            assert np.isnan(row[["band_gap", "band_gap_std"]].astype(float)).all()


# --- the registry


def test_the_run_holds_tables_metrics_and_the_model(registry: Registry) -> None:
    from mlflow.tracking import MlflowClient

    run = MlflowClient(registry.uri).get_run(registry.model.run_id)
    assert run.info.status == "FINISHED"
    manifest = json.loads((registry.bundle / "config.json").read_text())
    seen = {}
    for each in run.inputs.dataset_inputs:
        (tag,) = each.tags
        seen[tag.value] = each.dataset.name, json.loads(each.dataset.profile)
    for context in ("training", "validation"):
        table = manifest[context]
        facts = {key: table[key] for key in ("rows", "skipped", "sha256")}
        assert seen[context] == (table["file"], facts)
    assert run.data.metrics["band_gap.mae"] == manifest["metrics"]["band_gap"]["mae"]
    assert len(run.outputs.model_outputs) == 1


def test_a_version_shows_its_card_and_is_found_by_tags(registry: Registry) -> None:
    client = open_client(registry.uri)
    version = client.get_model_version("galena", "1")
    assert "# A toy" in version.description
    assert registry.model.metadata["model"] in version.description
    assert version.tags["galena.model"] == registry.model.metadata["model"]
    assert "-band_gap-" in version.tags["galena.targets"]
    (output,) = client.get_run(registry.model.run_id).outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    named = json.loads(logged.tags["mlflow.modelVersions"])
    assert named == [{"name": "galena", "version": "1"}]


def test_a_long_card_is_cut_between_paragraphs_and_says_where_the_rest_is(
    registry: Registry, tmp_path: Path
) -> None:
    predictor = Predictor.load(registry.bundle)
    paragraphs = [f"Paragraph {number}. {'x' * 300}" for number in range(40)]
    (tmp_path / "MODEL_CARD.md").write_text("\n\n".join(paragraphs))
    told = card_of(tmp_path, predictor)
    assert len(told) <= 5000
    *kept, last = told.split("\n\n")[1:]
    assert kept == paragraphs[: len(kept)]
    assert "artifacts/model/MODEL_CARD.md" in last


def test_the_same_weights_are_one_version_and_others_are_the_next(
    registry: Registry, copied: str, tmp_path: Path
) -> None:
    again = register_model(registry.bundle, tracking_uri=copied, alias="tested")
    assert (again.version, again.aliases) == ("1", ("champion", "tested"))
    newer = register_model(other_model(tmp_path / "other"), tracking_uri=copied)
    assert (newer.version, newer.aliases) == ("2", ("champion",))
    assert [m.version for m in list_models(copied)] == ["2", "1"]
    assert list_models(copied)[1].aliases == ("tested",)
    with local_model("models:/galena@tested", copied) as old:
        assert Predictor.load(old.folder).version == again.metadata["model"]
    with local_model("models:/galena@champion", copied) as new:
        assert new.origin == "models:/galena/2"
        assert Predictor.load(new.folder).version == newer.metadata["model"]


def test_a_registration_cut_short_leaves_no_version(
    copied: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", full)
    with pytest.raises(TrackingError, match="No space left"):
        register_model(other_model(tmp_path / "other"), tracking_uri=copied)
    assert [model.version for model in list_models(copied)] == ["1"]
    assert list_models(copied)[0].aliases == ("champion",)
    client = MlflowClient(copied)
    experiment = client.get_experiment_by_name("models")
    states = [r.info.status for r in client.search_runs([experiment.experiment_id])]
    assert sorted(states) == ["FAILED", "FINISHED"]


@pytest.mark.parametrize(
    "form",
    ["models:/galena@champion", "models:/galena/1", "models:/galena/latest", "run", "id"],
)
def test_every_way_to_name_it_leads_to_the_same_weights(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow's own default store would appear here
    logged = registry.artefact.parent.name
    uri = {"run": f"runs:/{registry.model.run_id}/galena", "id": f"models:/{logged}"}.get(
        form
    )
    with local_model(uri or form, registry.uri) as found:
        names = sorted(path.name for path in found.folder.iterdir())
        assert names == sorted(path.name for path in registry.bundle.iterdir())
        for name in names:
            assert (found.folder / name).read_bytes() == (
                registry.bundle / name
            ).read_bytes()
        assert found.origin == (uri or "models:/galena/1")
    assert not found.folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("models:/galena@champignon", r"no alias 'champignon'.*1 @champion"),
        ("models:/galena/7", r"no version 7.*1 @champion"),
        (
            "models:/galenna@champion",
            r"no registered model 'galenna'.*Did you mean 'galena'",
        ),
        ("models:/galena/Production", "models:/galena@champion"),
        ("models:galena", "models:/galena@champion"),
        ("runs:/", "runs:/RUN"),
    ],
)
def test_a_wrong_name_is_told_what_there_is(
    registry: Registry, model: str, told: str
) -> None:
    with pytest.raises(InputError, match=told), local_model(model, registry.uri):
        pass


@pytest.mark.parametrize("model", ["runs:/abc/galena", "models:/m-0123"])
def test_what_mlflow_cannot_find_is_one_line(registry: Registry, model: str) -> None:
    with (
        pytest.raises(TrackingError, match="could not be fetched") as caught,
        local_model(model, registry.uri),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_looking_makes_no_store(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'none' / 'mlflow.db'}"
    assert list_models(store) == []
    refused = pytest.raises(InputError, match=r"none at all.*galena model register")
    with refused, local_model("models:/galena@champion", store):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_model_is_refused(copied: str, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(copied)
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {sklearn: {}}\n")
    client.create_registered_model("theirs")
    client.create_model_version("theirs", folder.as_uri())
    refused = pytest.raises(InputError, match="models:/theirs/1: not a model that Galena")
    with refused, local_model("models:/theirs/1", copied):
        pass
    assert [m.metadata for m in list_models(copied) if m.name == "theirs"] == [{}]


def test_folders_and_shipped_names(registry: Registry, tmp_path: Path) -> None:
    from models.pretrained import DEFAULT, SHIPPED

    with local_model(None, "sqlite:///none.db") as found:
        assert (found.folder, found.origin) == (SHIPPED, DEFAULT)
    with local_model(DEFAULT, "sqlite:///none.db") as found:
        assert found.folder == SHIPPED
    with local_model(str(registry.bundle), "sqlite:///none.db") as found:
        assert found.folder == registry.bundle
    for wrong, told in (
        (f"{DEFAULT}d", f"Did you mean '{DEFAULT}'"),
        (tmp_path, "without"),
    ):
        refused = pytest.raises(InputError, match=told)
        with refused, local_model(str(wrong), "sqlite:///none.db"):
            pass


def test_the_store_is_as_said_or_as_mlflow_is_set_or_beside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    beside = tmp_path / "campaign"
    assert model_store(None, beside=beside) == f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert model_store(None, beside=beside) == "http://127.0.0.1:5000"
    assert model_store("sqlite:///a.db", beside=beside) == "sqlite:///a.db"


@pytest.mark.parametrize("name", ["x y@z", "a/b", "n" * 101, ""])
def test_a_name_that_no_uri_can_hold_is_refused_before_anything_is_written(
    registry: Registry, name: str
) -> None:
    before = len(open_client(registry.uri).search_logged_models(["0", "1"]))
    with pytest.raises(InputError, match="expected up to 100 letters"):
        register_model(registry.bundle, tracking_uri=registry.uri, name=name)
    assert len(open_client(registry.uri).search_logged_models(["0", "1"])) == before


@pytest.mark.parametrize("model", ["galena", "models:/galena", "galena@champion"])
def test_a_name_alone_leads_to_the_newest(registry: Registry, model: str) -> None:
    assert registered(model, registry.uri).version == registry.model.version


@pytest.mark.parametrize("alias", ["latest", "v3", "a b", "a@b"])
def test_an_alias_that_means_something_else_is_refused_first(
    registry: Registry, alias: str
) -> None:
    with pytest.raises(InputError, match="neither 'latest' nor a version"):
        register_model(registry.bundle, tracking_uri=registry.uri, alias=alias)


@pytest.mark.parametrize("inside", ["../outside", "/etc", "a/../../outside"])
def test_a_model_that_leads_outside_of_its_folder_is_refused(inside, tmp_path):
    artifacts = {"artifacts": {"model": {"path": inside}}}
    told = {"flavors": {"python_function": artifacts}, "metadata": {"galena": {}}}
    (tmp_path / "MLmodel").write_text(json.dumps(told))
    with pytest.raises(InputError, match="outside"):
        read_metadata(tmp_path)
