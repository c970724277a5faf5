"""The data cards speak of the files that ship."""

from __future__ import annotations

import csv
import hashlib
import json
import lzma
import re
from pathlib import Path

import pytest

from campaigns.oracles.shipped import SHIPPED, Coverage, shipped_records
from materials.candidates.prototypes import aflow_prototypes

ROOT = Path(__file__).resolve().parents[2]
CARDS = ROOT / "docs" / "cards"
FACTS = ROOT / "materials" / "sustainability" / "data"


def card(name: str) -> str:
    return (CARDS / f"{name}.md").read_text(encoding="utf-8")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("known-formulas", "materials/data/known_formulas.txt.xz"),
        ("prototypes", "materials/data/prototypes.json"),
        ("prototypes", "materials/data/encyclopedia.json.xz"),
        ("volumes", "materials/data/volume.json"),
        ("reference-phases", "campaigns/data/reference_phases_wide.jsonl.xz"),
        ("reference-phases", "campaigns/data/reference_phases.jsonl"),
    ],
)
def test_a_card_names_the_file_and_its_hash(name: str, path: str) -> None:
    assert path in card(name)
    assert sha256(ROOT / path) in card(name)


def test_numbers_of_formulas_and_prototypes() -> None:
    with lzma.open(ROOT / "materials/data/known_formulas.txt.xz") as stream:
        known = stream.read().split()
    assert f"{len(known):,} distinct reduced formulas" in card("known-formulas")
    coloured = json.loads((ROOT / "materials/data/prototypes.json").read_text())
    entries = {prototype["label"].split(":")[0] for prototype in coloured}
    assert f"{len(coloured):,} prototypes from {len(entries)} entries" in card("prototypes")
    assert f"{len(aflow_prototypes()):,} have at most three" in card("prototypes")
    with lzma.open(ROOT / "materials/data/encyclopedia.json.xz") as stream:
        assert f"| {len(json.load(stream))} ordered entries" in card("prototypes")


def test_numbers_of_volumes() -> None:
    volume = json.loads((ROOT / "materials/data/volume.json").read_text())
    told = f"{len(volume['elements'])} elements and {len(volume['pairs']):,} pairs"
    assert told in card("volumes")


def test_numbers_of_reference_phases() -> None:
    text = card("reference-phases")
    found = Coverage.of(shipped_records())
    assert f"{found.n_phases:,} phases of {len(found.systems)} systems" in text
    assert f"`{found.origin}`" in text
    (pairs, of_pairs), (triples, of_triples) = found.count(2), found.count(3)
    assert f"{pairs} of {of_pairs:,} pairs and {triples} of {of_triples:,} triples" in text
    wide, example = (len(shipped_records([path])) for path in SHIPPED)
    assert f"| {wide} chemical systems of {len(found.elements)} elements" in text
    assert f"| {example} systems of" in text


def test_rows_and_hashes_of_facts() -> None:
    text = card("element-facts")
    told = re.findall(r"\| `(\w+\.csv)` \| ([\d,]+) \|.*\| `(\w+)…` \|", text)
    ours = {path.name for path in FACTS.glob("*.csv")} - {"sources.csv"}
    assert {name for name, _, _ in told} == ours
    for name, n, begin in told:
        with (FACTS / name).open(encoding="utf-8") as stream:
            assert int(n.replace(",", "")) == sum(1 for _ in csv.reader(stream)) - 1
        assert sha256(FACTS / name).startswith(begin)


def test_every_shipped_model_has_its_card_in_the_list() -> None:
    models = [path.parent for path in (ROOT / "models/weights").glob("*/MODEL_CARD.md")]
    assert models
    for model in models:
        assert f"weights/{model.name}/MODEL_CARD.md" in card("index")
