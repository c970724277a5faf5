from __future__ import annotations

import logging
import warnings

import pytest
import torch

from materials.errors import InputError
from models.training.config import TrainConfig
from models.training.fit import train
from tests.models.samples import SMALL, labelled

CONFIG = TrainConfig(
    net=SMALL, passes=2, decay_passes=1, batch_size=8, warmup_steps=2, averaging=0.9
)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """One CPU thread, no GPU and no chatter, whatever the machine."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def weights(folder) -> dict[str, torch.Tensor]:
    plain = torch.load(folder / "last.ckpt", weights_only=True)
    return {
        **plain["state_dict"],
        **{f"now.{k}": v for k, v in plain["current_model_state"].items()},
    }


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, monkeypatch):
    data, held = labelled(30), labelled(10, seed=1)
    train(data, held, CONFIG, folder=tmp_path / "straight", progress=False)

    class Stopped(RuntimeError):
        pass

    def stop(task):
        if task.current_epoch == 1:
            raise Stopped
        task._noise.manual_seed(CONFIG.seed * 100_003 + task.current_epoch)

    with monkeypatch.context() as patch:
        patch.setattr("models.training.fit.NetTask.on_train_epoch_start", stop)
        with pytest.raises(Stopped):
            train(data, held, CONFIG, folder=tmp_path / "stopped", progress=False)
    torch.manual_seed(12345)
    train(data, held, CONFIG, folder=tmp_path / "stopped", progress=False)
    straight, resumed = weights(tmp_path / "straight"), weights(tmp_path / "stopped")
    assert straight.keys() == resumed.keys()
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name


def test_the_returned_weights_are_the_averaged_ones_kept(tmp_path):
    for _ in ("trained", "finished already"):
        task = train(labelled(20), labelled(5), CONFIG, folder=tmp_path, progress=False)
        kept = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
        for name, value in task.state_dict().items():
            assert torch.equal(value.cpu(), kept[name]), name


def test_training_learns(tmp_path):
    config = TrainConfig(
        net=SMALL,
        passes=25,
        decay_passes=5,
        batch_size=8,
        warmup_steps=5,
        learning_rate=5e-3,
        averaging=0.9,
        strain=0.0,
    )
    train(labelled(30), labelled(30), config, folder=tmp_path, progress=False)
    lines = (tmp_path / "log" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("val/formation_energy_per_atom_mae")
    errors = [
        float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]
    ]
    assert errors[-1] < 0.5 * errors[0]


def test_a_run_keeps_its_config(tmp_path):
    train(labelled(10), labelled(5), CONFIG, folder=tmp_path, progress=False)
    other = TrainConfig(net=SMALL, passes=3)
    with pytest.raises(InputError, match="another folder"):
        train(labelled(10), labelled(5), other, folder=tmp_path, progress=False)
