"""Candidates whose origin is known, to try the search for duplicates on.

Each kind is a function ``(crystal, rng) -> crystal``; a crystal is atomic numbers ``(n,)``,
fractional coordinates ``(n, 3)`` and lattice ``(3, 3)`` in Å. Copies are written in another
way and disturbed by the noise of another relaxation; hard negatives keep the composition and
lose the structure, though some of them turn out equal to something known after all.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from materials.candidates.prototypes import aflow_prototypes
from materials.candidates.stream import Decorations
from materials.flat import FlatCrystals

Crystal = tuple[np.ndarray, np.ndarray, np.ndarray]
ELEMENTS = (
    *("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Si", "Ge", "Sn", "Pb"),
    *("Ti", "Zr", "V", "Mn", "Fe", "Co", "Ni", "Cu", "Ag", "Zn", "Cd", "La", "Y", "Sb"),
    *("Bi", "N", "P", "As", "O", "S", "Se", "Te", "F", "Cl", "Br", "I"),
)
MOST_SITES = 200
_MOST_COPIES = 4  # cells in a supercell


@dataclass(frozen=True)
class Candidates:
    """``n`` candidates."""

    ids: list[str]
    kinds: list[str]
    crystals: FlatCrystals


def kept_candidates(known: FlatCrystals, n: int, seed: int, folder: Path) -> Candidates:
    """Make candidates once for these known crystals, and read them the next time."""
    digest = hashlib.sha256(known.frac_coords.tobytes()).hexdigest()[:12]
    path = folder / f"candidates-{n}-{seed}-{digest}.npz"
    if not path.exists():
        made = make_candidates(known, n, seed)
        folder.mkdir(parents=True, exist_ok=True)
        flat = made.crystals
        np.savez(
            path,
            kinds=np.array(made.kinds),
            atomic_numbers=flat.atomic_numbers,
            frac_coords=flat.frac_coords,
            lattice=flat.lattice,
            start=flat.start,
        )
    with np.load(path, allow_pickle=False) as arrays:
        kinds = arrays["kinds"].tolist()
        names = ("atomic_numbers", "frac_coords", "lattice", "start")
        crystals = FlatCrystals(*(arrays[name] for name in names))
    return Candidates([f"candidate-{row}" for row in range(n)], kinds, crystals)


def make_candidates(known: FlatCrystals, n: int, seed: int) -> Candidates:
    """Half decorations, three tenths copies, a fifth hard negatives; in a random order."""
    rng = np.random.default_rng(seed)
    shares = {"decoration": 0.5, "copy": 0.3, "strained": 0.06, "swapped": 0.07}
    sizes = {kind: int(share * n) for kind, share in shares.items()}
    sizes["retyped"] = n - sum(sizes.values())
    stream = Decorations(aflow_prototypes(), ELEMENTS, limit=sizes["decoration"], seed=seed)
    made: list[tuple[str, Crystal]] = [
        ("decoration", one) for one in stream.batch(0, len(stream)).crystals.arrays()
    ]
    crystals = list(known.arrays())
    types = by_amounts(crystals)
    makers: dict[str, Callable[[int], Crystal]] = {
        "copy": lambda row: copy(crystals[row], rng),
        "strained": lambda row: strained(crystals[row], rng),
        "swapped": lambda row: swapped(crystals[row], rng),
        "retyped": lambda row: retyped(crystals[row], types, crystals, rng),
    }
    for kind, maker in makers.items():
        rows = rng.integers(len(crystals), size=sizes[kind]).tolist()
        made += [(kind, maker(row)) for row in rows]
    order = rng.permutation(len(made)).tolist()
    return Candidates(
        ids=[f"candidate-{place}" for place in range(len(made))],
        kinds=[made[place][0] for place in order],
        crystals=FlatCrystals.from_arrays([made[place][1] for place in order], {}),
    )


def copy(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Another cell or supercell, turned, shifted, mirrored and reordered, of another volume;
    each atom displaced by a length drawn for the crystal between 0.01 and 0.1 Å.
    """
    numbers, frac, lattice = rewritten(crystal, rng)
    lattice = lattice * rng.uniform(0.9, 1.1) ** (1 / 3)
    steps = rng.normal(size=frac.shape)
    steps *= rng.uniform(0.01, 0.1) / np.linalg.norm(steps, axis=1, keepdims=True)
    return numbers, frac + steps @ np.linalg.inv(lattice), lattice


