"""The screenings that come as examples, and those of the documentation, can be begun."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaigns.screening.shard import Screener
from campaigns.screening.spec import ScreenSpec
from campaigns.specs import parse_spec
from models.inference import Predictor

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "campaigns" / "examples").glob("screen_*.yaml"))
GUIDE = (ROOT / "docs" / "screening.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_shipped_examples_ask_for_columns_that_are_predicted(
    path: Path, predictor: Predictor
) -> None:
    spec = ScreenSpec.load(path)
    assert spec.candidates is not None
    Screener(spec, predictor)


def test_specifications_in_the_guide_are_valid(predictor: Predictor) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    for text in blocks:
        spec = parse_spec(ScreenSpec, text, name="docs/screening.md", keys="table")
        Screener(spec, predictor)


def test_the_guide_explains_every_key() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", GUIDE, flags=re.MULTILINE)
    schema = ScreenSpec.model_json_schema()
    keys = set(schema["properties"])
    for name, kind in (("filters", "Filters"), ("candidates", "Candidates")):
        keys |= {f"{name}.{key}" for key in schema["$defs"][kind]["properties"]}
    keys |= {f"candidates.elements.{k}" for k in schema["$defs"]["Elements"]["properties"]}
    assert keys - {"filters", "candidates", "candidates.elements"} <= set(rows)
