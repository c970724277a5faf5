"""Jobs as functions go the way of their commands, and give back what those print from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.jobs import backtest, screen, train
from campaigns.screening.spec import ScreenSpec
from materials.errors import InputError
from materials.table import CrystalTable
from models.loading import load_predictor
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.small_model import save_small_model
from tests.models.small.tables import (
    HARDNESS,
    crystal_table,
    hardness,
    labelled_crystals,
)

N = 24


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_small_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "crystals.parquet"
    CrystalTable.from_structures(rocksalts(N)).write(path)
    return path


def test_screening_finds_what_the_command_finds(
    model: str, table: Path, tmp_path: Path
) -> None:
    spec = {"table": str(table), "best": 5, "by": "band_gap", "order": "highest"}
    found = screen(spec, tmp_path / "mine.parquet", model=model)
    command = ["screen", str(table), "-o", str(tmp_path / "its.parquet"), "--model", model]
    done = CliRunner().invoke(
        app, [*command, "--best", "5", "--by", "band_gap", "--order", "highest"]
    )
    assert done.exit_code == 0, done.output
    mine, its = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("mine", "its"))
    pd.testing.assert_frame_equal(mine, its)
    assert (found.counts.given, found.counts.written, len(mine)) == (N, 5, 5)


@pytest.mark.parametrize("form", ["mapping", "spec", "file"])
def test_a_specification_may_come_in_any_form(
    form: str, model: str, table: Path, tmp_path: Path
) -> None:
    spec = ScreenSpec(table=str(table), best=3)
    file = tmp_path / "spec.yaml"
    file.write_text(spec.dump(), encoding="utf-8")
    given = {"mapping": {"table": str(table), "best": 3}, "spec": spec, "file": str(file)}
    found = screen(given[form], tmp_path / "out.parquet", model=model)
    assert found.counts.written == 3


def test_screening_replaces_nothing_unasked(
    model: str, table: Path, tmp_path: Path
) -> None:
    spec, out = {"table": str(table)}, tmp_path / "out.parquet"
    screen(spec, out, model=model)
    with pytest.raises(InputError, match="exists"):
        screen(spec, out, model=model)
    assert screen(spec, out, model=model, fresh=True).counts.written == N


def test_an_unknown_key_is_named(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bset"):
        screen({"table": str(table), "bset": 3}, tmp_path / "out.parquet")


@pytest.fixture(scope="module")
def learned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    learned = train(
        crystal_table(folder / "hardness.parquet"),
        HARDNESS,
        folder / "training",
        inputs="composition",
        folds=3,
    )
    assert set(learned.manifest.targets[HARDNESS].scores) == {"boosted", "constant"}
    return learned.folder


def test_compositions_alone_are_learned_and_crystals_still_predicted(
    learned_folder: Path,
) -> None:
    predictor = load_predictor(learned_folder)
    crystals = [crystal for crystal, _, _ in labelled_crystals(60)]
    truth = pd.Series([number for _, number, _ in labelled_crystals(60)])
    mean, _ = predictor.predict(crystals).column(HARDNESS)
    assert abs(pd.Series(mean) - truth).mean() < 0.5 * abs(truth - truth.median()).mean()
    assert predictor.manifest.base == ""  # so that a back-test knows all that it has seen


def test_training_needs_a_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column to learn"):
        train(crystal_table(tmp_path / "hardness.parquet"), [], tmp_path / "training")


def test_structures_need_the_networks(tmp_path: Path, model: str) -> None:
    learned = train(
        crystal_table(tmp_path / "hardness.parquet", n=40),
        HARDNESS,
        tmp_path / "training",
        folds=2,
        passes=1,
        model=model,
    )
    scores = learned.manifest.targets[HARDNESS].scores
    assert set(scores) == {"fine-tuned", "frozen", "boosted", "constant"}


def rehearsal(table: Path, model: Path, **changes: object) -> dict[str, object]:
    return {
        "name": "rehearsal",
        "pool": {"table": table.name},
        "model": str(model),
        "targets": {HARDNESS: {"min": 12.0}},
        "n_initial": 5,
        "rounds": 2,
        "batch_size": 4,
        "seeds": 2,
        "strategies": ["network", "galena"],
        **changes,
    }


def test_a_back_test_replays_and_writes_its_figures(
    learned_folder: Path, tmp_path: Path
) -> None:
    seen = learned_folder.parents[1] / "hardness.parquet"
    crystals = rocksalts(130)[60:]
    pool = tmp_path / "pool.parquet"
    labels = {HARDNESS: [hardness(crystal) for crystal in crystals]}
    CrystalTable.from_structures(
        crystals, ids=[f"pool-{n}" for n in range(len(crystals))], properties=labels
    ).write(pool)
    limit = sorted(labels[HARDNESS])[-12]
    spec = rehearsal(
        pool,
        learned_folder,
        exclude=[{"table": str(seen)}],
        targets={HARDNESS: {"min": limit}},
    )
    result = backtest(spec, tmp_path / "out", data=tmp_path)
    assert [one.strategy for one in result.strategies] == ["network", "galena"]
    assert result.n_hits >= 2
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"backtest.json", "discovery_curves.png", "acceleration.png"} <= names


def test_a_back_test_refuses_a_model_that_has_seen_the_pool(
    learned_folder: Path, tmp_path: Path
) -> None:
    seen = learned_folder.parents[1] / "hardness.parquet"
    with pytest.raises(InputError, match="has seen rows of this pool"):
        backtest(rehearsal(seen, learned_folder), tmp_path / "out", data=seen.parent)
