from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from materials.errors import InputError
from models.nets import NetOutput, build_net
from models.training.checkpoint import LAST, read_checkpoint
from models.training.config import TrainConfig
from models.training.fit import Supervised, TrainingError, train
from tests.models.samples import SMALL, labelled

CONFIG = TrainConfig(
    net=SMALL, passes=2, decay_passes=1, batch_size=8, warmup_steps=2, averaging=0.9
)


class Stopped(RuntimeError):
    pass


def same(folder, other):
    one, two = read_checkpoint(folder / LAST), read_checkpoint(other / LAST)
    assert (one.step, one.history) == (two.step, two.history)
    for part in ("net", "average"):
        for name, value in getattr(one, part).items():
            assert torch.equal(value, getattr(two, part)[name]), (part, name)


@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, monkeypatch, step):
    data, held = labelled(30), labelled(10, seed=1)
    train(data, held, CONFIG, folder=tmp_path / "straight")

    from models.training import loop

    take = loop.Run.take_step

    def stop(run, ask):
        if run.step == step:
            raise Stopped
        return take(run, ask)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY", 0.0)  # after every step
        patch.setattr(loop.Run, "take_step", stop)
        with pytest.raises(Stopped):
            train(data, held, CONFIG, folder=tmp_path / "stopped")
    assert read_checkpoint(tmp_path / "stopped" / LAST).step == step
    torch.manual_seed(12345)
    train(data, held, CONFIG, folder=tmp_path / "stopped")
    same(tmp_path / "straight", tmp_path / "stopped")


def test_slices_of_time_add_up_to_the_same_run(tmp_path):
    data, held = labelled(30), labelled(10, seed=1)
    train(data, held, CONFIG, folder=tmp_path / "straight")
    for _ in range(100):
        done = train(data, held, CONFIG, folder=tmp_path / "slices", minutes=2e-4)
        if done.finished:
            break
    assert done.finished
    same(tmp_path / "straight", tmp_path / "slices")


def test_a_run_out_of_time_says_so(tmp_path):
    done = train(labelled(20), labelled(5), CONFIG, folder=tmp_path, minutes=0.0)
    assert not done.finished
    assert done.history == ()


def test_the_returned_weights_are_the_averaged_ones_kept(tmp_path):
    for _ in ("trained", "finished already"):
        done = train(labelled(20), labelled(5), CONFIG, folder=tmp_path)
        kept = read_checkpoint(tmp_path / LAST)
        for name, value in done.net.state_dict().items():
            assert torch.equal(value, kept.average[name]), name
        assert any(not torch.equal(v, kept.average[k]) for k, v in kept.net.items())


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
    done = train(labelled(30), labelled(30), config, folder=tmp_path)
    errors = [entry["val/formation_energy_per_atom_mae"] for entry in done.history]
    assert len(errors) == 25
    assert errors[-1] < 0.5 * errors[0]


def test_training_begins_with_the_weights_given(tmp_path):
    first = train(labelled(20), labelled(5), CONFIG, folder=tmp_path / "a").net
    still = replace(CONFIG, learning_rate=0.0)
    data = labelled(20)
    again = train(
        data, labelled(5), still, folder=tmp_path / "b", initial=first.state_dict()
    ).net
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, first.state_dict()[name])


def test_frozen_training_leaves_the_trunk_alone(tmp_path):
    first = train(labelled(20), labelled(5), CONFIG, folder=tmp_path / "a").net
    config = replace(CONFIG, frozen=True)
    weights = first.state_dict()
    again = train(
        labelled(20), labelled(5), config, folder=tmp_path / "b", initial=weights
    ).net.state_dict()
    moved = {k for k, v in again.items() if not torch.equal(v, weights[k])}
    assert moved
    assert all(name.startswith("readout.") for name in moved)


def test_half_precision_trains(tmp_path):
    config = replace(CONFIG, precision="bfloat16")
    done = train(labelled(20), labelled(5), config, folder=tmp_path)
    assert all(v.isfinite().all() for v in done.net.state_dict().values())
    assert all(v.dtype == torch.float32 for v in done.net.state_dict().values())


def test_labels_are_compared_in_full_precision():
    data = labelled(20)
    graph = data.batch(torch.arange(20))
    torch.manual_seed(0)
    half = NetOutput(*(part.bfloat16() for part in build_net(SMALL)(graph)))
    same = NetOutput(*(part.float() for part in half))
    task = Supervised(TrainConfig(net=SMALL))
    for name, value in task.loss(half, graph).items():
        torch.testing.assert_close(value, task.loss(same, graph)[name], rtol=0, atol=0)


def test_a_run_keeps_its_config(tmp_path):
    train(labelled(10), labelled(5), CONFIG, folder=tmp_path)
    other = TrainConfig(net=SMALL, passes=3)
    with pytest.raises(InputError, match=r"other settings \(passes"):
        train(labelled(10), labelled(5), other, folder=tmp_path)


def test_an_objective_that_is_no_number_stops_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("models.training.loop._STEPS_PER_LOG", 1)
    data = labelled(20)
    data.graphs.tensors["vector"][:] = torch.nan
    with pytest.raises(TrainingError, match="not a number at step 1"):
        train(data, labelled(5), CONFIG, folder=tmp_path)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    data = labelled(20)  # three steps a pass: far fewer than between two logs
    data.graphs.tensors["vector"][:] = torch.nan
    with pytest.raises(TrainingError, match="not a number at step 3"):
        train(data, labelled(5), CONFIG, folder=tmp_path)
    assert not (tmp_path / LAST).exists()


def test_metrics_reach_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr("models.training.loop._STEPS_PER_LOG", 1)
    heard = []

    def log(metrics, step):
        heard.append((step, metrics))

    train(labelled(20), labelled(5), CONFIG, folder=tmp_path, log=log)
    steps = [step for step, metrics in heard if "train/total" in metrics]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert [s for s, m in heard if "val/band_gap_mae" in m] == [3, 6]


def test_a_broken_checkpoint_is_named(tmp_path):
    (tmp_path / LAST).write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="not a checkpoint of training"):
        train(labelled(10), labelled(5), CONFIG, folder=tmp_path)
