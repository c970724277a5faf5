from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from materials.errors import InputError
from models.measured.card import card
from models.measured.formulas import formula_counts
from models.measured.gap import MeasuredGap
from tests.models.measured.toys import VERSION, predictions, toy_gap, toy_measured

FORMULAS = ["GaAs", "NaCl", "ZnS", "GaN"]
COUNTS = formula_counts(FORMULAS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = toy_gap()
    return _saved(made, tmp_path_factory.mktemp("gap"))


def _saved(made: MeasuredGap, folder: Path) -> Path:
    made.save(folder, card(made))
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_gaps_are_never_negative_and_never_sure(folder):
    gap = MeasuredGap.load(folder)
    for computed in (0.0, 0.5, 3.0, 9.0):
        mean, std = gap.predict(predictions([computed] * 4), COUNTS, network=VERSION)
        assert (mean >= 0).all()
        assert (std > 0).all()
    mean, std = gap.predict_compositions(FORMULAS)
    assert (mean >= 0).all()
    assert (std > 0).all()


def test_a_computed_gap_is_widened(folder):
    gap = MeasuredGap.load(folder)
    mean, _ = gap.predict(predictions([2.4, 3.6]), COUNTS[[2, 1]], network=VERSION)
    assert mean == pytest.approx([4.0, 6.0], abs=0.6)  # 2.4 / 0.6 and 3.6 / 0.6


def test_a_structure_tells_more_than_a_formula(folder):
    manifest = MeasuredGap.load(folder).manifest
    assert manifest.crystal_form.scores.mae < manifest.composition_form.scores.mae
    measured = toy_measured()
    dull = np.abs(measured.gap - np.median(measured.gap)).mean()
    assert manifest.composition_form.scores.mae < dull


def test_errors_stay_in_their_rows(folder):
    gap = MeasuredGap.load(folder)
    counts = COUNTS.copy()
    counts[1] = 0
    errors = [None, "broken", None, None]
    mean, std = gap.predict(predictions([1.0] * 4, errors), counts, network=VERSION)
    assert np.isnan([mean[1], std[1]]).all()
    others = [0, 2, 3]
    expected, _ = gap.predict(predictions([1.0] * 3), COUNTS[others], network=VERSION)
    np.testing.assert_array_equal(mean[others], expected)


def test_nothing_asked_nothing_answered(folder):
    gap = MeasuredGap.load(folder)
    assert [len(x) for x in gap.predict_compositions([])] == [0, 0]
    none = gap.predict(predictions([]), COUNTS[:0], network=VERSION)
    assert [len(x) for x in none] == [0, 0]


def test_another_network_s_predictions_are_refused(folder):
    gap = MeasuredGap.load(folder)
    with pytest.raises(InputError, match=r"toy\+00000000.*other\+1.*make_measured_gap"):
        gap.predict(predictions([1.0]), COUNTS[:1], network="other+1")
    assert MeasuredGap.for_network("other+1", folder) is None
    assert MeasuredGap.for_network(VERSION, folder) is not None


def test_no_correction_there_is_none(tmp_path):
    assert MeasuredGap.for_network(VERSION, tmp_path) is None
    with pytest.raises(InputError, match="not found"):
        MeasuredGap.load(tmp_path)


def test_rows_must_match(folder):
    with pytest.raises(InputError, match="2 predictions but 4"):
        MeasuredGap.load(folder).predict(predictions([1, 2]), COUNTS, network=VERSION)


def test_every_file_is_checked(copy):
    files = [path for path in copy.iterdir() if path.suffix in (".gz", ".safetensors")]
    assert len(files) == 7
    for path in files:
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(InputError, match=path.name):
            MeasuredGap.load(copy)
        path.unlink()
        with pytest.raises(InputError, match="not found"):
            MeasuredGap.load(copy)
        path.write_bytes(before)
    MeasuredGap.load(copy)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 99}, "format 99"),
        ({"colour": "red"}, "colour"),
        ({"files": {}}, "make it again"),
        ({"files": {"../../secret": "0"}}, "no file name"),
    ],
)
def test_an_edited_config_is_refused(copy, change, told):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=told):
        MeasuredGap.load(copy)


def test_saving_again_is_the_same_and_leaves_nothing_old(copy):
    (copy / "older-gate.txt.gz").write_bytes(b"")
    before = (copy / "config.json").read_text()
    gap = MeasuredGap.load(copy)
    gap.save(copy, "# card\n")
    assert (copy / "config.json").read_text() == before
    assert not (copy / "older-gate.txt.gz").exists()


def test_the_card_says_what_was_measured(folder):
    text = (folder / "MODEL_CARD.md").read_text()
    scores = MeasuredGap.load(folder).manifest.crystal_form.scores
    assert f"{scores.mae:.3f}" in text
    assert VERSION in text
    assert "{" not in text


def test_formulas_are_answered_without_torch_or_matminer(folder):
    code = (
        "import sys; from pathlib import Path; from models.measured.gap import MeasuredGap;"
        "MeasuredGap.load(Path(sys.argv[1])).predict_compositions(['GaAs']);"
        "print([m for m in ('torch', 'matminer', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
