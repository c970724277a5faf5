"""The model that MLflow runs: a script beside the weights instead of a pickled object.

MLflow copies this file into the artefact and runs it where the model is loaded, be Galena
installed there or not; so it may import what travels along (``materials`` and ``models``) and
nothing of ``campaigns``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from materials.errors import InputError
from materials.text import read_texts
from models.inference import Predictor


class ServedModel(PythonModel):
    """Crystals as text in, properties with their doubt out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights; ``device`` of the model's configuration says where they work."""
        device = (context.model_config or {}).get("device", "auto")
        self.predictor = Predictor.load(Path(context.artifacts["model"]), device=device)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """One row of output per row of input, in order and with its index.

        ``model_input`` has the column ``structure``. The columns are those of
        :meth:`models.inference.Predictions.to_frame`; a row that cannot be predicted has NaN
        and says why in ``error``.

        Raises:
            InputError: there is no such column.
        """
        if "structure" not in model_input.columns:
            raise InputError(
                "expected a column 'structure' with a CIF or pymatgen's JSON in each row, got "
                f"{', '.join(map(str, model_input.columns)) or 'no columns'}"
            )
        read = read_texts(model_input["structure"])
        rows = [row for row, crystal in enumerate(read) if crystal.error is None]
        crystals = [c.structure for c in read if c.structure is not None]
        said = self.predictor.predict(crystals).to_frame().set_axis(rows, axis="index")
        parts = {name: _spread(column, len(read)) for name, column in said.items()}
        unread = pd.Series([crystal.error for crystal in read], dtype=object)
        parts["error"] = parts["error"].where(unread.isna(), unread)
        return pd.DataFrame(parts).set_axis(model_input.index, axis="index")


def _spread(column: pd.Series, n: int) -> pd.Series:
    """The column with a place for each row that was not read, which no one vouches for."""
    if column.dtype == bool:
        return column.reindex(range(n), fill_value=False)
    if column.dtype == object:
        return column.reindex(range(n), fill_value=None)
    return column.reindex(range(n))


set_model(ServedModel())
