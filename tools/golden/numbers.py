"""What is kept and compared: numbers of models, of a potential, of hulls and of burdens."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.golden.crystals import FOLDER, Golden, read_crystals

FORMAT = 1
DIGITS = 9
"""Significant digits that are kept."""

MODELS = ("fast", "accurate", "accurate-2018")

TOLERANCE = {"cpu": 1e-4, "cuda": 1e-3}
"""Largest difference that is rounding, as a share of one (eV, eV/atom or what else the unit
is) plus the number itself: means and deviations of networks. docs/formats.md says how much
rounding was measured to be."""

EXACT = 1e-8
"""The same for what is computed in double precision from tables: hulls and burdens; a unit of
the last digit that is kept."""

ENERGY = {"cpu": 2e-5, "cuda": 2e-4}
"""eV/atom, the same for the potential's energies."""

N_ENERGIES = 20


@dataclass(frozen=True)
class Sheet:
    """Named rows of numbers, and what made them."""

    what: str
    made_by: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[Any, ...]]
    """By crystal; numbers, truths, texts or None."""

    def save(self, path: Path) -> None:
        """Write the file, a row on each line."""
        head = {"format": FORMAT, "what": self.what, "made_by": dict(self.made_by)}
        lines = [
            f"{json.dumps(name)}: {json.dumps([_rounded(v) for v in row])}"
            for name, row in self.rows.items()
        ]
        text = json.dumps({**head, "columns": list(self.columns)}, indent=1)
        body = ",\n  ".join(lines)
        path.write_text(f'{text[:-2]},\n "rows": {{\n  {body}\n }}\n}}\n', encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """Read the file; raises :class:`ValueError` for one of another format."""
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"{path}: format {content['format']}, expected {FORMAT}")
        rows = {name: tuple(row) for name, row in content["rows"].items()}
        return cls(content["what"], content["made_by"], tuple(content["columns"]), rows)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    return value


def differences(kept: Sheet, found: Sheet, tolerance: float) -> list[str]:
    """What is not the same, a line each; numbers may differ by ``tolerance``."""
    if kept.made_by != found.made_by:
        return [f"{kept.what}: made by {dict(kept.made_by)}, now {dict(found.made_by)}"]
    if kept.columns != found.columns or list(kept.rows) != list(found.rows):
        return [f"{kept.what}: other rows or columns than were kept"]
    return [
        f"{kept.what}, {name}, {column}: {old!r} was kept, {new!r} found"
        for name, row in kept.rows.items()
        for column, old, new in zip(kept.columns, row, found.rows[name], strict=True)
        if not _alike(_rounded(old), _rounded(new), tolerance)
    ]


def _alike(old: Any, new: Any, tolerance: float) -> bool:
    numbers = (int, float)
    if isinstance(old, bool) or not (isinstance(old, numbers) and isinstance(new, numbers)):
        return bool(old == new)
    return _distance(old, new) <= tolerance


def _distance(old: float, new: float) -> float:
    """The difference, as a share of one plus the number."""
    return abs(old - new) / (1.0 + abs(old))


def largest(kept: Sheet, found: Sheet) -> dict[str, float]:
    """The largest difference of each column of numbers, as a share of one plus the number."""
    worst = dict.fromkeys(kept.columns, 0.0)
    for name, row in kept.rows.items():
        for column, old, new in zip(kept.columns, row, found.rows[name], strict=True):
            old, new = _rounded(old), _rounded(new)
            if isinstance(old, float) and isinstance(new, float):
                worst[column] = max(worst[column], _distance(old, new))
    return worst


# --- what is asked


def model_sheet(name: str, device: str = "cpu", **changes: Any) -> Sheet:
    """What a shipped model says, with the measured gap where it has one."""
    from materials.provenance import file_sha256
    from models.inference import Predictor
    from models.measured.gap import SHIPPED as MEASURED
    from models.measured.predictor import with_measured_gap
    from models.pretrained import shipped

    folder = shipped()[name]
    predictor = with_measured_gap(Predictor.load(folder, device=device))
    files = {f.name: file_sha256(f) for f in sorted(folder.glob("*.safetensors"))}
    made_by = {"version": predictor.version, "sha256": files}
    if "band_gap_measured" in predictor.targets:
        made_by["measured"] = file_sha256(MEASURED / "config.json")
    return predicted_sheet(predictor, name, made_by, **changes)


