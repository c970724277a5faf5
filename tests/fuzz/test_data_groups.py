"""Tables, specifications, worksheets and models that nobody should hand in."""

from __future__ import annotations

from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from materials.errors import InputError
from models.small.reading import read_table
from tools.fuzz import parquet_tables
from tools.fuzz.data_groups import DATA_GROUPS
from tools.fuzz.feeder import FED, Feeder
from tools.fuzz.groups import groups


@pytest.mark.parametrize("group", DATA_GROUPS, ids=lambda group: group.name)
def test_what_is_sound_is_read(group, tmp_path):
    outcomes = [Feeder(group, tmp_path, 60.0)(data) for data in group.seeds()]
    assert {(one.kind, one.label) for one in outcomes} == {(FED, "read")}


@pytest.mark.parametrize("group", DATA_GROUPS, ids=lambda group: group.name)
def test_what_is_odd_is_read_or_refused(group, tmp_path):
    pool = group.seeds()
    feed = Feeder(group, tmp_path, 60.0)
    labels = []
    for number in range(120):
        rng = Random(f"test {group.name} {number}")
        outcome = feed(group.changed(rng.choice(pool), pool, rng))
        assert outcome.kind == FED, f"input {number}: {outcome.label}"
        labels.append(outcome.label)
    assert len(set(labels)) > 5  # many reasons, or the inputs are all alike


LONG = "x" * 6000
BROKEN = {
    "tables": {
        "a column's long name": f"known.csv\nmaterial_id,{LONG}\na,b\n",
        "a long name among phases": f"phases.csv\nformula,{LONG}\nGaAs,1\n",
        "a long name among labels": f"labels.csv\nmaterial_id,formula,{LONG}\na,GaAs,1\n",
        "a long formula in a lookup": (
            f"lookup.csv\nmaterial_id,formula,band_gap,energy_per_atom,origin\n"
            f"a,{LONG},1,2,x\n"
        ),
        "brackets without end": f"phases.jsonl\n{'[' * 100_000}",
        "a number without end": f'phases.jsonl\n{{"formula": "GaAs", "x": {"9" * 5000}}}\n',
    },
    "specs": {"a mapping as a name": "{}:", "a list as a name": "? [a, b]\n: 1\n"},
}


@pytest.mark.parametrize(
    ("group", "case"), [(group, case) for group, cases in BROKEN.items() for case in cases]
)
def test_a_reason_is_short_and_says_what_is_wrong(group, case, tmp_path):
    groups()[group].feed(BROKEN[group][case].encode(), tmp_path)


def test_a_parquet_file_whose_names_are_no_text_is_named(tmp_path):
    table = pq.read_table(pa.BufferReader(parquet_tables.seeds()[0]))
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    path.write_bytes(path.read_bytes().replace(b"formula", b"f\xb6rmula"))
    with pytest.raises(InputError, match=r"t\.parquet"):
        read_table(path, ["band_gap"], folder=tmp_path)
