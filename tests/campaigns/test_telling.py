"""Results told as a table: good rows count, bad ones come back with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from campaigns.campaign import Campaign
from materials.errors import InputError
from tests.campaigns.fakes import FakeOracle, toy_config
from tests.campaigns.test_campaign import LAB, answered, campaign
from tests.campaigns.test_worksheets import WANTED

pytestmark = pytest.mark.usefixtures("without_study")

GOOD = {"band_gap": 1.4, "energy_above_hull": 0.02}


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.reports.write_report", lambda *args, **kw: None)


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proposed") / "toy"
    campaign(folder).propose(4)
    return folder


@pytest.fixture
def toy(proposed: Path, tmp_path: Path) -> Campaign:
    """Four candidates are open."""
    import shutil

    shutil.copytree(proposed, tmp_path / "toy")
    return campaign(tmp_path / "toy")


def names(toy: Campaign) -> list[str]:
    return toy.propose()["candidate_id"].tolist()


def told(toy: Campaign, rows: list[dict], **options: object):
    """Told as a table, one row for each of the open candidates, in order."""
    open_names = names(toy)
    table = [
        {"candidate_id": name} | row for name, row in zip(open_names, rows, strict=False)
    ]
    return toy.tell(pd.DataFrame(table), **options)


def test_every_number_arrives_as_it_was_told(toy: Campaign) -> None:
    rows = [
        {"band_gap": 1.4, "energy_above_hull": 0.1 + 0.2, "hardness": 7, "seconds": 3.5},
        {"band_gap": np.float32(1.5), "energy_above_hull": np.float64(1e-7), "hardness": 8},
    ]
    result = told(toy, rows, origin="PBE")
    assert len(result.taken) == 2
    assert result.problems.empty  # a number that is not there is no bad one
    verdicts = toy.verdicts()
    assert verdicts["energy_above_hull"].tolist() == [0.1 + 0.2, 1e-7]
    assert verdicts["band_gap"].tolist() == [1.4, float(np.float32(1.5))]
    assert verdicts["seconds"].tolist() == [3.5, 0.0]
    ledger = toy.place.open_existing()
    found = [v for _, v in ledger.verdicts()]
    ledger.close()
    assert [v.properties for v in found] == [{"hardness": 7.0}, {"hardness": 8.0}]
    assert {(v.origin, v.oracle) for v in found} == {("PBE", "told")}


cell = st.one_of(
    st.none(),
    st.just(float("nan")),
    st.floats(-5, 25),
    st.sampled_from(
        ["blue", "1,4", "1.4 eV", "", float("inf"), True, [1], {"a": 2}, "<b>"]
    ),
)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"candidate_id": st.sampled_from(["0", "1", "x", "", None, 3])},
            optional={
                "band_gap": cell,
                "energy_above_hull": cell,
                "error": cell,
                "h": cell,
            },
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_is_told_each_row_counts_or_is_named(
    rows: list[dict], proposed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import shutil

    folder = tmp_path_factory.mktemp("any") / "toy"
    shutil.copytree(proposed, folder)
    toy = campaign(folder)
    open_names = names(toy)
    table = pd.DataFrame(rows)
    table["candidate_id"] = [
        open_names[int(name)] if name in ("0", "1") else name
        for name in table["candidate_id"]
    ]
    try:
        result = toy.tell(table)
    except InputError as error:
        if "results need a column" not in str(error):
            raise
        return
    verdicts = toy.verdicts()
    assert set(result.taken) == set(verdicts["candidate_id"])
    good = verdicts[verdicts["error"].isna()]
    assert good["band_gap"].between(0, 30).all()
    assert good["energy_above_hull"].between(-1, 20).all()
    for label, row in table.iterrows():
        read = {"band_gap", "energy_above_hull", "error", "h"} - set(result.unused)
        answers = [row.get(c) for c in read]
        empty = all(a is None or a == "" or a != a for a in answers)
        named = label in set(result.problems["row"])
        assert empty or named or row["candidate_id"] in result.taken
    assert result.still_open == 4 - len(result.taken)
    assert str(result)
    assert result._repr_html_().count("<b>") == 0


def test_bad_rows_come_back_with_their_labels(toy: Campaign) -> None:
    open_names = names(toy)
    table = pd.DataFrame(
        [
            GOOD,
            GOOD | {"band_gap": "blue"},
            GOOD | {"band_gap": 99},
            {"band_gap": 1.0},
        ],
        index=["a", "b", "c", "d"],
    ).assign(candidate_id=open_names)
    result = toy.tell(table)
    assert result.taken == (open_names[0],)
    problems = result.problems
    assert problems["row"].tolist() == ["b", "c", "d"]
    assert problems["column"].tolist() == ["band_gap", "band_gap", "energy_above_hull"]
    assert "expected 0 to 30 eV" in problems["reason"][1]
    assert "is a target" in problems["reason"][2]
    assert "not taken: row b, band_gap 'blue': expected a number in eV" in str(result)


def test_a_candidate_goes_by_its_formula_where_one_alone_is_open(toy: Campaign) -> None:
    table = toy.propose()
    first = table.iloc[0]
    other = "".join(reversed(_parts(first["formula"])))  # as another person writes it
    result = toy.tell([{"formula": other, **GOOD}, {"formula": "Zn9", **GOOD}, {**GOOD}])
    assert result.taken == (first["candidate_id"],)
    reasons = result.problems["reason"].tolist()
    assert "nobody asked about it" in reasons[0]
    assert "nobody knows what was measured" in reasons[1]


def _parts(formula: str) -> list[str]:
    import re

    return re.findall(r"[A-Z][a-z]?\d*", formula)


def test_a_formula_of_two_open_candidates_is_no_name(
    toy: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.told_rows._reduced", lambda formula: "AB")
    from dataclasses import replace as changed

    from campaigns import telling

    plain = telling._questions

    def alike(*args):
        return {
            name: changed(
                q,
                candidate=changed(
                    q.candidate, candidate=changed(q.candidate.candidate, formula="AB")
                ),
            )
            for name, q in plain(*args).items()
        }

    monkeypatch.setattr(telling, "_questions", alike)
    open_names = names(toy)
    result = toy.tell([{"formula": "AB", **GOOD}])
    assert not result.taken
    assert f"it may be {open_names[0]} or {open_names[1]}" in result.problems["reason"][0]


def test_failed_tries_are_verdicts(toy: Campaign) -> None:
    result = told(toy, [{"error": "cracked in the furnace"}, {"error": None}])
    assert len(result.taken) == 1
    assert toy.verdicts()["error"].tolist() == ["cracked in the furnace"]


def test_told_again_nothing_changes_and_a_correction_is_meant(toy: Campaign) -> None:
    rows = [GOOD]
    first = names(toy)[0]
    told(toy, rows)
    again = toy.tell([{"candidate_id": first, **GOOD}])
    assert (again.taken, again.again) == ((), (first,))
    other = [{"candidate_id": first, **GOOD, "band_gap": 1.7}]
    assert "give replace=True" in toy.tell(other).problems["reason"][0]
    assert toy.verdicts()["band_gap"].tolist() == [1.4]
    assert toy.tell(other, replace=True).taken == (first,)
    assert toy.verdicts()["band_gap"].tolist() == [1.7]


def test_what_an_oracle_found_stays(toy: Campaign) -> None:
    toy.run(rounds=1)
    verdict = toy.verdicts().iloc[0]
    name = verdict["candidate_id"]
    result = toy.tell([{"candidate_id": name, **GOOD}], origin="fake", replace=True)
    assert (
        "oracle 'potential' has judged it, and that stays" in result.problems["reason"][0]
    )
    pd.testing.assert_series_equal(toy.verdicts().iloc[0], verdict)


def test_energies_of_two_origins_are_never_mixed(toy: Campaign) -> None:
    open_names = names(toy)
    toy.tell([{"candidate_id": open_names[0], **GOOD, "origin": "PBE"}])
    result = toy.tell([{"candidate_id": open_names[1], **GOOD, "source": "HSE06"}])
    assert "is of HSE06, those of this campaign are of PBE" in result.problems["reason"][0]
    assert "origin='PBE'" in result.problems["reason"][0]
    assert not toy.tell(
        [{"candidate_id": open_names[1], **GOOD}]
    ).taken  # nobody said of what
    assert toy.tell([{"candidate_id": open_names[1], **GOOD}], origin="PBE").taken
    assert set(toy.verdicts()["candidate_id"]) == set(open_names[:2])


def test_an_oracle_of_another_origin_is_not_asked_at_all(toy: Campaign) -> None:
    from dataclasses import replace as changed

    told(toy, [GOOD], origin="PBE")
    oracle = FakeOracle()
    other = campaign(toy.folder, oracle=oracle)
    other._machinery = changed(other._machinery, origin="potential x")
    with pytest.raises(
        InputError, match=r"so far are of PBE.*would give those of potential x"
    ):
        other.run()
    assert oracle.calls == []


def test_slips_of_names_and_columns_of_no_use_are_told(toy: Campaign) -> None:
    rows = [{"bandgap": 1.4, "energy_above_hull": 0.02, "Remark!": "x"}]
    result = told(toy, rows)
    assert not result.taken
    assert "Did you mean 'band_gap'" in result.problems["reason"][0]
    assert result.unused == ("Remark!",)
    assert "not taken: table, bandgap: would be a property" in str(result)


def test_units_in_headings_are_read(toy: Campaign) -> None:
    result = told(toy, [{"band_gap (meV)": 1400, "energy_above_hull [meV/atom]": 20}])
    assert len(result.taken) == 1
    assert toy.verdicts()["band_gap"][0] == pytest.approx(1.4)
    assert toy.verdicts()["energy_above_hull"][0] == pytest.approx(0.02)


def test_the_proposal_itself_told_back_is_no_result(toy: Campaign) -> None:
    with pytest.raises(InputError, match="results need a column such as"):
        toy.tell(toy.propose())
    assert toy.verdicts().empty
    full = toy.propose().assign(**GOOD)
    assert len(toy.tell(full).taken) == 4


def test_a_relaxed_crystal_is_kept_and_another_is_refused(toy: Campaign) -> None:
    open_names = names(toy)
    mine = toy.structure(open_names[0]).copy()
    mine.scale_lattice(mine.volume * 1.1)
    wrong = Structure(np.eye(3) * 4, ["Cs"], [[0, 0, 0]])
    result = toy.tell(
        [
            {"candidate_id": open_names[0], **GOOD, "structure": mine},
            {"candidate_id": open_names[1], **GOOD, "structure": wrong},
        ]
    )
    assert result.taken == (open_names[0],)
    assert "the crystal that came back is Cs" in result.problems["reason"][0]
    assert toy.structure(open_names[0]).volume == pytest.approx(mine.volume)


@pytest.mark.parametrize("results", [7, "a.csv", [1, 2]])
def test_what_is_no_table_is_refused(results: object, toy: Campaign) -> None:
    with pytest.raises(InputError, match="expected a DataFrame"):
        toy.tell(results)


def test_a_table_without_names_is_refused(toy: Campaign) -> None:
    with pytest.raises(InputError, match=r"need a column.*Did you mean 'candidate_ids'"):
        toy.tell(pd.DataFrame({"candidate_ids": ["x"], "band_gap": [1.0]}))


def test_people_of_a_further_tier_are_told_by_name(tmp_path: Path) -> None:
    from campaigns.evaluation.elsewhere import Elsewhere
    from campaigns.evaluation.serial import SerialEvaluator
    from campaigns.machinery import Machinery
    from tests.campaigns.fakes import toy_machinery

    lab = {**LAB, "wanted": WANTED[:1]}
    config = toy_config(rounds=2, tiers=[{"best": 1, "oracle": lab}])
    toy = campaign(tmp_path / "c", config)
    plain = toy_machinery(config)
    both = (SerialEvaluator(FakeOracle()), Elsewhere())
    toy._machinery = Machinery(plain.proposer, both, plain.versions)
    toy.run(rounds=1)
    (asked,) = toy.waiting()["candidate_id"]
    toy.propose()
    with pytest.raises(InputError, match="oracle='potential' or oracle='lab'"):
        toy.tell([{"candidate_id": asked, "band_gap": 1.2}])
    with pytest.raises(InputError, match=r"'lob' is told nothing.*Did you mean 'lab'"):
        toy.tell([{"candidate_id": asked, "band_gap": 1.2}], oracle="lob")
    assert toy.tell([{"candidate_id": asked, "band_gap": 1.2}], oracle="lab").taken == (
        asked,
    )
    assert toy._view().confirmations["band_gap"].tolist() == [1.2]
    assert "lab" not in set(toy.waiting()["oracle"])


def test_answers_of_worksheets_and_told_ones_stand_beside_each_other(
    tmp_path: Path,
) -> None:
    from campaigns.evaluation.elsewhere import Elsewhere
    from campaigns.machinery import Machinery
    from campaigns.worksheets import take_answers
    from tests.campaigns.fakes import toy_machinery
    from tests.campaigns.test_worksheets import fill, sheet

    config = toy_config(oracle=LAB)
    plain = toy_machinery(config)
    lab = campaign(tmp_path / "c", config)
    lab._machinery = Machinery(plain.proposer, (Elsewhere(),), plain.versions)
    lab.run()
    ledger = lab.place.open_existing()
    take_answers(config, ledger, fill(sheet(lab.folder), [("1.4", "0.02")]))
    ledger.close()
    left = lab.waiting()["candidate_id"].tolist()
    assert len(left) == 3
    assert len(lab.tell([{"candidate_id": left[0], **GOOD}]).taken) == 1
    assert len(lab.verdicts()) == 2
    assert answered(lab.waiting().head(1), FakeOracle(), lab)[0]["candidate_id"] == left[1]


# --- what a reviewer found


def function_campaign(folder: Path, calls: list[str]) -> Campaign:
    """As :func:`campaign`, its oracle a function whose origin only its answers say."""
    from dataclasses import replace as changed

    config = toy_config(oracle={"kind": "function", "name": "mine"})
    oracle = FakeOracle(calls=calls)

    def mine(candidate):
        return changed(oracle(candidate), origin="function mine")

    return campaign(folder, config, mine)


def test_a_function_is_not_asked_beside_energies_of_no_declared_method(
    tmp_path: Path,
) -> None:
    calls: list[str] = []
    toy = function_campaign(tmp_path / "toy", calls)
    first = {"candidate_id": names(toy)[0], **GOOD}
    toy.tell([first])
    with pytest.raises(InputError, match=r"with origin='function mine' and replace=True"):
        toy.run(rounds=1)
    assert calls == []
    toy.tell([first], origin="function mine", replace=True)
    toy.run(rounds=1)
    assert len(calls) == 3
    assert toy.verdicts()["error"].isna().all()
    assert toy.verdicts()["origin"].tolist() == ["function mine"] * 4
    assert toy.verdicts()["oracle"].tolist() == ["told", "mine", "mine", "mine"]


def test_the_first_answer_of_another_method_ends_it_before_the_next(tmp_path: Path) -> None:
    calls: list[str] = []
    toy = function_campaign(tmp_path / "toy", calls)
    toy.tell([{"candidate_id": names(toy)[0], **GOOD}], origin="PBE")
    with pytest.raises(InputError, match="would give those of function mine"):
        toy.run()
    assert (len(calls), len(toy.verdicts())) == (1, 1)


def test_a_forgotten_origin_is_corrected_for_all_at_once(toy: Campaign) -> None:
    open_names = names(toy)
    told_so = [{"candidate_id": name, **GOOD} for name in open_names[:3]]
    toy.tell(told_so)
    assert "give replace=True" in toy.tell(told_so, origin="PBE").problems["reason"][0]
    some = toy.tell(told_so[:2], origin="PBE", replace=True)
    assert not some.taken  # the third would be of another
    assert len(toy.tell(told_so, origin="PBE", replace=True).taken) == 3
    assert toy.verdicts()["origin"].tolist() == ["PBE"] * 3
    other = [{**told_so[0], "band_gap": 1.6}]
    assert toy.tell(other, replace=True).taken  # the method is still known
    assert toy.verdicts()["origin"].tolist() == ["PBE"] * 3


def test_energies_told_without_a_method_are_to_be_told_again_with_it(toy: Campaign) -> None:
    first, second = names(toy)[:2]
    toy.tell([{"candidate_id": first, **GOOD}])
    (why,) = toy.tell([{"candidate_id": second, **GOOD, "origin": "PBE"}]).problems[
        "reason"
    ]
    assert "tell them again with origin='PBE' and replace=True" in why


def test_a_formula_that_contradicts_the_identifier_is_told(toy: Campaign) -> None:
    table = toy.propose()
    formula, name = table["formula"][0], table["candidate_id"][0]
    result = toy.tell([{"candidate_id": name, "formula": "Zn9S", **GOOD}])
    assert f"{name} is {formula}" in result.problems["reason"][0]
    assert toy.tell([{"candidate_id": name, "formula": formula, **GOOD}]).taken == (name,)
    huge = toy.tell([{"formula": "Zn1e400", **GOOD}])
    assert "nobody asked about it" in huge.problems["reason"][0]


@pytest.mark.parametrize("junk", [{"a": 1}, 3, "relaxed.cif"])
def test_what_is_no_crystal_is_a_row_that_is_named(junk: object, toy: Campaign) -> None:
    open_names = names(toy)
    rows = [{"candidate_id": name, **GOOD, "structure": None} for name in open_names[:2]]
    rows[1]["structure"] = junk
    result = toy.tell(rows)
    assert result.taken == (open_names[0],)
    assert result.problems["column"].tolist() == ["structure"]
    assert "expected a Structure" in result.problems["reason"][0]


def test_a_crystal_may_come_later_and_another_is_a_correction(toy: Campaign) -> None:
    first = {"candidate_id": names(toy)[0], **GOOD}
    toy.tell([first])
    mine = toy.structure(first["candidate_id"]).copy()
    mine.scale_lattice(mine.volume * 1.1)
    assert toy.tell([first | {"structure": mine}]).taken
    assert toy.structure(first["candidate_id"]).volume == pytest.approx(mine.volume)
    assert toy.tell([first | {"structure": mine.as_dict()}]).again
    mine.scale_lattice(mine.volume * 1.1)
    other = [first | {"structure": mine}]
    assert "give replace=True" in toy.tell(other).problems["reason"][0]
    assert toy.tell(other, replace=True).taken
    assert toy.structure(first["candidate_id"]).volume == pytest.approx(mine.volume)


def test_one_told_twice_of_two_methods_is_not_taken(toy: Campaign) -> None:
    row = {"candidate_id": names(toy)[0], **GOOD}
    result = toy.tell([row | {"origin": "PBE"}, row | {"origin": "HSE06"}])
    assert not result.taken
    assert result.problems["column"].tolist() == ["origin"]


def test_rows_are_called_by_their_labels_throughout(toy: Campaign) -> None:
    row = {"candidate_id": names(toy)[0], **GOOD}
    result = toy.tell([row | {"band_gap": 1.5}, row | {"band_gap": 2.5}])
    assert "row 0, band_gap '1.5': row 1 says '2.5'" in str(result)
    assert result.problems["reason"][1].startswith("row 0 says '1.5'")


def test_reasons_are_in_the_campaigns_language(toy: Campaign) -> None:
    from campaigns.words import words

    row = {"candidate_id": names(toy)[0], **GOOD}
    result = toy.tell([row | {"band_gap": 1.5}, row | {"band_gap": 2.5}])
    reasons = replace(result, say=words("es")).problems["reason"]
    assert not any("says" in reason for reason in reasons)
    toy.tell([row], origin="PBE")
    mixed = toy.tell([{"candidate_id": names(toy)[0], **GOOD}], origin="HSE06")
    (why,) = replace(mixed, say=words("es")).problems["reason"]
    assert why.language == "es"


def test_remarks_are_columns_that_nobody_asked_for(toy: Campaign) -> None:
    row = {"candidate_id": names(toy)[0], **GOOD, "comment": "fine", "day": "2026-05-01x"}
    result = toy.tell([row])
    assert result.problems.empty
    assert set(result.unused) == {"comment", "day"}


def test_a_column_of_reasons_keeps_its_name(toy: Campaign) -> None:
    result = toy.tell([{"candidate_id": names(toy)[0], **GOOD, "error": "cracked"}])
    assert result.problems["column"].tolist() == ["error"]


def test_columns_as_a_dict_are_a_table_and_odd_tables_are_refused(toy: Campaign) -> None:
    open_names = names(toy)
    columns = {"candidate_id": open_names, "band_gap": [1.4] * 4}
    assert len(toy.tell({**columns, "energy_above_hull": [0.02] * 4}).taken) == 4
    with pytest.raises(InputError, match="different length"):
        toy.tell({**columns, "energy_above_hull": [0.02]})
    twice = pd.DataFrame([[open_names[0], 1.0, 2.0]], columns=["candidate_id", "x", "x"])
    with pytest.raises(InputError, match="'x' is there twice"):
        toy.tell(twice)
    levels = pd.DataFrame(columns).T.set_index([0, 1]).T
    with pytest.raises(InputError, match="several levels"):
        toy.tell(levels)


def test_a_correction_changes_the_figures_of_its_round(toy: Campaign) -> None:
    rows = [{"candidate_id": name, **GOOD} for name in names(toy)]
    toy.tell(rows, origin="fake")
    toy.run(rounds=1)
    toy.run(rounds=1)
    before = toy.rounds()
    assert before["n_hits"][0] == 4
    toy.tell([rows[0] | {"band_gap": 9.0}], origin="fake", replace=True)
    after = toy.rounds()
    assert after["n_hits"].tolist() == [3, before["n_hits"][1]]
    assert after["n_hits_total"].tolist() == [3, before["n_hits_total"][1] - 1]
    assert toy.status == "running"


def test_a_told_result_is_not_the_oracles(toy: Campaign) -> None:
    told(toy, [GOOD], origin="PBE")
    (name,) = toy.verdicts()["candidate_id"]
    stages = toy.explain(name).table()["stage"].tolist()
    assert "told" in stages
    assert "relaxation" not in stages
