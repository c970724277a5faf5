from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from campaigns.backtests import leakage
from campaigns.backtests.leakage import seen_by
from campaigns.backtests.prepare import prepare
from materials.errors import InputError
from materials.table import CrystalTable
from models.pretrained import load_bundle, shipped
from tests.campaigns.backtests.toys import Guesser, spec_of, write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("data") / "toy.parquet")


def prepared(table, predictor, cache, **changes):
    return prepare(spec_of(table, **changes), predictor, data=table.parent, cache=cache)


def test_a_pool_that_the_model_has_seen_is_refused(table, tmp_path):
    for where in ("release == new", ""):
        with pytest.raises(InputError, match="has seen rows of this pool"):
            prepared(table, Guesser(table, where), tmp_path)


def test_what_the_model_has_seen_must_be_named(table, tmp_path):
    with pytest.raises(InputError, match="which `exclude` does not name"):
        prepared(table, Guesser(table), tmp_path, exclude=[])


def test_naming_fewer_rows_than_were_seen_is_not_enough(table, tmp_path):
    other = write_table(tmp_path / "other.parquet", seed=1)
    model = Guesser(table)
    model.manifest.validation = SimpleNamespace(
        file="other.parquet", sha256=CrystalTable.open(other).sha256, where=""
    )
    few = [
        {"table": "toy.parquet", "where": {"release": "old"}},
        {"table": str(other), "where": {"release": "old"}},
    ]
    with pytest.raises(InputError, match=r"all rows of other.parquet"):
        prepared(table, model, tmp_path, exclude=few)


def test_a_crystal_in_both_is_refused(table, tmp_path):
    copy = write_table(tmp_path / "copy.parquet", seed=2)  # the same names, other labels
    both = [{"table": "toy.parquet", "where": {"release": "old"}}, {"table": str(copy)}]
    with pytest.raises(InputError, match="crystals are also in"):
        prepared(table, Guesser(table), tmp_path, exclude=both)


def test_formulas_that_were_seen_are_taken_out(table, tmp_path):
    frame = CrystalTable.open(table).to_pandas(["formula", "release"])
    old = set(frame[frame["release"] == "old"]["formula"])
    new = frame[frame["release"] == "new"]["formula"]
    found = prepared(table, Guesser(table), tmp_path)
    assert found.counts["rows"] == len(new)
    assert found.counts["formula not seen by the model"] == sum(f not in old for f in new)
    assert not old.intersection(found.pool.view.formulas.tolist())


def test_a_formula_is_told_by_its_atoms_however_it_is_written(table, tmp_path):
    expected = prepared(table, Guesser(table), tmp_path)
    other = rewritten(table, tmp_path / "toy.parquet")
    found = prepared(other, Guesser(other), tmp_path)
    assert found.counts == expected.counts
    assert found.pool.ids.tolist() == expected.pool.ids.tolist()


def rewritten(table, path):
    """The same crystals; formulas of the old ones in another order and spelling."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pq.read_table(table)
    formulas = [
        f"{formula}1" if release == "new" else f"strange {number}"
        for number, (formula, release) in enumerate(
            zip(whole["formula"].to_pylist(), whole["release"].to_pylist(), strict=True)
        )
    ]
    place = whole.column_names.index("formula")
    pq.write_table(whole.set_column(place, "formula", pa.array(formulas)), path)
    return path


def test_multiples_of_a_cell_have_its_formula(table):
    counts = np.zeros((4, 119), dtype=np.int16)
    counts[0, [11, 17]], counts[1, [11, 17]], counts[2, [11, 17]] = (2, 2), (3, 6), (4, 8)
    one, two, three, none = leakage._reduced(counts)
    assert two == three
    assert len({one, two, none}) == 3


def test_a_fine_tuned_model_has_seen_what_its_base_has():
    base = load_bundle(shipped()["fast"])
    own = SimpleNamespace(file="mine.csv", sha256="ab", where="")
    manifest = SimpleNamespace(training=own, base=base.version)
    seen = seen_by(SimpleNamespace(version="mine", manifest=manifest))
    files = [base.manifest.training.file, base.manifest.validation.file]
    assert [rows.file for rows in seen] == ["mine.csv", *files]
    manifest.base = ""
    assert len(seen_by(SimpleNamespace(version="mine", manifest=manifest))) == 1


def test_a_base_that_nobody_knows_is_refused():
    own = SimpleNamespace(file="mine.csv", sha256="ab", where="")
    manifest = SimpleNamespace(training=own, base="another+1234")
    with pytest.raises(InputError, match=r"fine-tuned from another\+1234, which is not"):
        seen_by(SimpleNamespace(version="mine", manifest=manifest))


def test_a_model_without_a_record_is_refused():
    with pytest.raises(InputError, match="does not say what it was trained on"):
        seen_by(SimpleNamespace(version="mystery"))
