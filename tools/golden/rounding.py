"""How much rounding changes golden numbers, and how much wrong models do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from tools.golden.crystals import Golden, read_crystals
from tools.golden.numbers import (
    MODELS,
    TOLERANCE,
    Sheet,
    differences,
    energy_sheet,
    largest,
    model_sheet,
    predicted_sheet,
)


def rounding() -> Iterator[tuple[str, str, float]]:
    """Model, what was done otherwise, and the largest difference that it made."""
    for name in MODELS:
        kept = model_sheet(name)

        def most(found: Sheet, kept: Sheet = kept) -> float:
            return max(largest(kept, found).values())

        yield name, "asked again", most(model_sheet(name))
        yield name, "in another process, 2 threads", most(_elsewhere(name, 2))
        yield name, "compiled", most(model_sheet(name, compiled=True))
        yield name, "one crystal at a time", most(_one_by_one(name))
        backwards = model_sheet(name, crystals=read_crystals()[::-1])
        turned = replace(backwards, rows=dict(reversed(backwards.rows.items())))
        yield name, "in the opposite order", most(turned)
        yield name, "atoms permuted, cells rotated", most(_written_otherwise(name))
        yield name, "in double precision", most(_predictor_sheet(name, precision="float64"))
    kept = energy_sheet()
    yield "chgnet", "asked again", max(largest(kept, energy_sheet()).values())
    yield "chgnet", "2 threads", max(largest(kept, _elsewhere("chgnet", 2)).values())


def _elsewhere(name: str, threads: int) -> Sheet:
    """The same by another process with so many threads."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.json"
        made = "energy_sheet()" if name == "chgnet" else f"model_sheet({name!r})"
        code = (
            "import torch; from pathlib import Path\n"
            "from tools.golden.numbers import energy_sheet, model_sheet\n"
            f"torch.set_num_threads({threads})\n{made}.save(Path({str(path)!r}))\n"
        )
        threads_of = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        subprocess.run(
            [sys.executable, "-c", code], check=True, env=os.environ | threads_of
        )
        return Sheet.read(path)


def _one_by_one(name: str) -> Sheet:
    parts = [model_sheet(name, crystals=[crystal]) for crystal in read_crystals()]
    rows = {key: row for part in parts for key, row in part.rows.items()}
    return replace(parts[0], rows=rows)


def _written_otherwise(name: str) -> Sheet:
    """Each crystal turned in space, its atoms in another order, its origin elsewhere."""
    from pymatgen.core import Structure
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(0)
    changed = []
    for crystal in read_crystals():
        given = crystal.structure
        turn = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
        order = rng.permutation(len(given))
        frac = (given.frac_coords + rng.uniform(size=3))[order] % 1.0
        species = [given.species[i] for i in order]
        changed.append(
            Golden(crystal.name, Structure(given.lattice.matrix @ turn.T, species, frac))
        )
    return model_sheet(name, crystals=changed)


def _predictor_sheet(name: str, **options: Any) -> Sheet:
    from models.inference import Predictor
    from models.measured.predictor import with_measured_gap
    from models.pretrained import shipped

    predictor = Predictor.load(shipped()[name], **options)
    return predicted_sheet(with_measured_gap(predictor), name, {})


# --- wrong models


def mutations(name: str = "fast", n_weights: int = 40) -> Iterator[tuple[str, int, float]]:
    """What was changed, how many numbers no longer agree, and the largest difference."""
    from models.inference import Predictor
    from models.pretrained import load_bundle, shipped

    bundle = load_bundle(shipped()[name])
    kept = predicted_sheet(Predictor(bundle), name, {})

    def judged(changed: Any) -> tuple[int, float]:
        found = predicted_sheet(Predictor(changed), name, {})
        wrong = differences(kept, found, TOLERANCE["cpu"])
        return len(wrong), max(largest(kept, found).values())

    rng = np.random.default_rng(0)
    for _ in range(n_weights):
        with changed_net(bundle) as (other, net):
            names = [n for n, p in net.named_parameters() if p.numel() > 1]
            where = names[int(rng.integers(len(names)))]
            flat = dict(net.named_parameters())[where].data.view(-1)
            place = int(rng.integers(len(flat)))
            flat[place] += 1e-3
            yield f"weight {where}[{place}] + 1e-3", *judged(other)
    with changed_net(bundle) as (other, net):
        rows = next(p for p in net.parameters() if p.ndim == 2 and len(p) >= 90).data
        rows[[30, 31]] = rows[[31, 30]]
        yield "rows of two elements swapped", *judged(other)
    net = bundle.manifest.train.net
    for change in ({"max_reach": net.graph.max_reach - 0.01}, {"stretch": 1.299}):
        graph = replace(net.graph, **change)
        train = replace(bundle.manifest.train, net=replace(net, graph=graph))
        other = replace(bundle, manifest=replace(bundle.manifest, train=train))
        yield f"graph {change}", *judged(other)
    for factor in (1.0001, 1.001):
        scaled = [Golden(c.name, _scaled(c.structure, factor)) for c in read_crystals()]
        found = predicted_sheet(Predictor(bundle), name, {}, crystals=scaled)
        wrong = differences(kept, found, TOLERANCE["cpu"])
        yield f"lengths times {factor}", len(wrong), max(largest(kept, found).values())


@contextmanager
def changed_net(bundle: Any) -> Iterator[tuple[Any, torch.nn.Module]]:
    """A copy of the model, and its first network to be changed."""
    nets = deepcopy(bundle.nets)
    yield replace(bundle, nets=nets), nets[0]


def _scaled(structure: Any, factor: float) -> Any:
    found = structure.copy()
    found.scale_lattice(structure.volume * factor**3)
    return found
