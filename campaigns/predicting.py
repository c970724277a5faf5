"""Numbers for crystals, whatever they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from campaigns.tracking.store import model_store

if TYPE_CHECKING:
    import pandas as pd


def predict(
    crystals: Any, model: str | None = None, *, tracking_uri: str | None = None
) -> pd.DataFrame:
    """Predict gaps, formation energy, energy above the hull and masses; one row each.

    ``crystals`` is whatever :func:`materials.intake.crystals_of` takes. ``model`` is a folder,
    a shipped model's name or an MLflow URI; the shipped default if not given. Columns are those
    of ``galena predict``: ``name``, ``formula``, ``n_sites``, each target (eV, eV/atom) with
    ``_std``, ``_lower`` and ``_upper``, ``in_domain`` and ``error``, which is None where all is
    well.

    Raises:
        InputError: there is no crystal, or no such model.
    """
    from campaigns.screening.files import predict_crystals
    from campaigns.tracking.resolve import local_model
    from materials.intake import crystals_of
    from models.loading import load_predictor
    from models.measured.predictor import with_measured_gap

    found = crystals_of(crystals).all
    with local_model(model, model_store(tracking_uri)) as folder:
        predictor = with_measured_gap(load_predictor(folder.folder))
    return predict_crystals(found, predictor)
