"""Tracking tells how training ended, takes any column's name, and never stops the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.tracking import TrackingError
from campaigns.tracking.training import mlflow_name, tracked

pytestmark = pytest.mark.usefixtures("copied_databases")


def opened(folder: Path, told: list[str]):
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return tracked(uri, folder, name="mine", warn=told.append)


def run_of(folder: Path):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    return client.get_run((folder / "mlflow_run_id.txt").read_text())


@pytest.mark.parametrize(
    ("raised", "status"),
    [(None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")],
)
def test_the_run_says_how_training_ended(
    raised: type[BaseException] | None, status: str, tmp_path: Path
) -> None:
    try:
        with opened(tmp_path, []):
            if raised is not None:
                raise raised
    except (ValueError, KeyboardInterrupt):
        pass
    assert run_of(tmp_path).info.status == status


@pytest.mark.parametrize(
    "column", ["K (GPa)", "../K", "a//b", ".", "/x", "ΔE·κ", "K" * 300]
)
def test_mlflow_takes_columns_named_as_people_like(column: str, tmp_path: Path) -> None:
    told: list[str] = []
    with opened(tmp_path, told) as run:
        assert run is not None
        run.params({"unit": {column: 1.0}})
        run.metrics({f"{column}/boosted/MAE": 1.0, f"val/{column}_mae": 2.0}, step=0)
    assert told == []
    assert set(run_of(tmp_path).data.metrics.values()) == {1.0, 2.0}
    assert mlflow_name("val/band_gap_mae") == "val/band_gap_mae"


def test_what_mlflow_refuses_is_told_once_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    told: list[str] = []
    monkeypatch.setattr(MlflowClient, "log_batch", full)
    with opened(tmp_path, told) as run:
        assert run is not None
        run.params({"a": 1})
        run.metrics({"b": 1.0}, step=0)
    assert len(told) == 1
    assert "No space left" in told[0]


def test_a_store_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(TrackingError),
        tracked("sqlite:///", tmp_path, name="mine", warn=print),
    ):
        pass
