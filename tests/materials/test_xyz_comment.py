"""Extended XYZ as GPUMD, libextxyz and people write it."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from materials.files import ReadCrystal, read_crystals
from materials.xyz_comment import plain_comment

ROWS = [[0, 2.7, 2.8], [2.6, 0, 2.5], [2.4, 2.3, 0]]
NINE = " ".join(str(number) for row in ROWS for number in row)
KINDS = "species:S:1:pos:R:3"


def read(tmp_path, comment: str, symbol: str = "Si") -> ReadCrystal:
    text = f"2\n{comment}\n{symbol} 0 0 0\nSi 1.3575 1.3575 1.3575\n"
    (tmp_path / "a.extxyz").write_text(text)
    (crystal,) = read_crystals([tmp_path / "a.extxyz"])
    return crystal


@pytest.mark.parametrize(
    "comment",
    [
        f'lattice="{NINE}" properties={KINDS}',
        f'energy=-1 pbc="T T T" LATTICE = "{NINE}" Properties="{KINDS}" virial="{NINE}"',
        f"Lattice={ROWS} Properties={KINDS}",
        f"lattice = [ {str(ROWS)[1:-1]} ] stress={ROWS}",
        f'lattice="{NINE}" Lattice=[{NINE.replace(" ", ",")}]',
        f'Lattice="{NINE}" note="lattice=1 properties=x" old_lattice=3 PBC=T',
        f'Lattice="{NINE}" note="a \\" lattice=7" forces=[[1,2],[3,4]]',
        f'Lattice="{NINE.replace("2.7", "0.27D+1").replace("2.8", "28d-1")}"',
        f'Lattice="{NINE}" stress="1 2 3 4 5 6" virial="_JSON [[1, 2], [3, 4]]"',
        f"config_type=bulk Lattice='{NINE}'",
    ],
)
def test_the_same_crystal(tmp_path, comment):
    crystal = read(tmp_path, comment)
    assert crystal.error is None
    np.testing.assert_allclose(crystal.structure.lattice.matrix, ROWS, atol=1e-12)
    assert crystal.structure.composition.formula == "Si2"


def test_keys_that_disagree_are_refused(tmp_path):
    comment = f'Lattice="{NINE}" lattice="{NINE.replace("2.3", "2.2")}"'
    assert "'Lattice' is there twice" in read(tmp_path, comment).error
    assert (
        "'pbc' is there twice" in read(tmp_path, f'pbc="T T F" PBC="T T T" {comment}').error
    )


@pytest.mark.parametrize("symbol", ["Si1", "14", "Xq"])
def test_elements_are_symbols(tmp_path, symbol):
    error = read(tmp_path, f'Lattice="{NINE}"', symbol).error
    assert f"unknown element '{symbol}'" in error
    assert "KeyError" not in error


def test_atoms_have_elements_and_places(tmp_path):
    lattice = f'Lattice="{NINE}" Properties='
    told = read(tmp_path, f"{lattice}element:S:1:pos:R:3").error
    assert "no column of elements (species), only element, pos" in told
    told = read(tmp_path, f"{lattice}species:S:1:xyz:R:3").error
    assert "no column of positions (pos)" in told


def test_numbers_of_fortran(tmp_path):
    text = f'2\nLattice="{NINE}"\nD 0d0 0.0D+00 0\nSi 13.5d-1 1.35 1.35\n'
    (tmp_path / "a.extxyz").write_text(text)
    (crystal,) = read_crystals([tmp_path / "a.extxyz"])
    np.testing.assert_allclose(crystal.structure.cart_coords[1], [1.35] * 3)


@given(st.text("latice=LPpb \"'{}[]\\,1", max_size=60))
def test_any_comment_is_plain_or_refused(comment):
    try:
        plain = plain_comment(comment)
    except InputError:
        return
    assert plain_comment(plain) == plain


@pytest.mark.parametrize(
    "part", ['"\\', '"\\" ', "lattice={ ", "pbc = [", "=[[1],", "=[[1],[", "= ", "' "]
)
def test_long_comments_take_no_time(part):
    started = time.process_time()
    with suppress(InputError):
        plain_comment(part * (60_000 // len(part)))
    assert time.process_time() - started < 2
