"""Shipped models, potential, hulls and burdens say what they said when this was written.

    python -m tools.golden check
    python -m tools.golden check --device cuda

What differs on purpose is kept anew: ``python -m tools.golden keep``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tools.golden.crystals import N_CRYSTALS, read_crystals
from tools.golden.numbers import FOLDER, TOLERANCE, Sheet, differences, sheets
from tools.golden.rounding import mutations

NAMES = [path.stem for path, _, _ in sheets()]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_what_they_were(name: str) -> None:
    check(name, "cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_what_they_were_on_a_gpu(name: str) -> None:
    check(name, "cuda")


def check(name: str, device: str) -> None:
    for path, make, tolerance in sheets(device):
        if path.stem == name:
            found = differences(Sheet.read(path), make(), tolerance)
            assert found == [], "\n".join(found[:20])


def test_crystals_are_many_and_cover_what_models_know() -> None:
    from models.pretrained import load_bundle

    crystals = read_crystals()
    assert len({crystal.name for crystal in crystals}) == N_CRYSTALS
    elements = {site.specie.Z for crystal in crystals for site in crystal.structure}
    assert elements >= set(load_bundle().manifest.elements)
    kept = Sheet.read(FOLDER / "accurate.json")
    inside = [row[kept.columns.index("in_domain")] for row in kept.rows.values()]
    assert 0.1 < inside.count(False) / N_CRYSTALS < 0.5


def test_wrong_models_are_told() -> None:
    """Elements exchanged, reach or stretch a little off, lengths off by a ten-thousandth."""
    found = list(mutations("fast", n_weights=0))
    assert len(found) >= 5
    for change, wrong, _ in found:
        assert wrong > 0, change


def test_weights_of_another_file_are_told() -> None:
    kept = Sheet.read(FOLDER / "fast.json")
    other = replace(kept, made_by={**kept.made_by, "version": "another"})
    assert len(differences(kept, other, TOLERANCE["cpu"])) == 1


def test_rounding_is_no_difference_and_more_is() -> None:
    kept = Sheet("x", {}, ("a", "b", "c"), {"r": (1.0, True, None)})
    near = replace(kept, rows={"r": (1.0 + 1e-4, True, None)})
    assert differences(kept, near, 1e-4) == []
    for row in (
        (1.001, True, None),
        (1.0, False, None),
        (1.0, True, 0.0),
        (None, True, None),
    ):
        assert len(differences(kept, replace(kept, rows={"r": row}), 1e-4)) == 1
