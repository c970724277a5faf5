from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from materials.errors import InputError
from models.training.data import Batches, LabelledGraphs
from tests.models.samples import labelled


def crystals_of(batches: Batches, number_of_pass: int = 0) -> list[int]:
    return torch.cat(batches.order(number_of_pass)).tolist()


def test_every_crystal_once_per_pass():
    batches = Batches(labelled(30), 7, seed=3)
    order = crystals_of(batches)
    assert len(batches) == 5
    assert order != sorted(order)
    assert sorted(order) == list(range(30))


def test_the_pass_sets_the_order():
    one, other = Batches(labelled(30), 7, seed=3), Batches(labelled(30), 7, seed=3)
    assert crystals_of(one, 1) == crystals_of(other, 1) != crystals_of(one, 0)


def test_batches_hold_the_crystals_of_their_order():
    batches = Batches(labelled(30), 7, seed=3)
    found = torch.cat([batch.crystal for batch in batches]).tolist()
    assert found == crystals_of(batches)


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


def test_names_of_columns_may_hold_commas(tmp_path):
    data = labelled(3)
    data = dataclasses.replace(data, names=("gap, eV", *data.names[1:]))
    data.save(tmp_path / "g.safetensors")
    assert LabelledGraphs.load(tmp_path / "g.safetensors").names == data.names


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


def test_torch_s_own_format_holds_the_same(tmp_path):
    data = labelled(12)
    data.save(tmp_path / "cache.pt")
    again = LabelledGraphs.load(tmp_path / "cache.pt")
    assert (again.names, again.source) == (data.names, data.source)
    torch.testing.assert_close(again.targets, data.targets, equal_nan=True, rtol=0, atol=0)
    batch, other = (d.batch(torch.tensor([3, 7])) for d in (data, again))
    assert torch.equal(batch.edge_vector, other.edge_vector)


def test_pickled_code_is_not_read(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "cache.pt").write_bytes(pickle.dumps({"tensors": Evil(), "metadata": {}}))
    with pytest.raises(InputError, match="bare pickles"):
        LabelledGraphs.load(tmp_path / "cache.pt")
    assert not (tmp_path / "ran").exists()


def test_selected_crystals_are_the_same_crystals():
    data = labelled(12)
    few = data.select(torch.tensor([9, 2, 5]))
    assert few.source.rows == 3
    one, other = few.batch(torch.arange(3)), data.batch(torch.tensor([9, 2, 5]))
    for field in ("z", "reach", "edge_index", "edge_vector", "batch", "y"):
        torch.testing.assert_close(one[field], other[field], equal_nan=True)