def strained(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Stretched along one axis by 10 to 40 %, atoms moved by 0.2 to 0.8 Å."""
    numbers, frac, lattice = rewritten(crystal, rng)
    lattice = lattice @ np.diag([rng.uniform(1.1, 1.4), 1.0, 1.0])
    steps = rng.normal(size=frac.shape)
    steps *= rng.uniform(0.2, 0.8) / np.linalg.norm(steps, axis=1, keepdims=True)
    return numbers, frac + steps @ np.linalg.inv(lattice), lattice


def swapped(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """A third of the atoms change places among one another."""
    numbers, frac, lattice = crystal
    numbers = numbers.copy()
    chosen = rng.permutation(len(numbers))[: max(2, len(numbers) // 3)]
    numbers[chosen] = rng.permutation(numbers[chosen])
    return rewritten((numbers, frac, lattice), rng)


def retyped(
    crystal: Crystal,
    types: dict[tuple[int, ...], list[int]],
    crystals: list[Crystal],
    rng: np.random.Generator,
) -> Crystal:
    """The composition in the structure of another known crystal with the same amounts."""
    numbers, _, lattice = crystal
    elements, amounts = np.unique(numbers, return_counts=True)
    other, frac, cell = crystals[rng.choice(types[anonymous(numbers)])]
    roles, others = np.unique(other, return_counts=True)
    by_amount = elements[np.argsort(amounts, kind="stable")]
    order = np.argsort(others, kind="stable")
    into = dict(zip(roles[order].tolist(), by_amount.tolist(), strict=True))
    volume = abs(np.linalg.det(lattice)) / len(numbers) * len(other)
    cell = cell * (volume / abs(np.linalg.det(cell))) ** (1 / 3)
    return rewritten((np.array([into[z] for z in other.tolist()]), frac, cell), rng)


def by_amounts(crystals: list[Crystal]) -> dict[tuple[int, ...], list[int]]:
    """Rows of crystals by their amounts, whatever the elements."""
    found: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, (numbers, _, _) in enumerate(crystals):
        found[anonymous(numbers)].append(row)
    return found


def anonymous(numbers: np.ndarray) -> tuple[int, ...]:
    """Reduced amounts, the least first: ``(1, 1, 3)`` of a perovskite."""
    amounts = np.sort(np.unique(numbers, return_counts=True)[1])
    return tuple((amounts // np.gcd.reduce(amounts)).tolist())


def rewritten(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The same crystal in other words."""
    numbers, frac, lattice = supercell(crystal, rng)
    shear = np.eye(3, dtype=int)
    for _ in range(rng.integers(3)):
        i, j = rng.permutation(3)[:2]
        step = np.eye(3, dtype=int)
        step[i, j] = rng.choice([-1, 1])
        shear = step @ shear
    frac = frac @ np.linalg.inv(shear) + rng.uniform(size=3)
    turn = Rotation.random(rng=rng).as_matrix() * rng.choice([-1, 1])
    order = rng.permutation(len(numbers))
    return numbers[order], frac[order] % 1.0, shear @ lattice @ turn


def supercell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """One to four cells in any shape."""
    numbers, frac, lattice = crystal
    most = min(_MOST_COPIES, MOST_SITES // len(numbers))
    copies = int(rng.integers(1, most + 1))
    if copies == 1:
        return crystal
    diagonal = np.ones(3, dtype=int)
    diagonal[rng.integers(3)] = copies
    cell = np.diag(diagonal)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        cell[i, j] = rng.integers(cell[j, j])
    corners = np.array(np.meshgrid(*[range(-4, 9)] * 3)).reshape(3, -1).T
    inside = corners @ np.linalg.inv(cell)
    corners = corners[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]
    places = (frac[:, None, :] + corners[None]).reshape(-1, 3) @ np.linalg.inv(cell)
    return np.repeat(numbers, copies), places, cell @ lattice
