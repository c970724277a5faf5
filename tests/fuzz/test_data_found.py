"""What the fuzzer found in readers of tables, specifications, worksheets and models."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from campaigns.cli.formulas import read_formulas
from campaigns.config import CampaignConfig
from campaigns.generators import GenerateSpec
from campaigns.ledger_checks import begin, teach
from campaigns.oracles.inbox.answers import parse_answers
from campaigns.oracles.lookup import Lookup
from campaigns.oracles.specs import LookupSpec, Quantity
from campaigns.packing import LedgerError
from campaigns.results import open_view
from campaigns.screening.spec import ScreenSpec
from campaigns.specs import parse_spec
from materials.errors import InputError
from materials.known import reduced_formula
from materials.table import CrystalTable
from models.loading import load_predictor
from models.measured.gap import MeasuredGap
from models.measured.hurdle import Hurdle
from models.nets.gated import GatedNetConfig
from models.small.reading import read_table
from models.training.checkpoint import read_checkpoint
from models.training.data import LabelledGraphs
from models.weights_file import check_fits
from tools.fuzz import campaign_folders, model_seeds, parquet_tables

SPEC = """
name: toy
elements: {allowed: [Zn, S]}
targets: {band_gap: {min: 1.0, max: 2.0}}
search: {n_species: [2]}
"""
ANY_BIT = """
import sys
from pathlib import Path
from materials.errors import InputError
from materials.table import CrystalTable
path = Path(sys.argv[1])
whole = path.read_bytes()
start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
for place in range(start, len(whole) - 8, 2):
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    try:
        list(CrystalTable.open(path).rows())
    except InputError as error:
        assert path.name in str(error), error
