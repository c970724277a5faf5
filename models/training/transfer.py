"""Start a network from the weights of another that predicts other things."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from materials.errors import InputError
from models.nets import NetConfig, build_net
from models.training.objective import Scaling


def initial_weights(
    state: Mapping[str, Tensor],
    known: tuple[str, ...],
    config: NetConfig,
    *,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Return weights for ``config``: the trunk of ``state``, and its heads where they fit.

    ``known`` are the targets of ``state``, in order; ``state`` must be of the same
    architecture and widths. Outputs for targets that it does not have are random. Raises
    :class:`InputError` if the trunks differ.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build_net(config).state_dict()
    rows = [
        (config.targets.index(name), known.index(name))
        for name in config.targets
        if name in known
    ]
    made = {}
    for key, random in fresh.items():
        if key not in state:
            raise InputError(f"the weights given lack '{key}': of another architecture")
        given = state[key]
        if _last(key):
            made[key] = _rows(random, given, rows, len(config.targets), len(known))
        elif given.shape == random.shape:
            made[key] = given.clone()
        else:
            raise InputError(
                f"the weights given have '{key}' {tuple(given.shape)}, expected "
                f"{tuple(random.shape)}: of another size of network"
            )
    return made


def _rows(
    random: Tensor, given: Tensor, rows: list[tuple[int, int]], n_new: int, n_old: int
) -> Tensor:
    """Output rows of known targets from ``given``, the others from ``random``."""
    new = random.view(n_new, -1, *random.shape[1:]).clone()
    old = given.view(n_old, -1, *given.shape[1:])
    for here, there in rows:
        new[here] = old[there]
    return new.view_as(random)


def rescaled(
    state: Mapping[str, Tensor],
    net: NetConfig,
    before: Scaling,
    after: Scaling,
    known: tuple[str, ...],
) -> dict[str, Tensor]:
    """Last layers that say in the units of ``after`` what they said in those of ``before``.

    ``state`` is of ``net``, which has no corrections; only outputs of the targets ``known``
    change.
    """
    targets = [t for t in net.targets if t in known and t not in net.binary]
    where = [net.targets.index(target) for target in targets]
    old_unit, old_offset = before.tensors(tuple(targets))
    unit, offset = after.tensors(tuple(targets))
    factor, shift = old_unit / unit, (old_offset - offset) / unit
    made = dict(state)
    for key, tensor in state.items():
        if not _last(key):
            continue
        rows = tensor.view(len(net.targets), -1, *tensor.shape[1:]).clone()
        wide = (-1, *[1] * (rows.dim() - 1))
        if key.startswith("readout.heads."):
            rows[where] *= factor.view(wide)
            if key.endswith("bias"):
                rows[where] += shift.view(wide)
        elif key.endswith("bias"):  # logarithms of scales
            rows[where] += factor.log().view(wide)
        made[key] = rows.view_as(tensor)
    return made


def uncorrected(state: Mapping[str, Tensor], net: NetConfig) -> dict[str, Tensor]:
    """Weights that say the same without ``net.corrections``: differences become sums."""
    made = dict(state)
    for key, tensor in state.items():
        if _last(key) and key.startswith("readout.heads."):
            rows = tensor.clone()
            for target, other in net.corrections:
                if target in net.targets and other in net.targets:
                    rows[net.targets.index(target)] += tensor[net.targets.index(other)]
            made[key] = rows
    return made


def _last(key: str) -> bool:
    """Whether a tensor belongs to a layer whose outputs are targets."""
    return (
        key.startswith(("readout.heads.", "readout.scales.")) and key.split(".")[-2] == "2"
    )
