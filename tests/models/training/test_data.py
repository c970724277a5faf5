from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from materials.errors import InputError
from models.training.data import Batches, LabelledGraphs
from tests.models.samples import labelled


def crystals_of(batches: Batches) -> list[int]:
    return torch.cat([batch.crystal for batch in batches]).tolist()


def test_every_crystal_once_per_pass():
    batches = Batches(labelled(30), 7, seed=3)
    order = crystals_of(batches)
    assert len(batches) == 5
    assert order != sorted(order)
    assert sorted(order) == list(range(30))


def test_the_pass_sets_the_order():
    one, other = Batches(labelled(30), 7, seed=3), Batches(labelled(30), 7, seed=3)
    first = crystals_of(one)
    one.set_epoch(1)
    second = crystals_of(one)
    other.set_epoch(1)
    assert second == crystals_of(other) != first


def test_without_a_seed_the_order_is_the_table_s():
    assert crystals_of(Batches(labelled(10), 4)) == list(range(10))


def test_labels_stay_with_their_crystals():
    data = labelled(12)
    batch = data.batch(torch.tensor([4, 0, 11]))
    torch.testing.assert_close(batch.y, data.targets[[4, 0, 11]], equal_nan=True)
    assert batch.crystal.tolist() == [4, 0, 11]


def test_saving_keeps_graphs_labels_and_source(tmp_path):
    data = labelled(12)
    data.save(tmp_path / "cache.safetensors")
    again = LabelledGraphs.load(tmp_path / "cache.safetensors")
    assert (again.names, again.source) == (data.names, data.source)
    torch.testing.assert_close(again.targets, data.targets, equal_nan=True, rtol=0, atol=0)
    assert again.elements() == data.elements()
    assert [path.name for path in tmp_path.iterdir()] == ["cache.safetensors"]


def test_a_cache_without_a_source_still_loads(tmp_path):
    dataclasses.replace(labelled(3), source=None).save(tmp_path / "c.safetensors")
    assert LabelledGraphs.load(tmp_path / "c.safetensors").source is None


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("not tensors")
    graphs = tmp_path / "graphs.safetensors"
    save_file(labelled(3).graphs.tensors, graphs)
    with pytest.raises(InputError, match="expected a cache"):
        LabelledGraphs.load(text)
    with pytest.raises(InputError, match="expected a cache"):
        LabelledGraphs.load(tmp_path / "missing.safetensors")
    with pytest.raises(InputError, match="without targets"):
        LabelledGraphs.load(graphs)


def test_targets_must_fit_the_graphs():
    data = labelled(3)
    with pytest.raises(ValueError, match="one row per graph"):
        LabelledGraphs(data.graphs, data.targets[:2], data.names)