"""


def refusal(kind, text: str) -> str:
    """Why a specification is refused."""
    with pytest.raises(InputError, match=r"^spec\.yaml: ") as caught:
        parse_spec(kind, text, name="spec.yaml", keys="any")
    return str(caught.value)


# --- tables in Parquet


def test_no_bit_of_a_footer_ends_the_process(tmp_path):
    """Arrow ends the process when the statistics of some damaged files are asked for."""
    path = tmp_path / "table.parquet"
    path.write_bytes(parquet_tables.seeds()[0])
    run = [sys.executable, "-c", ANY_BIT, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]


def test_text_that_is_none_costs_no_other_row(tmp_path):
    table = pq.read_table(pa.BufferReader(parquet_tables.seeds()[0]))
    broken = pa.array([b"a\xff", b"b", b"c"]).cast(pa.string(), safe=False)
    place = table.column_names.index("formula")
    pq.write_table(table.set_column(place, "formula", broken), tmp_path / "t.parquet")
    rows = list(CrystalTable.open(tmp_path / "t.parquet").rows())
    assert [row.error for row in rows] == [None] * 3
    [batch] = CrystalTable.open(tmp_path / "t.parquet").batches(["formula"])
    assert batch.column(0).to_pylist() == ["a\ufffd", "b", "c"]


def test_a_property_given_twice_is_named(tmp_path):
    table = pq.read_table(pa.BufferReader(parquet_tables.seeds()[0]))
    twice = table.append_column("band_gap", table.column("band_gap"))
    pq.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet: column 'band_gap' appears twice"):
        CrystalTable.open(tmp_path / "t.parquet")


def test_lists_of_three_stay_lists_of_three(tmp_path):
    table = pq.read_table(pa.BufferReader(parquet_tables.seeds()[0]))
    vectors = pa.array([[1.0, 2.0, 3.0]] * 3, pa.list_(pa.float32(), 3))
    pq.write_table(table.append_column("moment", vectors), tmp_path / "t.parquet")
    CrystalTable.open(tmp_path / "t.parquet").write(tmp_path / "again.parquet")
    again = CrystalTable.open(tmp_path / "again.parquet").to_pandas(["moment"])
    assert [list(row) for row in again["moment"]] == [[1.0, 2.0, 3.0]] * 3


# --- specifications


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n"
            for n in range(6)), "values once its aliases"),
        ("a0: &a0 {x: y}\n" + "".join(
            f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n"
            for n in range(1, 8)), "values once its aliases"),
        ("name: &a [*a]", "part of"),
        ("name: " + "[" * 300 + "]" * 300, "levels deep"),
        ("name: " + "[" * 3000, "not valid YAML"),
        ("name: a\nname: b", "given twice"),
        ("name: !!int x", "not of the tag"),
        ("name: !!timestamp x", "not of the tag"),
        ("name: !!python/object/apply:os.system [echo]", "could not determine a constructor"),
        ('name: "a\\0b"', r"U\+0000"),
        ('name: "a\\ud800"', r"U\+D800|not valid YAML"),
        ("name: " + "x" * 300_000, "characters, and a specification has at most"),
        (SPEC + "rounds: " + "9" * 5000, "not valid YAML|rounds"),
        (SPEC + "rounds: 1000000000000", "rounds: Input should be less than or equal"),
        (SPEC + "batch_size: 1000000000", "batch_size: Input should be less than"),
        (SPEC + "budget: {hours: 1:30}", "hours: Input should be a valid number"),
        ("pool: {table: x}\nelements: {forbidden: 3}\nname: a", "elements.forbidden"),
    ],
)  # fmt: skip
def test_a_specification_that_nobody_means_is_refused(text, why):
    assert re.search(why, refusal(CampaignConfig, text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (GenerateSpec, "elements: {allowed: [O]}\ngenerators: [{kind: swaps, table: a, "
         "n_species: [1000000000]}]"),
        (GenerateSpec, "elements: {allowed: [O]}\ngenerators: [{kind: symmetric}]\n"
         "seed: 99999999999"),
        (ScreenSpec, "candidates: {elements: {allowed: [O]}, n_species: [999999999]}"),
        (ScreenSpec, "table: a\nbest: 1000000000000"),
    ],
)  # fmt: skip
def test_numbers_that_no_memory_holds_are_refused(kind, text):
    assert "less than or equal" in refusal(kind, text)


def test_numbers_are_read_as_people_mean_them():
    spec = CampaignConfig.parse(
        SPEC + "rounds: 010\ndescription: 2026-01-02\nseed: 0", name="x"
    )
    assert (spec.rounds, spec.description) == (10, "2026-01-02")


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
)
def test_a_text_survives_being_written(text):
    spec = CampaignConfig.parse(SPEC, name="x").model_copy(update={"description": text})
    assert CampaignConfig.parse(spec.dump(), name="x").description == text


def test_a_thousand_slips_are_told_briefly():
    keys = "\n".join(f"key{n}: {'x' * 200}" for n in range(1000))
    told = refusal(CampaignConfig, SPEC + keys)
    assert "and 980 more" in told
    assert len(told) < 20_000


# --- worksheets


@pytest.mark.parametrize(
    "filling", ["1" * 4000 + "x", "1." * 2000, "'" * 4000 + "eV", " " * 9]
)
@pytest.mark.parametrize("heading", ["band_gap", "band_gap " + "(" * 2000, " / " * 2000])
def test_cells_of_any_length_are_read_at_once(heading, filling):
    text = f'candidate_id,band_gap,"{heading}"\na,"{filling}",1\n'
    started = time.process_time()
    parse_answers(text, ".csv", ["a"], [Quantity(name="band_gap", unit="eV")])
    assert time.process_time() - started < 1.0


def test_answers_said_many_times_take_no_longer_than_many_answers():
    text = "candidate_id,band_gap\n" + "a,1.5\n" * 20_000 + "a,1.6\n"
    started = time.process_time()
    found = parse_answers(text, ".csv", ["a"], [Quantity(name="band_gap", unit="eV")])
    assert time.process_time() - started < 5.0
    assert len(found.bad) == 20_001


# --- formulas and tables of them


@pytest.mark.parametrize(
    "text", ["Zn" + "9" * 400, "(" * 99 + "Zn" + ")" * 99, "H" * 3000, "ZnO1e10"]
)
def test_a_formula_that_is_none_is_refused_in_a_line(text):
    with pytest.raises(InputError, match="is not a chemical formula") as caught:
        reduced_formula(text)
    assert len(str(caught.value)) < 300
    [named] = read_formulas([text])
    assert named.error
    assert len(named.error) < 300


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.json", b"1.5", "expected a list of rows"),
        ("t.json", b'[{"id": {}, "formula": "GaAs", "x": 1}]', ""),
        (
            "t.csv",
            b"structure,x\n" + b"Zn" * 4000 + b",1\n",
            "neither a crystal nor the path",
        ),
        ("t.csv", b"formula,x\nZn" + b"9" * 999 + b",1\n", "no row can be learned from"),
        ("t.csv", b"formula,x\nZn," + b"y" * 9999 + b"\n", "expected numbers"),
    ],
)
def test_a_table_of_labels_is_read_or_refused(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    if not why:
        read_table(tmp_path / name, ("x",), tmp_path)
        return
    with pytest.raises(InputError, match=why) as caught:
        read_table(tmp_path / name, ("x",), tmp_path)
    assert name in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_lookup_table_with_broken_text_is_read(tmp_path):
    ids = pa.array([b"a\xff", b"b"]).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"material_id": ids, "g": [1.0, 2.0]}), tmp_path / "t.parquet")
    spec = LookupSpec(
        kind="lookup", table=tmp_path / "t.parquet", source="x", columns={"band_gap": "g"}
    )
    assert len(Lookup(spec)) == 2


# --- models


def folder_of(kind: str, place: Path, **changes: bytes) -> Path:
    """A model's folder with some of its files exchanged, hashes mended."""
    files = dict(model_seeds.KINDS[kind]())
    for name, content in changes.items():
        files[name.replace("__", ".").replace("_1", "-1")] = content
        model_seeds.with_hash(kind, files, name.replace("__", ".").replace("_1", "-1"))
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def test_a_config_that_claims_any_size_costs_no_memory(tmp_path):
    config = GatedNetConfig(atom_width=16_384, edge_width=16_384, n_blocks=8, n_heads=8)
    with pytest.raises(InputError, match="do not fit the config"):
        check_fits(config, {}, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="n_blocks: 1000000000; expected 1 to 512"):
        GatedNetConfig(n_blocks=10**9)
    with pytest.raises(InputError, match="n_radial: 1; expected 2"):
        GatedNetConfig(n_radial=1)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    from safetensors.torch import load, save

    tensors = load(model_seeds.network()["member-1.safetensors"])
    tensors["embed.weight"][3, 0] = torch.nan
    place = folder_of("network", tmp_path, member_1__safetensors=save(tensors))
    with pytest.raises(InputError, match=r"'embed\.weight' holds NaN or infinity"):
        load_predictor(place, device="cpu")


