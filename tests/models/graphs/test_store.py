from __future__ import annotations

import pytest
import torch

from models.graphs.store import GraphStore
from tests.models.samples import random_arrays

FIELDS = ("z", "reach", "edge_index", "edge_vector", "batch", "ptr")


@pytest.fixture(scope="module")
def store():
    return GraphStore.build(random_arrays(8))


def test_a_crystal_is_the_same_in_any_batch(store):
    alone = store.batch(torch.tensor([5]))
    among = store.batch(torch.tensor([7, 5, 0, 5]))
    for place in (1, 3):
        mine = among.batch == place
        first = int(among.ptr[place])
        edges = mine[among.edge_index[1]]
        torch.testing.assert_close(among.z[mine], alone.z)
        torch.testing.assert_close(among.edge_vector[edges], alone.edge_vector)
        assert torch.equal(among.edge_index[:, edges] - first, alone.edge_index)


def test_saving_keeps_everything(store, tmp_path):
    store.save(tmp_path / "graphs.safetensors")
    again = GraphStore.load(tmp_path / "graphs.safetensors")
    everything = torch.arange(len(store))
    one, other = store.batch(everything), again.batch(everything)
    assert len(again) == len(store)
    for field in FIELDS:
        assert torch.equal(one[field], other[field])


def test_edges_are_counted_per_crystal(store):
    counts = [store.batch(torch.tensor([i])).edge_index.shape[1] for i in range(len(store))]
    assert store.n_edges().tolist() == counts


def test_no_crystals_make_an_empty_store():
    assert len(GraphStore.build([])) == 0


def test_missing_tensors_are_named(store):
    tensors = {key: value for key, value in store.tensors.items() if key != "reach"}
    with pytest.raises(ValueError, match="lacks reach"):
        GraphStore(tensors)
