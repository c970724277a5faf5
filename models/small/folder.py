"""A model made from a small table, as a folder.

| file | what |
|---|---|
| ``config.json`` | :class:`SmallManifest` |
| ``member-*.safetensors`` | networks fine-tuned, one per fold |
| ``trunk.safetensors`` | the network whose states the heads read |
| ``head-*.safetensors`` | a head per target that is best read from frozen states |
| ``trees-*.txt`` | LightGBM's text, per target that is best told by trees |
| ``domain.safetensors`` | compositions learned from |
| ``MODEL_CARD.md`` | what was compared and how it came out |

A folder has the parts that its targets need. Nothing in it is code.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from materials.errors import InputError, brief
from materials.provenance import file_sha256
from materials.versioned import FileFormat
from materials.whole import write_whole
from models.plain import fingerprint, from_plain, read_json
from models.small.compare import Scores
from models.small.contenders import Name
from models.small.domain import Domain
from models.small.examples import FloatArray, Kind
from models.small.heads import Head
from models.small.trees import Trees
from models.training.config import TrainConfig
from models.training.data import DataSource
from models.uncertainty.calibration import Calibration
from models.uncertainty.intervals import Intervals
from models.weights_file import check_finite, check_fits

FORMAT = 1
SMALL = FileFormat(
    what="model of a small table",
    version=FORMAT,
    unmarked=0,
    remedy="train the model again",
)
DOMAIN = "domain.safetensors"
TRUNK = "trunk.safetensors"

_LONGEST_NAME = 255  # bytes that file systems take


@dataclass(frozen=True)
class SmallTarget:
    """One column: how it is predicted, and what is known of the errors."""

    kind: Kind
    method: Name
    unit: float  # calibration and intervals are in this unit of the label
    calibration: Calibration | None  # None: of 0 and 1, deviations follow from the chance
    intervals: Intervals
    scores: Scores


@dataclass(frozen=True)
class SmallManifest:
    """Everything about the model but its parts; ``config.json``."""

    format: int
    kind: Literal["small"]
    name: str
    targets: dict[str, SmallTarget]
    inputs: Literal["structure", "composition"]
    network: TrainConfig | None  # fine-tuned
    trunk: TrainConfig | None  # frozen
    base: str  # version of the model that networks started from; empty without any
    elements: tuple[int, ...]  # in the table
    known_elements: tuple[int, ...]  # that the networks were trained on, then or now
    training: DataSource
    folds: int
    seed: int
    members: dict[str, str]  # file name -> SHA-256


@dataclass(frozen=True)
class Parts:
    """What predicts; networks as state dicts."""

    domain: Domain
    members: tuple[Mapping[str, Tensor], ...] = ()
    trunk: Mapping[str, Tensor] | None = None
    heads: Mapping[str, Head] = dataclasses.field(default_factory=dict)  # by target
    trees: Mapping[str, Trees] = dataclasses.field(default_factory=dict)


def version(manifest: SmallManifest) -> str:
    """Name, and hash of the manifest with those of all parts in it."""
    return f"{manifest.name}+{fingerprint(manifest)}"


def save_small(
    folder: Path, manifest: SmallManifest, parts: Parts, card: str
) -> SmallManifest:
    """Write the folder; the manifest's ``members`` are replaced by those written."""
    from safetensors.numpy import save as save_arrays
    from safetensors.torch import save as save_tensors

    folder.mkdir(parents=True, exist_ok=True)
    content = {DOMAIN: save_arrays(parts.domain.arrays())}
    for number, state in enumerate(parts.members, start=1):
        content[f"member-{number}.safetensors"] = save_tensors(_contiguous(state))
    if parts.trunk is not None:
        content[TRUNK] = save_tensors(_contiguous(parts.trunk))
    for place, name in enumerate(manifest.targets, start=1):
        if name in parts.heads:
            content[_head(place)] = save_arrays(dict(parts.heads[name].arrays))
        if name in parts.trees:
            for bag, text in enumerate(parts.trees[name].texts, start=1):
                content[f"trees-{place}-{bag}.txt"] = text.encode()
    (folder / "config.json").unlink(missing_ok=True)  # half a folder is no model
    for file, data in content.items():
        write_whole(folder / file, data)
    hashes = {file: file_sha256(folder / file) for file in sorted(content)}
    manifest = dataclasses.replace(manifest, members=hashes)
    write_whole(folder / "MODEL_CARD.md", card)
    plain = {**SMALL.stamp(), **dataclasses.asdict(manifest)}
    write_whole(folder / "config.json", json.dumps(plain, indent=1) + "\n")
    for stale in {*folder.glob("*.safetensors"), *folder.glob("trees-*.txt")}:
        if stale.name not in hashes:
            stale.unlink()
    return manifest


