"""What is handed in: tables and files, with names, origins and keys."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from campaigns.relaxing.sources import Given, count_given, given_crystals
from materials.errors import InputError
from materials.provenance import Provenance
from materials.table import CrystalTable

MGO = Structure(Lattice.rhombohedral(3.0, 60), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def named(name: str, structure: Structure | None) -> Given:
    error = "broken" if structure is None else None
    return Given(name, structure, error, Provenance(source="test"))


def test_keys_are_of_the_crystal_alone():
    moved = MGO.copy()
    moved.translate_sites([0], [1e-9, 0, 0])
    other = MGO.copy()
    other.replace_species({"Mg": "Ca"})
    larger = MGO.copy()
    larger.scale_lattice(20.0)
    keys = [named(str(k), s).key for k, s in enumerate((MGO, moved, other, larger))]
    assert len(set(keys)) == 4
    assert named("again", MGO.copy()).key == keys[0]
    with pytest.raises(InputError, match="it: broken"):
        _ = named("it", None).key


def test_tables_and_files_come_in_order_and_are_counted_where_that_is_cheap(tmp_path):
    table, file = tmp_path / "a.parquet", tmp_path / "b.cif"
    CrystalTable.from_structures([MGO, MGO], ids=["x", "y"]).write(table)
    MGO.to(filename=str(file))
    found = list(given_crystals([table, file]))
    assert [one.name for one in found] == ["x", "y", str(file)]
    assert found[2].provenance.source == "b.cif"
    assert found[2].provenance.version.startswith("sha256:")
    assert count_given([table, table]) == 4
    assert count_given([table, file]) is None
    with pytest.raises(InputError, match="does not exist"):
        list(given_crystals([tmp_path / "c.parquet"]))
