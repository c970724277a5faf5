from __future__ import annotations

import json

import numpy as np
import pytest

from models.measured.gap import SHIPPED, MeasuredGap
from models.pretrained import load_bundle


@pytest.fixture(scope="module")
def gap() -> MeasuredGap:
    return MeasuredGap.load()


def test_it_corrects_the_network_that_comes_with_it(gap):
    assert gap.manifest.network == load_bundle().version


def test_it_is_small_and_holds_no_code():
    files = list(SHIPPED.iterdir())
    assert sum(path.stat().st_size for path in files) < 5e6
    endings = {"".join(path.suffixes) for path in files}
    assert endings == {".json", ".md", ".safetensors", ".txt.gz"}


def test_textbook_gaps_from_formulas(gap):
    """Vurgaftman et al., J. Appl. Phys. 89, 5815 (2001), and textbooks; eV at 300 K."""
    known = {"GaAs": 1.42, "ZnO": 3.3, "CdTe": 1.5, "NaCl": 8.5, "Cu": 0, "Fe": 0, "TiN": 0}
    mean, std = gap.predict_compositions(list(known))
    expected = np.array(list(known.values()))
    assert np.abs(mean - expected).mean() < 0.4
    assert (np.abs(mean - expected) < 3 * std).all()
    assert (mean[expected == 0] == 0).all()


def test_the_config_keeps_the_word_of_the_card(gap):
    config = json.loads((SHIPPED / "config.json").read_text())
    text = (SHIPPED / "MODEL_CARD.md").read_text()
    for form in ("crystal_form", "composition_form"):
        assert f"{config[form]['scores']['mae']:.3f}" in text
    assert gap.manifest.network in text
