"""Which structures are relaxed: the known formulas first, each structure once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from campaigns.config import OracleConfig
from campaigns.oracles.choice import Chooser
from materials.known import KnownFormulas
from tests.campaigns.fakes import FakePredictor

CONFIG = OracleConfig.model_validate(
    {"references": {"per_element": 3, "per_binary": 2, "per_ternary": 2, "max_sites": 8}}
)


def chosen(elements: Sequence[str], known: set[str] | None) -> list[tuple[str, str]]:
    """Formula and prototype of what would be relaxed."""
    formulas = None if known is None else KnownFormulas(frozenset(known), ("here",))
    chooser = Chooser(FakePredictor(), CONFIG, known=formulas)  # type: ignore[arg-type]
    found = chooser.choose(elements).structures
    return [(s.composition.reduced_formula, label) for label, s in found]


def test_only_known_formulas_whatever_their_charge() -> None:
    found = chosen(["Ga", "N"], {"GaN", "GaN3"})
    assert {formula for formula, _ in found} == {"GaN", "GaN3"}
    assert {formula for formula, _ in chosen(["Ga", "N"], None)} == {"GaN"}


def test_a_limit_counts_compositions_and_polymorphs() -> None:
    found = chosen(["Ti", "O"], {"TiO2", "TiO", "Ti2O"})
    formulas = [formula for formula, _ in found]
    assert len(set(formulas)) == 2
    assert max(formulas.count(f) for f in formulas) == 3


def test_one_structure_written_twice_is_relaxed_once() -> None:
    labels = [label.split(":")[0] for _, label in chosen(["Ga", "N"], {"GaN"})]
    assert len(labels) == len(set(labels)) == 3


def test_where_nothing_is_known_a_pair_with_a_nonmetal_gets_one_guess() -> None:
    assert len(chosen(["K", "O"], set())) == 1
    assert chosen(["Cu", "Al"], set()) == []
    assert chosen(["Cu", "Zn", "S"], set()) == []


MOLECULES = ("cP8_198_2a", "cP8_205", "tP4_136_f", "mC4_12_i", "hR2_166_c.2", "oC8_64_f.2")


@pytest.mark.parametrize("element", ["N", "F"])
def test_molecular_elements_get_molecular_structures_first(element) -> None:
    labels = [label for _, label in chosen([element], {"GaN"})]
    assert len(labels) == 3
    assert all(any(name in label for name in MOLECULES) for label in labels)


def test_an_element_gets_its_own_structure() -> None:
    assert any("A_oC8_64_f:" in label for _, label in chosen(["Ga"], {"GaN"}))


def test_large_structures_of_an_element_are_its_own_alone() -> None:
    assert any("cI58" in label for _, label in chosen(["Mn"], {"GaN"}))
    assert not any("cI58" in label for _, label in chosen(["Fe"], {"GaN"}))
    assert not any("cI58" in label for _, label in chosen(["Mn"], None))
