from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk

from materials.errors import InputError
from models.graphs.store import GraphStore
from models.nets import build_net
from models.training.checkpoint import LAST, read_checkpoint
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.pretrain import (
    Pretext,
    PretextNet,
    PretrainConfig,
    pretrain,
    pretrained_weights,
)
from tests.models.samples import SMALL, labelled, random_arrays

CONFIG = PretrainConfig(
    net=SMALL, passes=2, batch_size=8, warmup_steps=2, averaging=0.9, masked=0.3
)


def unlabelled(n: int = 24, seed: int = 0) -> LabelledGraphs:
    """Crystals and nothing else."""
    graphs = GraphStore.build(random_arrays(n, seed))
    return LabelledGraphs(graphs, torch.empty(n, 0), ())


def disturbed(n: int = 24, config: PretrainConfig = CONFIG, seed: int = 0):
    data = unlabelled(n)
    return Pretext(config).disturb(
        data.batch(torch.arange(n)), torch.Generator().manual_seed(seed)
    )


def some_rotation() -> torch.Tensor:
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    return torch.from_numpy(q).float()


def test_edges_move_as_their_atoms_do():
    before = unlabelled().batch(torch.arange(24))
    after = disturbed()
    source, target = after.edge_index
    moved = CONFIG.displacement * after.displacement
    torch.testing.assert_close(
        after.edge_vector, before.edge_vector + moved[source] - moved[target]
    )
    assert not torch.allclose(after.edge_vector, before.edge_vector)


def test_no_crystal_moves_as_a_whole():
    graph = disturbed()
    mean = torch.zeros(24, 3).index_add(0, graph.batch, graph.displacement)
    torch.testing.assert_close(mean, torch.zeros(24, 3), atol=1e-5, rtol=0)


def test_hidden_elements_are_gone_and_only_they():
    before = unlabelled().batch(torch.arange(24))
    after = disturbed()
    assert 0 < int(after.hidden.sum()) < len(after.z)
    assert (after.z[after.hidden] == 0).all()
    assert torch.equal(after.z[~after.hidden], before.z[~after.hidden])
    assert torch.equal(after.element, before.z)


def test_the_noise_is_the_generator_s_alone():
    one, same, other = disturbed(seed=1), disturbed(seed=1), disturbed(seed=2)
    assert torch.equal(one.edge_vector, same.edge_vector)
    assert torch.equal(one.z, same.z)
    assert not torch.equal(one.edge_vector, other.edge_vector)


