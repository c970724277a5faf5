"""Fit ``materials/data/volume.json``: the coefficients of the learned first volume.

Source: crystals of the Materials Project (CC BY 4.0; Jain et al., APL Mater. 1, 011002 (2013),
doi:10.1063/1.4812323), a Parquet table with the columns of a crystal table. The coefficients
minimise a sum of residuals that outliers weigh little in (Welsch weights, ten rounds), plus a
ridge.

Run from the repository root: ``python tools/fit_volume.py ../shared/data/mp_train.parquet``
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pymatgen.core.periodic_table import Element
from scipy import sparse
from scipy.sparse.linalg import lsqr

from materials.candidates.contacts import shortest_contacts
from materials.candidates.fitted_volume import VolumeFile, describe
from materials.provenance import file_sha256
from materials.rows import CrystalRow
from materials.soundness import HEAVIEST
from materials.table import CrystalTable

OUT = Path("materials/data/volume.json")
SIZE = HEAVIEST + 1
MOST_SPECIES = 7
N_DENSE = 9
RIDGE, RIDGE_DENSE = 0.3, 1e-3
ROUNDS = 10
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def main(
    crystals: Annotated[Path, typer.Argument(help="A Parquet table of real crystals.")],
    *,
    max_sites: Annotated[int, typer.Option(help="Larger cells are left out.")] = 60,
    workers: Annotated[int, typer.Option(help="Processes that measure contacts.")] = 2,
    output: Annotated[Path, typer.Option("-o", help="Where the coefficients go.")] = OUT,
) -> None:
    """Fit the coefficients and write them."""
    numbers, amounts, shortest, volume = measured(crystals, max_sites, workers)
    y = np.log(volume / amounts.sum(axis=1))
    matrix = design(numbers, amounts, shortest)
    solution, spread = robust(matrix, y)
    elements = solution[N_DENSE : N_DENSE + 3 * SIZE].reshape(3, SIZE)
    pairs = solution[N_DENSE + 3 * SIZE :].reshape(SIZE, SIZE)
    seen = np.bincount(numbers[amounts > 0], minlength=SIZE)
    content: VolumeFile = {
        "source": {
            "table": crystals.name,
            "sha256": file_sha256(crystals),
            "crystals": len(y),
            "licence": "CC BY 4.0, Materials Project",
        },
        "dense": rounded(solution[:N_DENSE], 6),
        "elements": {
            symbol(z): [*rounded(elements[:, z], 4), int(seen[z])]
            for z in np.flatnonzero(seen).tolist()
        },
        "pairs": {
            f"{symbol(a)}-{symbol(b)}": round(float(pairs[a, b]), 4)
            for a, b in np.argwhere(np.abs(pairs) >= 5e-5).tolist()
        },
    }
    output.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{len(y)} crystals, residual {spread:.4f} in ln(volume): {output}")


def measured(path: Path, max_sites: int, workers: int) -> Arrays:
    """Atomic numbers, amounts ``(n, 7)``, contacts ``(n, 7, 7)`` and volumes of crystals."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = [
            row for some in pool.map(contacts, chunks(path, max_sites)) for row in some
        ]
    numbers, amounts, shortest, volume = zip(*found, strict=True)
    return np.array(numbers), np.array(amounts), np.array(shortest), np.array(volume)


def chunks(path: Path, max_sites: int) -> Iterator[list[CrystalRow]]:
    """Usable rows of a table, two hundred at a time."""
    rows = (
        row
        for row in CrystalTable.open(path).rows()
        if row.error is None and len(row.atomic_numbers) <= max_sites
    )
    while some := list(islice(rows, 200)):
        yield some


def contacts(rows: list[CrystalRow]) -> list[tuple[Any, ...]]:
    """Species, amounts, shortest distances in a cell of volume 1, and volume of each."""
    found = []
    for row in rows:
        kinds, species = np.unique(row.atomic_numbers, return_inverse=True)
        k = len(kinds)
        if k > MOST_SPECIES:
            continue
        volume = abs(float(np.linalg.det(row.lattice)))
        unit = row.lattice / volume ** (1.0 / 3.0)
        numbers, amounts = np.zeros((2, MOST_SPECIES), dtype=np.int64)
        shortest = np.full((MOST_SPECIES, MOST_SPECIES), np.inf)
        numbers[:k], amounts[:k] = kinds, np.bincount(species)
        shortest[:k, :k] = shortest_contacts(unit, row.frac_coords, species)
        found.append((numbers, amounts, shortest, volume))
    return found


def design(numbers: np.ndarray, amounts: np.ndarray, shortest: np.ndarray) -> Any:
    """Features of geometry, then elements' ``a``, ``b``, ``g`` by atomic number, then pairs
    by ``119 * lighter + heavier``.
    """
    dense, parts = describe(numbers, amounts, shortest)
    rows, columns = np.nonzero(amounts)
    share, z = parts.share[rows, columns], numbers[rows, columns]
    blocks: list[Any] = [sparse.csr_matrix(dense)]
    for weight in (np.ones(len(amounts)), parts.spread, parts.mean):
        one = (share * weight[rows], (rows, z))
        blocks.append(sparse.csr_matrix(one, shape=(len(amounts), SIZE)))
    pairs = sparse.csr_matrix((len(amounts), SIZE * SIZE))
    for i, j in combinations(range(amounts.shape[1]), 2):
        both = np.flatnonzero((amounts[:, i] > 0) & (amounts[:, j] > 0))
        ends = np.sort(numbers[both][:, [i, j]], axis=1)
        value = 4.0 * parts.share[both, i] * parts.share[both, j]
        place = (both, ends[:, 0] * SIZE + ends[:, 1])
        pairs = pairs + sparse.csr_matrix((value, place), shape=pairs.shape)
    return sparse.hstack([*blocks, pairs]).tocsr()


def robust(matrix: Any, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients by reweighted ridge regression, and the spread of the residuals."""
    damp = np.full(matrix.shape[1], RIDGE)
    damp[:N_DENSE] = RIDGE_DENSE
    penalty, nothing = sparse.diags(damp), np.zeros(matrix.shape[1])
    weight = np.ones(len(y))
    for _ in range(ROUNDS):
        left = sparse.vstack([sparse.diags(weight) @ matrix, penalty]).tocsr()
        right = np.concatenate([weight * y, nothing])
        solution = lsqr(left, right, iter_lim=2000)[0]
        residual = y - matrix @ solution
        spread = 1.4826 * float(np.median(np.abs(residual)))
        weight = np.exp(-0.25 * (residual / (3.0 * spread)) ** 2)
    return solution, spread


def rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def symbol(z: int) -> str:
    return str(Element.from_Z(z).symbol)


if __name__ == "__main__":
    typer.run(main)
