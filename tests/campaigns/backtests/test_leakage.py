from __future__ import annotations

from types import SimpleNamespace

import pytest

from campaigns.backtests.leakage import seen_by
from campaigns.backtests.prepare import prepare
from materials.errors import InputError
from materials.table import CrystalTable
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


def test_a_model_without_a_record_is_refused():
    with pytest.raises(InputError, match="does not say what it was trained on"):
        seen_by(SimpleNamespace(version="mystery"))
