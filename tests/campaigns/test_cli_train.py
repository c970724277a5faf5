from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from materials.table import CrystalTable
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.small_model import save_small_model
from tests.models.small.tables import HARDNESS, IS_HEAVY, crystal_table

pytestmark = pytest.mark.usefixtures("copied_databases")

N = 60
TARGETS = ("band_gap", "formation_energy_per_atom", "energy_above_hull")


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "140"})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled crystals; beside it, in held.parquet, the same with other labels."""
    folder = tmp_path_factory.mktemp("tables")
    for seed, name in enumerate(("labelled", "held")):
        values = np.random.default_rng(seed).uniform(0.1, 2.0, size=(len(TARGETS), N))
        labels = {name: row.tolist() for name, row in zip(TARGETS, values, strict=True)}
        made = CrystalTable.from_structures(rocksalts(N), properties=labels)
        made.write(folder / f"{name}.parquet")
    return folder / "labelled.parquet"


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("training")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    held = table.with_name("held.parquet")
    command = ("train", table, "--validation", held, "--folder", folder, "--passes", 1)
    return folder, galena(*command, "--tracking-uri", store, "--json")


def test_the_trained_model_predicts(trained: tuple[Path, Result], tmp_path: Path) -> None:
    _, done = trained
    assert done.exit_code == ExitCode.OK, done.output
    facts = json.loads(done.stdout)
    assert set(facts["metrics"]) >= set(TARGETS)
    crystal = tmp_path / "crystal.cif"
    rocksalts(1)[0].to(filename=str(crystal))
    predicted = galena("predict", crystal, "--json", "--model", facts["folder"])
    assert predicted.exit_code == ExitCode.OK, predicted.output
    assert json.loads(predicted.stdout)["model"] == facts["model"]


def test_rows_to_measure_on_that_are_learned_in_other_words_are_counted(
    trained: tuple[Path, Result],
) -> None:
    assert f"{N} of {N} rows have a formula that labelled.parquet has" in trained[1].stderr


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("gaps.csv", "the same file as the table to learn from"),
        ("copy.csv", "the same file as the table to learn from"),
        ("nofile.csv", "does not exist"),
    ],
)
def test_a_table_to_measure_on_is_refused_before_anything_is_learned(
    tmp_path: Path, held: str, told: str
) -> None:
    path = formula_table(tmp_path / "gaps.csv")
    (tmp_path / "copy.csv").write_bytes(path.read_bytes())
    done = galena(
        *("train", path, "--target", "gap", "--folder", tmp_path / "run"),
        *("--validation", tmp_path / held),
    )
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr
    assert not (tmp_path / "run").exists()


def test_curves_are_in_mlflow(trained: tuple[Path, Result]) -> None:
    assert "val/band_gap_mae" in logged(trained[0] / "mlflow.db")


def test_other_settings_in_the_same_folder_are_refused(
    trained: tuple[Path, Result], table: Path
) -> None:
    folder, _ = trained
    held = table.with_name("held.parquet")
    command = ("train", table, "--validation", held, "--folder", folder, "--passes", 2)
    done = galena(*command)
    assert done.exit_code == ExitCode.ERROR
    assert "other settings" in done.stderr


@pytest.fixture(autouse=True, scope="module")
def few_trees() -> Iterator[None]:
    """Enough to learn from sixty rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.small.trees.ROUNDS", 40)
        patch.setattr("models.small.trees.N_BAGS", 2)
        yield


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[object, ...]]:
    """A table with columns of its own, and the command that learns them."""
    folder = tmp_path_factory.mktemp("own")
    path = crystal_table(folder / "mine.parquet")
    base = save_small_model(folder / "base")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    return folder, (
        *("train", path, "--target", HARDNESS, "--target", IS_HEAVY, "--from", base),
        *("--folder", folder / "run", "--folds", 3, "--passes", 1),
        *("--tracking-uri", store),
    )


@pytest.fixture(scope="module")
def compared(own: tuple[Path, tuple[object, ...]]) -> tuple[Path, Result]:
    folder, command = own
    return folder, galena(*command, "--json")


def test_own_columns_compare_all_contenders(compared: tuple[Path, Result]) -> None:
    _, done = compared
    assert done.exit_code == ExitCode.OK, done.output
    facts = json.loads(done.stdout)
    assert facts["rows"] == 60
    for name, metric in ((HARDNESS, "MAE"), (IS_HEAVY, "log loss")):
        told = facts["targets"][name]
        assert set(told["scores"]) == {"fine-tuned", "frozen", "boosted", "constant"}
        means = {c: told["scores"][c][metric]["mean"] for c in told["scores"]}
        del means["constant"]
        assert told["kept"] == min(means, key=means.__getitem__)
    assert facts["targets"][IS_HEAVY]["kind"] == "binary"


def test_the_kept_model_predicts_and_screens(
    compared: tuple[Path, Result], tmp_path: Path
) -> None:
    folder, done = compared
    model = json.loads(done.stdout)["folder"]
    crystal = tmp_path / "crystal.cif"
    rocksalts(1)[0].to(filename=str(crystal))
    predicted = galena("predict", crystal, "--json", "--model", model)
    assert predicted.exit_code == ExitCode.OK, predicted.output
    row = json.loads(predicted.stdout)["predictions"][0]
    assert row[f"{HARDNESS}_std"] > 0
    assert 0 <= row[IS_HEAVY] <= 1
    out = tmp_path / "screened.parquet"
    screened = galena(
        *("screen", folder / "mine.parquet", "--output", out, "--model", model),
        *("--top", 3, "--by", HARDNESS),
    )
    assert screened.exit_code == ExitCode.OK, screened.output
    assert out.is_file()