def predicted_sheet(
    predictor: Any,
    what: str,
    made_by: Mapping[str, Any],
    *,
    crystals: Sequence[Golden] | None = None,
    compiled: bool = False,
) -> Sheet:
    """A sheet of one predictor."""
    from materials.flat import FlatCrystals
    from models.graphs.build import crystal_arrays

    given = read_crystals() if crystals is None else crystals
    flat = FlatCrystals.from_arrays([crystal_arrays(c.structure) for c in given], {})
    found = predictor.predict_flat(flat, compiled=compiled)
    columns = [c for target in found.targets for c in (target, f"{target}_std")]
    rows = {
        crystal.name: (
            *np.column_stack([found.mean[i], found.std[i]]).ravel().tolist(),
            bool(found.in_domain[i]),
            found.errors[i],
        )
        for i, crystal in enumerate(given)
    }
    return Sheet(what, made_by, (*columns, "in_domain", "error"), rows)


def energy_sheet(device: str = "cpu") -> Sheet:
    """What CHGNet says of some of the crystals, as a campaign's oracle asks it."""
    from materials.flat import FlatCrystals
    from models.graphs.build import crystal_arrays
    from models.potentials import load_potential

    potential = load_potential("chgnet", device=device)
    if potential.batched is None:
        raise ValueError("CHGNet has no batched form")
    given = [c for c in read_crystals() if "odd" not in c.name]
    given = [c for c in given if len(c.structure) <= 16][:N_ENERGIES]
    flat = FlatCrystals.from_arrays([crystal_arrays(c.structure) for c in given], {})
    found = potential.batched()(flat)
    rows = {
        crystal.name: (
            float(found.energy[i]) / len(crystal.structure),
            float(np.abs(found.forces[flat.start[i] : flat.start[i + 1]]).max()),
        )
        for i, crystal in enumerate(given)
    }
    columns = ("energy_per_atom", "largest_force")
    return Sheet("chgnet", {"origin": potential.origin}, columns, rows)


def hull_sheet() -> Sheet:
    """Distances from the hull of the shipped phases, for energies made up."""
    from campaigns.oracles.shipped import SHIPPED, phases_of, shipped_records
    from materials.hull import ReferenceHull
    from materials.provenance import file_sha256

    hull = ReferenceHull(phases_of(shipped_records()))
    given = read_crystals()
    formulas = [crystal.structure.composition.reduced_formula for crystal in given]
    energies = [-6.0 + 0.01 * place for place in range(len(given))]
    found = hull.judge(formulas, energies, origin=hull.origin)
    rows = {
        crystal.name: (
            float(found.energy_above_hull[i]),
            float(found.formation_energy_per_atom[i]),
            " + ".join(f"{n:.6f} {name}" for name, n in found.decomposition(i).items()),
            found.errors[i],
        )
        for i, crystal in enumerate(given)
    }
    files = {path.name: file_sha256(path) for path in SHIPPED}
    columns = ("energy_above_hull", "formation_energy_per_atom", "decomposition", "error")
    return Sheet("hull", {"sha256": files}, columns, rows)


def burden_sheet() -> Sheet:
    """Burden index and every column of sustainability."""
    from materials.sustainability import assess

    rows: dict[str, tuple[Any, ...]] = {}
    columns: tuple[str, ...] = ()
    for crystal in read_crystals():
        found = assess(crystal.structure.composition.reduced_formula)
        columns = tuple(found.columns)
        values = [value.value for value in found.columns.values()]
        index = found.index
        rows[crystal.name] = (*values, index.low, index.central, index.high, index.coverage)
    columns = (*columns, "index_low", "index", "index_high", "coverage")
    return Sheet("burdens", {}, columns, rows)


def sheets(device: str = "cpu") -> Iterator[tuple[Path, Callable[[], Sheet], float]]:
    """Every golden file: where it is, what makes it anew, and the tolerance."""
    for name in MODELS:
        yield (
            FOLDER / f"{name}.json",
            lambda n=name: model_sheet(n, device),
            TOLERANCE[device],
        )
    yield FOLDER / "chgnet.json", lambda: energy_sheet(device), ENERGY[device]
    yield FOLDER / "hull.json", hull_sheet, EXACT
    yield FOLDER / "burdens.json", burden_sheet, EXACT
