"""The whole way: compare, keep the best, write a folder, read it, ask it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.provenance import file_sha256
from models.graphs.store import GraphStore
from models.loading import load_predictor
from models.pretrained import load_bundle
from models.small.compare import METRICS, best, cross_validate, measure, scores
from models.small.contenders import Boosted, Constant
from models.small.examples import Examples
from models.small.features import features
from models.small.folder import load_small
from models.small.folds import grouped_folds
from models.small.kind import is_small
from models.small.learn import Learned, SmallConfig, check, learn_small
from models.small.network import (
    Base,
    Recipe,
    answers,
    load_base,
    networks,
    starting_weights,
    tuning_config,
)
from models.small.predictor import SmallPredictor
from tests.campaigns.small_model import save_small_model
from tests.models.small.tables import HARDNESS, IS_HEAVY, small_examples

CONFIG = SmallConfig(folds=3, recipe=Recipe(passes=2, decay_passes=1))
SILENT = lambda what, share: None  # noqa: E731


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(save_small_model(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return small_examples(tmp_path_factory.mktemp("rows"), HARDNESS, IS_HEAVY)


@pytest.fixture(scope="module")
def learned(
    base: Base, rows: Examples, tmp_path_factory: pytest.TempPathFactory
) -> Learned:
    folder = tmp_path_factory.mktemp("learned")
    return learn_small(rows, base, CONFIG, folder=folder, name="mine", report=SILENT)


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """Enough to learn from sixty rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.small.trees.ROUNDS", 60)
        patch.setattr("models.small.trees.N_BAGS", 2)
        yield


@pytest.fixture
def forced(
    learned: Learned,
    rows: Examples,
    base: Base,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], SmallPredictor]:
    """Makes a model of one method, whatever is best, in ``tmp_path``/model."""

    def make(method: str) -> SmallPredictor:
        shutil.copytree(learned.folder.parent, tmp_path, dirs_exist_ok=True)
        return _forced(method, rows, base, tmp_path, monkeypatch)

    return make


