"""Generators as specifications name them: every kind can be built, nonsense is explained."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import yaml

from campaigns.generators import KINDS, GenerateSpec, build_generator
from campaigns.specs import dump_spec, validated
from materials.errors import InputError, MissingExtraError
from materials.provenance import Provenance
from materials.table import CrystalTable
from tests.few_crystals import known

ELEMENTS = ("Zn", "Sn", "P", "In", "Ga")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("known")
    table = CrystalTable.from_structures(
        known().values(), ids=list(known()), provenance=Provenance(source="textbook")
    )
    table.write(place / "known.parquet")
    for name in ("GaP", "InP", "NaCl"):
        known()[name].to_file(str(place / f"{name}.cif"))
    return place


def spec(**options) -> GenerateSpec:
    content = {"elements": {"allowed": list(ELEMENTS)}, "generators": [options]}
    return validated(GenerateSpec, content, name="test")


def names(folder: Path, n: int = 5, seed: int = 0, **options) -> list[str]:
    (one,) = spec(**options).generators
    generator = build_generator(one, ELEMENTS, seed, folder)
    return [candidate.name for candidate in islice(generator.stream(), n)]


@pytest.mark.parametrize("kind", ["prototypes", "substitution", "swaps", "alloys"])
def test_kinds_that_begin_with_a_table_make_candidates(folder, kind):
    assert names(folder, kind=kind, table="known.parquet")
    assert names(folder, kind=kind, table="known.parquet") == names(
        folder, kind=kind, table="known.parquet"
    )


def test_shipped_prototypes_need_no_table(folder):
    coloured = names(folder, kind="prototypes", source="aflow", max_sites=4)
    whole = names(folder, kind="prototypes", source="aflow-encyclopedia", max_sites=4)
    assert len(coloured) == len(whole) == 5
    assert coloured != whole


def test_alloys_of_two_files(folder):
    ends = ["GaP.cif", "InP.cif"]
    (one,) = spec(kind="alloys", ends=ends, n_species=[3]).generators
    found = list(build_generator(one, ELEMENTS, 0, folder).stream())
    assert {candidate.parent for candidate in found} == {"GaP+InP"}


def test_random_crystals_of_a_formula(folder):
    try:
        found = names(folder, kind="symmetric", formulas=["ZnSnP2"], per_formula=2, n=9)
    except MissingExtraError:
        pytest.skip("PyXtal is not installed")
    assert [name.split("-")[0] for name in found] == ["ZnSnP2"] * 2


def test_types_are_written_once_and_serve_without_their_table(folder):
    first = names(folder, kind="swaps", table="known.parquet", types="types.parquet")
    assert (folder / "types.parquet").is_file()
    written = (folder / "types.parquet").stat().st_mtime_ns
    again = names(folder, kind="swaps", types="types.parquet")
    assert first == again
    assert (folder / "types.parquet").stat().st_mtime_ns == written


def test_types_of_another_table_are_refused(folder):
    names(folder, kind="swaps", table="known.parquet", types="of-known.parquet")
    CrystalTable.from_structures([known()["InP"]]).write(folder / "other.parquet")
    with pytest.raises(InputError, match=r"of-known\.parquet: made from another table"):
        names(folder, kind="swaps", table="other.parquet", types="of-known.parquet")


def test_the_seed_and_the_elements_reach_the_generator(folder):
    options = {"kind": "prototypes", "table": "known.parquet", "n": 40}
    assert names(folder, seed=1, **options) != names(folder, seed=2, **options)
    (one,) = spec(kind="prototypes", table="known.parquet").generators
    few = build_generator(one, ("Zn", "Sn"), 0, folder)  # three elements are not asked for
    assert {e.symbol for c in few.stream() for e in c.structure.composition} == {"Zn", "Sn"}


def test_limits_leave_large_types_out(folder):
    small = names(folder, kind="substitution", table="known.parquet", max_sites=2, n=99)
    assert small
    assert all(not name.startswith("ZnSnP2") for name in small)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "swap", "table": "x"}, "'swap'"),
        ({"kind": "swaps"}, "known crystals are needed: give a table"),
        ({"kind": "prototypes"}, "known crystals are needed"),
        ({"kind": "prototypes", "source": "icsd"}, "source"),
        ({"kind": "substitution", "table": "x", "min_probability": 2}, "less than 1"),
        ({"kind": "alloys", "table": "x", "step": 3}, "step: unknown key"),
        ({"kind": "symmetric", "per_formula": 0}, "greater than or equal to 1"),
    ],
)
def test_specifications_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        spec(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "swaps", "table": "none.parquet"}, "none.parquet does not exist"),
        ({"kind": "swaps", "types": "none.parquet"}, "none.parquet does not exist"),
        ({"kind": "swaps", "types": "known.parquet"}, "no column 'structure_type'"),
        ({"kind": "alloys", "ends": ["GaP.cif", "none.cif"]}, "no such file"),
        ({"kind": "alloys", "ends": ["GaP.cif", "NaCl.cif"]}, "nothing to alloy"),
        (
            {"kind": "swaps", "table": "known.parquet", "max_sites": 1},
            "up to 3 elements and 1",
        ),
    ],
)
def test_files_that_do_not_serve_are_named(folder, options, message):
    with pytest.raises(InputError, match=message):
        names(folder, **options)


def test_a_specification_survives_its_own_dump(tmp_path):
    plan = validated(
        GenerateSpec,
        {
            "elements": {"allowed": ["Zn", "S"]},
            "generators": [{"kind": kind, "n_species": [2]} for kind in ("symmetric",)]
            + [{"kind": "alloys", "table": "a.parquet", "n_species": [2]}],
        },
        name="test",
    )
    path = tmp_path / "spec.yaml"
    path.write_text(dump_spec(plan))
    assert GenerateSpec.load(path) == plan
    assert yaml.safe_load(path.read_text())["generators"][1]["steps"] == 4


def test_every_kind_is_listed():
    kinds = {"prototypes", "substitution", "swaps", "alloys", "symmetric"}
    assert set(KINDS) == kinds
