from __future__ import annotations

import dataclasses
import logging
import warnings

import numpy as np
import pytest
import torch

from materials.errors import InputError
from models.inference import Predictor
from models.training.config import TrainConfig
from models.training.export import export_bundle, read_checkpoint
from models.training.fit import train
from tests.models.samples import SMALL, labelled, random_arrays

CONFIG = TrainConfig(net=SMALL, passes=1, decay_passes=1, batch_size=8, averaging=0.9)
HELD = 120


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(labelled(20), labelled(5), CONFIG, folder=folder, progress=False)
    return folder / "last.ckpt"


def export(checkpoints, folder, *, config=CONFIG, training=None):
    return export_bundle(
        checkpoints,
        training or labelled(20),
        labelled(HELD, seed=1),
        folder=folder,
        name="tiny",
        config=config,
    )


def test_the_exported_model_predicts_with_the_averaged_weights(checkpoint, tmp_path):
    bundle = export([checkpoint], tmp_path)
    kept = torch.load(checkpoint, weights_only=True)["state_dict"]
    for name, value in bundle.nets[0].state_dict().items():
        assert torch.equal(value, kept[f"net.{name}"])
    assert bundle.manifest.passes == (1,)
    assert bundle.version.startswith("tiny+")


def test_the_metrics_are_those_of_the_predictor(checkpoint, tmp_path):
    bundle = export([checkpoint, checkpoint], tmp_path)
    found = Predictor.load(tmp_path).predict_arrays(random_arrays(HELD, seed=1))
    label = labelled(HELD, seed=1).targets.numpy()
    for column, target in enumerate(SMALL.targets):
        mae = np.nanmean(np.abs(found.mean[:, column] - label[:, column]))
        assert bundle.manifest.metrics[target].mae == pytest.approx(mae, rel=1e-4)
        assert 0.4 < bundle.manifest.metrics[target].coverage.share < 0.95


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
        export([checkpoint], tmp_path, config=other)
    with pytest.raises(InputError, match="which table"):
        export([checkpoint], tmp_path, training=nameless)
    with pytest.raises(InputError, match="at least one"):
        export([], tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
    torch.save({"state_dict": {}, "epoch": 0}, tmp_path / "empty.ckpt")
    with pytest.raises(InputError, match="no weights"):
        read_checkpoint(tmp_path / "empty.ckpt")
