from __future__ import annotations

import pytest
import torch

from materials.errors import InputError
from materials.twice import copy_of
from models.graphs.store import GraphStore
from models.training.data import LabelledGraphs
from models.training.record import keep_record
from models.training.split import hold_out
from tests.models.samples import random_arrays


def graphs(n: int) -> LabelledGraphs:
    return LabelledGraphs(
        GraphStore.build(random_arrays(n)), torch.arange(float(n)).unsqueeze(1), ("y",)
    )


def formulas(data: LabelledGraphs) -> set[tuple[tuple[int, int], ...]]:
    found = set()
    for number in range(len(data.graphs)):
        z, counts = data.graphs.batch(torch.tensor([number])).z.unique(return_counts=True)
        divisor = torch.gcd(counts, counts.roll(1)).min() if len(counts) > 1 else counts[0]
        for count in counts:
            divisor = torch.gcd(divisor, count)
        found.add(tuple(zip(z.tolist(), (counts // divisor).tolist(), strict=True)))
    return found


def test_formulas_fall_on_one_side_and_no_row_is_lost():
    data = graphs(1200)
    learn, held = hold_out(data, seed=1)
    assert not formulas(learn) & formulas(held)
    rows = torch.cat([learn.targets, held.targets]).ravel().sort().values
    assert torch.equal(rows, torch.arange(1200.0))
    assert 110 < len(held.graphs) <= 120


def test_the_seed_decides():
    data = graphs(1200)
    first, again, other = (hold_out(data, seed=seed)[1].targets for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="--validation"):
        hold_out(graphs(50), seed=0)


def test_a_record_is_kept_and_compared(tmp_path):
    path = tmp_path / "new" / "record.json"
    keep_record(path, {"a": 1, "b": (1, 2)})
    keep_record(path, {"a": 1, "b": (1, 2)})
    with pytest.raises(InputError, match=r"other settings \(b\)"):
        keep_record(path, {"a": 1, "b": (1, 3)})


def test_a_damaged_record_does_not_cost_the_training(tmp_path):
    path = tmp_path / "training.json"
    keep_record(path, {"a": 1})
    whole = path.read_bytes()
    for name in (path, copy_of(path)):
        for damaged in (b"", whole[:9], whole.replace(b'"a": 1', b'"a": 3'), None):
            name.unlink() if damaged is None else name.write_bytes(damaged)
            keep_record(path, {"a": 1})
            assert path.read_bytes() == copy_of(path).read_bytes() == whole
    for name in (path, copy_of(path)):
        name.write_bytes(whole[:9])
    with pytest.raises(InputError, match="no record of a training"):
        keep_record(path, {"a": 1})


def test_a_folder_is_one_piece_of_work(tmp_path):
    keep_record(tmp_path / "training.json", {"a": 1})
    with pytest.raises(InputError, match="another kind of training was begun here"):
        keep_record(tmp_path / "comparison.json", {"a": 1})
    assert not (tmp_path / "comparison.json").exists()


def test_a_model_and_a_table_that_were_there_before_are_left_alone(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match="nothing says that it was trained here"):
        keep_record(tmp_path / "training.json", {"a": 1})
    (tmp_path / "comparison.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="no record of a training"):
        keep_record(tmp_path / "comparison.json", {"a": 1})
