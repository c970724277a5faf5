from __future__ import annotations

import operator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.screening.spec import Constraint, ScreenSpec
from materials.errors import InputError

RELATIONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NUMBERS = st.floats(-1e38, 1e38)
SPACE = st.sampled_from(["", " ", "  "])


@given(
    relation=st.sampled_from(list(RELATIONS)),
    value=NUMBERS,
    spaces=st.tuples(SPACE, SPACE, SPACE, SPACE),
    values=st.lists(st.floats(width=32), max_size=8),
)
def test_a_constraint_is_what_it_says_however_it_is_spaced(
    relation: str, value: float, spaces: tuple[str, ...], values: list[float]
) -> None:
    a, b, c, d = spaces
    found = Constraint.model_validate(f"{a}gap_std{b}{relation}{c}{value!r}{d}")
    assert (found.column, found.relation, found.value) == ("gap_std", relation, value)
    assert Constraint.model_validate(str(found)) == found
    expected = [RELATIONS[relation](v, value) for v in values]
    assert found.holds(np.array(values, dtype=np.float64)).tolist() == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "band_gap", "band_gap 1", "band_gap = 1", "band_gap == 1", "band_gap >= "),
        *("band_gap => 1", "1 < band_gap", "1 < band_gap < 2", "band_gap < nan"),
        *("band_gap < inf", "band_gap < 1e999", "band_gap < 1.2.3", "band_gap < ."),
        *("a b < 1", "band_gap < 1; print(1)", "band_gap != 1", "band_gap < 0x10"),
    ],
)
def test_what_is_no_constraint_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Constraint.model_validate(text)


@pytest.mark.parametrize(
    "change", [{"relation": "=="}, {"column": "a b"}, {"value": "inf"}]
)
def test_a_constraint_given_in_parts_is_checked_as_well(change: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Constraint.model_validate({"column": "a", "relation": "<", "value": 1.0} | change)


@given(
    constraints=st.lists(
        st.tuples(
            st.sampled_from(["a", "band_gap"]), st.sampled_from(list(RELATIONS)), NUMBERS
        )
    ),
    forbidden=st.lists(st.sampled_from(["N", "Y", "No", "O", "Pb"]), unique=True),
    best=st.none() | st.integers(1, 9),
    columns=st.lists(st.sampled_from(["yes", "mass", "1", "null"]), unique=True),
)
def test_a_specification_survives_yaml(
    tmp_path_factory: pytest.TempPathFactory,
    constraints: list[tuple[str, str, float]],
    forbidden: list[str],
    best: int | None,
    columns: list[str],
) -> None:
    spec = ScreenSpec.model_validate(
        {
            "table": "a.parquet",
            "constraints": [" ".join(map(str, parts)) for parts in constraints],
            "filters": {"forbidden": forbidden, "new": True},
            "best": best,
            "columns": columns,
        }
    )
    path = tmp_path_factory.mktemp("spec") / "a.yaml"
    path.write_text(spec.dump(), encoding="utf-8")
    assert ScreenSpec.load(path) == spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "either a table or candidates"),
        (
            "table: a\ncandidates: {elements: {allowed: [Si]}}",
            "either a table or candidates",
        ),
        (
            "candidates: {elements: {allowed: [Si]}}\ncolumns: [mass]",
            "columns are of a table",
        ),
        ("table: a\nfilters: {forbiden: [Pb]}", "Did you mean 'forbidden'?"),
        ("table: a\nfilters: {forbidden: [Xx]}", "filters.forbidden.0"),
        ("table: a\nconstraints: ['band_gap = 1']", "write a column, one of"),
        ("table: a\nbest: 0", "best"),
        ("table: a\nrows_per_shard: 0", "rows_per_shard"),
        ("candidates: {elements: {allowed: []}}", "allowed"),
        ("- table", "expected a mapping"),
        ("table: [", "not valid YAML"),
    ],
)
def test_a_wrong_specification_names_file_and_field(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as told:
        ScreenSpec.load(path)
    assert "wrong.yaml" in str(told.value)
    assert expected in str(told.value)
