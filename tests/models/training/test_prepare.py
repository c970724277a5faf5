from __future__ import annotations

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.table import CrystalTable
from models.graphs.neighbours import GraphConfig
from models.nets.gated import GatedNetConfig
from models.training.prepare import prepare
from tests.models.samples import random_arrays

TARGETS = ("band_gap", "formation_energy_per_atom")
NET = GatedNetConfig(targets=TARGETS)


def write(path, labels: dict[str, list[float]]) -> None:
    crystals = [
        Structure(Lattice(cell), numbers, frac) for numbers, frac, cell in random_arrays(5)
    ]
    ids = [f"x-{i}" for i in range(5)]
    CrystalTable.from_structures(crystals, ids=ids, properties=labels).write(path)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.parquet"
    labels = {
        "band_gap": [0, 1, np.nan, 3, np.nan],
        "formation_energy_per_atom": [0, -1, -2, -3, np.nan],
    }
    write(path, labels)
    return path


def test_rows_become_labelled_graphs_in_order(table, tmp_path):
    found = prepare(table, tmp_path / "cache.safetensors", NET)
    assert found.data.names == TARGETS
    assert found.data.targets[:, 1].tolist() == [0, -1, -2, -3]
    assert torch.isnan(found.data.targets[2, 0])
    for row, (numbers, _, _) in enumerate(random_arrays(5)[:4]):
        graph = found.data.batch(torch.tensor([row]))
        assert sorted(graph.z.tolist()) == sorted(numbers.tolist())


def test_unusable_rows_are_named_with_a_reason(table, tmp_path):
    found = prepare(table, tmp_path / "cache.safetensors", NET)
    (skipped,) = found.skipped
    assert (skipped.material_id, skipped.reason) == ("x-4", "no label")
    assert found.data.source is not None
    assert (found.data.source.rows, found.data.source.skipped) == (4, 1)
    assert found.data.source.sha256 == CrystalTable.open(table).sha256


def test_a_cache_is_read_not_made_again(table, tmp_path, monkeypatch):
    cache = tmp_path / "cache.safetensors"
    made = prepare(table, cache, NET)
    monkeypatch.setattr("models.training.prepare._build", None)
    again = prepare(table, cache, NET)
    assert again.skipped == made.skipped
    assert again.data.source == made.data.source
    torch.testing.assert_close(again.data.targets, made.data.targets, equal_nan=True)


@pytest.mark.parametrize(
    "net",
    [
        GatedNetConfig(targets=TARGETS, graph=GraphConfig(stretch=1.2)),
        GatedNetConfig(targets=TARGETS[:1], non_negative=()),
    ],
)
def test_other_graphs_or_targets_are_made_anew(table, tmp_path, net):
    cache = tmp_path / "cache.safetensors"
    before = prepare(table, cache, NET).data
    after = prepare(table, cache, net).data
    assert (after.names, len(after.graphs.tensors["source"])) != (
        before.names,
        len(before.graphs.tensors["source"]),
    )


def test_another_table_is_not_taken_from_the_cache(table, tmp_path):
    cache = tmp_path / "cache.safetensors"
    prepare(table, cache, NET)
    write(table, {name: [9.0] * 5 for name in TARGETS})
    assert prepare(table, cache, NET).data.targets.tolist() == [[9.0, 9.0]] * 5


def test_a_broken_record_means_a_new_cache(table, tmp_path):
    cache = tmp_path / "cache.safetensors"
    prepare(table, cache, NET)
    (tmp_path / "cache.safetensors.json").write_text("{")
    cache.write_bytes(b"broken")
    assert len(prepare(table, cache, NET).data.graphs) == 4


def test_a_bit_that_turned_means_a_new_cache(table, tmp_path):
    cache = tmp_path / "cache.safetensors"
    before = prepare(table, cache, NET).data
    content = bytearray(cache.read_bytes())
    content[-3] ^= 4
    cache.write_bytes(content)
    after = prepare(table, cache, NET).data
    assert torch.equal(after.targets.nan_to_num(), before.targets.nan_to_num())
    assert cache.read_bytes() != bytes(content)


def test_no_label_at_all_is_an_error(tmp_path):
    write(tmp_path / "t.parquet", {name: [np.nan] * 5 for name in TARGETS})
    with pytest.raises(InputError, match="no row can be learned from"):
        prepare(tmp_path / "t.parquet", tmp_path / "cache.safetensors", NET)


def test_progress_goes_to_standard_error(table, tmp_path, capsys):
    prepare(table, tmp_path / "cache.safetensors", NET, progress=True)
    assert capsys.readouterr().out == ""


def test_rows_can_be_chosen_by_a_column(table, tmp_path):
    import pandas as pd

    frame = pd.read_parquet(table)
    frame["release"] = ["2018", "2019", "2018", "2019", "2018"]
    frame.to_parquet(table)
    found = prepare(table, tmp_path / "c.safetensors", NET, where=("release", "2018"))
    assert found.data.targets[:, 1].tolist() == [0, -2]
    assert found.data.source.where == "release == 2018"
    everything = prepare(table, tmp_path / "c.safetensors", NET)
    assert len(everything.data.targets) == 4  # another choice is another cache
    with pytest.raises(InputError, match="no row where release is 2017"):
        prepare(table, tmp_path / "d.safetensors", NET, where=("release", "2017"))
