from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from campaigns.screening.filters import Sieve
from campaigns.screening.shard import Screener
from campaigns.screening.spec import Filters, Order, ScreenSpec
from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.known import KnownFormulas, reduced_formula
from materials.screens.incumbent import better_than_filter
from materials.screens.validity import composition_is_ionic
from tests.campaigns.screening.guesses import Guesser, rocksalt_table, screen
from tests.strategies import ELEMENTS, structures

KNOWN = KnownFormulas.load()
FEW = st.lists(st.sampled_from(ELEMENTS), max_size=4, unique=True).map(tuple)
MOST = FEW.map(lambda few: tuple(e for e in ELEMENTS if e not in few))
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "allowed": MOST,
        "forbidden": FEW,
        "max_sites": st.integers(1, 5),
        "max_elements": st.integers(1, 4),
        "charge_neutral": st.booleans(),
        "better_than": st.fixed_dictionaries(
            {
                "incumbent": st.sampled_from(["CdTe", "GaAs"]),
                "on": st.lists(
                    st.sampled_from(["toxicity", "cost"]), min_size=1, unique=True
                ),
                "unknown": st.sampled_from(["reject", "keep"]),
            }
        ),
        "new": st.booleans(),
    },
).map(lambda some: Filters.model_validate(agreeing(some)))


def agreeing(some: dict) -> dict:
    """Without what is both allowed and forbidden, which is refused."""
    forbidden = [e for e in some.get("forbidden", ()) if e not in some.get("allowed", ())]
    return some | {"forbidden": tuple(forbidden)}


def slowly(crystal: Structure, wanted: Filters) -> str | None:
    """The first filter that turns a crystal down."""
    symbols = {element.symbol for element in crystal.composition.elements}
    if wanted.max_sites is not None and len(crystal) > wanted.max_sites:
        return "max_sites"
    if wanted.allowed and symbols - {*wanted.allowed}:
        return "allowed"
    if symbols & {*wanted.forbidden}:
        return "forbidden"
    if wanted.max_elements is not None and len(symbols) > wanted.max_elements:
        return "max_elements"
    counts = np.bincount(crystal.atomic_numbers, minlength=119)
    if wanted.charge_neutral and not composition_is_ionic(counts):
        return "charge_neutral"
    if (wish := wanted.better_than) is not None:
        question = better_than_filter(wish.incumbent, wish.on, unknown=wish.unknown)
        if question(crystal) is not None:
            return "better_than"
    if wanted.new and reduced_formula(crystal) in KNOWN.formulas:
        return "new"
    return None


@settings(deadline=None, max_examples=150)
@given(
    crystals=st.lists(structures(max_sites=6), max_size=6),
    wanted=FILTERS,
    broken=st.sets(st.integers(0, 5)),
)
def test_every_filter_agrees_with_asking_crystal_by_crystal(
    crystals: list[Structure], wanted: Filters, broken: set[int]
) -> None:
    flat = FlatCrystals.from_arrays(
        [
            None if i in broken else (c.atomic_numbers, c.frac_coords, c.lattice.matrix)
            for i, c in enumerate(crystals)
        ],
        {i: "broken" for i in broken if i < len(crystals)},
    )
    formulas = [reduced_formula(crystal) for crystal in crystals]
    kept, turned_down = Sieve(wanted).passed(flat, formulas)
    expected = [
        None if i in broken else slowly(crystal, wanted)
        for i, crystal in enumerate(crystals)
    ]
    assert kept.tolist() == [reason is None for reason in expected]
    for name, count in turned_down.items():
        assert count == expected.count(name)
    assert sum(turned_down.values()) == int((~kept).sum())


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "mixed.parquet"
    return rocksalt_table(path, 60, broken=(3, 40))


@settings(deadline=None, max_examples=30)
@given(
    constraints=st.lists(
        st.sampled_from(
            [
                "band_gap >= 1.0",
                "band_gap < 2.5",
                "energy_above_hull<=0.6",
                "band_gap_lower > 0",
            ]
        ),
        max_size=4,
    ),
    in_domain=st.booleans(),
    best=st.none() | st.integers(1, 70),
    order=st.sampled_from(Order),
    rows_per_shard=st.integers(1, 70),
    forbidden=st.sampled_from([(), ("O",), ("Li", "N"), ("Fe",)]),
)
def test_rows_and_counts_are_those_of_looking_at_every_row(
    tmp_path_factory: pytest.TempPathFactory,
    table: Path,
    constraints: list[str],
    in_domain: bool,
    best: int | None,
    order: Order,
    rows_per_shard: int,
    forbidden: tuple[str, ...],
) -> None:
    folder = tmp_path_factory.mktemp("screened")
    every = screen(table, folder / "all.parquet", filters={"forbidden": forbidden})
    rows = pq.read_table(every.path).to_pandas()
    result = screen(
        table,
        folder / "some",
        filters={"forbidden": forbidden},
        constraints=constraints,
        in_domain=in_domain,
        best=best,
        order=order,
        rows_per_shard=rows_per_shard,
    )
    bad = rows["error"].notna()
    good = rows[~bad]
    for text in constraints:
        good = good.query(text)
    if in_domain:
        good = good[good["in_domain"].astype(bool)]
    failed = list(rows.loc[bad, "material_id"])
    found = [
        name for f in result.files for name in pq.read_table(f)["material_id"].to_pylist()
    ]
    counts = result.counts
    lost = sum(counts.filtered.values()) + sum(counts.missed.values())
    assert (counts.given, counts.failed) == (60, len(failed))
    not_best = counts.missed.get("best", 0)
    assert sum(counts.missed.values()) - not_best == (~bad).sum() - len(good)
    assert counts.given == lost + counts.written
    if best is None:
        passed = {*good["material_id"], *failed}
        assert found == [name for name in rows["material_id"] if name in passed]
    else:
        ascending = order is Order.LOWEST
        top = good.sort_values("energy_above_hull", ascending=ascending, kind="stable")
        assert found == [*top["material_id"].head(best), *failed]
    assert counts.written == len(found)


def test_errors_stay_rows_and_a_shard_may_lose_every_crystal(
    tmp_path: Path, table: Path
) -> None:
    result = screen(table, tmp_path / "o", filters={"allowed": ["Au"]}, rows_per_shard=7)
    rows = pq.read_table(tmp_path / "o").to_pandas()
    assert list(rows["material_id"]) == ["id-3", "id-40"]
    assert rows["error"].str.contains("lattice").all()
    assert result.counts.filtered == {"allowed": 58}


@pytest.mark.parametrize(
    "spec", [{"constraints": ["bandgap > 1"]}, {"best": 3, "by": "band_gap_st"}]
)
def test_an_unknown_column_names_the_near_one(spec: dict[str, object]) -> None:
    wanted = ScreenSpec.model_validate({"table": "a", **spec})
    with pytest.raises(InputError, match=r"Did you mean 'band_gap(_std)?'\?"):
        Screener(wanted, Guesser())
