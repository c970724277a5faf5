from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.measured.composition import OUTPUTS, CompositionNet, network_input
from models.measured.formulas import formula_counts
from models.measured.pretrain import PretrainConfig, _Layers, pretrain
from tests.models.measured.toys import toy_measured, toy_net

NET = toy_net()


@settings(deadline=None, max_examples=25)
@given(
    amounts=st.dictionaries(st.integers(1, 100), st.integers(1, 9), min_size=1, max_size=5),
    times=st.integers(2, 50),
)
def test_only_ratios_matter(amounts, times):
    counts = np.zeros((1, 119), dtype=np.int64)
    for z, n in amounts.items():
        counts[0, z] = n
    np.testing.assert_allclose(
        NET.features(counts * times), NET.features(counts), rtol=1e-5
    )


def test_a_row_does_not_depend_on_the_others():
    counts = formula_counts(["GaAs", "Fe2O3", "Cu"])
    together = NET.features(counts)
    for row in range(3):
        alone = NET.features(counts[[row]])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-5)


def test_saved_and_read_it_says_the_same():
    again = CompositionNet.from_tensors(NET.tensors())
    counts = formula_counts(["GaAs", "Fe2O3"])
    np.testing.assert_array_equal(again.features(counts), NET.features(counts))


def test_a_missing_tensor_is_named():
    tensors = NET.tensors()
    del tensors["gains.1"]
    with pytest.raises(InputError, match=r"gains\.1"):
        CompositionNet.from_tensors(tensors)


def test_numpy_computes_what_torch_taught(monkeypatch):
    kept = []
    make = _Layers.__init__

    def keeping(self, *arguments):
        make(self, *arguments)
        kept.append(self)

    monkeypatch.setattr(_Layers, "__init__", keeping)
    measured = toy_measured()
    labels = np.stack([measured.gap, -measured.gap], axis=1).astype(np.float32)
    labels[::7, 0] = np.nan
    net = pretrain(measured.counts, labels, PretrainConfig(width=16, passes=300))
    found = net.features(measured.counts)
    magpie, outputs = found[:, :132], found[:, 132:]
    inputs = network_input(magpie, measured.counts, net.centre, net.scale)
    with torch.no_grad():
        raw = kept[0](torch.from_numpy(inputs))
    gap = torch.nn.functional.softplus(raw[:, 0], beta=4.0)
    np.testing.assert_allclose(outputs[:, 0], gap, atol=0.01)
    np.testing.assert_allclose(outputs[:, 1:], raw[:, 1:], atol=0.02)
    assert outputs.shape[1] == len(OUTPUTS)
    known = ~np.isnan(labels[:, 0])  # and it has learnt: 2 eV is the deviation of the gaps
    assert np.abs(outputs[known, 0] - measured.gap[known]).mean() < 0.7
    assert ((outputs[known, 1] > 0) == (measured.gap[known] > 0)).mean() > 0.9


def test_teaching_leaves_the_caller_s_random_numbers_alone():
    measured = toy_measured()
    labels = np.zeros((len(measured.gap), 2), np.float32)
    config = PretrainConfig(width=4, passes=1)
    torch.manual_seed(5)
    one = pretrain(measured.counts, labels, config)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.rand(1) == after
    two = pretrain(measured.counts, labels, config)
    np.testing.assert_array_equal(one.head, two.head)
