"""A screening as plain values, from which any machine can make the same screener."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from campaigns.screening.shard import Screener
from campaigns.screening.spec import ScreenSpec

if TYPE_CHECKING:
    from models.inference import Precision
    from models.loading import AnyPredictor


@dataclass(frozen=True)
class Recipe:
    """Model and specification; nothing in it is code."""

    spec: dict[str, Any]
    """As :class:`ScreenSpec` dumps itself."""
    model: dict[str, bytes]
    """The files of the model's folder, by name."""
    device: str
    precision: Precision

    @classmethod
    def of(
        cls, spec: ScreenSpec, model: Path, *, device: str, precision: Precision
    ) -> Self:
        """Take a model's folder along."""
        files = {file.name: file.read_bytes() for file in model.iterdir() if file.is_file()}
        return cls(
            spec.model_dump(mode="json", exclude_unset=True), files, device, precision
        )

    def screener(self) -> Screener:
        """Load the model and get ready. Raises :class:`InputError` if it is unusable."""
        with TemporaryDirectory(prefix="galena-") as temporary:
            folder = Path(temporary)
            for name, content in self.model.items():
                (folder / name).write_bytes(content)
            found = screening_predictor(
                folder, device=self.device, precision=self.precision
            )
        return Screener(ScreenSpec.model_validate(self.spec), found)


def screening_predictor(folder: Path, *, device: str, precision: Precision) -> AnyPredictor:
    """A model, with the measured gap if there is a correction for it."""
    from models.loading import load_predictor
    from models.measured.predictor import with_measured_gap

    return with_measured_gap(load_predictor(folder, device=device, precision=precision))
