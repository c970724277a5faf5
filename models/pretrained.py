"""A trained model as a folder: weights, the config that rebuilds it, and its card.

| file | what |
|---|---|
| ``member-*.safetensors`` | one per member of the ensemble: tensors, no code |
| ``doubt.safetensors`` | where it has been and how wrong it is used to being |
| ``config.json`` | :class:`Manifest` |
| ``MODEL_CARD.md`` | data, licence, split, metrics, limits, for people |
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from materials.errors import InputError
from materials.provenance import checked_bytes, file_sha256
from materials.versioned import FileFormat
from materials.whole import write_whole
from models.nets import CrystalNet, NetConfig, build_net
from models.nets.parts import CommonConfig
from models.plain import fingerprint, from_plain, read_json
from models.small.kind import KIND
from models.training.config import TrainConfig
from models.training.data import DataSource
from models.uncertainty.calibration import Calibration, Coverage
from models.uncertainty.doubt import Doubt
from models.uncertainty.errors import n_features
from models.uncertainty.intervals import Intervals
from models.uncertainty.metrics import DoubtMetrics
from models.weights_file import check_finite, check_fits

FORMAT = 3
"""Version of the folder's layout."""

MODEL = FileFormat(
    what="model",
    version=FORMAT,
    unmarked=0,
    remedy="export the model again from its training",
)

DOUBT = "doubt.safetensors"
"""File of :class:`models.uncertainty.doubt.Doubt`."""

WEIGHTS = Path(__file__).parent / "weights"
"""A folder per model that comes with the package."""

DEFAULT = "accurate"
"""The one that is meant where none is named."""

SHIPPED = WEIGHTS / DEFAULT
"""Folder of the default model."""

Track = Literal["all data", "same data"]
"""What a model was trained on: every labelled crystal, or those of the Materials Project of
2018 alone, which published models were trained on and can be compared on."""

SAME_DATA = "release == 2018"
"""The rows of the second track, as :class:`DataSource` names them."""


@dataclass(frozen=True)
class TargetMetrics:
    """How one target does on validation rows, errors in its unit."""

    mae: float  # on all rows
    rmse: float
    coverage: Coverage  # of one deviation, on the half that calibration did not see
    doubt: DoubtMetrics  # on that half


@dataclass(frozen=True)
class DomainLimit:
    """The distance beyond which a crystal is unlike those of training."""

    distance: float
    quantile: float  # of the calibrating crystals' distances
    flagged: float  # share of the other half's crystals beyond it: false alarms


@dataclass(frozen=True)
class Member:
    """One network of an ensemble; all have the targets and the graphs of the first."""

    net: NetConfig
    passes: int  # over the training rows
    sha256: str  # of its file


@dataclass(frozen=True)
class Manifest:
    """Everything about a model but its weights; ``config.json``."""

    format: int
    name: str
    train: TrainConfig  # the first member's
    elements: tuple[int, ...]  # atomic numbers seen in training
    training: DataSource
    validation: DataSource
    calibration: dict[str, Calibration]
    intervals: dict[str, Intervals]
    domain: DomainLimit
    metrics: dict[str, TargetMetrics]  # of targets with enough labels to check
    members: dict[str, Member]  # by file name
    doubt: str  # SHA-256 of doubt.safetensors

    @property
    def track(self) -> Track:
        """Told from the rows that were trained on."""
        return "same data" if self.training.where == SAME_DATA else "all data"


@dataclass(frozen=True)
class Bundle:
    """A model ready to be asked; the networks are in evaluation mode, on the CPU."""

    manifest: Manifest
    nets: tuple[CrystalNet, ...]
    doubt: Doubt

    @property
    def version(self) -> str:
        """Name, and hash of the manifest with those of all weights in it:
        ``galena-accurate-1+ab12cd34``.
        """
        return f"{self.manifest.name}+{fingerprint(self.manifest)}"


def shipped() -> dict[str, Path]:
    """Name and folder of every model that comes with the package, the default one first."""
    names = {config.parent.name: config.parent for config in WEIGHTS.glob("*/config.json")}
    return dict(sorted(names.items(), key=lambda model: (model[0] != DEFAULT, model[0])))


