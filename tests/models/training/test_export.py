from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from materials.errors import InputError
from models.inference import Predictor
from models.nets import FastNetConfig
from models.nets.parts import CommonConfig
from models.training.checkpoint import read_checkpoint
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.export import _better_spread, export_bundle
from models.training.fit import train
from models.uncertainty.doubt import Doubt
from models.uncertainty.errors import ErrorModel
from models.uncertainty.halves import calibrating
from models.uncertainty.learn import Measured
from models.uncertainty.metrics import LEVELS
from tests.doubts import plain_doubt
from tests.models.samples import SMALL, labelled, random_arrays

CONFIG = TrainConfig(net=SMALL, passes=1, decay_passes=1, batch_size=8, averaging=0.9)
HELD = 120


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return train(labelled(20), labelled(5), CONFIG, folder=folder).checkpoint


def export(checkpoints, folder, *, configs=None, training=None, validation=None):
    return export_bundle(
        checkpoints,
        training or labelled(20),
        validation or labelled(HELD, seed=1),
        folder=folder,
        name="tiny",
        configs=configs or [CONFIG] * len(checkpoints),
    )


def test_the_exported_model_predicts_with_the_averaged_weights(checkpoint, tmp_path):
    bundle = export([checkpoint], tmp_path)
    kept = read_checkpoint(checkpoint).average
    for name, value in bundle.nets[0].state_dict().items():
        assert torch.equal(value, kept[name])
    assert [member.passes for member in bundle.manifest.members.values()] == [1]
    assert bundle.version.startswith("tiny+")


def test_the_metrics_are_those_of_the_predictor(checkpoint, tmp_path):
    bundle = export([checkpoint, checkpoint], tmp_path)
    found = Predictor.load(tmp_path).predict_arrays(random_arrays(HELD, seed=1))
    label = labelled(HELD, seed=1).targets.numpy()
    for column, target in enumerate(SMALL.targets):
        mae = np.nanmean(np.abs(found.mean[:, column] - label[:, column]))
        assert bundle.manifest.metrics[target].mae == pytest.approx(mae, rel=1e-4)
        assert 0.4 < bundle.manifest.metrics[target].coverage.share < 0.95


def test_the_doubts_are_measured_where_they_were_not_calibrated(checkpoint, tmp_path):
    metrics = export([checkpoint], tmp_path).manifest.metrics
    check = ~calibrating(HELD)
    label = labelled(HELD, seed=1).targets.numpy()
    for level in LEVELS:
        found = Predictor.load(tmp_path, level=level).predict_arrays(
            random_arrays(HELD, seed=1)
        )
        for column, target in enumerate(SMALL.targets):
            rows = check & np.isfinite(label[:, column])
            told = metrics[target].doubt
            assert told.rows == rows.sum()
            inside = (label >= found.lower) & (label <= found.upper)
            assert told.covered[f"{level:g}"] == pytest.approx(
                inside[rows, column].mean(), abs=1e-9
            )


def test_the_domain_is_where_most_of_validation_is(checkpoint, tmp_path):
    manifest = export([checkpoint], tmp_path).manifest
    found = Predictor.load(tmp_path).predict_arrays(random_arrays(HELD, seed=1))
    half = calibrating(HELD)
    assert found.in_domain[half].mean() == pytest.approx(0.95, abs=0.02)
    assert 1 - found.in_domain[~half].mean() == pytest.approx(manifest.domain.flagged)


def test_targets_with_few_labels_are_exported_without_guarantee(checkpoint, tmp_path):
    validation = labelled(HELD, seed=1)
    validation.targets[10:, 2] = torch.nan
    manifest = export([checkpoint], tmp_path, validation=validation).manifest
    assert set(manifest.metrics) == set(SMALL.targets[:2])
    assert manifest.intervals["energy_above_hull"].edges == ()
    found = Predictor.load(tmp_path).predict_arrays(random_arrays(5))
    assert np.isfinite(found.upper).all()


