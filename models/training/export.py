"""From checkpoints of training to a model's folder that can be shipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.nets import CrystalNet, build_net
from models.prediction import limits
from models.pretrained import (
    FORMAT,
    Bundle,
    DomainLimit,
    Manifest,
    Member,
    TargetMetrics,
    alike,
    save_bundle,
)
from models.training.card import model_card
from models.training.checkpoint import Checkpoint, read_checkpoint
from models.training.config import TrainConfig
from models.training.data import DataSource, LabelledGraphs
from models.uncertainty.calibration import (
    Calibration,
    calibrate,
    coverage,
    informative,
    uncalibrated,
)
from models.uncertainty.domain import QUANTILE
from models.uncertainty.doubt import Doubt
from models.uncertainty.halves import calibrating
from models.uncertainty.intervals import FEWEST, Intervals, clipped, fit_intervals
from models.uncertainty.learn import Measured, learn_doubt, measure
from models.uncertainty.metrics import doubt_metrics, rank_correlation

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Judged(NamedTuple):
    """One target, calibrated on half of the rows and checked on the other."""

    calibration: Calibration
    intervals: Intervals
    metrics: TargetMetrics | None  # None: too few labels to check


def export_bundle(
    checkpoints: Sequence[Path],
    training: LabelledGraphs,
    validation: LabelledGraphs,
    *,
    folder: Path,
    name: str,
    configs: Sequence[TrainConfig],
) -> Bundle:
    """Write the checkpoints as one ensemble, calibrated and measured on ``validation``.

    ``configs`` are those that the checkpoints were trained with, and ``training`` the rows,
    in the same order: what heads get wrong on crystals that they left out there teaches the
    model how wrong it may be. Half of the validation rows calibrate; what is measured of
    the doubts is measured on the other half. Raises :class:`InputError` if a checkpoint does
    not fit its config, or a config has other targets, graphs or scaling than the first.
    """
    if not checkpoints:
        raise InputError("no checkpoint to export: expected at least one")
    config = configs[0]
    if any(not alike(c.net, config.net) or c.scaling != config.scaling for c in configs):
        raise InputError(
            "networks that answer together must have the same targets, graphs and scaling"
        )
    sources = _source(training, "training"), _source(validation, "validation")
    members = [read_checkpoint(path) for path in checkpoints]
    nets = [_net(member, c) for member, c in zip(members, configs, strict=True)]
    doubt = learn_doubt(nets, config, training)
    found = measure(nets, config, doubt, validation)
    half = calibrating(len(found.distance))
    spread = _better_spread(found, doubt, half)
    judged = {
        target: _judge(found, spread[:, column], column, half, config)
        for column, target in enumerate(config.net.targets)
    }
    manifest = Manifest(
        format=FORMAT,
        name=name,
        train=config,
        elements=training.elements(),
        training=sources[0],
        validation=sources[1],
        calibration={target: one.calibration for target, one in judged.items()},
        intervals={target: one.intervals for target, one in judged.items()},
        domain=_domain_limit(found.distance, half),
        metrics={target: one.metrics for target, one in judged.items() if one.metrics},
        members={
            f"member-{number}.safetensors": Member(c.net, round(member.passes), sha256="")
            for number, (member, c) in enumerate(
                zip(members, configs, strict=True), start=1
            )
        },
        doubt="",
    )
    states = [member.average for member in members]
    return save_bundle(folder, manifest, states, doubt, model_card(manifest))


_TRUSTS = (0.0, 0.5, 0.75, 1.0)
"""Weights of the learned spread beside the networks' own that are tried."""


def _better_spread(found: Measured, doubt: Doubt, half: BoolArray) -> FloatArray:
    """For each target the mixture of learned and own spread that orders the calibrating rows
    best; ``doubt`` keeps its weight.
    """
    spread = found.learned.copy()
    if doubt.errors is None:
        return spread
    for column in np.flatnonzero(doubt.errors.trust.numpy()):
        error = np.abs(found.mean[:, column] - found.label[:, column])
        rows = half & np.isfinite(error)
        learned, own = found.learned[:, column], found.own[:, column]
        tried = {trust: learned**trust * own ** (1.0 - trust) for trust in _TRUSTS}
        ranks = {t: rank_correlation(error[rows], s[rows]) for t, s in tried.items()}
        best = max(_TRUSTS, key=lambda trust: ranks[trust])
        doubt.errors.trust[column] = best
        spread[:, column] = tried[best]
    return spread


def _judge(
    found: Measured,
    spread: FloatArray,
    column: int,
    half: BoolArray,
    config: TrainConfig,
) -> Judged:
    """Calibrate a target on the labelled rows of one half, and check it on the other's."""
    target = config.net.targets[column]
    label, mean = found.label[:, column], found.mean[:, column]
    error = np.abs(mean - label)
    known = np.isfinite(error)
    told = informative(label, mean, non_negative=target in config.net.non_negative)
    fit, check = known & half, known & ~half
    enough = int((told & fit).sum()) >= FEWEST
    if target in config.net.binary:
        calibration = Calibration((1.0,), (1.0,), floor=1e-4)  # an outcome's own deviation
    elif enough:
        calibration = calibrate(error[told & fit], spread[told & fit])
    else:
        calibration = uncalibrated()
    std = calibration.std(spread)
    intervals = fit_intervals(error[fit], std[fit])
    if (told & check).sum() < FEWEST:
        return Judged(calibration, intervals, None)
    ends = {
        level: clipped(mean, intervals.half_width(std, level), *limits(config.net, target))
        for level in intervals.levels
    }
    metrics = TargetMetrics(
        mae=float(np.nanmean(error)),
        rmse=float(np.sqrt(np.nanmean(error**2))),
        coverage=coverage(error[told & check], std[told & check]),
        doubt=doubt_metrics(
            label[check],
            error[check],
            std[check],
            {level: (low[check], high[check]) for level, (low, high) in ends.items()},
        ),
    )
    return Judged(calibration, intervals, metrics)


def _domain_limit(distance: FloatArray, half: BoolArray) -> DomainLimit:
    """The distance that few calibrating crystals exceed, and how many of the others do."""
    limit = float(np.quantile(distance[half], QUANTILE))
    return DomainLimit(limit, QUANTILE, float((distance[~half] > limit).mean()))


def _net(member: Checkpoint, config: TrainConfig) -> CrystalNet:
    net = build_net(config.net)
    try:
        net.load_state_dict(member.average)
    except RuntimeError as error:
        raise InputError(
            f"checkpoint and config are of different networks; give the config that was "
            f"trained with: {error}"
        ) from error
    return net.eval()


def _source(data: LabelledGraphs, what: str) -> DataSource:
    if data.source is None:
        raise InputError(
            f"the {what} graphs do not say which table they are from; "
            "make them with models.training.prepare"
        )
    return data.source