def test_guessed_displacements_turn_with_the_crystal_and_elements_do_not():
    torch.manual_seed(3)
    net = PretextNet(SMALL).eval()
    graph, turn = disturbed(), some_rotation()
    before = net(graph)
    graph.edge_vector = graph.edge_vector @ turn.T
    after = net(graph)
    assert before.displacement.abs().max() > 1e-3
    torch.testing.assert_close(
        after.displacement, before.displacement @ turn.T, atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(after.element, before.element, atol=1e-4, rtol=1e-4)


def test_the_loss_looks_at_hidden_atoms_alone():
    task, graph = Pretext(CONFIG), disturbed()
    torch.manual_seed(3)
    output = PretextNet(SMALL)(graph)
    plain = task.loss(output, graph)
    spoilt = output.element.clone()
    spoilt[~graph.hidden] = torch.randn_like(spoilt[~graph.hidden])
    assert (
        task.loss(output._replace(element=spoilt), graph)["elements"] == plain["elements"]
    )
    spoilt[graph.hidden] += torch.randn_like(spoilt[graph.hidden])
    assert (
        task.loss(output._replace(element=spoilt), graph)["elements"] != plain["elements"]
    )


def test_perfect_guesses_cost_nothing():
    task, graph = Pretext(CONFIG), disturbed()
    sure = torch.nn.functional.one_hot(graph.element, 119) * 100.0
    terms = task.loss(
        PretextNet(SMALL)(graph)._replace(displacement=graph.displacement, element=sure),
        graph,
    )
    assert float(terms["total"]) == pytest.approx(0.0, abs=1e-6)


def test_a_batch_without_hidden_atoms_still_counts():
    graph = disturbed(2, replace(CONFIG, masked=0.0))
    terms = Pretext(CONFIG).loss(PretextNet(SMALL)(graph), graph)
    assert terms["elements"] == 0.0
    assert terms["total"].isfinite()


def salts() -> LabelledGraphs:
    """Rocksalt and zincblende, of several sizes: where atoms belong can be known."""
    cells = [
        bulk(formula, kind, size, cubic=True)
        for formula, kind in (("NaCl", "rocksalt"), ("GaAs", "zincblende"))
        for size in (5.3, 5.5, 5.7)
    ]
    arrays = [(c.numbers, c.get_scaled_positions(), c.cell.array) for c in cells]
    return LabelledGraphs(GraphStore.build(arrays), torch.empty(len(cells), 0), ())


def test_pretraining_learns_both_tasks(tmp_path):
    config = replace(
        CONFIG, passes=40, decay_passes=10, batch_size=6, learning_rate=1e-2, masked=0.15
    )
    first, *_, last = pretrain(salts(), salts(), config, folder=tmp_path).history
    assert last["val/displacement_error"] < 0.4 < first["val/displacement_error"]
    assert last["val/element_error"] < 0.3 < first["val/element_error"]


def test_pretraining_in_slices_gives_the_same_weights(tmp_path):
    pretrain(unlabelled(), unlabelled(4), CONFIG, folder=tmp_path / "straight")
    for _ in range(50):
        done = pretrain(
            unlabelled(), unlabelled(4), CONFIG, folder=tmp_path / "slices", minutes=2e-4
        )
        if done.finished:
            break
    straight, slices = (
        read_checkpoint(tmp_path / name / LAST) for name in ("straight", "slices")
    )
    assert straight.history == slices.history
    for name, value in straight.average.items():
        assert torch.equal(value, slices.average[name]), name


def test_training_begins_with_the_pretrained_trunk_and_a_fresh_readout(tmp_path):
    done = pretrain(unlabelled(), unlabelled(4), CONFIG, folder=tmp_path / "before")
    weights = pretrained_weights(done.checkpoint, SMALL, seed=4)
    torch.manual_seed(4)
    fresh = build_net(SMALL).state_dict()
    trunk = done.net.state_dict()
    assert weights.keys() == fresh.keys()
    for name, value in weights.items():
        expected = fresh if name.startswith("readout.") else trunk
        assert torch.equal(value, expected[name]), name
    assert not torch.equal(trunk["embed.weight"], fresh["embed.weight"])
    still = TrainConfig(net=SMALL, passes=1, learning_rate=0.0)
    kept = train(
        labelled(8), labelled(4), still, folder=tmp_path / "after", initial=weights
    ).net
    torch.testing.assert_close(kept.state_dict()["embed.weight"], trunk["embed.weight"])


def test_weights_of_something_else_are_refused(tmp_path):
    done = pretrain(unlabelled(), unlabelled(4), CONFIG, folder=tmp_path / "before")
    with pytest.raises(InputError, match="does not fit a gated network"):
        pretrained_weights(done.checkpoint, replace(SMALL, edge_width=12))
    trained = train(
        labelled(8), labelled(4), TrainConfig(net=SMALL, passes=1), folder=tmp_path / "t"
    )
    with pytest.raises(InputError, match="expected a checkpoint of pretraining"):
        pretrained_weights(trained.checkpoint, SMALL)


def test_crystals_without_labels_survive_saving(tmp_path):
    for name in ("graphs.safetensors", "graphs.pt"):
        unlabelled(5).save(tmp_path / name)
        again = LabelledGraphs.load(tmp_path / name)
        assert (again.names, tuple(again.targets.shape)) == ((), (5, 0))


@pytest.mark.parametrize("wrong", [{"displacement": 0.0}, {"masked": 1.0}])
def test_noise_that_teaches_nothing_is_refused(wrong):
    with pytest.raises(InputError, match="expected a displacement"):
        PretrainConfig(**wrong)
