"""Whether crystals of elements that a network never met are told from those like training's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.graphs.store import GraphStore
from models.nets import CrystalNet
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.uncertainty.domain import QUANTILE, Domain, evenly, fit_domain
from models.uncertainty.halves import calibrating
from models.uncertainty.learn import asked

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Detection:
    """One score as a detector of crystals with held-out elements."""

    score: str
    true_rate: float  # share of crystals with such elements that are flagged
    false_rate: float  # share of the others, of those that did not set the threshold
    auc: float  # area under the receiver operating characteristic
    by_element: dict[int, float]  # atomic number -> true rate of crystals that hold it


@dataclass(frozen=True)
class Shift:
    """How many ordinary crystals are flagged once they are spoilt."""

    name: str
    flagged: float  # by the atoms' states


@dataclass(frozen=True)
class HeldOut:
    """Every score, on the same crystals."""

    with_elements: int  # validation crystals that hold them
    without: int  # those that do not and did not set the threshold
    detections: tuple[Detection, ...]
    shifts: tuple[Shift, ...]


class Scores(NamedTuple):
    """Distances and doubts of ``n`` crystals, ``(n,)`` each."""

    atoms: FloatArray  # of the oddest atom's state: what models ship with
    pooled: FloatArray  # of the pooled state
    deviation: FloatArray  # the networks' own, in units of its median, mean over targets


def holds(graphs: GraphStore, elements: Sequence[int]) -> Tensor:
    """Which crystals hold any of the atomic numbers, ``(n_crystals,)`` bool."""
    found = torch.isin(graphs.tensors["z"].long(), torch.tensor(list(elements)))
    before = torch.cat([torch.zeros(1, dtype=torch.long), found.long().cumsum(0)])
    starts = graphs.tensors["atom_start"]
    return before[starts[1:]] > before[starts[:-1]]


def detect(
    nets: Sequence[CrystalNet],
    config: TrainConfig,
    training: LabelledGraphs,
    validation: LabelledGraphs,
    elements: Sequence[int],
) -> HeldOut:
    """Flag validation crystals by every score.

    ``training`` are the crystals trained on, none with any of ``elements``. A threshold is
    the 95 % quantile over half of the validation crystals without them; false alarms are
    counted on the other half.
    """
    domains = _domains(nets, config, training)
    odd = holds(validation.graphs, elements).numpy()
    ordinary = np.flatnonzero(~odd)
    half = calibrating(len(ordinary))
    fit, check = ordinary[half], ordinary[~half]
    found = _scores(nets, config, validation, domains)
    members = odd.astype(np.float64)  # as holding an element never seen is, for itself
    scores = {
        "atoms' states": found.atoms,
        "pooled state": found.pooled,
        "deviation": found.deviation,
        "elements seen": members,
        "as shipped": np.where(odd, np.inf, found.atoms),
    }
    each = {z: holds(validation.graphs, [z]).numpy() for z in elements}
    return HeldOut(
        with_elements=int(odd.sum()),
        without=len(check),
        detections=tuple(
            _detection(name, score, fit, check, odd, each) for name, score in scores.items()
        ),
        shifts=_shifts(nets, config, domains, validation, fit, check),
    )


def _domains(
    nets: Sequence[CrystalNet], config: TrainConfig, training: LabelledGraphs
) -> tuple[Domain, Domain]:
    """Summaries of training's atoms, and of its pooled states."""
    chosen = evenly(training.graphs.tensors["z"])
    states, pooled, first = [], [], 0
    for _, found in asked(nets, config, training):
        last = first + len(found.batch)
        begin, end = torch.searchsorted(chosen, torch.tensor([first, last])).tolist()
        states.append(found.atoms[chosen[begin:end] - first])
        pooled.append(found.embedding)
        first = last
    return fit_domain(torch.cat(states)), fit_domain(torch.cat(pooled))


def _scores(
    nets: Sequence[CrystalNet],
    config: TrainConfig,
    data: LabelledGraphs,
    domains: tuple[Domain, Domain],
) -> Scores:
    atoms, pooled, deviation = [], [], []
    for _, found in asked(nets, config, data):
        n = len(found.embedding)
        atoms.append(domains[0].crystal_distances(found.atoms, found.batch, n))
        pooled.append(domains[1].distances(found.embedding))
        deviation.append(found.estimate.spread)
    doubts = torch.cat(deviation)
    relative = (doubts / doubts.median(dim=0).values.clamp(min=1e-9)).mean(dim=1)
    parts = torch.cat(atoms), torch.cat(pooled), relative
    return Scores(*(part.numpy().astype(np.float64) for part in parts))


def _detection(
    name: str,
    score: FloatArray,
    fit: NDArray[np.intp],
    check: NDArray[np.intp],
    odd: BoolArray,
    each: dict[int, BoolArray],
) -> Detection:
    from sklearn.metrics import roc_auc_score

    limit = np.quantile(score[fit], QUANTILE)
    flagged = score > limit
    rows = np.concatenate([check, np.flatnonzero(odd)])
    finite = np.nan_to_num(score[rows], posinf=1e300)
    return Detection(
        score=name,
        true_rate=float(flagged[odd].mean()),
        false_rate=float(flagged[check].mean()),
        auc=float(roc_auc_score(odd[rows], finite)),
        by_element={z: float(flagged[r].mean()) for z, r in each.items() if r.any()},
    )


def _shifts(
    nets: Sequence[CrystalNet],
    config: TrainConfig,
    domains: tuple[Domain, Domain],
    validation: LabelledGraphs,
    fit: NDArray[np.intp],
    check: NDArray[np.intp],
) -> tuple[Shift, ...]:
    """Spoil the checking crystals: stretched, squeezed, with their atoms exchanged."""

    def atoms(data: LabelledGraphs) -> FloatArray:
        return _scores(nets, config, data, domains).atoms

    limit = np.quantile(atoms(validation.select(torch.from_numpy(fit))), QUANTILE)
    kept = validation.select(torch.from_numpy(check))
    spoilt = {
        "as they are": kept.graphs,
        "stretched by 5 %": _scaled(kept.graphs, 1.05),
        "squeezed by 5 %": _scaled(kept.graphs, 0.95),
        "stretched by 15 %": _scaled(kept.graphs, 1.15),
        "squeezed by 15 %": _scaled(kept.graphs, 0.85),
        "atoms exchanged": _exchanged(kept.graphs),
    }
    return tuple(
        Shift(name, float((atoms(_with(kept, graphs)) > limit).mean()))
        for name, graphs in spoilt.items()
    )


def _with(data: LabelledGraphs, graphs: GraphStore) -> LabelledGraphs:
    return LabelledGraphs(graphs, data.targets, data.names)


def _scaled(graphs: GraphStore, factor: float) -> GraphStore:
    """All lengths times ``factor``."""
    longer = {name: factor * graphs.tensors[name] for name in ("reach", "vector")}
    return GraphStore({**graphs.tensors, **longer})


def _exchanged(graphs: GraphStore, *, seed: int = 0) -> GraphStore:
    """The atoms of each crystal on each other's sites, at random."""
    starts = graphs.tensors["atom_start"]
    owner = torch.repeat_interleave(torch.arange(len(graphs)), starts.diff())
    chance = torch.rand(len(owner), generator=torch.Generator().manual_seed(seed))
    order = torch.argsort(owner + chance.double())
    return GraphStore({**graphs.tensors, "z": graphs.tensors["z"][order]})