def test_the_printed_table_names_contenders_and_the_grouping(
    compared: tuple[Path, Result], own: tuple[Path, tuple[object, ...]]
) -> None:
    done = galena(*own[1])
    assert done.exit_code == ExitCode.OK, done.output
    for words in (
        "fine-tuned network",
        "frozen network, small head",
        "matminer features, boosted trees",
        "kept",
        "Mean ± deviation over 3 folds",
    ):
        assert words in done.stdout
    assert "all rows of one reduced formula in the same" in done.stderr
    assert "was trained on" not in done.stderr


def test_scores_are_in_one_run_of_mlflow_however_often_it_is_gone_on_with(
    compared: tuple[Path, Result], own: tuple[Path, tuple[object, ...]]
) -> None:
    store = compared[0] / "mlflow.db"
    assert {f"{HARDNESS}/boosted/MAE", f"{IS_HEAVY}/fine-tuned/log_loss"} <= logged(store)
    assert galena(*own[1]).exit_code == ExitCode.OK
    assert asked(store, "SELECT status FROM runs") == {"FINISHED"}
    assert len(asked(store, "SELECT run_uuid FROM runs")) == 1


def test_a_property_that_the_base_had_learned_is_told(
    own: tuple[Path, tuple[object, ...]], table: Path, tmp_path: Path
) -> None:
    command = ("train", table, "--target", "band_gap", "--from", own[0] / "base")
    done = galena(*command, "--folder", tmp_path, "--folds", 2, "--passes", 1)
    assert done.exit_code == ExitCode.OK, done.output
    assert "was trained on band_gap" in done.stderr
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "had been trained on `band_gap` before" in card


@pytest.mark.parametrize(
    ("folder", "told"),
    [("file", "is a file"), ("file/in", "Not a directory"), ("a" * 300, "too long")],
)
def test_a_folder_that_cannot_be_used_is_said_first(
    tmp_path: Path, folder: str, told: str
) -> None:
    (tmp_path / "file").touch()
    done = galena("train", "no.csv", "--target", "gap", "--folder", tmp_path / folder)
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr


def test_nothing_is_tracked_before_training_begins(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    command = ("train", tmp_path / "no.csv", "--target", "gap", "--folder", tmp_path)
    assert galena(*command, "--tracking-uri", store).exit_code == ExitCode.ERROR
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    refused = galena(*command, "--tracking-uri", "")
    assert "--tracking-uri is empty" in refused.stderr


def test_a_misspelt_column_is_refused(own: tuple[Path, tuple[object, ...]]) -> None:
    folder, _ = own
    done = galena("train", folder / "mine.parquet", "--target", "hardnes")
    assert done.exit_code == ExitCode.ERROR
    assert "Did you mean 'hardness'" in done.stderr


def test_formulas_alone_say_what_applies(tmp_path: Path) -> None:
    path = formula_table(tmp_path / "gaps.csv")
    path.write_text(path.read_text().replace("gap", "gap [eV]"))
    command = ("train", path, "--target", "gap [eV]")
    done = galena(*command, "--folder", tmp_path / "run")
    assert done.exit_code == ExitCode.OK, done.output
    assert "gap [eV] (number ≥ 0)" in done.stdout
    assert "Formulas alone" in done.stderr
    assert "fine-tuned" not in done.stdout


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--method", "network"), "'structure'"),
        (("--from", "nowhere"), "leave out --from"),
        (("--passes", 3), "leave out --passes"),
        (("--device", "nonsense"), "device 'nonsense' cannot be used"),
    ],
)
def test_formulas_alone_take_no_option_of_networks(
    tmp_path: Path, option: tuple[object, ...], told: str
) -> None:
    path = formula_table(tmp_path / "gaps.csv")
    command = ("train", path, "--target", "gap", "--folder", tmp_path / "run")
    refused = galena(*command, *option)
    assert refused.exit_code == ExitCode.ERROR
    assert told in refused.stderr


def test_the_network_alone_learns_a_column_too(
    own: tuple[Path, tuple[object, ...]], tmp_path: Path
) -> None:
    folder, _ = own
    mine, held = folder / "mine.parquet", crystal_table(tmp_path / "held.parquet", 61)
    done = galena(
        *("train", mine, "--target", HARDNESS, "--from", folder / "base", "--passes", 1),
        *("--method", "network", "--validation", held, "--folder", tmp_path, "--json"),
    )
    assert done.exit_code == ExitCode.OK, done.output
    assert set(json.loads(done.stdout)["metrics"]) == {HARDNESS}


def formula_table(path: Path) -> Path:
    """Write fifty formulas and a column ``gap``."""
    rows = "".join(
        f"{c.composition.reduced_formula},{i % 7}\n" for i, c in enumerate(rocksalts(50))
    )
    path.write_text(f"composition,gap\n{rows}", encoding="utf-8")
    return path


def logged(store: Path) -> set[str]:
    """Names of all metrics in an MLflow database."""
    return asked(store, "SELECT DISTINCT key FROM metrics")


def asked(store: Path, query: str) -> set[str]:
    """First column of the answer."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store)) as database:
        return {row[0] for row in database.execute(query)}
