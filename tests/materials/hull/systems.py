"""Chemical systems to try hulls on, simple and degenerate."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from materials.hull import Phase

ELEMENTS = ("Cu", "Ga", "O", "S", "Zn")


def formula_of(amounts: dict[str, int]) -> str:
    return "".join(f"{symbol}{n}" for symbol, n in amounts.items() if n)


@st.composite
def formulas(draw: st.DrawFn, n_elements: int = 5, most: int = 4) -> str:
    """Of any of the first elements, at least one."""
    amounts = draw(
        st.lists(st.integers(0, most), min_size=n_elements, max_size=n_elements).filter(any)
    )
    return formula_of(dict(zip(ELEMENTS, amounts, strict=False)))


ROUND = st.sampled_from([-1.0, -0.5, 0.0, 0.5])
"""Energies that make ties, lines and planes of phases common."""


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Phase], list[str]]:
    """Elements and compounds of any energy: repeated, on one line, on one plane. With them
    formulas of the same elements."""
    n = draw(st.integers(1, 5))
    elements = [Phase(e, draw(ROUND), "x") for e in ELEMENTS[:n]]
    energy = draw(st.sampled_from([ROUND, st.floats(-3.0, 1.0)]))
    compounds = draw(st.lists(st.tuples(formulas(n), energy), max_size=25))
    asked = draw(st.lists(formulas(n, most=6), min_size=1, max_size=6))
    return elements + [Phase(f, e, "x") for f, e in compounds], asked


def random_phases(random: np.random.Generator, elements: tuple[str, ...], n: int):
    """Elements and ``n`` compounds of up to four of them, most below the elements."""
    phases = [Phase(e, float(random.normal()), "x") for e in elements]
    energy = {p.formula: p.energy_per_atom for p in phases}
    for _ in range(n):
        amounts = random_amounts(random, elements, most=4)
        mean = sum(energy[e] * k for e, k in amounts.items()) / sum(amounts.values())
        drop = float(random.normal(-0.3, 0.5))
        phases.append(Phase(formula_of(amounts), mean + drop, "x"))
    return phases


def random_amounts(random: np.random.Generator, elements: tuple[str, ...], *, most: int):
    size = int(random.integers(1, min(most, len(elements)) + 1))
    chosen = random.choice(elements, size, replace=False)
    return {str(e): int(random.integers(1, 9)) for e in chosen}
