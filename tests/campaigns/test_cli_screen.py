from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.screening import run
from campaigns.screening.best import best_rows
from campaigns.screening.shard import Screener
from campaigns.screening.sources import open_source
from campaigns.screening.spec import ScreenSpec
from materials.errors import InputError
from materials.table import CrystalTable
from models.inference import Predictor
from models.nets.parts import CommonConfig
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.small_model import save_small_model

N = 30
BROKEN = (3, 17)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "good.parquet"
    table = CrystalTable.from_structures(
        rocksalts(N),
        ids=[f"id-{i}" for i in range(N)],
        properties={"mass": [float(i) for i in range(N)]},
    )
    table.write(path)
    return path


@pytest.fixture(scope="module")
def mixed(good: Path) -> Path:
    """The same table in row groups of seven, two rows of which have a lattice of NaN."""
    table = pq.read_table(good)
    lattices = table["lattice"].to_pylist()
    for row in BROKEN:
        lattices[row] = [float("nan")] * 9
    column = pa.array(lattices, table.schema.field("lattice").type)
    place = table.schema.get_field_index("lattice")
    field = pa.field("lattice", column.type, nullable=True)
    path = good.with_name("mixed.parquet")
    pq.write_table(table.set_column(place, field, column), path, row_group_size=7)
    return path


def screen(
    table: Path, path: Path, predictor: Predictor, **spec: object
) -> run.ScreenResult:
    """As the command does it, on this machine."""
    wanted = ScreenSpec.model_validate({"table": str(table), **spec})
    engine = run.local_engine(Screener(wanted, predictor))
    source = open_source(wanted)
    return run.screen(source, path, wanted, engine, model=predictor.version)


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"})


def test_broken_rows_say_why_and_the_others_go_on(
    tmp_path: Path, mixed: Path, model: Path
) -> None:
    out = tmp_path / "out.parquet"
    done = galena("screen", mixed, "-o", out, "-c", "mass", "--model", model)
    assert done.exit_code == ExitCode.PARTIAL, done.stderr
    frame = pq.read_table(out).to_pandas()
    assert list(frame["material_id"]) == [f"id-{i}" for i in range(N)]
    assert list(frame["mass"]) == list(range(N))
    bad = frame["error"].notna()
    assert tuple(np.flatnonzero(bad)) == BROKEN
    assert "lattice" in frame.loc[BROKEN[0], "error"]
    assert frame.loc[bad, "band_gap"].isna().all()
    assert frame.loc[~bad, ["band_gap_std", "energy_above_hull_std"]].gt(0).all(axis=None)


def test_batches_of_any_size_give_the_numbers_of_prediction(
    tmp_path: Path, good: Path, mixed: Path, model: Path
) -> None:
    predictor = Predictor.load(model, device="cpu")
    expected = predictor.predict(rocksalts(N))
    for size in (1, 5, 100):
        path = tmp_path / f"{size}.parquet"
        result = screen(mixed, path, predictor, rows_per_shard=size)
        assert (result.counts.given, result.counts.failed) == (N, len(BROKEN))
        frame = pq.read_table(path).to_pandas().drop(index=list(BROKEN))
        for target in predictor.targets:
            mean, std = (np.delete(v, BROKEN) for v in expected.column(target))
            np.testing.assert_allclose(frame[target], mean, atol=2e-5)
            np.testing.assert_allclose(frame[f"{target}_std"], std, atol=2e-5)


def test_schema_is_small_and_says_what_made_it(
    tmp_path: Path, good: Path, model: Path
) -> None:
    out = tmp_path / "out.parquet"
    assert galena("screen", good, "-o", out, "--model", model).exit_code == ExitCode.OK
    schema = pq.read_schema(out)
    targets = CommonConfig().targets
    columns = [name + end for name in targets for end in ("", "_std", "_lower", "_upper")]
    assert schema.names == ["material_id", "formula", *columns, "in_domain", "error"]
    assert all(schema.field(name).type == pa.float32() for name in columns)
    made_by = json.loads(schema.metadata[b"galena"])
    assert made_by["model"] == Predictor.load(model).version
    assert made_by["table_sha256"] == CrystalTable.open(good).sha256


def test_a_table_that_already_has_predictions_gets_new_ones(
    tmp_path: Path, good: Path, model: Path
) -> None:
    table = pq.read_table(good).append_column(
        "band_gap", pa.array([99.0] * N, pa.float32())
    )
    again = tmp_path / "again.parquet"
    pq.write_table(table, again)
    out = tmp_path / "out.parquet"
    done = galena("screen", again, "-o", out, "-c", "band_gap", "--model", model)
    assert done.exit_code == ExitCode.OK
    frame = pq.read_table(out).to_pandas()
    assert frame.columns.is_unique
    assert (frame["band_gap"] != 99.0).all()
    assert (frame["given_band_gap"] == 99.0).all()


def test_top_rows_are_the_lowest(tmp_path: Path, mixed: Path, model: Path) -> None:
    out = tmp_path / "out.parquet"
    done = galena("screen", mixed, "-o", out, "--top", 4, "--json", "--model", model)
    top = [row["energy_above_hull"] for row in json.loads(done.stdout)["top"]]
    column = pq.read_table(out)["energy_above_hull"].to_pandas().dropna()
    np.testing.assert_allclose(top, sorted(column)[:4])


def test_top_by_an_unknown_column_names_the_near_one(
    tmp_path: Path, good: Path, model: Path
) -> None:
    out = tmp_path / "out.parquet"
    screen(good, out, Predictor.load(model, device="cpu"))
    with pytest.raises(InputError, match="'band_gap'"):
        best_rows(out, by="bandgap", k=3)


def test_unknown_column_to_keep_names_the_near_one(
    tmp_path: Path, good: Path, model: Path
) -> None:
    out = tmp_path / "out.parquet"
    done = galena("screen", good, "-o", out, "-c", "mas", "--model", model)
    assert done.exit_code == ExitCode.ERROR
    assert "Did you mean 'mass'?" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("content", [None, b"not parquet"])
def test_an_unusable_table_is_one_line(
    tmp_path: Path, model: Path, content: bytes | None
) -> None:
    path = tmp_path / "table.parquet"
    if content is not None:
        path.write_bytes(content)
    done = galena("screen", path, "-o", tmp_path / "out.parquet", "--model", model)
    assert done.exit_code == ExitCode.ERROR
    assert "table.parquet" in done.stderr


def test_a_table_without_atomic_numbers_is_named(
    tmp_path: Path, good: Path, model: Path
) -> None:
    path = tmp_path / "short.parquet"
    pq.write_table(pq.read_table(good).drop_columns(["atomic_numbers"]), path)
    done = galena("screen", path, "-o", tmp_path / "out.parquet", "--model", model)
    assert done.exit_code == ExitCode.ERROR
    assert "atomic_numbers" in done.stderr
    assert "short.parquet" in done.stderr


def test_a_full_disk_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, good: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"from before")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    done = galena("screen", good, "-o", out, "--force", "--model", model)
    assert done.exit_code == ExitCode.ERROR
    assert "No space left on device" in done.stderr
    assert out.read_bytes() == b"from before"