def _forced(
    method: str, rows: Examples, base: Base, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallPredictor:
    monkeypatch.setattr("models.small.learn.best", lambda told, kind: method)
    found = learn_small(rows, base, CONFIG, folder=folder, name="f", report=SILENT)
    return SmallPredictor.load(found.folder)


def test_all_contenders_are_measured_on_every_fold(learned: Learned) -> None:
    for target in learned.manifest.targets.values():
        assert list(target.scores) == ["fine-tuned", "frozen", "boosted", "constant"]
        for figures in target.scores.values():
            assert tuple(figures) == METRICS[target.kind]
            assert all(len(score.by_fold) == 3 for score in figures.values())


def test_the_kept_one_is_the_best_and_never_the_constant(learned: Learned) -> None:
    for target in learned.manifest.targets.values():
        metric = METRICS[target.kind][0]
        least = target.scores[target.method][metric].mean
        others = [s[metric].mean for name, s in target.scores.items() if name != "constant"]
        assert least == min(others)
        assert target.method != "constant"


def test_the_model_learned_something(learned: Learned, rows: Examples) -> None:
    found = check(learned.folder, rows)
    spread = np.abs(rows.labels[:, 0] - np.median(rows.labels[:, 0])).mean()
    assert found[HARDNESS]["MAE"] < 0.8 * spread
    assert found[IS_HEAVY]["ROC-AUC"] > 0.9


@pytest.mark.parametrize("method", ["fine-tuned", "frozen", "boosted"])
def test_every_method_can_be_kept_and_loaded(method, forced, rows, tmp_path):
    predictor = forced(method)
    found = predictor.predict_arrays(list(rows.crystals[:7]))
    assert found.targets == (HARDNESS, IS_HEAVY)
    assert np.isfinite(found.mean).all()
    assert (found.std > 0).all()
    assert (found.lower <= found.mean).all()
    assert (found.mean <= found.upper).all()
    assert ((found.mean[:, 1] >= 0) & (found.mean[:, 1] <= 1)).all()
    assert found.errors == (None,) * 7
    again = load_predictor(tmp_path / "model").predict_arrays(list(rows.crystals[:7]))
    np.testing.assert_array_equal(again.mean, found.mean)
    assert len(np.unique(found.embedding, axis=0)) == 7


def test_a_frozen_model_reads_the_states_of_its_network(forced, rows, base, tmp_path):
    predictor = forced("frozen")
    graphs = GraphStore.build(rows.crystals, base.config.net.graph)
    _, _, states = answers(networks(base.config, base.states[:1]), base.config, graphs)
    for column, (name, head) in enumerate(load_small(tmp_path / "model")[1].heads.items()):
        expected, _ = head.predict(states)
        found = predictor.predict_arrays(list(rows.crystals)).mean[:, column]
        np.testing.assert_allclose(found, expected, rtol=1e-4, err_msg=name)
        assert np.ptp(expected) > 0.0


def test_deviations_hold_what_they_promise_out_of_fold(forced, rows, tmp_path):
    predictor = forced("boosted")
    target = predictor.manifest.targets[HARDNESS]
    assert target.calibration is not None
    boosted = Boosted(features(rows.counts, rows.crystals), 0)
    folds = grouped_folds(rows, 3, seed=0)
    out = cross_validate([boosted], rows, folds, folder=tmp_path / "f", report=SILENT)
    mean, spread = out["boosted"].mean[:, 0], out["boosted"].spread[:, 0]
    std = target.calibration.std(spread / target.unit) * target.unit
    within = np.abs(mean - rows.labels[:, 0]) <= std
    assert within.mean() == pytest.approx(0.683, abs=0.08)


def test_a_stranger_is_flagged_and_one_of_the_table_is_not(learned, rows):
    from ase.build import bulk

    predictor = load_predictor(learned.folder)
    own = predictor.predict_arrays(list(rows.crystals))
    assert own.in_domain.all()
    strange = predictor.predict([bulk("U", "fcc", 4.0)])
    assert not strange.in_domain[0]


def test_a_bad_crystal_costs_only_its_own_row(learned, rows):
    good = rows.crystals[0]
    bad = good._replace(lattice=np.zeros((3, 3)))
    helium = good._replace(atomic_numbers=np.full(8, 2))  # that the base never saw
    predictor = load_predictor(learned.folder)
    found = predictor.predict_arrays([good, bad, helium])
    assert found.errors[0] is None
    assert "volume" in (found.errors[1] or "")
    assert np.isnan(found.mean[1]).all()
    if predictor.manifest.network or predictor.manifest.trunk:
        assert "contains He" in (found.errors[2] or "")


def test_crystals_end_to_end_are_predicted_as_one_by_one(learned, rows):
    good, other = rows.crystals[0], rows.crystals[1]
    faulty = FlatCrystals.from_arrays([good, None, other], {1: "row 1: broken"})
    done: list[int] = []
    predictor = SmallPredictor.load(learned.folder)
    found = predictor.predict_flat(faulty, tell=done.append)
    expected = predictor.predict_arrays([good, other])
    assert sum(done) == 3
    assert found.errors == (None, "row 1: broken", None)
    for name in ("mean", "std", "lower", "upper", "embedding", "domain_distance"):
        values = getattr(found, name)
        np.testing.assert_array_equal(values[[0, 2]], getattr(expected, name))
        assert np.isnan(values[1]).all()
    assert len(predictor.predict_flat(FlatCrystals.from_arrays([], {}))) == 0


def test_finished_folds_are_not_repeated(rows, tmp_path):
    folds = grouped_folds(rows, 3, seed=0)
    asked: list[int] = []

    class Counted(Constant):
        def answer(self, rows, fold, number, tell):
            asked.append(number)
            if len(asked) == 3:
                raise KeyboardInterrupt
            return super().answer(rows, fold, number, tell)

    with pytest.raises(KeyboardInterrupt):
        cross_validate([Counted()], rows, folds, folder=tmp_path, report=SILENT)
    done = cross_validate([Counted()], rows, folds, folder=tmp_path, report=SILENT)
    assert asked == [0, 1, 2, 2]
    fresh = cross_validate([Constant()], rows, folds, folder=tmp_path / "x", report=SILENT)
    np.testing.assert_array_equal(done["constant"].mean, fresh["constant"].mean)


@pytest.mark.parametrize("content", ["{", "[]", '{"mean": [[1, 2]], "seconds": 1}', None])
def test_a_fold_that_cannot_be_read_back_is_named(content, rows, tmp_path):
    folds = grouped_folds(rows, 3, seed=0)
    again = lambda: cross_validate(  # noqa: E731
        [Constant()], rows, folds, folder=tmp_path, report=SILENT
    )
    again()
    one_row = json.dumps({"mean": [[1, 2]], "spread": [[1, 2]], "seconds": 1})
    (tmp_path / "constant-2.json").write_text(content or one_row)
    with pytest.raises(InputError, match=r"constant-2\.json.*delete the file"):
        again()


def test_called_again_it_gives_the_same_model(learned, base, rows):
    again = learn_small(
        rows, base, CONFIG, folder=learned.folder.parent, name="mine", report=SILENT
    )
    assert again.version == learned.version


def test_another_comparison_in_the_same_folder_is_refused(learned, base, rows):
    other = dataclasses.replace(CONFIG, seed=7)
    with pytest.raises(InputError, match=r"other settings \(seed\)"):
        learn_small(
            rows, base, other, folder=learned.folder.parent, name="m", report=SILENT
        )


def test_a_contender_sees_no_label_of_the_held_rows(rows, tmp_path):
    folds = grouped_folds(rows, 3, seed=0)
    spoilt = rows.labels.copy()
    spoilt[folds[0].held, 0] = 1e6
    other = dataclasses.replace(rows, labels=spoilt)
    boosted = Boosted(features(rows.counts, rows.crystals), 0)
    first = boosted.answer(rows, folds[0], 0, lambda share: None)[0]
    second = boosted.answer(other, folds[0], 0, lambda share: None)[0]
    np.testing.assert_array_equal(first, second)


def test_compositions_alone(rows, tmp_path):
    bare = dataclasses.replace(rows, crystals=None)
    found = learn_small(bare, None, CONFIG, folder=tmp_path, name="c", report=SILENT)
    assert list(found.manifest.targets[HARDNESS].scores) == ["boosted", "constant"]
    predictor = SmallPredictor.load(found.folder)
    told = predictor.predict_compositions(["NaCl", "Na2Cl2", "Qq"])
    assert told.mean[0, 0] == told.mean[1, 0]
    assert "no chemical formula" in (told.errors[2] or "")
    assert np.isfinite(predictor.predict_arrays(list(rows.crystals[:2])).mean).all()


def test_a_model_of_structures_refuses_formulas(learned):
    with pytest.raises(InputError, match="give it crystals"):
        SmallPredictor.load(learned.folder).predict_compositions(["NaCl"])


def test_a_changed_file_is_refused(forced, tmp_path):
    forced("boosted")
    trees = tmp_path / "model" / "trees-1-1.txt"
    trees.write_text(trees.read_text().replace("leaf", "Leaf"))
    with pytest.raises(InputError, match="not the file that was saved"):
        load_small(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 9}, "format 9"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"members": {"../evil": "0"}}, "no file name"),
        ({"members": {"gone.txt": "0"}}, "missing"),
    ],
)
def test_an_edited_config_is_refused(change, reason, learned, tmp_path):
    plain = json.loads((learned.folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(plain | change))
    with pytest.raises(InputError, match=reason):
        load_small(tmp_path)


@pytest.mark.parametrize(
    ("method", "file", "reason"),
    [
        ("frozen", "head-1.safetensors", "head of arrays"),
        ("boosted", "domain.safetensors", "not the domain"),
    ],
)
def test_other_arrays_are_refused(method, file, reason, forced, tmp_path):
    forced(method)
    folder = tmp_path / "model"
    save_file(load_file(folder / file) | {"seed": np.zeros(1)}, folder / file)
    plain = json.loads((folder / "config.json").read_text())
    plain["members"][file] = file_sha256(folder / file)
    (folder / "config.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match=reason):
        load_small(folder)


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("boosted", "trees-1-"),
        ("boosted", "domain.safetensors"),
        ("frozen", "head-1.safetensors"),
        ("frozen", "trunk.safetensors"),
        ("fine-tuned", "member-"),
    ],
)
def test_a_method_without_its_parts_is_refused(method, part, forced, tmp_path):
    forced(method)
    path = tmp_path / "model" / "config.json"
    plain = json.loads(path.read_text())
    plain["members"] = {
        file: sha256
        for file, sha256 in plain["members"].items()
        if not file.startswith(part)
    }
    path.write_text(json.dumps(plain))
    with pytest.raises(InputError, match=f"'{part}' of .* is missing"):
        load_small(tmp_path / "model")


