"""Further oracles get the few best, can turn hits down, and are never paid twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from campaigns.config import CampaignConfig
from campaigns.evaluation.elsewhere import Elsewhere
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.folder import CampaignFolder
from campaigns.judgements import CONFIRMED, REFUTED, UNTESTED, Judgement, judgements
from campaigns.loop import Machinery, run_campaign
from campaigns.protocols import Candidate, Verdict
from campaigns.questions import open_questions
from campaigns.results import explain, open_view
from campaigns.steps import Outcome
from campaigns.view import CampaignView, funnel
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery

pytestmark = pytest.mark.usefixtures("without_study")

DEAR = {"kind": "command", "name": "dear", "argv": ["true", "{structure}"], "cost": 50.0}
TIERS = [{"best": 2, "oracle": DEAR}]


@dataclass
class FakeDft:
    """Confirms the first letters of the alphabet, and costs a lot."""

    calls: list[str] = field(default_factory=list)
    before: Callable[[int], None] | None = None
    gap: float | None = None

    def __call__(self, candidate: Candidate) -> Verdict:
        self.calls.append(candidate.id)
        if self.before:
            self.before(len(self.calls))
        gap = self.gap if self.gap is not None else (1.5 if len(self.calls) % 2 else 4.0)
        return Verdict(
            candidate.id, band_gap=gap, cost=50.0, origin="dft", properties={"gap_qp": 2.5}
        )


def run(folder: Path, dft: FakeDft, oracle: FakeOracle | None = None, **changes: object):
    config = toy_config(tiers=TIERS, **changes)
    plain = toy_machinery(config, oracle or FakeOracle())
    tiers = (*plain.evaluators, SerialEvaluator(dft))
    machinery = Machinery(plain.proposer, tiers, plain.versions)
    return config, run_campaign(config, folder, machinery=machinery)


def same(a: CampaignView, b: CampaignView) -> None:
    for name in ("shortlist", "verdicts", "confirmations"):
        assert getattr(a, name).astype(str).equals(getattr(b, name).astype(str)), name


def test_only_the_best_accepted_go_further(tmp_path: Path) -> None:
    dft = FakeDft()
    config, view = run(tmp_path / "c", dft)
    asked = view.confirmations
    assert 0 < len(asked) == len(dft.calls) == len(set(dft.calls))
    by_round = Counter(asked["round"])
    assert all(sum(by_round[n] for n in range(1, m + 1)) <= 2 * m for m in (1, 2, 3))
    first = {j.first.candidate_id: j.first for j in found(tmp_path / "c")}
    hull = config.targets.energy_above_hull.max
    assert all(first[name].energy_above_hull <= hull for name in dft.calls)
    assert view.rounds["n_dear"].sum() == len(dft.calls)
    cost = sum(v.cost for v in first.values()) + 50.0 * len(dft.calls)
    assert view.rounds["cost"].iloc[-1] == pytest.approx(cost)


def found(folder: Path) -> list[Judgement]:
    ledger = CampaignFolder(folder).open_existing()
    try:
        return judgements(ledger)
    finally:
        ledger.close()


def test_a_further_oracle_turns_hits_down_and_its_gap_counts(tmp_path: Path) -> None:
    dft = FakeDft()
    _, view = run(tmp_path / "c", dft)
    standing = view.verdicts.set_index("candidate_id")["standing"]
    for place, name in enumerate(dft.calls):
        assert standing[name] == (REFUTED if place % 2 else CONFIRMED)
    on_list = set(view.shortlist["candidate_id"])
    assert on_list.isdisjoint(dft.calls[1::2])
    assert on_list >= set(dft.calls[::2])
    gaps = view.verdicts.set_index("candidate_id")["band_gap"]
    assert all(gaps[name] == 1.5 for name in dft.calls[::2])
    ledger = CampaignFolder(tmp_path / "c").open_existing()
    (kept,) = explain(ledger, dft.calls[0])
    (gone,) = explain(ledger, dft.calls[1])
    ledger.close()
    assert "confirmed" in kept.fate
    assert "turned down" in gone.fate
    assert gone.steps[-1].outcome is Outcome.FAILED
    assert "gap 4.00 eV; gap_qp 2.5" in gone.steps[-1].value


class Stopped(KeyboardInterrupt):
    """Ctrl-C; other ways for an oracle to end are its failure."""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_stopped_at_a_tier_it_goes_on_to_the_same_end(tmp_path: Path, at: int) -> None:
    _, undisturbed = run(tmp_path / "u", FakeDft())
    dft, oracle = FakeDft(), FakeOracle()

    def stop(n: int) -> None:
        if n == at:
            raise Stopped

    dft.before = stop
    with pytest.raises(Stopped):
        run(tmp_path / "c", dft, oracle)
    dft.before = None
    dft.calls.pop()  # it gave no verdict
    _, view = run(tmp_path / "c", dft, oracle)
    same(view, undisturbed)
    assert len(set(dft.calls)) == len(dft.calls)
    assert len(set(oracle.calls)) == len(oracle.calls)


def test_what_the_budget_of_cost_does_not_allow_is_not_asked(tmp_path: Path) -> None:
    dft = FakeDft()
    _, view = run(tmp_path / "c", dft, budget={"cost": 30.0})
    assert len(dft.calls) == 1
    assert view.status == "finished"
    assert len(view.rounds) == 1


def test_the_calls_of_the_first_oracle_may_end_and_tiers_still_run(tmp_path: Path) -> None:
    dft = FakeDft()
    _, view = run(tmp_path / "c", dft, budget={"oracle_calls": 6})
    assert len(view.verdicts) == 6
    assert len(dft.calls) > 0
    assert view.status == "finished"


def test_energies_of_one_oracle_are_not_put_in_the_place_of_another_s() -> None:
    config = toy_config()
    first = Verdict("a", energy_above_hull=0.02, energy_per_atom=-3.0, band_gap=1.2)
    later = Verdict("a", energy_above_hull=0.5, energy_per_atom=-7.0)
    judgement = Judgement(1, first, {1: later})
    assert judgement.verdict == first
    assert judgement.refuted(config)
    assert not judgement.hit(config)
    failed = Judgement(1, first, {1: Verdict("a", error="did not converge")})
    assert failed.hit(config)


def test_two_oracles_of_one_name_are_refused() -> None:
    content = toy_config(tiers=TIERS).model_dump(mode="json")
    with pytest.raises(ValueError, match="two oracles are called 'dear'"):
        CampaignConfig.model_validate(content | {"tiers": TIERS * 2})


def test_a_view_without_tiers_has_no_confirmations(tmp_path: Path) -> None:
    config = toy_config(rounds=1)
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    assert open_view(tmp_path / "c").confirmations.empty


def test_an_answer_about_nothing_that_is_sought_confirms_nothing() -> None:
    config = toy_config()
    first = Verdict("a", energy_above_hull=0.02, band_gap=1.2)
    told = Judgement(1, first, {1: Verdict("a", energy_per_atom=-7.0)})
    assert told.standing(config) == UNTESTED
    assert told.hit(config)
    tested = Judgement(1, first, {1: Verdict("a", band_gap=1.3)})
    assert tested.standing(config) == CONFIRMED


def test_who_answers_late_still_goes_on_to_the_next_tier(tmp_path: Path) -> None:
    wanted = [{"name": "band_gap", "unit": "eV"}]
    lab = {"kind": "inbox", "name": "lab", "wanted": wanted}
    config = toy_config(tiers=[{"best": 2, "oracle": lab}, {"best": 2, "oracle": DEAR}])
    plain, dft = toy_machinery(config), FakeDft(gap=1.4)
    tiers = (*plain.evaluators, Elsewhere(), SerialEvaluator(dft))
    machinery = Machinery(plain.proposer, tiers, plain.versions)
    folder = tmp_path / "c"
    assert run_campaign(config, folder, machinery=machinery).status == "waiting"
    assert dft.calls == []
    ledger = CampaignFolder(folder).open_existing()
    asked = [q.candidate.candidate.id for q in open_questions(config, ledger)]
    for name in asked:
        ledger.commit_confirmation(3, 1, Verdict(name, band_gap=1.5))
    ledger.close()
    view = run_campaign(config, folder, machinery=machinery)
    assert view.status == "finished"
    assert sorted(dft.calls) == sorted(asked)


def test_distances_of_two_origins_do_not_meet_in_one_campaign(tmp_path: Path) -> None:
    class Fickle(FakeOracle):
        def __call__(self, candidate: Candidate) -> Verdict:
            found = super().__call__(candidate)
            return replace(found, origin="A" if len(self.calls) % 2 else "B")

    config = toy_config(rounds=1)
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, Fickle()))
    errors = view.verdicts["error"]
    assert errors.isna().tolist() == [True, False, True, False]
    assert errors.iloc[1] == (
        "its energy above hull is of B, those of this campaign are of A; they are not compared"
    )


def test_what_weighs_nothing_has_no_step_and_decides_nothing(tmp_path: Path) -> None:
    class GapOnly(FakeOracle):
        def __call__(self, candidate: Candidate) -> Verdict:
            found = super().__call__(candidate)
            return Verdict(found.candidate_id, band_gap=found.band_gap, origin="gaps")

    targets = {"band_gap": {"min": 1.0, "max": 2.0}, "energy_above_hull": {"weight": 0.0}}
    config = toy_config(targets=targets)
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, GapOnly()))
    stages = funnel(view)
    assert [s.count for s in stages] == sorted((s.count for s in stages), reverse=True)
    assert "Within the stability limit" not in {s.name for s in stages}
    assert not any("-" in s.lost for s in stages)
    assert view.rounds["coverage"].notna().all()
    assert len(view.shortlist) > 0
    ledger = CampaignFolder(tmp_path / "c").open_existing()
    (trace,) = explain(ledger, view.shortlist["candidate_id"][0])
    ledger.close()
    assert "hull" not in trace.steps[-1].threshold


@pytest.mark.parametrize(
    ("oracle", "missing"),
    [
        ({"kind": "inbox"}, "energy_above_hull"),
        ({"kind": "dft"}, "energy_above_hull"),
        (
            {
                "kind": "lookup",
                "table": "t.csv",
                "source": "s",
                "columns": {"band_gap": "g"},
            },
            "energy_above_hull",
        ),
        (
            {
                "kind": "dft",
                "recipe": "ase",
                "ase": {"calculator": "ase.calculators.emt.EMT"},
            },
            "band_gap",
        ),
    ],
)
def test_a_first_oracle_that_cannot_answer_a_target_is_refused(
    oracle: dict, missing: str
) -> None:
    with pytest.raises(ValueError, match=f"does not answer {missing}, which is a target"):
        toy_config(oracle=oracle)
