"""Competing phases: computed once, kept for good, believed only when whole."""

from __future__ import annotations

import lzma
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from campaigns.config import CampaignConfig, OracleConfig
from campaigns.oracles.mlip import MlipOracle
from campaigns.oracles.records import append_record, read_records
from campaigns.oracles.references import References
from campaigns.oracles.shipped import shipped_records
from campaigns.protocols import Candidate
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.errors import InputError
from materials.hull import MixedOriginsError
from materials.known import KnownFormulas
from models.potentials import load_potential
from tests.campaigns.fakes import FakePredictor

CONFIG = OracleConfig.model_validate(
    {
        "potential": "emt",
        "relaxation": {"max_steps": 30, "max_force": 0.1},
        "references": {"per_element": 2, "per_binary": 2, "max_sites": 4},
    }
)


def references(cache: Path, config: OracleConfig = CONFIG) -> References:
    return References(
        load_potential("emt"),
        FakePredictor(),  # type: ignore[arg-type]
        config,
        files=(),
        cache=cache,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("references") / "phases.jsonl"
    references(path).competing(["Cu", "Au"])
    return path


def test_every_subsystem_is_covered_by_one_origin(cache: Path) -> None:
    records = list(read_records(cache))
    assert [r.system for r in records] == ["Au", "Cu", "Au-Cu"]
    phases = references(cache).competing(["Cu", "Au"])
    assert {p.origin for p in phases} == {load_potential("emt").origin}
    assert {p.formula for p in phases} >= {"Cu", "Au"}
    assert all(len(r.phases) <= 2 for r in records)


def test_what_was_computed_is_not_computed_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(References, "compute", lambda *_: pytest.fail("computed again"))
    later = references(cache)
    assert later.missing(["Cu", "Au"]) == []
    assert later.competing(["Au", "Cu"])


def test_other_settings_do_not_serve(cache: Path) -> None:
    tighter = CONFIG.relaxation.model_copy(update={"max_force": 0.01})
    config = CONFIG.model_copy(update={"relaxation": tighter})
    assert len(references(cache, config).missing(["Cu", "Au"])) == 3


def test_a_line_cut_short_is_computed_again_and_the_file_mended(
    cache: Path, tmp_path: Path
) -> None:
    whole = cache.read_text()
    torn = tmp_path / "torn.jsonl"
    torn.write_text(whole[:-40])
    again = references(torn)
    assert again.missing(["Cu", "Au"]) == [("Au", "Cu")]
    again.competing(["Cu", "Au"])
    assert torn.read_text() == whole


def test_a_damaged_line_is_named(cache: Path, tmp_path: Path) -> None:
    lines = cache.read_text().splitlines()
    broken = tmp_path / "broken.jsonl"
    broken.write_text("\n".join([lines[0], lines[1][:50], lines[2]]) + "\n")
    with pytest.raises(InputError, match="line 2"):
        references(broken)


def own_table(path: Path, origin: str, energy: str = "-3.0") -> OracleConfig:
    rows = [f"Cu,{energy},{origin}", f"Au,-3.5,{origin}", f"CuAu,-4.0,{origin}"]
    path.write_text("\n".join(["formula,energy_per_atom,origin", *rows]) + "\n")
    given = CONFIG.references.model_copy(update={"table": path})
    return CONFIG.model_copy(update={"references": given})


def test_a_table_of_ones_own_takes_the_place_of_computing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(References, "compute", lambda *_: pytest.fail("computed"))
    config = own_table(tmp_path / "own.csv", load_potential("emt").origin)
    found = references(tmp_path / "cache.jsonl", config)
    assert found.missing(["Cu", "Au"]) == []
    assert {(p.formula, p.energy_per_atom) for p in found.competing(["Cu", "Au"])} == {
        ("Cu", -3.0),
        ("Au", -3.5),
        ("CuAu", -4.0),
    }


def test_a_table_of_another_origin_or_with_a_bad_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MixedOriginsError, match=r"Cu is from PBE.*relaxed with EMT"):
        references(tmp_path / "c.jsonl", own_table(tmp_path / "own.csv", "PBE"))
    config = own_table(tmp_path / "own.csv", load_potential("emt").origin, "no")
    with pytest.raises(InputError, match=r"own\.csv, row 1: .*'no'"):
        references(tmp_path / "c.jsonl", config)