def test_nothing_in_the_folder_is_pickled(learned):
    names = {path.suffix for path in learned.folder.iterdir()}
    assert names <= {".json", ".safetensors", ".txt", ".md"}
    assert is_small(learned.folder)


def test_the_loader_of_networks_says_how_to_load_it(learned):
    with pytest.raises(InputError, match="load_predictor"):
        load_bundle(learned.folder)


def test_the_card_tells_all_contenders(learned):
    card = (learned.folder / "MODEL_CARD.md").read_text()
    for words in ("fine-tuned network", "boosted trees", "frozen network", "formula"):
        assert words in card


def test_known_targets_keep_their_heads_and_new_ones_get_a_fresh_readout(base):
    labels = np.linspace(0.0, 1.0, 40)[:, None] + 0.1
    trunk = base.states[0]
    for name, kept in (("band_gap", True), ("hardness", False)):
        config = tuning_config(base.config, labels, {name: "number"}, Recipe(), seed=5)
        made = starting_weights(base, config)
        assert (made["embed.weight"] == trunk["embed.weight"]).all()
        assert (
            bool((made["readout.mix.weight"] == trunk["readout.mix.weight"]).all()) is kept
        )


def test_scores_choose_by_mean_error():
    assert measure("number", np.array([1.0, 3.0]), np.array([2.0, 5.0])) == {
        "MAE": 1.5,
        "RMSE": pytest.approx(2.5**0.5),
    }
    told = measure("binary", np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.8, 0.9]))
    assert told["ROC-AUC"] == 1.0
    assert told["log loss"] == pytest.approx(-np.log([0.9, 0.8, 0.9]).mean())


def test_best_ignores_the_constant(rows, tmp_path):
    folds = grouped_folds(rows, 3, seed=0)
    boosted = Boosted(features(rows.counts, rows.crystals), 0)
    out = cross_validate([boosted, Constant()], rows, folds, folder=tmp_path, report=SILENT)
    perfect = dataclasses.replace(out["constant"], mean=rows.labels)
    told = scores({**out, "constant": perfect}, rows, folds, 0)
    assert best(told, "number") == "boosted"