def load_small(folder: Path) -> tuple[SmallManifest, Parts]:
    """Read what :func:`save_small` wrote.

    Raises :class:`InputError` for a key too many or too few, another format, and a file that
    is missing, broken or not the one that was saved.
    """
    path = folder / "config.json"
    manifest = _read_manifest(path)
    for file, sha256 in manifest.members.items():
        if Path(file).name != file or len(os.fsencode(file)) > _LONGEST_NAME:
            raise InputError(f"{path}: member '{brief(file)}' is no file name")
        if not (folder / file).is_file():
            raise InputError(f"{folder / file}: missing; train the model again")
        if file_sha256(folder / file) != sha256:
            raise InputError(
                f"{folder / file}: not the file that was saved; train the model again"
            )
    files = list(manifest.members)
    _check_parts(manifest, files, path)
    heads, trees = {}, {}
    for place, (name, target) in enumerate(manifest.targets.items(), start=1):
        if target.method == "frozen":
            heads[name] = Head(_arrays(folder / _head(place)), target.kind)
        elif target.method == "boosted":
            bags = [file for file in files if file.startswith(f"trees-{place}-")]
            texts = tuple((folder / file).read_text(encoding="utf-8") for file in bags)
            trees[name] = Trees(texts, target.kind)
    members = [folder / file for file in files if file.startswith("member-")]
    return manifest, Parts(
        _domain(folder / DOMAIN),
        tuple(_network(member, manifest.network, path) for member in members),
        _network(folder / TRUNK, manifest.trunk, path) if TRUNK in files else None,
        heads,
        trees,
    )


def _network(file: Path, config: TrainConfig | None, manifest: Path) -> dict[str, Tensor]:
    """The weights of a network of that config; raises :class:`InputError` for others."""
    if config is None:
        raise InputError(f"{manifest}: it has {file.name}, but no config of that network")
    tensors = _tensors(file)
    check_fits(config.net, tensors, file)
    return tensors


def _check_parts(manifest: SmallManifest, files: Sequence[str], path: Path) -> None:
    """Raise :class:`InputError` if a target's method lacks what it is asked with."""
    needed = {DOMAIN: "the domain"}
    for place, (name, target) in enumerate(manifest.targets.items(), start=1):
        match target.method:
            case "fine-tuned":
                needed["member-"] = name
            case "frozen":
                needed |= {TRUNK: name, _head(place): name}
            case "boosted":
                needed[f"trees-{place}-"] = name
    for part, of in needed.items():
        if not any(file.startswith(part) for file in files):
            raise InputError(
                f"{path}: members: '{part}' of {of} is missing; train the model again"
            )


def _read_manifest(path: Path) -> SmallManifest:
    try:
        plain = read_json(path)
    except (FileNotFoundError, InputError) as error:
        raise InputError(f"{path}: expected the JSON of a model: {error}") from error
    return from_plain(SmallManifest, SMALL.content(plain, path), str(path))


def _head(place: int) -> str:
    return f"head-{place}.safetensors"


def _contiguous(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor.cpu().contiguous() for key, tensor in state.items()}


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    check_finite(tensors, path)
    return tensors


def _domain(path: Path) -> Domain:
    try:
        return Domain(**_arrays(path))
    except TypeError as error:
        raise InputError(
            f"{path}: not the domain of a small table: other arrays"
        ) from error
    except InputError as error:
        text = str(error)
        raise (error if str(path) in text else InputError(f"{path}: {text}")) from error


def _arrays(path: Path) -> dict[str, FloatArray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = {key: np.asarray(array) for key, array in load_file(path).items()}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for key, array in found.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(f"{path}: '{key:.60}' holds what is no number")
    return found
