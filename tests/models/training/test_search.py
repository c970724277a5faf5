from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
import torch

from materials.errors import InputError
from models.training import loop
from models.training import search as searching
from models.training.config import TrainConfig
from models.training.fit import Trained
from models.training.loop import TrainingError
from models.training.search import DIMENSIONS, SearchPlan, search
from tests.models.samples import SMALL, labelled

PLAN = SearchPlan(
    config=TrainConfig(net=SMALL, passes=4, decay_passes=2, warmup_steps=2, averaging=0.9),
    dimensions=("learning_rate", "batch_size", "strain"),
)


class Killed(BaseException):
    """As good as a signal: nothing catches it."""


def pretended(calls=None, *, broken=lambda config: False):
    """A training whose error is how far the learning rate is from 1e-3, on a log scale."""

    def train(training, validation, config, *, folder, log, **_):
        folder.mkdir(parents=True, exist_ok=True)
        if calls is not None:
            calls.append((folder.name, config))
        if broken(config):
            raise TrainingError("the objective is not a number at step 50")
        history = []
        for passes in range(1, config.passes + 1):
            error = abs(math.log(config.learning_rate / 1e-3)) + 0.1 + 1.0 / passes
            entry = {f"val/{name}_mae": error for name in config.net.targets}
            history.append({"pass": float(passes), **entry})
            log(entry, passes * -(-len(training.graphs) // config.batch_size))
        net = torch.nn.Linear(1, 1)
        return Trained(net, folder / "last.pt", finished=True, history=tuple(history))

    return train


def test_the_search_finds_the_better_rates_and_gives_up_on_bad_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "train", pretended())
    found = search(labelled(20), labelled(5), PLAN, folder=tmp_path, n_trials=14)
    assert found.finished
    assert len(found.trials) == 14
    complete = [t for t in found.trials if t.state == "complete"]
    pruned = [t for t in found.trials if t.state == "pruned"]
    assert len(complete) + len(pruned) == 14
    assert pruned
    assert all(1 < max(t.scores) < PLAN.config.passes for t in pruned)
    assert found.best.score == min(t.score for t in complete)
    assert abs(math.log(found.config.learning_rate / 1e-3)) < 0.8
    assert found.config.net == SMALL


def test_a_search_cut_into_pieces_asks_what_an_undisturbed_one_asks(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "train", pretended())
    data, held = labelled(20), labelled(5)
    straight = search(data, held, PLAN, folder=tmp_path / "a", n_trials=7)
    for n in (2, 3, 7):
        pieces = search(data, held, PLAN, folder=tmp_path / "b", n_trials=n)
    assert pieces.trials == straight.trials
    assert len({t.parameters["learning_rate"] for t in straight.trials}) == 7


def test_a_killed_trial_is_gone_on_with_in_its_own_folder(tmp_path, monkeypatch):
    calls = []
    fake = pretended(calls)

    def killed(training, validation, config, *, folder, log, **kept):
        if len(calls) == 2:
            calls.append((folder.name, config))
            raise Killed
        return fake(training, validation, config, folder=folder, log=log, **kept)

    monkeypatch.setattr(searching, "train", killed)
    data, held = labelled(20), labelled(5)
    with pytest.raises(Killed):
        search(data, held, PLAN, folder=tmp_path, n_trials=4)
    found = search(data, held, PLAN, folder=tmp_path, n_trials=4)
    assert found.finished
    assert len(found.trials) == 4
    assert calls[3] == calls[2]
    assert len({folder for folder, _ in calls}) == 4


@pytest.mark.slow
def test_real_trainings_killed_again_and_again_score_the_same(tmp_path, monkeypatch):
    data, held = labelled(24), labelled(8, seed=1)
    plan = replace(PLAN, config=replace(PLAN.config, passes=2, decay_passes=1))
    straight = search(data, held, plan, folder=tmp_path / "straight", n_trials=2)
    take, steps = loop.Run.take_step, itertools.count(1)

    def every_third_is_the_last(run, ask):
        if next(steps) % 3 == 0:
            raise Killed
        return take(run, ask)

    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(loop.Run, "take_step", every_third_is_the_last)
    heard, kills = [], 0
    for _ in range(9):
        try:
            found = search(
                data, held, plan, folder=tmp_path / "killed", n_trials=2, told=heard.append
            )
            break
        except Killed:
            kills += 1
    assert kills
    for one, other in zip(straight.trials, found.trials, strict=True):
        assert (one.parameters, one.scores) == (other.parameters, other.scores)
        mean = math.sqrt(math.prod(errors(tmp_path / "straight", one)))
        assert one.score == pytest.approx(mean)
    assert [t.score for t in heard] == [t.score for t in found.trials]
    assert not list(tmp_path.rglob("last.pt"))  # no weights are left behind


def test_a_search_out_of_time_says_so(tmp_path):
    found = search(
        labelled(20), labelled(5), PLAN, folder=tmp_path, n_trials=1, minutes=0.0
    )
    assert not found.finished
    assert (found.trials, found.best, found.config) == ((), None, None)


def errors(folder, trial):
    last = json.loads((folder / f"trial-{trial.number}" / "history.json").read_text())[-1]
    return last["val/band_gap_mae"], last["val/formation_energy_per_atom_mae"]


def test_a_training_gone_astray_is_a_row_not_the_end(tmp_path, monkeypatch):
    fake = pretended(broken=lambda config: config.learning_rate > 1.5e-3)
    monkeypatch.setattr(searching, "train", fake)
    found = search(labelled(20), labelled(5), PLAN, folder=tmp_path, n_trials=8)
    failed = [t for t in found.trials if t.state == "fail"]
    assert len(found.trials) == 8
    assert failed
    assert all("not a number" in t.error for t in failed)
    assert all(t.parameters["learning_rate"] > 1.5e-3 for t in failed)
    assert found.config.learning_rate <= 1.5e-3


def test_every_dimension_is_a_setting(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(searching, "train", pretended(calls))
    plan = replace(PLAN, dimensions=tuple(DIMENSIONS))
    found = search(labelled(20), labelled(5), plan, folder=tmp_path, n_trials=1)
    _, config = calls[0]
    for name, value in found.trials[0].parameters.items():
        assert getattr(config.net if hasattr(config.net, name) else config, name) == value


def test_another_search_needs_another_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "train", pretended())
    search(labelled(20), labelled(5), PLAN, folder=tmp_path, n_trials=1)
    longer = replace(PLAN, config=replace(PLAN.config, passes=5))
    for data, plan in ((labelled(20), longer), (labelled(19), PLAN)):
        with pytest.raises(InputError, match="another folder"):
            search(data, labelled(5), plan, folder=tmp_path, n_trials=2)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dimensions": ("learning_rat",)}, "did you mean 'learning_rate'"),
        ({"judged": ("band_gp",)}, "did you mean 'band_gap'"),
        ({"judged": ()}, "at least one"),
    ],
)
def test_names_that_are_not_there_are_refused(change, expected):
    with pytest.raises(InputError, match=f"(?i){expected}"):
        replace(PLAN, **change)
