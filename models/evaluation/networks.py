"""What Galena's own models say about the validation crystals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.evaluation.answers import Answers, Cost, Stopwatch, processor_name
from models.evaluation.held import Rows

if TYPE_CHECKING:
    from models.inference import Predictions, Predictor

METAL = "is_metal"
GAP = "band_gap"

_WARM_UP = 8  # crystals predicted before the clock starts, so that no loading is timed


def ask_network(name: str, folder: Path, held: Rows) -> tuple[Answers, Predictions]:
    """Predict every row with the model in ``folder``; the raw predictions come along.

    The time runs from coordinates to calibrated values: it includes finding neighbours.
    Raises :class:`materials.errors.InputError` for a folder that is no model.
    """
    from models.inference import Predictor
    from models.pretrained import load_bundle

    bundle = load_bundle(folder)
    predictor = Predictor(bundle)
    predictor.predict_arrays(held.crystals[:_WARM_UP])
    clock = Stopwatch()
    found = predictor.predict_arrays(held.crystals)
    seconds = clock.seconds
    values = {target: found.column(target)[0] for target in predictor.targets}
    metal = values.pop(METAL, None)
    if metal is None and GAP in values:
        metal = -values[GAP]
    answers = Answers(
        method=name,
        track=bundle.manifest.track,
        values=values,
        metal=metal,
        parameters=sum(t.numel() for net in bundle.nets for t in net.parameters()),
        cost=_cost(predictor, 1000 * seconds / len(held)),
        note=_refused(predictor.version, found),
    )
    return answers, found


def _cost(predictor: Predictor, ms_per_crystal: float) -> Cost:
    import torch

    on_gpu = predictor.device.type == "cuda"
    hardware = torch.cuda.get_device_name() if on_gpu else processor_name()
    return Cost(
        ms_per_crystal,
        torch.get_num_threads(),
        hardware,
        "neighbours, network, calibration",
    )


def _refused(version: str, found: Predictions) -> str:
    refused = int(np.count_nonzero([error is not None for error in found.errors]))
    return version if not refused else f"{version}; refused {refused:,} crystals"
