"""A Galena model as MLflow keeps models: a folder that can be loaded anywhere.

The folder holds the model's own files (safetensors, JSON, its card), the script
:mod:`campaigns.tracking.served` and the packages ``materials`` and ``models`` as source: Galena
is not on a package index under a version that MLflow could ask for, and code beside the weights
is sure to be the code that they were measured with. Nothing is pickled.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from campaigns.tracking.client import quiet_mlflow
from campaigns.versions import galena_version
from materials.errors import InputError

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

    from models.inference import Predictor

ARTIFACT = "model"
"""What the model's own folder is called among the artefact's."""

METADATA = "galena"
"""Where MLflow's ``MLmodel`` file keeps what is ours."""

REQUIREMENTS = (
    "ase", "numpy", "pandas", "pyarrow", "pymatgen", "pyyaml", "rich", "safetensors",
    "scipy", "torch", "torch-geometric",
)  # fmt: skip
"""What reading crystals and predicting them imports, besides MLflow, which adds itself."""

_STAYS_BEHIND = shutil.ignore_patterns("__pycache__", "weights", "data", "evaluation")
"""Shipped weights, tables for proposing candidates, and benchmarks."""

SILICON = """data_silicon
_cell_length_a 3.8403
_cell_length_b 3.8403
_cell_length_c 3.8403
_cell_angle_alpha 60
_cell_angle_beta 60
_cell_angle_gamma 60
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Si1 Si 0.00 0.00 0.00
Si2 Si 0.25 0.25 0.25
"""
"""The input example: the primitive cell, a = 5.431 Å / sqrt(2)."""


def save_flavour(
    source: Path, predictor: Predictor, path: Path, mlflow_model: Model
) -> dict[str, Any]:
    """Write the model in the folder ``source`` to ``path`` as an MLflow model.

    ``predictor`` is that model, loaded; it answers the input example, from which the signature
    follows. Returns what the artefact says of it: its metadata.
    """
    quiet_mlflow()
    import mlflow.pyfunc
    import pandas as pd

    example = pd.DataFrame({"structure": [SILICON]})
    metadata = describe(predictor)
    with TemporaryDirectory(prefix="galena-") as staged:
        mlflow.pyfunc.save_model(
            path=str(path),
            python_model=str(Path(__file__).with_name("served.py")),
            artifacts={ARTIFACT: str(_staged_model(source, Path(staged)))},
            code_paths=[str(code) for code in _staged_code(Path(staged))],
            signature=_signature(predictor, example),
            input_example=example,
            pip_requirements=pinned(REQUIREMENTS),
            metadata={METADATA: metadata},
            model_config={"device": "auto"},
            mlflow_model=mlflow_model,
        )
    return metadata


def describe(predictor: Predictor) -> dict[str, Any]:
    """What a model is and what it was made from, as plain text and numbers."""
    manifest = predictor.manifest
    return {
        "model": predictor.version,
        "galena": galena_version(),
        "track": manifest.track,
        "targets": list(predictor.targets),
        "weights": {file: member.sha256 for file, member in manifest.members.items()},
        "training": dataclasses.asdict(manifest.training),
        "validation": dataclasses.asdict(manifest.validation),
    }


def metrics_of(predictor: Predictor) -> dict[str, float]:
    """Every number that the manifest tells of the validation rows: ``band_gap.mae``, …"""
    told = {
        target: dataclasses.asdict(m) for target, m in predictor.manifest.metrics.items()
    }
    return dict(_numbers(told))


def read_metadata(path: Path) -> tuple[dict[str, Any], Path]:
    """Metadata, and the model's own folder, of an MLflow model that was saved by Galena.

    Raises:
        InputError: it is a model of another kind.
    """
    try:
        told = yaml.safe_load((path / "MLmodel").read_text(encoding="utf-8"))
        inside = told["flavors"]["python_function"]["artifacts"][ARTIFACT]["path"]
        folder = (path / inside).resolve()
        if not folder.is_relative_to(path.resolve()):
            raise InputError("its MLmodel file leads outside of it")
        return dict(told["metadata"][METADATA]), folder
    except (FileNotFoundError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f"not a model that Galena saved ({type(error).__name__} in its MLmodel file); "
            "expected one from: galena model register FOLDER"
        ) from error


def pinned(names: tuple[str, ...]) -> list[str]:
    """Requirements at the versions installed here; a build's own label is left out."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]


def _signature(predictor: Predictor, example: Any) -> ModelSignature:
    from mlflow.models import infer_signature

    from materials.text import read_texts

    crystals = [c.structure for c in read_texts(example["structure"]) if c.structure]
    answer = predictor.predict(crystals).to_frame()
    return infer_signature(example, answer.assign(error="none where all is well"))


def _staged_model(source: Path, staged: Path) -> Path:
    return Path(shutil.copytree(source, staged / ARTIFACT))


def _staged_code(staged: Path) -> Iterator[Path]:
    import materials
    import models

    for package in (materials, models):
        folder = Path(str(package.__file__)).parent
        yield Path(shutil.copytree(folder, staged / folder.name, ignore=_STAYS_BEHIND))


def _numbers(told: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in told.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and value == value:
            yield f"{prefix}{key}", float(value)
