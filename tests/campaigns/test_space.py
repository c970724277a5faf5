"""The structure space by every sampler, with and without the volume."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger
from campaigns.loop import run_campaign
from campaigns.objectives import Objectives
from campaigns.protocols import SAMPLER, Candidate
from campaigns.records import Ask
from campaigns.searchers import (
    KINDS,
    MOST_FOR_GP,
    learning_sampler,
    random_sampler,
    worth_keeping,
)
from campaigns.space import Space, bounded, new_study
from campaigns.study_file import StudyFile
from campaigns.vetting import Draft, Vetting, Volumes, decorated
from materials.errors import InputError, MissingExtraError
from materials.screens.duplicates import DuplicateIndex
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery
from tests.campaigns.oracles.contract import copper

SMALL = {"n_species": [2, 3], "max_sites": 8, "asks": 60, "chunk": 12, "explore": 0.5}
VOLUME = {"min": 0.85, "max": 1.2}
SPACE = Space(("a", "b", "c"), {"a": 2, "b": 3, "c": 2}, ("Mg", "Zn", "S", "Se"))


def searching(**search) -> CampaignConfig:
    return toy_config(rounds=2, batch_size=3, search=SMALL | search)


def asks(folder: Path) -> list[tuple[int, int, Ask]]:
    ledger = Ledger(CampaignFolder(folder).ledger)
    try:
        return list(ledger.asks())
    finally:
        ledger.close()


def run(config: CampaignConfig, folder: Path) -> tuple[list[str], list]:
    view = run_campaign(config, folder, machinery=toy_machinery(config))
    return view.shortlist["candidate_id"].tolist(), asks(folder)


@pytest.mark.parametrize("kind", ["nsga2", "nsga3", "gp", "cmaes"])  # tpe: test_loop
def test_every_sampler_gives_the_same_campaign_for_the_same_seed(
    kind: str, tmp_path: Path
) -> None:
    volume = VOLUME if kind in ("cmaes", "nsga3") else None
    few = {"chunk": 5, "explore": 0.75, "asks": 20} if kind == "gp" else {"asks": 40}
    config = searching(sampler=kind, volume=volume, **few)
    first = run(config, tmp_path / "a")
    assert run(config, tmp_path / "b") == first
    assert len(first[1]) == 2 * config.search.asks
    assert sum(ask.state == "scored" for _, _, ask in first[1]) > 5
    names = {name for _, _, ask in first[1] for name in ask.params}
    assert ("volume" in names) == (volume is not None)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "random"])
def test_what_was_scored_before_the_round_changes_what_is_asked(kind: str) -> None:
    """Warm-started: the same seed with and without a history asks differently."""
    space = replace(SPACE, volume=(0.9, 1.1))
    objectives = 2 if kind.startswith("nsga") else 1
    asked = []
    for best in (None, "a", "c"):
        history = []
        for i in range(0 if best is None else 80):
            label = "abc"[i % 3]
            params = {"prototype": label, "species_0": "Zn", "species_1": "S"}
            params |= {"species_2": "Mg"} if label == "b" else {}
            params |= {"volume": repr(0.9 + 0.002 * i)}
            score = 0.0 if label == best else -5.0 - 0.01 * i
            history.append((1, i, Ask(params, "scored", score, f"x{i}")))
        known = {ask.candidate_id: (ask.score,) * objectives for _, _, ask in history}
        study = new_study(
            space, history, known, seed=(0, 2), kind=kind, objectives=objectives
        )
        n = 3 if kind == "gp" else 15  # which takes its time with many under way
        asked.append([space.suggest(study.ask()) for _ in range(n)])
    assert asked[0] != asked[1] != asked[2]
    if kind != "cmaes":  # which only learns volumes, and leaves the rest to TPE
        shares = [np.mean([p["prototype"] == "a" for p in a]) for a in asked]
        assert shares[1] > shares[2]


def test_the_default_is_tpe_and_asks_as_it_always_did() -> None:
    history = [
        (1, i, Ask({"prototype": "a", "species_0": "Zn", "species_1": "S"}, "scored", -1.0))
        for i in range(3)
    ]
    study = new_study(SPACE, history, {}, seed=(5, 2))
    state = int(np.random.SeedSequence([5, 2]).generate_state(1)[0])
    plain = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=state, n_startup_trials=64),
    )
    for _ in range(8):
        assert SPACE.suggest(study.ask()) == SPACE.suggest(plain.ask())
    assert toy_config().search.sampler == "tpe"
    assert toy_config().search.volume is None


def test_the_volume_is_searched_and_kept_on_record(tmp_path: Path) -> None:
    config = searching(volume=VOLUME)
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    told = asks(tmp_path / "c")
    factors = [float(ask.params["volume"]) for _, _, ask in told]
    assert min(factors) >= VOLUME["min"]
    assert max(factors) <= VOLUME["max"]
    assert len(set(factors)) > 100
    assert all(isinstance(v, str) for _, _, ask in told for v in ask.params.values())
    proposer = toy_machinery(config).proposer
    found = 0
    for _, _, ask in told:
        if ask.state != "scored":
            continue
        crystal = view.structure(ask.candidate_id)
        plain = {k: v for k, v in ask.params.items() if k != "volume"}
        guess = decorated(plain, proposer.prototypes[ask.prototype]).candidate
        ratio = crystal.volume / guess.structure.volume
        assert ratio == pytest.approx(float(ask.params["volume"]), rel=1e-6)
        assert guess.id != ask.candidate_id
        found += 1
    assert found > 10
    with_study = optuna.load_study(
        study_name="toy", storage=f"sqlite:///{CampaignFolder(tmp_path / 'c').study}"
    )
    assert all("volume" in trial.params for trial in with_study.trials)


def test_a_crystal_at_another_volume_is_proposed_until_one_was_judged() -> None:
    def draft(name: str, factor: float, generator: str = SAMPLER) -> Draft:
        crystal = copper().structure.copy()
        crystal.scale_lattice(crystal.volume * factor)
        found = Candidate(name, "Cu", "fcc", ("Cu",), crystal, generator)
        return Draft({}, name, "fcc", ("Cu",), found)

    vetting = Vetting((), set(), DuplicateIndex(), Volumes())
    asked = [("a", 1.0), ("b", 1.005), ("c", 1.05), ("d", 0.9), ("e", 1.055)]
    states = [vetting(draft(*each))[0].state for each in asked]
    assert states == ["scored", "repeated", "scored", "scored", "repeated"]
    assert vetting(draft("f", 1.2, "swaps"))[0].state == "repeated"
    assert len(vetting.index) == 1

    later = Vetting((), set(), DuplicateIndex(), Volumes())
    for name, factor in asked[:3]:
        later.remember(draft(name, factor).candidate, judged=name == "c")
    assert later(draft("g", 1.2))[0].state == "repeated"
    assert later.volumes.spent(draft("a", 1.0).candidate)
    assert not vetting.volumes.spent(draft("a", 1.0).candidate)

    plain = Vetting((), set(), DuplicateIndex())
    states = [plain(draft(*each))[0].state for each in asked]
    assert states == ["scored"] + ["repeated"] * 4


def test_no_crystal_is_judged_at_two_volumes(tmp_path: Path) -> None:
    """Unstable Na2O may have two verdicts, but not both on one structure."""
    few = {"n_species": [2], "max_sites": 3, "asks": 30, "explore": 1.0}
    config = searching(volume={"min": 0.5, "max": 2.0}, **few)
    elements = config.elements.model_copy(update={"allowed": ("Na", "O")})
    changes = {"elements": elements, "rounds": 3, "batch_size": 1}
    narrow = config.model_copy(update=changes)
    oracle = FakeOracle()
    machinery = toy_machinery(narrow, oracle)
    proposer = machinery.proposer
    fluorite = next(p for p in proposer.space.prototypes if p.startswith("AB2_cF12_225"))
    proposer = replace(proposer, space=replace(proposer.space, prototypes=(fluorite,)))
    run_campaign(narrow, tmp_path / "c", machinery=replace(machinery, proposer=proposer))
    proposed = [ask for _, _, ask in asks(tmp_path / "c") if ask.state == "scored"]
    assert len(proposed) > 3
    assert {ask.formula for ask in proposed} == {"Na2O"}
    assert len(oracle.calls) == 1


def test_breeding_samplers_are_told_every_target_and_the_rest_their_sum(
    tmp_path: Path,
) -> None:
    config = searching().model_copy(update={"rounds": 1})
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config, FakeOracle()))
    ledger = Ledger(CampaignFolder(tmp_path / "c").ledger)
    earlier = ledger.candidates()
    verdicts = {v.candidate_id: v for _, v in ledger.verdicts()}
    ledger.close()
    several = Objectives(
        config.model_copy(
            update={"search": config.search.model_copy(update={"sampler": "nsga2"})}
        )
    )
    assert Objectives(config).names == ("worth",)
    assert several.names == ("band_gap", "energy_above_hull", "simplicity")
    parts, sums = several.predicted(earlier), Objectives(config).predicted(earlier)
    for name, values in parts.items():
        assert sum(values) == pytest.approx(sums[name][0], abs=1e-9)
    known, judged = (
        several.known(earlier, verdicts),
        Objectives(config).known(earlier, verdicts),
    )
    assert set(known) == {p.candidate.id for p in earlier}
    assert set(judged) == set(verdicts)
    for name in verdicts:
        assert sum(known[name]) == pytest.approx(judged[name][0], abs=1e-9)
    failed = {name: replace(v, error="did not relax") for name, v in verdicts.items()}
    assert all(several.known(earlier, failed)[name] is None for name in verdicts)


def test_a_gaussian_process_keeps_the_best_and_a_spread_of_the_rest() -> None:
    space = Space(("a",), {"a": 1}, ("Mg", "Zn"), (0.9, 1.1))
    study = new_study(space, [], {}, seed=(0, 1), kind="gp")
    distributions = space.distributions({"prototype": "a", "volume": "1.0"})
    for i in range(300):
        params = {"prototype": "a", "volume": 0.9 + 0.0005 * i}
        study.add_trial(
            create_trial(params=params, distributions=distributions, value=float(i % 250))
        )
    assert bounded(study, "tpe") is study
    smaller = bounded(study, "gp")
    values = sorted(t.value for t in smaller.trials)
    assert len(values) == MOST_FOR_GP
    assert values[-40:] == sorted(float(i % 250) for i in range(300))[-40:]
    assert values[0] == 0.0
    assert bounded(smaller, "gp") is smaller
    assert worth_keeping(smaller.trials, "gp") is None


def test_cmaes_starts_at_the_best_volume_so_far() -> None:
    space = replace(SPACE, volume=(0.8, 1.2))
    params = {"prototype": "a", "species_0": "Zn", "species_1": "S"}
    history = [
        (1, i, Ask(params | {"volume": repr(v)}, "scored", -abs(v - 1.15), f"x{i}"))
        for i, v in enumerate(np.linspace(0.81, 1.19, 39).tolist())
    ]
    study = new_study(space, history, {}, seed=(0, 2), kind="cmaes")
    asked = []
    for _ in range(40):
        trial = study.ask()
        v = float(space.suggest(trial)["volume"])
        asked.append(v)
        study.tell(trial, -abs(v - 1.15))
    assert np.mean(asked[:4]) == pytest.approx(1.15, abs=0.08)  # not the middle, 1.0
    assert np.median(np.abs(np.array(asked[-10:]) - 1.15)) < 0.02


def test_first_proposals_are_the_first_generation() -> None:
    learning = learning_sampler("nsga2", seed=(0, 1))
    study = optuna.create_study(
        directions=["maximize", "maximize"],
        sampler=random_sampler(seed=(0, 1), before=learning),
    )
    for i in range(60):
        trial = study.ask()
        SPACE.suggest(trial)
        study.tell(trial, (float(i), 1.0))
    study.sampler = learning
    trial = study.ask()
    SPACE.suggest(trial)
    key = learning._get_generation_key()
    assert [t.system_attrs[key] for t in study.trials] == [0] * 60 + [1]


def test_asks_written_before_there_was_a_volume_are_read(tmp_path: Path) -> None:
    history = [
        (1, 0, Ask({"prototype": "a", "species_0": "Zn", "species_1": "S"}, "scored", -1.0))
    ]
    StudyFile(tmp_path / "s.sqlite").write("s", SPACE, history, {})
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 's.sqlite'}")
    assert study.trials[0].state == TrialState.COMPLETE


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give search\.volume"):
        toy_config(search=SMALL | {"sampler": "cmaes"})
    with pytest.raises(ValueError, match="not below"):
        toy_config(search=SMALL | {"volume": {"min": 1.1, "max": 0.9}})
    with pytest.raises(ValueError, match="sampler"):
        toy_config(search=SMALL | {"sampler": "annealing"})
    with pytest.raises(InputError, match="Did you mean 'nsga2'"):
        learning_sampler("nsga22", seed=(0,))


def test_cmaes_names_the_extra_that_brings_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[cmaes\]"):
        learning_sampler("cmaes", seed=(0,))


def test_a_campaign_file_loads_no_sampler() -> None:
    code = "import sys, campaigns.config; print(json.dumps('optuna' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", "import json; " + code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(done.stdout) is False
