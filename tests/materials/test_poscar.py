"""POSCAR as VASP takes it: scaling by axis, Fortran's numbers, any encoding."""

from __future__ import annotations

import numpy as np
import pytest

import materials.poscar
from materials.files import ReadCrystal, read_crystals

PLAIN = "c\n1.0\n4 0 0\n0 5 0\n0 0 6\nC As\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


def read(tmp_path, text: str, encoding: str = "utf-8") -> ReadCrystal:
    (tmp_path / "POSCAR").write_bytes(text.encode(encoding))
    (crystal,) = read_crystals([tmp_path / "POSCAR"])
    return crystal


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("1.0\n4 0 0\n0 5 0\n0 0 6", "4 5 6\n1 0 0\n0 1 0\n0 0 1"),
        PLAIN.replace("1.0\n4 0 0\n0 5 0\n0 0 6", "4 5 6 ! by axis\n1 0 0\n0 1 0\n0 0 1"),
        PLAIN.replace("1.0", "0.5 1 2")
        .replace("4 0", "8 0")
        .replace("0 6", "0 3")
        .replace("Direct", "Cartesian")
        .replace("0.5 0.5 0.5", "4 2.5 1.5"),
        PLAIN.replace("1.0", "1.0d0").replace("0.5", "5D-1"),
        PLAIN.replace("1.0", "1.0 ! scale").replace("C As", "C As ! species"),
        PLAIN.replace("1 1\n", "1 1 ! n\n").replace("4 0 0\n", "4 0 0 # a\n"),
        PLAIN.replace("1.0", "1.0 scale").replace("4 0 0\n", "4 0 0 A\n"),
        PLAIN.replace("1.0", "1d0 1d0 1d0 ! by axis").replace("0 5 0", "0d0 5d0 0d0 ! b"),
        PLAIN.replace("1.0", "-120 ! volume")
        .replace("4 0 0\n0 5 0\n0 0 6", "8 0 0\n0 10 0\n0 0 12")
        .replace("Direct", "Cartesian")
        .replace("0.5 0.5 0.5", "4 5 6"),
        PLAIN.replace("1.0", "1.0!scale").replace("1 1\n", "1 1#n\n"),
        PLAIN.replace("C As", "c AS"),
        PLAIN.replace("C As", "C_s/1a2b as_d"),
        PLAIN.replace("Direct", "Direct ! mode").replace("0 0 0\n0.5", "0 0 0 ! C\n0.5"),
        PLAIN.replace("c\n", "x" * 700 + "\n", 1),
        PLAIN.replace("c\n", "Å³ \u2028 \x0c 2\n", 1),
    ],
)
def test_the_same_crystal(tmp_path, text):
    crystal = read(tmp_path, text)
    assert crystal.error is None
    np.testing.assert_allclose(crystal.structure.lattice.abc, [4, 5, 6])
    np.testing.assert_allclose(crystal.structure.frac_coords, [[0] * 3, [0.5] * 3])
    assert [site.specie.symbol for site in crystal.structure] == ["C", "As"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_encodings(tmp_path, encoding):
    assert read(tmp_path, PLAIN, encoding).error is None


def test_factors_by_axis_are_positive(tmp_path):
    crystal = read(tmp_path, PLAIN.replace("1.0", "1 -1 1"))
    assert "each must be positive" in crystal.error


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("4 0 0", "4 0 0 0"),
        PLAIN.replace("4 0 0", "4 0 ! 0"),
        PLAIN.replace("1.0", "! 1.0"),
        PLAIN.replace("1 1\n", "! 1 1\n"),
    ],
)
def test_what_a_comment_hides_is_not_there(tmp_path, text):
    assert read(tmp_path, text).error


def gathered(tmp_path, text: str) -> list[str]:
    (tmp_path / "gatheredPOSCARS").write_text(text)
    found = read_crystals([tmp_path / "gatheredPOSCARS"])
    return [c.error or c.structure.composition.reduced_formula for c in found]


OTHER = PLAIN.replace("C As", "Ga N").replace("Direct", "Selective\nDirect")
VELOCITIES = "0.1 0.2 0.3\n0.1 0.2 0.3\n"


@pytest.mark.parametrize("between", ["", "\n", "\n\n", "\n" + VELOCITIES + "\n"])
def test_poscars_that_follow_one_another(tmp_path, between: str) -> None:
    whole = PLAIN + between + OTHER + between + PLAIN.replace("C As", "Zn O")
    # Where velocities lie between, nobody knows where they end.
    kept = ["AsC"] if "0.1" in between else ["AsC", "GaN", "ZnO"]
    assert [str(c).replace("CAs", "AsC") for c in gathered(tmp_path, whole)] == kept


def test_a_further_poscar_whose_symbols_are_in_capitals(tmp_path) -> None:
    assert gathered(tmp_path, PLAIN + OTHER.replace("Ga N", "GA n"))[1:] == ["GaN"]


def test_a_further_poscar_with_an_empty_comment(tmp_path) -> None:
    whole = PLAIN + "\n" + OTHER.split("\n", 1)[1]
    assert len(gathered(tmp_path, whole)) == 2


def test_one_broken_poscar_costs_only_itself(tmp_path) -> None:
    broken = OTHER.replace("Ga N", "Ga Qq")
    found = gathered(tmp_path, PLAIN + broken + OTHER)
    assert len(found) == 3
    assert "Qq" in found[1]
    assert found[2] == "GaN"


@pytest.mark.parametrize(
    "after", ["0 0 0\n" * 8, VELOCITIES, "\n2 2 2\n0 0 0 0 0\n0 0 0\n"]
)
def test_what_is_no_further_poscar_is_not_one(tmp_path, after: str) -> None:
    assert len(gathered(tmp_path, PLAIN + after)) == 1


@pytest.mark.parametrize("line", ["x y z\n", "0 0 0\n", "\n", "1\n", "C\n"])
def test_lines_without_end_are_looked_at_once(line: str) -> None:
    """By how often it is asked for more, since a test has no clock."""
    looked = 0

    def numbers(text: str) -> list[str]:
        nonlocal looked
        looked += 1
        return text.split()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(materials.poscar, "_words", numbers)
        list(materials.poscar.blocks(iter(["c\n", "1.0\n", *[line] * 2000])))
    assert looked < 200


XDATCAR = (
    "c\n1.0\n4 0 0\n0 5 0\n0 0 6\n Na Cl\n 1 1\nDirect configuration= 1\n"
    "0 0 0\n0.5 0.5 0.5\nDirect configuration= 2\n0 0 0\n0.4 0.5 0.5\n"
)


@pytest.mark.parametrize("second", [False, True])
def test_names_in_an_xdatcar_are_no_formula(tmp_path, second: bool) -> None:
    bad = XDATCAR.replace("Na Cl", "H9999999999999 Cl")
    text = XDATCAR + bad if second else bad
    (tmp_path / "XDATCAR").write_text(text)
    (crystal,) = read_crystals([tmp_path / "XDATCAR"])
    line = text.splitlines().index(" H9999999999999 Cl") + 1
    assert f"line {line} names 'H9999999999999', expected elements" in crystal.error


def test_an_xdatcar_is_all_its_frames(tmp_path) -> None:
    (tmp_path / "XDATCAR").write_text(XDATCAR + XDATCAR)
    found = list(read_crystals([tmp_path / "XDATCAR"]))
    assert [c.structure.composition.reduced_formula for c in found] == ["NaCl"] * 4
