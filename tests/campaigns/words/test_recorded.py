"""What filters, oracles and errors can put on record is recognised, whatever they measured."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.oracles.sanity import nonsense
from campaigns.protocols import Candidate, Verdict
from campaigns.results import explain, open_view
from campaigns.steps import first_steps, wanted
from campaigns.trace import in_words
from campaigns.words import ENGLISH, words
from campaigns.words.sentences import SENTENCES
from materials.errors import InputError
from materials.relaxation import volume_fault
from materials.screens.incumbent import better_than_filter
from materials.screens.validity import (
    Alloys,
    ChargeRules,
    allowed_elements,
    charge_neutrality,
    electronegativity_order,
    minimum_distance,
)
from materials.sustainability import COMPARABLE
from tests.campaigns.fakes import toy_config
from tests.campaigns.words.pseudo import PSEUDO
from tests.strategies import ELEMENTS, structures

FILTERS = (
    allowed_elements(("Na", "Zn", "Sn", "S", "Se", "O")),
    allowed_elements(None, ("Pb", "O")),
    allowed_elements(ELEMENTS, ("Cd",)),
    allowed_elements(),
    minimum_distance(),
    minimum_distance(0.2),
    charge_neutrality(),
    electronegativity_order(),
    charge_neutrality(ChargeRules(alloys=Alloys.ACCEPT)),
    better_than_filter("CdTe", COMPARABLE),
    better_than_filter("GaAs", ("toxicity", "overall")),
)


def unknown(*texts: str) -> list[str]:
    """Those that would stay English."""
    return [t for t in texts if t and PSEUDO.recorded(t).language != "es"]


@settings(deadline=None, max_examples=60)
@given(structures(max_sites=4, min_length=3.0))
def test_whatever_a_filter_measures_is_recognised(crystal):
    for question in FILTERS:
        found = question.measure(crystal)
        assert not unknown(found.value, found.limit)


def test_all_that_a_campaign_put_on_record_is_recognised(folder):
    ledger = CampaignFolder(folder).open_existing()
    try:
        texts = {t for _, _, ask in ledger.asks() for step in ask.passed for t in step[1:]}
        texts |= {t for _, _, ask in ledger.asks() for t in (ask.value, ask.limit)}
        judged = {v.candidate_id for _, v in ledger.verdicts()}
        names = [*sorted(judged), *[p.candidate.id for p in ledger.candidates()][:20]]
        traces = [trace for name in dict.fromkeys(names) for trace in explain(ledger, name)]
    finally:
        ledger.close()
    texts |= {trace.fate for trace in traces}
    steps = [step for trace in traces for step in trace.steps]
    texts |= {t for step in steps for t in (step.value, step.threshold)}
    assert len(texts) > 300
    assert unknown(*texts) == ["did not relax"]  # what the oracle itself said


def test_a_trace_is_said_whole_and_english_is_left_as_it_is(folder):
    trace = open_view(folder).traces[0]
    assert in_words(trace, ENGLISH) == trace
    told = in_words(trace, PSEUDO)
    assert told.fate.startswith("⟦a hit:")
    assert [s.outcome for s in told.steps] == [s.outcome for s in trace.steps]
    for step in told.steps:
        assert step.stage.startswith("⟦")
        for text in (step.value, step.threshold, step.source):
            assert not re.search(r"[a-z]{4,} [a-z]{4,}", re.sub(r"⟦.*⟧", "", text)), text


finite = st.floats(-50, 50).map(lambda x: round(x, 4))
ids = st.sampled_from(["ZnSe-8c790e38", "mp-12", "Zn-Se-Mg-768a0b10"])


@settings(deadline=None, max_examples=100)
@given(
    st.builds(
        Verdict,
        ids,
        energy_above_hull=st.none() | finite,
        band_gap=st.none() | finite.map(abs),
        band_gap_std=st.none() | finite.map(abs),
        decomposition=st.dictionaries(
            st.sampled_from(["ZnS", "SnO2", "Na2S"]), st.floats(0.01, 1.0), max_size=3
        ),
        n_steps=st.integers(0, 500),
        converged=st.booleans(),
        references=st.sampled_from(["", "ab12" * 16]),
        origin=st.sampled_from(["", "CHGNet 0.3.0+d14ab7c0", "gpaw 25.1"]),
        properties=st.dictionaries(st.sampled_from(["bulk_modulus", "mass"]), finite),
    )
)
def test_whatever_an_oracle_finds_is_recognised(verdict):
    config = toy_config()
    steps = first_steps(config, 1, verdict, "CHGNet 0.3.0", "predictor x-1+ab")
    for step in steps:
        assert not unknown(step.value, step.threshold)
    assert not unknown(wanted(config.targets))


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.sampled_from(["energy_above_hull", "band_gap", "seconds"]))
def test_answers_that_cannot_be_right_are_named(value, field):
    crystal = toy_crystal()
    verdict = replace(Verdict("ZnS-1"), **{field: value})
    fault = nonsense(verdict, crystal)
    assert not unknown(fault or "")


def toy_crystal() -> Candidate:
    from pymatgen.core import Lattice, Structure

    cell = Structure(Lattice.cubic(5.4), ["Zn", "S"], [[0, 0, 0], [0.25] * 3])
    return Candidate("ZnS-1", "ZnS", "zincblende", ("Zn", "S"), cell)


@pytest.mark.parametrize(
    "changes",
    [
        {"rounds": 0},
        {"rounds": "three"},
        {"seed": 1.5},
        {"name": None},
        {"elements": {"allowed": ["Na", "Xx"]}},
        {"elements": {"allowed": ["Na", "S"], "forbidden": ["S"]}},
        {"elements": {"allowed": ["Na", "Na", "S"]}},
        {"targets": {"band_gap": {"min": 2.0, "max": 1.0}}},
        {"targets": {"band_gap": {"weight": 0}, "energy_above_hull": {"weight": 0}}},
        {"target": {}},
        {"batch_sise": 3},
        {"search": {"asks": -1}},
        {"oracle": {"kind": "potentia"}},
        {"oracle": {"kind": "inbox", "wanted": [{"name": "thickness"}]}},
        {"tiers": [{"oracle": {"kind": "command", "argv": []}}]},
        {"batch_size": 10**6},
        {"name": "a b"},
        {"name": "a", "elements": 3},
    ],
)
def test_common_mistakes_in_a_specification_are_recognised(changes):
    content = toy_config().model_dump(mode="json") | changes
    with pytest.raises(InputError) as caught:
        CampaignConfig.parse(repr(content).replace("None", "null"), name="my.yaml")
    said = PSEUDO.recorded(str(caught.value))
    assert said.language == "es"
    assert unknown(*str(caught.value).split("\n  ")[1:]) == []


def test_files_that_cannot_be_read_are_told_in_the_language(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("año".encode("latin-1"))
    for path in (tmp_path, tmp_path / "none.yaml", tmp_path / "latin.yaml"):
        with pytest.raises(InputError) as caught:
            CampaignConfig.load(path)
        assert "Errno" not in str(caught.value)
        assert "could" not in PSEUDO.recorded(str(caught.value)).lower()
        reason = str(caught.value).rpartition("cannot be read: ")[2]
        assert words("es").recorded(reason).language == "es"


def test_a_list_is_not_called_too_short_for_its_bad_entries():
    content = toy_config().model_dump(mode="json") | {"elements": {"allowed": ["Xx"]}}
    with pytest.raises(InputError) as caught:
        CampaignConfig.parse(repr(content).replace("None", "null"), name="my.yaml")
    assert "at least" not in str(caught.value)


@pytest.mark.parametrize("change", [0.32, 3.4])
def test_volumes_of_old_and_new_ledgers_are_recognised(change):
    said = volume_fault(100 * change, 100.0)
    assert "0.33 to 3 times" in said
    assert not unknown(said, f"volume changed {change:.2f}-fold, allowed is 3-fold")


def test_only_what_an_oracle_moved_is_called_relaxed():
    verdict = Verdict("ZnS-1", band_gap=1.5, structure=toy_crystal().structure)
    relaxed = first_steps(toy_config(), 1, verdict, "p", "q")[-1].value
    lookup = toy_config(oracle={"kind": "lookup", "table": "t.csv", "source": "PBE"})
    table = first_steps(lookup, 1, verdict, "p", "q")[-1].value
    assert relaxed == "1.50 eV, relaxed"
    assert table == "1.50 eV"


def test_what_nobody_knows_stays_english_and_says_so():
    said = words("ca").recorded("the furnace was on fire")
    assert (said, said.language) == ("the furnace was on fire", "en")
    assert ENGLISH.recorded("1.5 eV") == "1.5 eV"
    assert words("ca").recorded("").language == "ca"


def test_several_axes_are_told_apart():
    said = PSEUDO.recorded(
        "toxicity 0 against 0.601 0–1 (better); supply_risk 0.168 (82% of the mass) against "
        "0.374 burden 0–1 (not better); cost unknown (data for 12% of the mass)"
    )
    assert said == (
        "⟦⟦toxicity⟧ 0 against 0,601 0–1 (better)⟧; "
        "⟦⟦supply risk⟧ ⟦0,168 (82\u00a0% of the mass)⟧ against 0,374 ⟦burden 0–1⟧ "
        "(not better)⟧; ⟦⟦cost⟧ unknown (data for 12\u00a0% of the mass)⟧"
    )


def test_what_decided_is_said_by_kind_and_names_are_left():
    text = "training data mp train.parquet sha256:ab, corrected by 3 verdicts, CHGNet 0.3"
    assert PSEUDO.source(text) == (
        "⟦training data⟧ mp train.parquet sha256:ab, ⟦corrected by 3 verdicts⟧, CHGNet 0.3"
    )
    assert ENGLISH.source(text) == text


def test_an_error_within_a_sentence_is_said_too():
    said = PSEUDO.recorded("failed at the oracle in round 3: energy is 1.5 eV/atom")
    assert said == "⟦failed at the oracle in round 3: ⟦energy is 1,5 eV/atom⟧⟧"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Se-2 Zn+2", "Se-2 Zn+2"),
        ("Zn-Se 2.45 Å", "Zn-Se 2,45 Å"),
        ("-1,204.5", "−1204,5"),
        ("2.93e-43", "2,93e-43"),
        ("ZnSe-8c790e38", "ZnSe-8c790e38"),
        ("galena-accurate-1+520b269f", "galena-accurate-1+520b269f"),
        ("CHGNet 0.3.0+d14ab7c0", "CHGNet 0.3.0+d14ab7c0"),
    ],
)
def test_numbers_are_rewritten_and_names_are_not(text, wanted):
    assert PSEUDO.recorded(text) == wanted


def test_every_sentence_is_recognised_as_itself():
    values = {"near": "", "lines": "\n  rounds: required, but not given", "percent": "82%"}
    values |= {"names": "toxicity, supply_risk", "symbols": "Na Zn", "others": "Pb"}
    values |= {"order": "Zn < S", "phases": "0.60 ZnS", "settings": "prototype AB"}
    values |= {"command": "galena campaign run X", "name": "band_gap", "symbol": "eV"}
    values |= {"identifier": "mp-1", "value": "0.1", "other": "0.2", "unit": "share"}
    for message in SENTENCES:
        names = re.findall(r"\{(\w+)\}", message)
        text = message.format_map({n: values.get(n, "3") for n in names})
        if message not in ("{key}: {why}", "{name}: {settings}"):
            assert PSEUDO.recorded(text).startswith("⟦" + message.partition("{")[0]), text
