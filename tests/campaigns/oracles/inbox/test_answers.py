"""Whatever comes back is read: good rows taken, all others named, none lost."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from campaigns.oracles.inbox.agreement import reconcile
from campaigns.oracles.inbox.answers import parse_answers, read_answers
from campaigns.oracles.inbox.found import Answer, Answers
from campaigns.oracles.inbox.oracle import verdict_of
from campaigns.oracles.inbox.tables import parse_table
from campaigns.oracles.specs import Quantity
from materials.errors import InputError

GAP = Quantity(name="band_gap", unit="eV", min=0.0, max=20.0)
HULL = Quantity(name="energy_above_hull", unit="eV/atom")
RHO = Quantity(name="resistivity", unit="Ω cm", min=0.0)
WANTED = (GAP, HULL, RHO)
IDS = ("GaAs-1", "ZnS-2", "MgO-3", "SnO2-4", "Cu2O-5")

HEADS = st.sampled_from(
    [
        "candidate_id",
        "band_gap [eV]",
        "band gap (meV)",
        "formula",
        "failed_because",
        "x",
        "",
    ]
)
CELLS = st.sampled_from(
    [
        *IDS,
        "GaAs",
        "1.5",
        "1,5",
        "1,500",
        "-3",
        "nan",
        "inf",
        "1e3",
        "0.2 meV",
        "n/a",
        "",
        '"',
    ]
) | st.text(max_size=6)
TABLES = st.builds(
    lambda separator, rows: "\n".join(separator.join(row) for row in rows),
    st.sampled_from([",", ";", "\t"]),
    st.builds(
        lambda head, rows: [["candidate_id", *head], *rows],
        st.lists(HEADS, min_size=1, max_size=4),
        st.lists(st.lists(CELLS, max_size=6), max_size=5),
    ),
)


def read(text: str, suffix: str = ".csv", wanted: tuple[Quantity, ...] = WANTED) -> Answers:
    return parse_answers(text, suffix, IDS, wanted)


@settings(deadline=None, max_examples=400)
@given(text=TABLES | st.text(max_size=60), suffix=st.sampled_from([".csv", ".json"]))
def test_nothing_raises_and_every_row_is_accounted_for(text: str, suffix: str) -> None:
    answers = read(text, suffix)
    rows = {row for row, _ in parse_table(text, suffix).rows}
    taken = {row for answer in answers.good for row in answer.rows}
    named = {problem.row for problem in answers.bad}
    assert rows <= taken | named | set(answers.empty)
    assert not taken & set(answers.empty)
    assert all(problem.reason and str(problem) for problem in answers.bad)
    assert {answer.candidate_id for answer in answers.good} <= set(IDS)
    for answer in answers.good:
        assert bool(answer.failed) != bool(answer.values)
        assert all(0.0 <= answer.values.get(n, 0.0) <= 20.0 for n in ("band_gap",))


@settings(deadline=None, max_examples=200)
@given(
    known=st.dictionaries(
        st.sampled_from(IDS),
        st.dictionaries(
            st.sampled_from(["band_gap", "resistivity"]), st.floats(0.001, 19.0)
        ),
        min_size=1,
    ),
    separator=st.sampled_from([",", ";", "\t"]),
    comma=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
    milli=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_what_was_written_is_read_however_it_was_written(
    known: dict[str, dict[str, float]],
    separator: str,
    comma: bool,
    mark: str,
    milli: bool,
    order,
) -> None:
    """Any order, part of the columns, other columns, decimal commas, another unit."""
    assume(not comma or separator != ",")
    heads = {
        "candidate_id": "Candidate ID",
        "band_gap": "Band gap (meV)" if milli else "band_gap [eV]",
        "resistivity": "resistivity",
        "extra": "Operator",
    }
    columns = list(heads)
    order.shuffle(columns)
    names = list(known)
    order.shuffle(names)

    def cell(name: str, column: str) -> str:
        if column in ("candidate_id", "extra"):
            return name if column == "candidate_id" else "A. Person"
        if column not in known[name]:
            return ""
        value = known[name][column] * (1000.0 if milli and column == "band_gap" else 1.0)
        if separator == ";" and not comma:  # 1.125 alone may be a thousand there
            return f"{value:.16e}"
        return repr(value).replace(".", ",") if comma else repr(value)

    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow([heads[column] for column in columns])
    writer.writerows([[cell(name, column) for column in columns] for name in names])
    answers = read(mark + text.getvalue())
    assert answers.bad == ()
    assert answers.unused == ("Operator",)
    found = {answer.candidate_id: dict(answer.values) for answer in answers.good}
    expected = {name: values for name, values in known.items() if values}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-12)
    assert len(answers.empty) == len(known) - len(expected)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.5", 1.5),
        (" 1.5 eV ", 1.5),
        ("1500 meV", 1.5),
        ("1.5ev", 1.5),
        ('"1,5"', 1.5),
        ('"0,125"', 0.125),
        ("1.5e0", 1.5),
        ("+1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("0", 0.0),
    ],
)
def test_numbers_as_people_write_them(cell: str, value: float) -> None:
    (answer,) = read(f"candidate_id,band_gap\nGaAs-1,{cell}\n").good
    assert answer.values == {"band_gap": pytest.approx(value)}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ('"1,234"', "the comma may be a decimal sign or stand between thousands"),
        ("n/a", "expected a number in eV"),
        ("1.2 ± 0.1", "the unit '± 0.1' was found, expected eV"),
        ("~1.2", "expected a number in eV"),
        ("1.2.3", "expected a number in eV"),
        ("nan", "expected a number in eV"),
        ("1e999", "expected a number in eV"),
        ("1.5 V", "the unit 'V' was found, expected eV"),
        ("2 MeV", "the unit 'MeV' was found, expected eV"),
        ("25", "expected 0 to 20 eV"),
        ("-1", "expected 0 to 20 eV"),
        ("−1", "expected 0 to 20 eV"),
    ],
)
def test_what_is_no_number_is_named_with_its_row_and_field(cell: str, reason: str) -> None:
    answers = read(f"candidate_id,band_gap\nZnS-2,3.6\nGaAs-1,{cell}\n")
    (problem,) = answers.bad
    assert (problem.row, problem.field) == (3, "band_gap")
    assert reason in problem.reason
    assert [a.candidate_id for a in answers.good] == ["ZnS-2"]


@pytest.mark.parametrize(
    ("heading", "cell", "value"),
    [
        ("band_gap [meV]", "1400", 1.4),
        ("band_gap [meV]", "1400 meV", 1.4),
        ("band_gap [meV]", "1.4 eV", 1.4),
        ("band_gap [eV]", "1400 meV", 1.4),
        ("band gap (eV)", "1.4 eV", 1.4),
        ("band_gap", "1400 meV", 1.4),
    ],
)
def test_a_unit_counts_once_and_the_one_behind_the_number_wins(
    heading: str, cell: str, value: float
) -> None:
    answers = read(f"candidate_id,{heading}\nGaAs-1,{cell}\n")
    assert [a.values["band_gap"] for a in answers.good] == [pytest.approx(value)]
    assert answers.bad == ()


def test_a_decimal_comma_without_quotes_never_moves_values_to_other_columns() -> None:
    text = (
        "candidate_id,formula,structure,band_gap [eV],resistivity [Ω cm],failed_because,note"
        "\nGaAs-1,GaAs,s.cif,2,70,,,\nZnS-2,ZnS,s.cif,3.6,70,,\n"
    )
    answers = read(text)
    assert [a.candidate_id for a in answers.good] == ["ZnS-2"]
    assert [p.row for p in answers.bad] == [2]
    assert "8 cells where there are 7 headings" in answers.bad[0].reason


def test_thousands_are_read_where_they_are_clear() -> None:
    text = "candidate_id;resistivity\nGaAs-1;1.234,5\nZnS-2;12.345.678,25\nMgO-3;1,234\n"
    found = {a.candidate_id: a.values["resistivity"] for a in read(text).good}
    assert found == {"GaAs-1": 1234.5, "ZnS-2": 12345678.25, "MgO-3": 1.234}


def test_a_point_is_refused_where_the_file_has_decimal_commas() -> None:
    """German programs write 1234 so; where points are the decimal signs, it is 1.234."""
    head = "candidate_id;band_gap;resistivity\n"
    answers = read(head + "GaAs-1;1,42;1.234\n")
    assert [dict(a.values) for a in answers.good] == [{"band_gap": 1.42}]
    assert "the point may be a decimal sign" in answers.bad[0].reason
    (answer,) = read(head + "GaAs-1;1.42;1.234\n").good
    assert answer.values == {"band_gap": 1.42, "resistivity": 1.234}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("3.3 × 10^8", 3.3e8),
        ("3.3x10^-8", 3.3e-8),
        ("3.3·10⁸ Ω cm", 3.3e8),
        ("3.3 × 10⁻⁸", 3.3e-8),
        ("1 234.5", 1234.5),
        ("1\u202f234.5", 1234.5),
        ("1\u2009234\u2009567 Ω cm", 1234567.0),
        ("1'234.5", 1234.5),
        ("2.5 ohm cm", 2.5),
        ("2.5 \u2126 cm", 2.5),
    ],
)
def test_powers_of_ten_and_spaces_between_thousands(cell: str, value: float) -> None:
    (answer,) = read(f"candidate_id,resistivity\nGaAs-1,{cell}\n").good
    assert answer.values == {"resistivity": pytest.approx(value)}


@pytest.mark.parametrize(
    "unit", ["? cm", "O cm", "\u2126 cm", "\u2126·cm", "Ohm cm", "ohm cm"]
)
def test_our_own_heading_is_known_again_whatever_code_page_it_went_through(
    unit: str,
) -> None:
    (answer,) = read(f"candidate_id,resistivity [{unit}]\nGaAs-1,3\n").good
    assert answer.values == {"resistivity": 3.0}
    assert read("candidate_id,resistivity [? m]\nGaAs-1,3\n").good == ()


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_line_that_tells_excel_the_separator_is_no_heading(separator: str) -> None:
    rows = [["candidate_id", "band_gap"], ["GaAs-1", "1.5"], ["nobody", "2"]]
    text = "\r\n".join([f"sep={separator}", *map(separator.join, rows)])
    answers = read(text)
    assert [a.values["band_gap"] for a in answers.good] == [1.5]
    assert [p.row for p in answers.bad] == [3]


def test_a_quote_that_never_ends_is_named_with_its_row() -> None:
    text = 'candidate_id,band_gap,note\nGaAs-1,1.5,\nZnS-2,3.6,"5 inch\nMgO-3,7.8,\n'
    answers = read(text)
    assert [a.candidate_id for a in answers.good] == ["GaAs-1"]
    (problem,) = answers.bad
    assert problem.row == 3
    assert "a quote begins in it and never ends" in problem.reason


def test_a_heading_with_a_strange_unit_spoils_its_column_alone() -> None:
    text = "candidate_id,band_gap [nm],resistivity\nGaAs-1,870,2\nZnS-2,,3\n"
    answers = read(text)
    assert {a.candidate_id: dict(a.values) for a in answers.good} == {
        "GaAs-1": {"resistivity": 2.0},
        "ZnS-2": {"resistivity": 3.0},
    }
    (problem,) = answers.bad
    assert "in its heading the unit 'nm' was found, expected eV" in problem.reason


def test_rows_that_repeat_are_one_and_rows_that_contradict_are_none() -> None:
    text = (
        "candidate_id,band_gap,resistivity,failed_because\n"
        "GaAs-1,1.5,,\nGaAs-1,1.50,3,\n"  # the same, and more of it
        "ZnS-2,3.6,,\nZnS-2,3.5,4,\n"  # two values for one
        "MgO-3,7.8,,\nMgO-3,,,cracked\n"  # a value and none
        "SnO2-4,3.5,,too brittle\n"
        "Cu2O-5,,,lost\nCu2O-5,,,lost\n"
    )
    answers = read(text)
    found = {a.candidate_id: (dict(a.values), a.failed, a.rows) for a in answers.good}
    assert found == {
        "GaAs-1": ({"band_gap": 1.5, "resistivity": 3.0}, "", (2, 3)),
        "ZnS-2": ({"resistivity": 4.0}, "", (5,)),
        "Cu2O-5": ({}, "lost", (9, 10)),
    }
    assert [(p.row, p.field) for p in answers.bad] == [
        (4, "band_gap"),
        (5, "band_gap"),
        (6, "band_gap"),
        (7, "failed_because"),
        (8, "failed_because"),
    ]
    assert "row 5 says '3.5'" in answers.bad[0].reason


def test_unknown_candidates_are_named_with_near_ones_and_cells_too_many_too() -> None:
    text = "candidate_id,band_gap\nGaAs-l,1.5\n,1.2\nZnS-2,3,6\nnobody,\n"
    answers = read(text)
    assert answers.good == ()
    assert [problem.row for problem in answers.bad] == [2, 3, 4]
    assert "Did you mean 'GaAs-1'?" in answers.bad[0].reason
    assert "3 cells where there are 2 headings" in answers.bad[2].reason
    assert answers.empty == (5,)


def test_json_is_read_as_well(tmp_path: Path) -> None:
    rows = [
        {"candidate_id": "GaAs-1", "band_gap": 1.5, "note": "at 300 K"},
        {"candidate_id": "ZnS-2", "band_gap": "3,6"},
        {"candidate_id": "MgO-3", "band_gap": None},
        "not a row",
        {"candidate_id": "SnO2-4", "band_gap": True},
    ]
    for content in (rows, {"answers": rows}):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(content))
        answers = read_answers(path, IDS, (GAP,))
        assert {a.candidate_id: a.values["band_gap"] for a in answers.good} == {
            "GaAs-1": 1.5,
            "ZnS-2": 3.6,
        }
        assert [(p.row, p.value) for p in answers.bad] == [(4, "not a row"), (5, "true")]
        assert answers.empty == (3,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding_a_spreadsheet_writes(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("candidate_id;note;band_gap\nGaAs-1;Müller;1,5\n".encode(encoding))
    (answer,) = read_answers(path, IDS, (GAP,)).good
    assert answer.values == {"band_gap": 1.5}


def test_files_of_no_use_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="save a spreadsheet as CSV"):
        read_answers(tmp_path / "a.xlsx", IDS, WANTED)
    with pytest.raises(InputError, match="cannot read"):
        read_answers(tmp_path / "no.csv", IDS, WANTED)
    for text, reason in [
        ("", "the file is empty"),
        ("candidat_id,band_gap\nGaAs-1,1\n", "Did you mean 'candidat_id'?"),
        ("candidate_id,gap\nGaAs-1,1\n", "there is no column 'band_gap'"),
    ]:
        answers = read(text)
        assert answers.good == ()
        assert reason in answers.bad[0].reason


def test_a_second_file_may_repeat_and_add_but_not_contradict() -> None:
    earlier = {
        "GaAs-1": Answer("GaAs-1", {"band_gap": 1.5}),
        "ZnS-2": Answer("ZnS-2", {"band_gap": 3.6}),
        "MgO-3": Answer("MgO-3", {"band_gap": 7.8}),
        "SnO2-4": Answer("SnO2-4", failed="lost"),
    }
    text = (
        "candidate_id,band_gap,resistivity\n"
        "GaAs-1,1.5,\nZnS-2,3.6,5\nMgO-3,7.5,6\nSnO2-4,3.5,\nCu2O-5,2.1,\n"
    )
    answers = read(text)
    new, again = reconcile(answers, earlier, replace=False)
    assert again == ("GaAs-1",)
    assert {a.candidate_id: dict(a.values) for a in new.good} == {
        "ZnS-2": {"band_gap": 3.6, "resistivity": 5.0},
        "Cu2O-5": {"band_gap": 2.1},
    }
    assert [(p.row, p.field) for p in new.bad] == [(4, "band_gap"), (5, "failed_because")]
    assert all("--replace" in p.reason for p in new.bad)
    new, _ = reconcile(answers, earlier, replace=True)
    assert new.bad == ()
    assert {a.candidate_id: dict(a.values) for a in new.good} == {
        "ZnS-2": {"band_gap": 3.6, "resistivity": 5.0},
        "MgO-3": {"band_gap": 7.5, "resistivity": 6.0},
        "SnO2-4": {"band_gap": 3.5},
        "Cu2O-5": {"band_gap": 2.1},
    }


def test_what_a_second_file_adds_does_not_take_back_the_first() -> None:
    earlier = {"GaAs-1": Answer("GaAs-1", {"band_gap": 1.5})}
    answers = read("candidate_id,resistivity\nGaAs-1,3\n")
    (answer,) = reconcile(answers, earlier, replace=False)[0].good
    assert answer.values == {"band_gap": 1.5, "resistivity": 3.0}
    failed = read("candidate_id,band_gap,failed_because\nGaAs-1,,it was another crystal\n")
    (answer,) = reconcile(failed, earlier, replace=True)[0].good
    assert (answer.values, answer.failed) == ({}, "it was another crystal")


def test_an_answer_becomes_a_verdict() -> None:
    answer = Answer("GaAs-1", {"band_gap": 1.5, "resistivity": 3.0}, rows=(2,))
    verdict = verdict_of(answer, oracle="laboratory", cost=1000.0, origin="answers.csv")
    assert (verdict.candidate_id, verdict.band_gap) == ("GaAs-1", 1.5)
    assert verdict.properties == {"resistivity": 3.0}
    assert (verdict.oracle, verdict.cost, verdict.origin) == (
        "laboratory",
        1000.0,
        "answers.csv",
    )
    failed = verdict_of(Answer("a", failed="lost"), oracle="x", cost=1.0, origin="y")
    assert (failed.error, failed.band_gap) == ("lost", None)
