"""The measured gap: a correction to the network's, or an estimate from a formula.

A folder holds it, and nothing in it is code:

| file | what |
|---|---|
| ``composition.safetensors`` | the composition network and its tables |
| ``crystal-*.txt.gz`` | trees for what has a structure: LightGBM's text |
| ``composition-*.txt.gz`` | trees for formulas alone |
| ``config.json`` | :class:`Manifest` |
| ``MODEL_CARD.md`` | data, licence, errors, limits, for people |
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from materials.provenance import checked_bytes, file_sha256
from materials.versioned import FileFormat
from materials.whole import write_whole
from models.measured.composition import CompositionNet
from models.measured.formulas import checked_counts, formula_counts
from models.measured.hurdle import Hurdle, Parts, Width
from models.plain import from_plain, read_json
from models.uncertainty.calibration import Calibration
from models.uncertainty.intervals import Intervals

if TYPE_CHECKING:
    from models.inference import Predictions

FloatArray = NDArray[np.float64]

FORMAT = 1
MEASURED = FileFormat(
    what="measured-gap model",
    version=FORMAT,
    unmarked=0,
    remedy="make it again with tools/make_measured_gap.py",
)
"""Version of the folder's layout; another one is refused, not guessed at."""

SHIPPED = Path(__file__).parent / "weights"
"""The correction that comes with the package."""

NAME = "band_gap_measured"
"""How tables call it; its deviation is ``band_gap_measured_std``."""

Form = Literal["crystal", "composition"]
"""What is known: a structure that a network has seen, or the formula alone."""

FORMS: tuple[Form, ...] = ("crystal", "composition")
NETWORK_FILE = "composition.safetensors"


@dataclass(frozen=True)
class Source:
    """A table that was learned from."""

    file: str
    sha256: str
    rows: int  # used


@dataclass(frozen=True)
class Scores:
    """Cross-validated errors of one form, in eV: each row by trees that never saw its fold."""

    rows: int
    mae_by_fold: tuple[float, ...]
    mae: float  # mean of the folds'
    metal_accuracy: float  # share of rows rightly called with or without a gap
    within_one_std: float  # share of rows with a predicted gap; 0.683 is aimed at
    within_90: float  # share of all rows within their 90 % interval
    within_90_gapped: float  # the same of rows with a predicted gap
    spearman: float  # rank correlation of deviation and absolute error, all rows


@dataclass(frozen=True)
class FormSettings:
    """What one form needs besides its trees."""

    width: Width
    calibration: Calibration  # of rows with a predicted gap
    with_gap: Intervals  # of rows with a predicted gap
    without_gap: Intervals  # of the others
    scores: Scores

    def half_width(self, mean: FloatArray, std: FloatArray, level: float) -> FloatArray:
        """Half width in eV of the interval that holds the share ``level`` of crystals.

        Raises :class:`InputError` for a level that was not calibrated.
        """
        return half_width(self.with_gap, self.without_gap, mean, std, level)


@dataclass(frozen=True)
class Manifest:
    """Everything but the weights; ``config.json``."""

    format: int
    network: str  # version of the network whose outputs were corrected
    targets: tuple[str, ...]  # of that network, whose mean and deviation are features
    measured: Source
    crystals: tuple[Source, ...]  # where structures for the formulas were found
    composition: Source  # what taught the composition network; rows are formulas
    crystal_form: FormSettings
    composition_form: FormSettings
    libraries: dict[str, str]  # name -> version
    files: dict[str, str]  # file name -> SHA-256

    def settings(self, form: Form) -> FormSettings:
        return self.crystal_form if form == "crystal" else self.composition_form


