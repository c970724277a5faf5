"""What an update says of its own labels when each is left out in turn."""

from __future__ import annotations

import numpy as np

from models.updating.base import Base, FloatArray
from models.updating.stacking import Stack
from models.updating.update import Update

_LEAST = 0.01  # weight of a member below which it is left out, as in predictions


def left_out(
    update: Update, labelled: Base, truth: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation ``(n, m)`` each of candidates that an update was fitted on.

    ``labelled`` and ``truth`` are what :func:`models.updating.update.fit_update` was given. A
    label that the update has not seen, NaN or too old, needs no leaving out.
    """
    mean, std = update.predict(labelled)
    for number, target in enumerate(update.targets.values()):
        rows = np.flatnonzero(np.isfinite(truth[:, number]))[-target.stack.rows :]
        if len(rows) == 0:
            continue
        if target.prior is None:
            alone = labelled.mean[rows, number], labelled.std[rows, number]
        else:
            size = len(rows)
            alone = np.full(size, target.prior.mean), np.full(size, target.prior.std)
        found = _mixed(target.stack, (alone[0], np.maximum(alone[1], target.noise)))
        mean[rows, number] = np.maximum(found[0], target.least)
        std[rows, number] = np.maximum(found[1], target.noise)
    return mean, std


def _mixed(
    stack: Stack, alone: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the members' mixture, ``(n,)`` each."""
    used = [member for member in stack.members if member.weight >= _LEAST]
    weights = np.array([member.weight for member in used])
    weights /= weights.sum()
    said = [
        alone if member.fitted is None else member.fitted.leave_one_out() for member in used
    ]
    means = np.stack([one for one, _ in said], axis=1)  # (n, k)
    stds = np.stack(
        [std * member.factor for (_, std), member in zip(said, used, strict=True)], axis=1
    )
    mean = means @ weights
    spread = (np.square(stds) + np.square(means - mean[:, None])) @ weights
    return mean, np.sqrt(spread)