def test_a_compressed_checkpoint_is_refused(tmp_path):
    whole = model_seeds.checkpoint()["last.pt"]
    (tmp_path / "whole.pt").write_bytes(whole)
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as old,
        zipfile.ZipFile(tmp_path / "last.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    with pytest.raises(InputError, match=r"last\.pt: .* compressed"):
        read_checkpoint(tmp_path / "last.pt")


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save({**dict.fromkeys(("step", "passes", "net"), 1)}, tmp_path / "last.pt")
    with pytest.raises(InputError, match="not a checkpoint of training"):
        read_checkpoint(tmp_path / "last.pt")


def test_trees_that_unpack_to_any_size_are_refused(monkeypatch):
    monkeypatch.setattr("models.measured.hurdle._MOST_TEXT", 1000)
    bomb = gzip.compress(b"0" * 100_000)
    with pytest.raises(
        InputError, match="trees cannot be unpacked: cut short, or more than"
    ):
        Hurdle.from_files(dict.fromkeys(("gate", "overall", "gapped"), bomb))


def test_broken_trees_are_named_with_their_folder(tmp_path):
    name = next(name for name in model_seeds.measured() if name.endswith(".gz"))
    files = dict(model_seeds.measured()) | {name: b"\x1f\x8b garbage"}
    model_seeds.with_hash("measured", files, name)
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=str(tmp_path)):
        MeasuredGap.load(tmp_path)


def test_graphs_that_lead_nowhere_are_refused(tmp_path):
    (tmp_path / "g.safetensors").write_bytes(model_seeds.graphs()["graphs.safetensors"])
    data = LabelledGraphs.load(tmp_path / "g.safetensors")
    tensors = {name: tensor.clone() for name, tensor in data.graphs.tensors.items()}
    tensors["source"][0] = 7
    dataclasses.replace(data, graphs=type(data.graphs)(tensors)).save(tmp_path / "x.pt")
    with pytest.raises(InputError, match="source names an atom that is not there"):
        LabelledGraphs.load(tmp_path / "x.pt")


# --- campaigns


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("rounds", "summary", "{"),
        ("candidates", "content", json.dumps({"id": 1})),
        ("verdicts", "content", "[]"),
        ("meta", "value", b"\xff"),
    ],
)
def test_a_ledger_that_somebody_edited_is_told(tmp_path, table, column, value):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(campaign_folders.seeds()[0])
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE {table} SET {column} = ?", (value,))  # noqa: S608 - names above
        db.execute("DELETE FROM checks")
        teach(db)
        begin(db)
        db.commit()
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        open_view(tmp_path)


def test_an_empty_formula_is_not_this_folder():
    (item,) = read_formulas([""])
    assert "an empty name" in (item.error or "")