@dataclass(frozen=True)
class MeasuredGap:
    """Predicts gaps as they are measured, each with its own deviation, in eV."""

    manifest: Manifest
    net: CompositionNet
    hurdles: Mapping[Form, Hurdle]

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read a folder, or the correction that comes with the package.

        Raises :class:`InputError` if something is missing, or is not what ``config.json``
        was saved with.
        """
        folder = folder or SHIPPED
        manifest = read_manifest(folder)
        content = {
            name: checked_bytes(folder / name, h) for name, h in manifest.files.items()
        }
        expected = {NETWORK_FILE, *(f"{form}-{part}" for form in FORMS for part in _PARTS)}
        for name in sorted(expected - set(content)):
            raise InputError(f"{folder}: config.json does not list {name}; make it again")
        try:
            hurdles = {
                form: Hurdle.from_files(
                    {part.partition(".")[0]: content[f"{form}-{part}"] for part in _PARTS}
                )
                for form in FORMS
            }
        except InputError as error:
            raise InputError(f"{folder}: {error}") from error
        return cls(manifest, _read_net(folder, content[NETWORK_FILE]), hurdles)

    @classmethod
    def for_network(cls, version: str, folder: Path | None = None) -> Self | None:
        """The correction of the network ``version``, or None if it is of another one.

        No correction in the package is None too: the gap is computed then, not measured.
        """
        folder = folder or SHIPPED
        if not (folder / "config.json").is_file():
            return None
        if read_manifest(folder).network != version:
            return None
        return cls.load(folder)

    def predict(
        self, predictions: Predictions, counts: NDArray[np.integer], *, network: str
    ) -> tuple[FloatArray, FloatArray]:
        """Return measured gaps and their deviations, ``(n,)`` each; NaN where errors are.

        ``counts`` ``(n, 119)`` says what elements each crystal holds, ``network`` which
        version of the network predicted. Raises :class:`InputError` if that is not the one
        that was corrected.
        """
        if network != self.manifest.network:
            raise InputError(
                f"the correction to measured gaps was fitted on the network "
                f"{self.manifest.network}, these predictions are of {network}; use that "
                "network, or make a correction for this one with tools/make_measured_gap.py"
            )
        if len(predictions) != len(counts):
            raise InputError(
                f"{len(predictions)} predictions but {len(counts)} rows of counts; give "
                "one row for each crystal"
            )
        mean, std = np.full((2, len(counts)), np.nan)
        good = np.array([error is None for error in predictions.errors], dtype=bool)
        if good.any():
            composition = self.net.features(checked_counts(counts[good]))
            network_part = network_features(predictions, self.manifest.targets)[good]
            features = np.concatenate([composition, network_part], axis=1)
            mean[good], std[good] = self._answer("crystal", features)
        return mean, std

    def predict_compositions(
        self, formulas: Sequence[str]
    ) -> tuple[FloatArray, FloatArray]:
        """Return measured gaps and their deviations from formulas alone, ``(n,)`` each.

        Raises :class:`InputError` for a text that is no formula.
        """
        if not formulas:
            return np.empty(0), np.empty(0)
        return self._answer("composition", self.net.features(formula_counts(formulas)))

    def _answer(
        self, form: Form, features: NDArray[np.float32]
    ) -> tuple[FloatArray, FloatArray]:
        settings = self.manifest.settings(form)
        parts = self.hurdles[form].parts(features)
        return parts.gap(), deviation(parts, settings.width, settings.calibration)

    def save(self, folder: Path, card: str) -> Self:
        """Write the folder and return what was written; the manifest's files are replaced.

        Files of an earlier correction there are removed last.
        """
        from safetensors.numpy import save

        content = {NETWORK_FILE: save(self.net.tensors())}
        for form, hurdle in self.hurdles.items():
            for part, data in hurdle.files().items():
                content[f"{form}-{part}.txt.gz"] = data
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in content.items():
            write_whole(folder / name, data)
        hashes = {name: file_sha256(folder / name) for name in content}
        manifest = dataclasses.replace(self.manifest, format=FORMAT, files=hashes)
        plain = {**MEASURED.stamp(), **dataclasses.asdict(manifest)}
        write_whole(folder / "config.json", json.dumps(plain, indent=1) + "\n")
        write_whole(folder / "MODEL_CARD.md", card)
        weights = {*folder.glob("*.txt.gz"), *folder.glob("*.safetensors")}
        for stale in weights - {folder / name for name in content}:
            stale.unlink()
        return self.load(folder)


_PARTS = tuple(f"{field.name}.txt.gz" for field in dataclasses.fields(Hurdle))


def network_features(predictions: Predictions, targets: Sequence[str]) -> FloatArray:
    """Return ``(n, 2 n_targets)``: means, then deviations, of the network's targets."""
    columns = [predictions.column(name) for name in targets]
    return np.stack([mean for mean, _ in columns] + [std for _, std in columns], axis=1)


def deviation(parts: Parts, width: Width, calibration: Calibration) -> FloatArray:
    """Return the calibrated deviation, ``(n,)`` in eV.

    Where a gap is predicted it is calibrated. Where none is, most errors are zero and their
    quantile says nothing: there the spread itself stands, the root mean square error if the
    probability of a gap is right.
    """
    spread = parts.spread(width)
    with_gap = parts.gap() > 0.0
    std: FloatArray = np.where(
        with_gap, calibration.std(spread), np.maximum(spread, calibration.floor)
    )
    return std


def half_width(
    with_gap: Intervals,
    without_gap: Intervals,
    mean: FloatArray,
    std: FloatArray,
    level: float,
) -> FloatArray:
    """Half widths in eV of intervals about ``mean`` ``(n,)``, by whether there is a gap."""
    widths: FloatArray = np.where(
        mean > 0.0, with_gap.half_width(std, level), without_gap.half_width(std, level)
    )
    return widths


def read_manifest(folder: Path) -> Manifest:
    """Read ``config.json``; raises :class:`InputError` for one that cannot be used."""
    path = folder / "config.json"
    try:
        plain = read_json(path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: not found; expected a folder as tools/make_measured_gap.py writes it"
        ) from None
    manifest = from_plain(Manifest, MEASURED.content(plain, path), str(path))
    for name in manifest.files:
        if Path(name).name != name:
            raise InputError(f"{path}: '{name}' is no file name")
    return manifest


def _read_net(folder: Path, content: bytes) -> CompositionNet:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return CompositionNet.from_tensors(load(content))
    except (SafetensorError, InputError, ValueError, KeyError) as error:
        raise InputError(f"{folder / NETWORK_FILE}: cannot be read: {error}") from error
