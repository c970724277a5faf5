"""Start a network from the weights of another that predicts other things."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from materials.errors import InputError
from models.nets import NetConfig, build_net


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
        if (
            key.startswith(("readout.heads.", "readout.scales."))
            and key.split(".")[-2] == "2"
        ):
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