@pytest.mark.parametrize("better", ["learned", "own", "both"])
def test_the_spread_that_orders_the_errors_better_is_kept(better):
    errors = ErrorModel(4, 1, 4)
    errors.trust[:] = 1.0
    error = np.random.default_rng(0).exponential(size=(100, 1))
    noise = np.random.default_rng(1).exponential(size=(100, 1))
    spreads = {"learned": noise, "own": noise, better: error}
    if better == "both":  # each knows half of it
        spreads = {"learned": error * noise, "own": error / noise}
    found = Measured(
        label=np.zeros_like(error),
        mean=error,
        scale=spreads["own"],
        disagreement=np.zeros_like(error),
        learned=spreads["learned"],
        distance=np.zeros(100),
    )
    doubt = Doubt(plain_doubt(3).domain, errors)
    np.testing.assert_allclose(_better_spread(found, doubt, calibrating(100)), error)
    assert float(errors.trust[0]) == {"learned": 1.0, "own": 0.0, "both": 0.5}[better]


def test_the_manifest_tells_data_and_elements(checkpoint, tmp_path):
    manifest = export([checkpoint], tmp_path).manifest
    assert manifest.training.rows == 20
    assert set(manifest.elements) <= {8, 14, 16, 26, 30, 31, 33}
    card = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert manifest.training.sha256 in card
    assert f"{manifest.metrics['band_gap'].rmse:.4f}" in card


def test_wrong_checkpoints_are_refused(checkpoint, tmp_path):
    other = TrainConfig(net=dataclasses.replace(SMALL, atom_width=32))
    nameless = dataclasses.replace(labelled(20), source=None)
    with pytest.raises(InputError, match="different networks"):
        export([checkpoint], tmp_path, configs=[other])
    with pytest.raises(InputError, match="which table"):
        export([checkpoint], tmp_path, training=nameless)
    with pytest.raises(InputError, match="at least one"):
        export([], tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        export([tmp_path / "none.pt"], tmp_path)
    fewer = dataclasses.replace(CONFIG, net=dataclasses.replace(SMALL, n_heads=3))
    with pytest.raises(InputError, match="the same targets, graphs and scaling"):
        export([checkpoint, checkpoint], tmp_path, configs=[CONFIG, fewer])


def test_networks_of_two_kinds_answer_together(checkpoint, tmp_path):
    shared = {
        field.name: getattr(SMALL, field.name)
        for field in dataclasses.fields(CommonConfig)
        if field.name != "atom_width"
    }
    net = FastNetConfig(**shared, atom_width=12, message_width=8, angle_width=4, n_radial=6)
    other = dataclasses.replace(CONFIG, net=net)
    fast = train(labelled(20), labelled(5), other, folder=tmp_path / "run").checkpoint
    crystals = random_arrays(6, seed=3)
    said = {}
    for name, paths, configs in (
        ("one", [checkpoint], [CONFIG]),
        ("other", [fast], [other]),
        ("both", [checkpoint, fast], [CONFIG, other]),
    ):
        export(paths, tmp_path / name, configs=configs)
        said[name] = Predictor.load(tmp_path / name, device="cpu").predict_arrays(crystals)
    mean = (said["one"].mean + said["other"].mean) / 2
    np.testing.assert_allclose(said["both"].mean, mean, rtol=1e-5, atol=1e-6)
    assert said["both"].embedding.shape == (6, 2 * SMALL.atom_width + 2 * 12)


def test_an_outcome_keeps_the_deviation_of_its_probability(tmp_path):
    net = dataclasses.replace(SMALL, targets=("is_metal",), binary=("is_metal",))
    config = dataclasses.replace(CONFIG, net=net)

    def outcomes(n: int, seed: int = 0) -> LabelledGraphs:
        data = labelled(n, seed)
        metal = (data.targets[:, :1] > 0).float()
        return dataclasses.replace(data, targets=metal, names=net.targets)

    made = train(outcomes(20), outcomes(5), config, folder=tmp_path / "run")
    export_bundle(
        [made.checkpoint],
        outcomes(20),
        outcomes(HELD, seed=1),
        folder=tmp_path / "model",
        name="tiny",
        configs=[config],
    )
    found = Predictor.load(tmp_path / "model").predict_arrays(random_arrays(10))
    p = found.mean
    assert ((p > 0) & (p < 1)).all()
    assert (found.std >= 0.999 * np.sqrt(p * (1 - p))).all()
    assert ((found.lower >= 0) & (found.upper <= 1)).all()