def test_known_formulas_guide_the_choice(tmp_path: Path) -> None:
    known = KnownFormulas(frozenset({"Cu3Au"}), ("here",))
    found = References(
        load_potential("emt"),
        FakePredictor(),  # type: ignore[arg-type]
        CONFIG,
        files=(),
        cache=tmp_path / "guided.jsonl",
        known=known,
    )
    assert [p.formula for p in found.ensure(["Cu", "Au"]).phases] == ["Cu3Au"]
    assert found.ensure(["Cu", "Al"]).phases == ()
    (record, empty) = read_records(tmp_path / "guided.jsonl")
    assert record.guide == empty.guide == "known formulas"
    assert record.serves(found.origin, CONFIG)


def test_systems_computed_together_keep_their_own_phases(
    cache: Path, tmp_path: Path
) -> None:
    together = references(tmp_path / "together.jsonl")
    together.ensure_many([("Cu",), ("Au", "Cu"), ("Au",)])
    mine = {r.system: r.phases for r in read_records(tmp_path / "together.jsonl")}
    alone = {r.system: r.phases for r in read_records(cache)}
    assert mine.keys() == alone.keys()
    for system, phases in alone.items():
        assert [p.formula for p in mine[system]] == [p.formula for p in phases]
        for one, other in zip(mine[system], phases, strict=True):
            assert one.energy_per_atom == pytest.approx(other.energy_per_atom, abs=1e-4)


def test_packed_records_are_read(cache: Path, tmp_path: Path) -> None:
    packed = tmp_path / "phases.jsonl.xz"
    packed.write_bytes(lzma.compress(cache.read_bytes()))
    assert list(read_records(packed)) == list(read_records(cache))
    packed.write_bytes(b"no")
    with pytest.raises(InputError, match="not an xz file"):
        list(read_records(packed))


def candidate() -> Candidate:
    prototype = next(p for p in aflow_prototypes(n_species=(2,), max_sites=2))
    structure = decorate(prototype, ("Cu", "Au"))
    return Candidate(
        "x", structure.composition.reduced_formula, prototype.label, (), structure
    )


def oracle(cache: Path) -> MlipOracle:
    return MlipOracle(
        load_potential("emt"),
        FakePredictor(),  # type: ignore[arg-type]
        references(cache),
        CONFIG,
    )


def test_the_oracle_compares_with_the_same_potential(cache: Path) -> None:
    verdict = oracle(cache)(candidate())
    assert verdict.error is None
    assert verdict.origin == load_potential("emt").origin
    assert verdict.structure is not None
    assert np.isfinite([verdict.energy_above_hull, verdict.band_gap]).all()
    assert sum(verdict.decomposition.values()) == pytest.approx(1.0)


def test_the_oracle_answers_the_same_twice(cache: Path) -> None:
    first, second = oracle(cache)(candidate()), oracle(cache)(candidate())
    assert first.energy_per_atom == second.energy_per_atom
    assert first.band_gap == second.band_gap


def test_a_crystal_the_potential_cannot_take_is_a_failed_verdict(cache: Path) -> None:
    asked = candidate()
    collapsed = asked.structure.copy()
    collapsed.scale_lattice(1e-2)
    verdict = oracle(cache)(replace(asked, structure=collapsed))
    assert verdict.error
    assert verdict.energy_above_hull is None


def test_records_of_one_system_are_put_together(cache: Path, tmp_path: Path) -> None:
    first = next(r for r in read_records(cache) if r.system == "Au-Cu")
    lower = replace(first.phases[0], prototype="other", energy_per_atom=-9.0)
    append_record(tmp_path / "more.jsonl", replace(first, phases=(lower, first.phases[0])))
    both = References(
        load_potential("emt"),
        FakePredictor(),  # type: ignore[arg-type]
        CONFIG,
        files=(cache, tmp_path / "more.jsonl"),
        cache=tmp_path / "none.jsonl",
    )
    energies = [p.energy_per_atom for p in both.ensure(["Cu", "Au"]).phases]
    assert sorted(energies) == sorted([-9.0, *(p.energy_per_atom for p in first.phases)])


def test_shipped_records_serve_the_example_campaign_whole() -> None:
    example = Path(__file__).parents[2] / "campaigns" / "examples" / "solar_absorber.yaml"
    config = CampaignConfig.load(example)
    records = shipped_records()
    served = {r.system for r in records if r.serves(r.origin, config.oracle)}
    allowed = sorted(config.elements.allowed)
    for size in (1, 2, 3):
        assert {"-".join(s) for s in combinations(allowed, size)} <= served