def load_bundle(folder: Path | None = None) -> Bundle:
    """Read a model's folder, or the default one of those shipped.

    Raises :class:`InputError` if the folder lacks something, if ``config.json`` holds an
    unknown key, lacks one or was written by another format, or if a weight file is not the
    one that the config was saved with.
    """
    folder = folder or SHIPPED
    manifest = _read_manifest(folder / "config.json")
    _check(manifest, folder / "config.json")
    nets = tuple(
        _load_member(folder / file, member) for file, member in manifest.members.items()
    )
    try:
        doubt = Doubt.from_tensors(_tensors(folder / DOUBT, manifest.doubt))
        doubt.check(
            atom_width=nets[0].config.atom_width,
            n_features=n_features([net.config for net in nets]),
            n_targets=len(manifest.train.net.targets),
        )
    except InputError as error:
        raise InputError(f"{folder / DOUBT}: {error}") from error
    return Bundle(manifest, nets, doubt)


def save_bundle(
    folder: Path,
    manifest: Manifest,
    states: Sequence[Mapping[str, Tensor]],
    doubt: Doubt,
    card: str,
) -> Bundle:
    """Write a model's folder; ``states`` are state dicts, one for each of its members.

    The hashes in the manifest are replaced by those of what is written. Files of an earlier
    model there are removed last, so that a broken write is noticed by its hashes when
    loading.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        file: dataclasses.replace(member, sha256=_write(folder / file, state))
        for (file, member), state in zip(manifest.members.items(), states, strict=True)
    }
    doubts = _write(folder / DOUBT, doubt.tensors())
    manifest = dataclasses.replace(manifest, format=FORMAT, members=written, doubt=doubts)
    plain = {**MODEL.stamp(), **dataclasses.asdict(manifest)}
    write_whole(folder / "config.json", json.dumps(plain, indent=1) + "\n")
    write_whole(folder / "MODEL_CARD.md", card)
    kept = {folder / name for name in (*written, DOUBT)}
    for stale in set(folder.glob("*.safetensors")) - kept:
        stale.unlink()
    return load_bundle(folder)


def _read_manifest(path: Path) -> Manifest:
    try:
        plain = read_json(path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: not found; expected a folder with config.json and "
            "*.safetensors, as models.training.export writes it"
        ) from None
    if isinstance(plain, dict) and plain.get("kind") == KIND:
        raise InputError(
            f"{path}: a model made from a small table; networks alone are read here. Load it "
            "with models.loading.load_predictor, or use galena predict --model"
        )
    return from_plain(Manifest, MODEL.content(plain, path), str(path))


def _check(manifest: Manifest, path: Path) -> None:
    """Raise :class:`InputError` for a manifest that no model can be rebuilt from."""
    if not manifest.members:
        raise InputError(f"{path}: members: expected at least one, got none")
    targets = manifest.train.net.targets
    if next(iter(manifest.members.values())).net != manifest.train.net:
        raise InputError(f"{path}: train.net is not the first member's")
    for file, member in manifest.members.items():
        if Path(file).name != file:
            raise InputError(f"{path}: member '{file}' is no file name")
        if not alike(member.net, manifest.train.net):
            raise InputError(
                f"{path}: member '{file}' has other targets or graphs than train.net"
            )
    if not all(1 <= z <= 118 for z in manifest.elements):
        raise InputError(f"{path}: elements {manifest.elements}: expected 1 to 118")
    for field in ("calibration", "intervals"):
        missing = [name for name in targets if name not in getattr(manifest, field)]
        if missing:
            raise InputError(f"{path}: {field} of {', '.join(missing)} is missing")


def alike(one: NetConfig, other: NetConfig) -> bool:
    """Whether networks of both can answer together: all but their sizes is the same."""
    return all(
        getattr(one, field.name) == getattr(other, field.name)
        for field in dataclasses.fields(CommonConfig)
        if field.name != "atom_width"
    )


def _load_member(path: Path, member: Member) -> CrystalNet:
    tensors = _tensors(path, member.sha256)
    check_fits(member.net, tensors, path)
    net = build_net(member.net)
    net.load_state_dict(tensors)
    return net.eval().requires_grad_(False)


def _write(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors and return their file's SHA-256."""
    from safetensors.torch import save

    write_whole(path, save({key: t.cpu().contiguous() for key, t in tensors.items()}))
    return file_sha256(path)


def _tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read a file's tensors, if it is the one that the config was saved with."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(checked_bytes(path, sha256))
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{path}: expected safetensors: {error}") from error
    check_finite(tensors, path)
    return tensors
