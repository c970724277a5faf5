from __future__ import annotations

import numpy as np
import pytest

from materials.errors import InputError
from materials.sustainability.assessment import assess
from materials.sustainability.hazards import (
    LISTS,
    _weight,
    element_findings,
    substance_findings,
)
from materials.sustainability.table import columns_of


@pytest.mark.parametrize(
    ("formula", "weight"),
    [
        ("GaAs", 1.0),  # the whole substance: IARC 1
        ("InP", 0.5),  # the whole substance: IARC 2A
        ("In2P2", 0.5),
        ("Te", 1.0),  # the element itself is toxic to reproduction
        ("Pb", 1.0),
        ("V2O5", 0.5),
        ("CrO3", 1.0),
        ("SiC", 0.25),  # whiskers alone are 2A
        ("TiO2", 0.25),  # as a dust
        ("InSb", 0.25),
        ("Sb2S3", 0.0),  # IARC 3
        ("In1.8Sn0.2O3", 0.5),  # ITO, whatever the share of tin
        ("GaN", 0.0),
        ("U", 1.0),
    ],
)
def test_whole_substances(formula: str, weight: float) -> None:
    assert columns_of([formula]).column("toxicity")[0][0] == pytest.approx(weight)


def test_elements_weigh_by_mass_and_less_in_compounds_they_are_not_listed_for() -> None:
    found = assess("CdTe")
    cadmium, tellurium = found.mass_shares["Cd"], found.mass_shares["Te"]
    assert found.columns["toxicity"].value == pytest.approx(cadmium + 0.25 * tellurium)
    neighbour = assess("Cd51Te49").columns["toxicity"].value
    assert neighbour == pytest.approx(found.columns["toxicity"].value, abs=0.02)


def test_a_mild_entry_of_a_substance_takes_nothing_from_its_elements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mild = substance_findings()["Sb2S3"]  # IARC 3
    before = columns_of(["CdTe"]).column("toxicity")[0][0]
    home = "materials.sustainability.table"
    monkeypatch.setattr(f"{home}.substance_findings", lambda: {"CdTe": mild})
    monkeypatch.setattr(
        f"{home}.matching_substances", lambda _: [("CdTe", np.array([True]))]
    )
    assert columns_of(["CdTe"]).column("toxicity")[0][0] == before


def test_chromium_counts_little_unless_it_is_hexavalent_for_certain() -> None:
    shares = assess("Cr2O3").mass_shares
    assert assess("Cr2O3").columns["toxicity"].value == pytest.approx(0.25 * shares["Cr"])


def test_coverage_is_the_share_of_lists_read() -> None:
    whole = 5 / len(LISTS)  # sulfur is in none of those that were read in part
    assert assess("S").columns["toxicity"].coverage == pytest.approx(whole)
    assert assess("Cd").columns["toxicity"].coverage == pytest.approx(1.0)
    assert assess("S").unread == ("S",)
    assert assess("Po").columns["toxicity"].value is None


@pytest.mark.parametrize(
    ("name", "value", "weight"),
    [
        ("classification", "Repr.1A H360FD; Lact. H362", 1.0),
        ("classification", "Carc.2 H351 (Ni(OH)2: Carc.1A)", 0.5),
        ("classification", "H330 fatal if inhaled", 0.5),
        ("classification", "Aquatic Acute 1/Chronic 1 (M=100)", 0.25),
        ("rac", "Repr. 1B (RAC 2010)", 1.0),
        ("iarc", "2A", 0.5),
        ("iarc", "3", 0.0),
        ("svhc", "true", 1.0),
        ("svhc", "compounds", 0.25),
        ("ntp", "reasonably anticipated", 0.5),
    ],
)
def test_entries_weigh_as_documented(name: str, value: str, weight: float) -> None:
    assert _weight(name, value) == weight


def test_an_entry_nobody_foresaw_is_refused() -> None:
    with pytest.raises(InputError, match="no entry"):
        _weight("iarc", "4")


def test_every_finding_belongs_to_a_list_and_comes_gravest_first() -> None:
    for findings in (*element_findings().values(), *substance_findings().values()):
        weights = [finding.weight for finding in findings]
        assert weights == sorted(weights, reverse=True)
        assert all(finding.list in (*LISTS, "rac") for finding in findings)
