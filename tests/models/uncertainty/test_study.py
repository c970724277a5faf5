from __future__ import annotations

import numpy as np
import pytest
import torch

from models.inference import Predictor
from models.uncertainty.halves import calibrating
from models.uncertainty.study import study
from tests.models.samples import SMALL, labelled, random_arrays, random_bundle

ROWS = 100


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return random_bundle(tmp_path_factory.mktemp("model"), net=SMALL)


def test_figures_are_those_of_the_predictor_on_rows_that_did_not_calibrate(bundle):
    found = study(bundle, labelled(ROWS))
    said = Predictor(bundle, device="cpu").predict_arrays(random_arrays(ROWS))
    label = labelled(ROWS).targets.numpy()
    check = ~calibrating(ROWS)
    assert found.rows == check.sum()
    assert found.flagged == 0.0
    for column, target in enumerate(SMALL.targets):
        rows = check & np.isfinite(label[:, column])
        one = found.targets[target]
        error = np.abs(said.mean - label)[rows, column]
        assert one.mae == pytest.approx(error.mean(), rel=1e-4)
        inside = (label >= said.lower) & (label <= said.upper)
        assert one.doubt.covered["0.9"] == pytest.approx(inside[rows, column].mean())
        fifths = [part for part in one.parts if "fifth" in part.name]
        assert sum(part.rows for part in fifths) == rows.sum()
        assert np.average(
            [part.mae for part in fifths], weights=[part.rows for part in fifths]
        ) == pytest.approx(one.mae)


def test_every_kind_of_doubt_is_compared(bundle):
    kinds = study(bundle, labelled(ROWS)).targets["band_gap"].by_kind
    assert set(kinds) == {"scale", "disagreement", "both", "as shipped"}
    # no error model and one factor for all: shipped as the network says it
    assert kinds["as shipped"].rank_correlation == pytest.approx(
        kinds["both"].rank_correlation, abs=1e-6
    )


def test_targets_without_labels_are_left_out(bundle):
    data = labelled(ROWS)
    data.targets[:, 0] = torch.nan
    assert set(study(bundle, data).targets) == set(SMALL.targets[1:])
