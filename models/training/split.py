"""Hold out a part of labelled graphs to calibrate and measure on."""

from __future__ import annotations

import torch
from torch import Tensor

from materials.errors import InputError
from models.training.data import LabelledGraphs

HELD_SHARE = 0.1
MOST_HELD = 5_000
"""Rows; more would not make figures or calibration noticeably surer."""

FEWEST_HELD = 100
"""Rows; half of them calibrate, the other half tell how well that went."""


def hold_out(data: LabelledGraphs, *, seed: int) -> tuple[LabelledGraphs, LabelledGraphs]:
    """Return rows to learn from and rows held out, a tenth, drawn by composition.

    All crystals of one reduced formula fall on the same side, so that duplicates and
    polymorphs of what was learned do not flatter the figures. Raises :class:`InputError` for
    fewer than a thousand rows or so, of which a tenth would tell too little.
    """
    formula = _formulas(data)
    n = len(formula)
    wanted = min(MOST_HELD, round(HELD_SHARE * n))
    if wanted < FEWEST_HELD:
        raise InputError(
            f"{n} labelled rows: a tenth of them is too few to calibrate and measure on; "
            "give a --validation table"
        )
    sizes = torch.bincount(formula)
    order = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(seed))
    taken = order[torch.cumsum(sizes[order], 0) <= wanted]
    held = torch.isin(formula, taken)
    return data.select((~held).nonzero().ravel()), data.select(held.nonzero().ravel())


def _formulas(data: LabelledGraphs) -> Tensor:
    """A number for each crystal's reduced formula, ``(n,)``."""
    atoms = data.graphs.tensors["atom_start"].diff()
    owner = torch.repeat_interleave(torch.arange(len(atoms)), atoms)
    counts = torch.zeros(len(atoms), 119, dtype=torch.int16)
    z = data.graphs.tensors["z"].long()
    counts.index_put_((owner, z), torch.ones(len(z), dtype=torch.int16), accumulate=True)
    divisor = counts[:, 0]
    for column in counts.unbind(1):
        divisor = torch.gcd(divisor, column)
    lowest = counts // divisor.unsqueeze(1)
    numbers: Tensor = torch.unique(lowest, dim=0, return_inverse=True)[1]
    return numbers
